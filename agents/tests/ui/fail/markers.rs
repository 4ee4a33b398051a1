//! A method has one marker, and most markers have no options or one.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    #[every(seconds = 5)]
    fn both(&self) {}

    #[expose]
    #[expose]
    fn twice(&self) {}

    #[expose(name = "other")]
    fn renamed(&self) {}

    #[expose(idempotent = true)]
    fn said_otherwise(&self) {}

    #[expose()]
    fn said_nothing(&self) {}

    #[expose(idempotent, safe)]
    fn said_too_much(&self) {}

    #[start()]
    fn begin(&mut self) {}
}

fn main() {}
