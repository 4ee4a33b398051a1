//! Methods that take messages: what they are called with, and by whom.
use folkmoot_agents::dialogues::Dialogue;
use folkmoot_agents::{Agent, Context, agent};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::roles::Seller;
use fipa::{Accept, Cfp, Decline, Propose};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Baker;

#[agent(crate = folkmoot_agents::__private)]
impl Baker {
    #[handles]
    fn cfp(&mut self, cfp: Cfp) {}

    #[handles(Fipa)]
    fn nothing(&mut self, ctx: &Context<Self>) {}

    #[handles(Fipa)]
    fn turned(&mut self, dialogue: Dialogue<Seller, Accept>, accept: Accept) {}

    #[handles(Fipa)]
    fn other(&mut self, decline: Decline, why: String) {}

    #[handles(Fipa)]
    fn answers(&mut self, propose: Propose) -> Accept {
        Accept
    }

    #[handles(Fipa)]
    fn first(&mut self, accept: Accept) {}

    #[handles(Fipa)]
    fn second(&self, _: Accept, _: Dialogue<Seller, Accept>) {}

    #[expose]
    #[handles(Fipa)]
    fn both(&self, _: Accept) {}
}

fn main() {}
