//! A struct that derives `Agent` without an `#[agent]` block.
use folkmoot_agents::Agent;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter;

fn main() {}
