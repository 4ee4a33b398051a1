//! An `#[agent]` block without the derive.
use folkmoot_agents::agent;

struct Counter;

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn total(&self) -> i64 {
        0
    }
}

fn main() {}
