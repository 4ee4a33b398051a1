//! All that a call brings is one argument.
use folkmoot_agents::{Agent, agent};
use folkmoot_codecs::AllArguments;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Teller;

#[agent(crate = folkmoot_agents::__private)]
impl Teller {
    #[expose]
    fn first_and_all(&self, _first: i64, _all: AllArguments) {}

    #[expose]
    fn twice(&self, _some: AllArguments, _more: AllArguments) {}
}

fn main() {}
