//! What the rules of a protocol do not allow does not compile.

use std::time::Duration;

use folkmoot_agents::protocols::Dialogues;
use folkmoot_agents::protocols::typed::{Dialogue, Heard, Role, Said};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::roles::{Buyer, Seller};
use fipa::{Accept, Cfp, Decline, End, Fipa, MatchAccept};

fn a_wrong_reply(at: &mut Dialogues<Fipa>, dialogue: Dialogue<Seller, Cfp>) {
    let _ = dialogue.reply(at, Accept, Duration::ZERO);
}

fn a_reply_after_the_end(at: &mut Dialogues<Fipa>, dialogue: Dialogue<Seller, Decline>) {
    let _ = dialogue.reply(at, MatchAccept, Duration::ZERO);
}

fn an_answer_to_the_end(said: Said<Buyer, End>, heard: Heard<Fipa>) {
    let _ = said.receive(heard);
}

fn a_performative_that_opens_nothing(at: &mut Dialogues<Fipa>) {
    let _ = Buyer::open(at, "bob", Accept, Duration::ZERO);
}

fn main() {}
