//! What mail says, answers and errors that cannot be.
use folkmoot_agents::{Agent, agent};

struct Opaque;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Pump;

#[agent(crate = folkmoot_agents::__private)]
impl Pump {
    #[on("take")]
    fn take(&self, opaque: Opaque) {
        drop(opaque);
    }

    #[on("give")]
    fn give(&self) -> Opaque {
        Opaque
    }

    #[on("fail")]
    async fn fail(&self) -> Result<(), Opaque> {
        Err(Opaque)
    }
}

fn main() {}
