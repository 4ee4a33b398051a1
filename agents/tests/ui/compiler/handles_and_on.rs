//! Mail that is messages of a protocol has one way: to the handlers of its performatives.
use folkmoot_agents::{Agent, agent};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::{Cfp, Fipa};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Baker;

#[agent(crate = folkmoot_agents::__private)]
impl Baker {
    #[handles(Fipa)]
    fn cfp(&mut self, _: Cfp) {}

    #[on("fetchai/fipa:1.0.0")]
    fn by_mail(&mut self, _: String) {}

    #[on("fetchai/http:1.0.0")]
    fn of_another_protocol(&mut self, _: String) {}
}

fn main() {}
