//! A dialogue is answered once.

use std::time::Duration;

use folkmoot_agents::protocols::Dialogues;
use folkmoot_agents::protocols::typed::Dialogue;

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::roles::Seller;
use fipa::{Cfp, Decline, Fipa};

fn twice(at: &mut Dialogues<Fipa>, dialogue: Dialogue<Seller, Cfp>) {
    let _ = dialogue.reply(at, Decline, Duration::ZERO);
    let _ = dialogue.reply(at, Decline, Duration::ZERO);
}

fn main() {}
