//! An agent's type is concrete.
use folkmoot_agents::{Agent, agent};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Holder<T> {
    held: T,
}

#[agent(crate = folkmoot_agents::__private)]
impl<T> Holder<T> {
    #[expose]
    fn held(&self) -> u8 {
        0
    }
}

struct Pair<T>(T);

#[agent(crate = folkmoot_agents::__private)]
impl Pair<u8> {
    #[expose]
    fn held(&self) -> u8 {
        self.0
    }
}

trait Held {
    fn held(&self) -> u8;
}

#[agent(crate = folkmoot_agents::__private)]
impl Held for (u8, u8) {
    #[expose]
    fn held(&self) -> u8 {
        self.0
    }
}

fn main() {}
