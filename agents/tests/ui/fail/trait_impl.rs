//! The methods of a trait and the agent's own, in one block with several mistakes.
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

    #[expose]
    #[start]
    fn total(&self) -> i64 {
        self.total
    }

    #[every(seconds = 0)]
    fn tick(&mut self) {}
}

fn main() {}
