//! The engines of an exchange that tests of agents run over, each test over all of them.
//!
//! Always: what an engine keeps on the disk goes with the thread of its test. Neighbour: what an engine must do by itself is
//! the suite in `platform/exchange/tests/conformance.rs`.

#[cfg(feature = "sqlite")]
use std::cell::RefCell;

/// One of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Memory,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

impl Engine {
    /// What tells the names of its tests' nodes from those of the others.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Memory => "memory",
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => "sqlite",
        }
    }

    /// The line of an exchange that is empty.
    pub(crate) fn line(self) -> String {
        match self {
            Engine::Memory => "memory:".to_owned(),
            #[cfg(feature = "sqlite")]
            Engine::Sqlite => {
                thread_local!(static DIRECTORIES: RefCell<Vec<tempfile::TempDir>> = const { RefCell::new(Vec::new()) });

                let directory = tempfile::tempdir().unwrap();
                let line = format!("sqlite://{}", directory.path().display());
                DIRECTORIES.with_borrow_mut(|directories| directories.push(directory));
                line
            }
        }
    }
}

/// Runs tests, functions of an [`Engine`], over each engine.
macro_rules! over_every_engine {
    ($($test:ident,)*) => {
        mod memory {
            $(#[folkmoot::test]
            async fn $test() {
                super::$test(super::Engine::Memory).await;
            })*
        }

        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[folkmoot::test]
            async fn $test() {
                super::$test(super::Engine::Sqlite).await;
            })*
        }
    };
}
