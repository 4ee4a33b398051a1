//! A method that is marked as exposed, in the block of a trait that does not have it.
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

    #[expose]
    fn reset(&mut self) {
        self.total = 0;
    }
}

fn main() {}
