//! An exposed method borrows the agent's state for a turn.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn without(amount: i64) -> i64 {
        amount
    }

    #[expose]
    fn by_value(self) -> i64 {
        self.total
    }

    #[expose]
    fn boxed(self: Box<Self>) -> i64 {
        self.total
    }

    #[expose]
    fn spelled_out(self: &Self) -> i64 {
        self.total
    }

    #[expose]
    fn with_lifetime(&'static self) -> i64 {
        self.total
    }
}

fn main() {}
