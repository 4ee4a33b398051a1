//! One conformance suite over every engine: what an exchange promises, whatever stores it.
//!
//! Each test is a function over a [`World`](conformance::world::World), which an engine makes; `list.rs` has all of
//! them. A new engine is two lines at the end, a new test one in its module's list.

#[macro_use]
#[path = "conformance/list.rs"]
mod list;

mod conformance {
    pub(crate) mod basics;
    pub(crate) mod bounds;
    #[cfg(feature = "sqlite")]
    mod damage;
    pub(crate) mod deliveries;
    pub(crate) mod directory;
    #[cfg(feature = "sqlite")]
    mod files;
    pub(crate) mod judged;
    #[path = "../../../tests/support/limit.rs"]
    pub(crate) mod limit;
    pub(crate) mod model;
    #[cfg(feature = "sqlite")]
    mod older;
    pub(crate) mod owners;
    #[cfg(feature = "sqlite")]
    mod power;
    pub(crate) mod rights;
    pub(crate) mod steps;
    pub(crate) mod tracking;
    #[cfg(feature = "sqlite")]
    mod unsynced;
    pub(crate) mod waiting;
    pub(crate) mod world;
}

/// Runs tests over an engine.
macro_rules! on_engine {
    ($engine:ident; $($module:ident: [$($test:ident,)*])*) => { $(
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                use crate::conformance::world::World;

                crate::conformance::$module::$test(World::$engine().await).await;
            })*
        }
    )* };
}

/// Tests of what a gate leaves to the engine behind it; another node's exchange has a gate of its own.
macro_rules! behind_a_gate {
    ($engine:ident) => {
        on_engine! { $engine; judged: [an_answer_needs_no_rule_and_what_answers_nothing_does,] }
    };
}

mod memory {
    every_test!(on_engine: memory);

    mod threaded {
        every_threaded_test!(on_engine: memory);
    }

    mod gated {
        behind_a_gate!(memory);
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    every_test!(on_engine: sqlite);

    mod threaded {
        every_threaded_test!(on_engine: sqlite);
    }

    mod gated {
        behind_a_gate!(sqlite);
    }
}
