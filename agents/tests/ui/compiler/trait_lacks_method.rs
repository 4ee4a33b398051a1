//! A method of the trait that its author forgot to mark.
use folkmoot_agents::{Agent, agent};

#[agent(crate = folkmoot_agents::__private)]
trait CounterApi {
    fn add(&mut self, amount: i64) -> i64;
    fn total(&self) -> i64;
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

    fn total(&self) -> i64 {
        self.total
    }
}

fn main() {}
