//! Methods that are told of ended dialogues: of which protocol, and what they take.
use folkmoot_agents::dialogues::Ended;
use folkmoot_agents::{Agent, Context, agent};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::{Cfp, Fipa};

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Baker;

#[agent(crate = folkmoot_agents::__private)]
impl Baker {
    #[ended]
    fn of_nothing(&mut self, ended: Ended<Fipa>) {}

    #[ended(Fipa)]
    fn nothing(&mut self, ctx: &Context<Self>) {}

    #[ended(Fipa)]
    fn other(&mut self, cfp: Cfp) {}

    #[ended(Fipa)]
    fn more(&mut self, ended: Ended<Fipa>, why: String) {}

    #[ended(Fipa)]
    fn answers(&mut self, ended: Ended<Fipa>) -> u32 {
        1
    }

    #[ended(Fipa)]
    async fn no_state(ended: Ended<Fipa>) {}

    #[ended(Fipa)]
    fn first(&mut self, ended: Ended<Fipa>) {}

    #[ended(Fipa)]
    fn second(&self, _: Ended<Fipa>) {}
}

fn main() {}
