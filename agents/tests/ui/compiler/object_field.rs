//! A method says where an object is, not its field.
use folkmoot_agents::{Agent, agent, object};

#[derive(Default)]
struct Math;

#[object(crate = folkmoot_agents::__private)]
impl Math {
    #[expose]
    fn add(&mut self) {}
}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct House {
    #[object]
    math: Math,
}

#[agent(crate = folkmoot_agents::__private)]
impl House {
    #[expose]
    fn open(&mut self) {}
}

fn main() {}
