//! A block of the agent's own beside that of a trait.
use folkmoot_agents::{Agent, agent};

#[agent(crate = folkmoot_agents::__private)]
trait CounterApi {
    fn add(&mut self, amount: i64) -> i64;
}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl CounterApi for Counter {
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn reset(&mut self) {
        self.total = 0;
    }
}

fn main() {}
