//! An argument, a value and an error that cannot travel.
use folkmoot_agents::{Agent, agent};

struct Opaque;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter;

#[agent(crate = folkmoot_agents::__private)]
impl Counter {
    #[expose]
    fn take(&self, opaque: Opaque) {
        drop(opaque);
    }

    #[expose]
    fn give(&self) -> Opaque {
        Opaque
    }

    #[expose]
    fn fail(&self) -> Result<(), Opaque> {
        Err(Opaque)
    }
}

fn main() {}
