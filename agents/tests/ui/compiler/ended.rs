//! A method that is told of ended dialogues takes those of the protocol that it names.
use folkmoot_agents::dialogues::Ended;
use folkmoot_agents::{Agent, agent};

mod protocols {
    folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");
    folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "http");
}

use protocols::fipa::Fipa;
use protocols::http::Http;

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Baker;

#[agent(crate = folkmoot_agents::__private)]
impl Baker {
    #[ended(Fipa)]
    fn over(&mut self, _: Ended<Http>) {}

    #[ended(String)]
    fn of_no_protocol(&mut self, _: Ended<String>) {}
}

fn main() {}
