//! A field that cannot be kept.
use folkmoot_agents::{Agent, agent};

struct Socket;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    #[persist]
    socket: Socket,
    #[persist]
    name: &'static str,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn open(&self) {}
}

fn main() {}
