//! A shipped protocol, spoken to the end.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::protocols::dialogue::{Dialogues, Rules};
use folkmoot_agents::protocols::typed::{Heard, Role};

folkmoot_agents::protocol!(crate = folkmoot_agents::__private, "fipa");

use fipa::roles::{Buyer, Seller};
use fipa::{Cfp, Decline, Fipa, Propose, heard, types};

fn dialogues(address: &str) -> Dialogues<Fipa> {
    let rules = Rules::of(Fipa::protocol().specification()).unwrap();
    Dialogues::new(Arc::new(rules), address, || Some([7; 32]))
}

fn main() {
    let now = Duration::ZERO;
    let (mut ann, mut bob) = (dialogues("ann"), dialogues("bob"));
    let query = types::Query { query_bytes: b"wood".to_vec() };
    let (said, message) = Buyer::open(&mut ann, "bob", Cfp { query }, now).unwrap();
    let heard = Heard::take(&mut bob, message, now).unwrap();
    let Ok(heard::Opening::Cfp(cfp, dialogue)) = heard.opening::<Seller>() else { panic!() };
    assert_eq!(cfp.query.query_bytes, b"wood");
    let proposal = types::Description { description_bytes: b"oak".to_vec() };
    let (_, message) = dialogue.reply(&mut bob, Propose { proposal }, now).unwrap();
    match said.receive(Heard::take(&mut ann, message, now).unwrap()).unwrap() {
        heard::ToCfp::Propose(propose, dialogue) => {
            assert_eq!(propose.proposal.description_bytes, b"oak");
            dialogue.reply(&mut ann, Decline, now).unwrap();
        }
        heard::ToCfp::Decline(..) => panic!("it was proposed"),
    }
}
