//! Agents in modules, in function bodies, through aliases and from `macro_rules`, with private types around.
#![deny(warnings)]

mod inner {
    use folkmoot_agents::{Agent, agent};

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Secret(u8);

    #[derive(Agent)]
    #[agent(crate = folkmoot_agents::__private)]
    pub struct Keeper(Secret);

    #[agent(crate = folkmoot_agents::__private)]
    impl self::Keeper {
        #[expose]
        fn swap(&mut self, secret: Secret) -> Secret {
            std::mem::replace(&mut self.0, secret)
        }

        #[expose]
        fn twice(&self) -> [u8; Self::LENGTH] {
            [(self.0).0; Self::LENGTH]
        }

        const LENGTH: usize = 2;

        pub fn create() -> Self {
            Keeper(Secret(1))
        }
    }
}

macro_rules! agent_with {
    ($name:ident, $value:ty, $result:ty) => {
        #[derive(folkmoot_agents::Agent)]
        #[agent(crate = folkmoot_agents::__private)]
        struct $name($value);

        #[folkmoot_agents::agent(crate = folkmoot_agents::__private)]
        impl $name {
            #[expose]
            fn set(&mut self, value: $value) -> $result {
                self.0 = value;
                Ok(())
            }
        }
    };
}

agent_with!(Number, i64, Result<(), String>);

/// Calls from another module than the agent's own.
#[expect(dead_code, reason = "it is enough that it compiles")]
async fn elsewhere(keeper: folkmoot_agents::Proxy<inner::Keeper>) {
    let twice = keeper.twice();
    if let Ok([first, second]) = twice.await {
        assert_eq!(first, second);
    }
}

fn main() {
    use folkmoot_agents::{Agent, agent};
    // A trait in scope with methods that generated code must not pick up.
    use std::borrow::{Borrow, BorrowMut};

    #[derive(Agent)]
    #[agent(crate = folkmoot_agents::__private)]
    struct Local;

    #[agent(crate = folkmoot_agents::__private)]
    impl Local {
        #[expose]
        async fn wait(&self) {}
    }

    #[derive(Agent)]
    #[agent(crate = folkmoot_agents::__private)]
    struct Silent;

    #[agent(crate = folkmoot_agents::__private)]
    impl Silent {}

    let mut bytes = vec![1_u8];
    let _: &mut [u8] = bytes.borrow_mut();
    let _: &[u8] = bytes.borrow();
    assert_eq!(Local::TYPE, "Local");
    assert_eq!(Silent::DOCS, "");
    assert_eq!(inner::Keeper::TYPE, "Keeper");
    let mut number = Number(1);
    number.set(2).unwrap();
    let _ = (inner::Keeper::create(), Local, Silent);
}
