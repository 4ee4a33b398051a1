//! What a specification lets a role not say does not compile.

use std::time::Duration;

use folkmoot_agents::protocols::Dialogues;
use folkmoot_agents::protocols::typed::{Dialogue, Role, Said};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "http");
folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "state_update");

use http::roles::{Client, Server};
use http::{Http, Request, Response};
use state_update::roles::DecisionMaker;
use state_update::{Initialize, StateUpdate};

fn a_server_that_asks(at: &mut Dialogues<Http>, request: Request) {
    let _ = Server::open(at, "ann", request, Duration::ZERO);
}

fn a_client_that_responds(at: &mut Dialogues<Http>, dialogue: Dialogue<Client, Request>, response: Response) {
    let _ = dialogue.reply(at, response, Duration::ZERO);
}

fn a_client_that_answers_itself(at: &mut Dialogues<Http>, said: Said<Client, Request>, response: Response) {
    let _ = said.go_on(at, response, Duration::ZERO);
}

fn one_that_says_nothing(at: &mut Dialogues<StateUpdate>, initialize: Initialize) {
    let _ = DecisionMaker::open(at, "ann", initialize, Duration::ZERO);
}

fn main() {}
