//! `#[agent]` has one option.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private, restart = "never")]
struct Counter;

#[derive(Agent)]
#[agent(name = "other")]
struct Other;

#[agent(restart = "never")]
fn count() {}

#[agent(crate)]
fn count_too() {}

fn main() {
    count();
    count_too();
    let _ = (Counter, Other);
}
