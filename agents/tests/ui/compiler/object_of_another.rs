//! An object of one agent is no part of another.
use folkmoot_agents::{Agent, agent, object};

struct Garden;

#[object(agent = House, crate = folkmoot_agents::__private)]
impl Garden {
    #[expose]
    fn plant(&mut self) {}
}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct House;

#[agent(crate = folkmoot_agents::__private)]
impl House {}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Barn {
    garden: Garden,
}

#[agent(crate = folkmoot_agents::__private)]
impl Barn {
    #[object]
    fn garden(&self) -> &Garden {
        &self.garden
    }
}

fn main() {}
