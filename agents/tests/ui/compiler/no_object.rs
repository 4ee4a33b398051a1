//! What an agent marks as an object has an `#[object]` block.
use folkmoot_agents::{Agent, agent};

struct Math;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct House {
    math: Math,
}

#[agent(crate = folkmoot_agents::__private)]
impl House {
    #[object]
    fn math(&self) -> &Math {
        &self.math
    }
}

fn main() {}
