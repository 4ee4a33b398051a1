//! An agent exposes the same methods in every build.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    #[cfg(debug_assertions)]
    fn debug_only(&self) {}

    #[every(seconds = 1)]
    #[cfg_attr(debug_assertions, inline)]
    fn perhaps_inline(&self) {}
}

fn main() {}
