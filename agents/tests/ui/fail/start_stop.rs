//! One start and one stop, with nothing but a context and a failure.
#![allow(unused_variables)]

use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[start]
    fn begin(&mut self) {}

    #[start]
    fn begin_again(&mut self) {}

    #[stop]
    fn end(&mut self, amount: i64) {
        self.total = amount;
    }

    #[stop]
    fn end_with_value(&self) -> i64 {
        self.total
    }

    #[stop]
    fn end_without_self() {}
}

fn main() {}
