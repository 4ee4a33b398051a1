//! Marks of what is kept that say nothing, or too much.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
#[persist]
struct Empty;

#[agent(crate = folkmoot_agents::__private)]
impl Empty {}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
#[persist(known_as = "Old")]
struct Nothing {
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Nothing {}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
#[persist(rename = "Old")]
struct Misnamed {
    #[persist(known_as = "sum")]
    total: i64,
    #[persist(name = "sum")]
    sum: i64,
    #[persist(rename = 7)]
    seven: i64,
    #[persist(rename = "")]
    none: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Misnamed {}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Twice {
    #[persist]
    total: i64,
    #[persist(rename = "total")]
    sum: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl Twice {}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
#[persist]
struct All {
    #[persist]
    total: i64,
}

#[agent(crate = folkmoot_agents::__private)]
impl All {}

fn main() {}
