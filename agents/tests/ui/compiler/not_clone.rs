//! Arguments of an idempotent method that cannot be passed a second time.
use folkmoot_agents::{Agent, agent};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Once;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter;

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose(idempotent)]
    fn set(&mut self, amount: i64, once: Option<Once>) {
        drop((amount, once));
    }

    // Passed once, it need not be.
    #[expose]
    fn add(&mut self, once: Once) {
        drop(once);
    }
}

fn main() {}
