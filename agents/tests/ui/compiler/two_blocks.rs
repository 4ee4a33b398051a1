//! Two `#[agent]` blocks of one agent.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn total(&self) -> i64 {
        self.total
    }
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn double(&self) -> i64 {
        self.total * 2
    }
}

fn main() {}
