//! `protocol!` and all shipped specifications: their types agree with the interpreter, and hold what their roles say.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::protocols::dialogue::{Dialogues, Refusal, Rules, Side, Update};
use folkmoot_agents::protocols::typed::{Conversed, Heard, Role};
use folkmoot_agents::protocols::{Message, Reading, Specification};

use agreeing::agrees;

#[path = "../../protocols/tests/protocols/agreeing.rs"]
mod agreeing;

macro_rules! shipped {
    ($($name:literal: $module:ident::$protocol:ident,)*) => {
        $(folkmoot_agents::protocol!(crate = folkmoot_agents::__private, $name);)*

        #[test]
        fn types_of_shipped_protocols_write_and_read_what_the_interpreter_does() {
            assert!(Specification::shipped_names().eq([$($name),*]));
            $(agrees::<$module::$protocol>(150);)*
        }
    };
}

shipped! {
    "aggregation": aggregation::AggregationProtocol,
    "contract_api": contract_api::ContractApi,
    "default": default::Default,
    "fipa": fipa::Fipa,
    "http": http::Http,
    "ledger_api": ledger_api::LedgerApi,
    "ml_trade": ml_trade::MlTrade,
    "oef_search": oef_search::OefSearch,
    "register": register::RegisterProtocol,
    "signing": signing::Signing,
    "state_update": state_update::StateUpdate,
}

const NOW: Duration = Duration::ZERO;

fn dialogues<P: Conversed>(address: &str) -> Dialogues<P> {
    let rules = Rules::of(P::specified().specification()).unwrap();
    let byte = address.len() as u8;
    Dialogues::new(Arc::new(rules), address, move || Some([byte; 32]))
}

/// As over a wire.
fn carried<P: Conversed>(message: &Message<P>) -> Message<P> {
    let mut read = Message::read(&message.encode(), Reading::STRICT).unwrap();
    (read.sender, read.to) = (message.sender.clone(), message.to.clone());
    read
}

fn receipt(digest: &[u8]) -> ledger_api::GetTransactionReceipt {
    let transaction_digest = ledger_api::types::TransactionDigest { transaction_digest: digest.to_vec() };
    ledger_api::GetTransactionReceipt { transaction_digest }
}

#[test]
fn what_a_role_may_not_say_is_refused_where_it_comes_from_a_wire() {
    use ledger_api::roles::{Agent, Ledger};
    use ledger_api::{Error, LedgerApi, TransactionReceipt, heard, types};

    let (mut ann, mut ledger) = (dialogues::<LedgerApi>("ann"), dialogues::<LedgerApi>("ledger"));
    let (said, message) = Agent::open(&mut ann, "ledger", receipt(b"1"), NOW).unwrap();
    let heard = Heard::take(&mut ledger, carried(&message), NOW).unwrap();
    let Ok(heard::Opening::GetTransactionReceipt(asked, dialogue)) = heard.opening::<Ledger>() else {
        panic!("a question opens")
    };
    assert_eq!(asked, receipt(b"1"));

    // The one who asked gives the answer itself, which the rules of replies let through.
    let made = types::TransactionReceipt { transaction_receipt: b"forged".to_vec() };
    let forged: LedgerApi = TransactionReceipt { transaction_receipt: made }.into();
    let mut answer = carried(&message);
    (answer.message_id, answer.target, answer.body) = (2, 1, forged.clone());
    let unheard = Heard::take(&mut ledger, answer, NOW).unwrap_err();
    let refused = Refusal::NotItsRole { role: "agent".into(), performative: "transaction_receipt".into() };
    assert_eq!(unheard.update, Update::Refused(refused.clone()));
    assert_eq!(ann.reply(said.id(), None, forged, NOW), Err(refused));

    // Nothing has changed: the ledger answers.
    let (_, message) = dialogue
        .reply(&mut ledger, Error { code: 404, message: None, data: None }, NOW)
        .unwrap_or_else(|unsaid| panic!("{unsaid}"));
    let heard = Heard::take(&mut ann, carried(&message), NOW).unwrap();
    let ended = heard.ended.expect("an error ends it");
    let rules = Rules::of(LedgerApi::protocol().specification()).unwrap();
    assert_eq!(ended.end_state(&rules), None, "AEA has no end state for an error");
    let Ok(heard::ToGetTransactionReceipt::Error(error, _)) = said.receive(heard) else {
        panic!("it was an error")
    };
    assert_eq!(error.code, 404);
}

#[test]
fn typed_dialogues_end_in_the_states_that_the_specification_says() {
    use fipa::roles::{Buyer, Seller};
    use fipa::{AcceptWInform, Cfp, Decline, Fipa, Propose, heard, types};

    let query = || types::Query { query_bytes: b"oak".to_vec() };
    let (mut ann, mut bob) = (dialogues::<Fipa>("ann"), dialogues::<Fipa>("bobby"));
    let rules = Rules::of(Fipa::protocol().specification()).unwrap();

    // At once, and after a proposal was accepted: the same performative in two states.
    let (_, message) = Buyer::open(&mut ann, "bobby", Cfp { query: query() }, NOW).unwrap();
    let heard = Heard::take(&mut bob, carried(&message), NOW).unwrap();
    let Ok(heard::Opening::Cfp(_, dialogue)) = heard.opening::<Seller>() else { panic!("a cfp opens") };
    let (_, message) = dialogue.reply(&mut bob, Decline, NOW).unwrap();
    let heard = Heard::take(&mut ann, carried(&message), NOW).unwrap();
    assert_eq!(heard.ended.unwrap().end_state(&rules), Some("declined_cfp"));

    // The roles are open, so a seller may call as well.
    let mut ann = dialogues::<Fipa>("annie");
    let (said, message) = Seller::open(&mut ann, "bobby", Cfp { query: query() }, NOW).unwrap();
    let heard = Heard::take(&mut bob, carried(&message), NOW).unwrap();
    let Ok(heard::Opening::Cfp(_, dialogue)) = heard.opening::<Buyer>() else { panic!("a cfp opens") };
    let proposal = types::Description { description_bytes: vec![] };
    let (proposed, message) = dialogue.reply(&mut bob, Propose { proposal }, NOW).unwrap();
    let heard = Heard::take(&mut ann, carried(&message), NOW).unwrap();
    let Ok(heard::ToCfp::Propose(_, dialogue)) = said.receive(heard) else { panic!("it was proposed") };
    let (_, message) = dialogue.reply(&mut ann, AcceptWInform { info: [].into() }, NOW).unwrap();
    let heard = Heard::take(&mut bob, carried(&message), NOW).unwrap();
    let Ok(heard::ToPropose::AcceptWInform(_, dialogue)) = proposed.receive(heard) else {
        panic!("it was accepted")
    };
    let (_, message) = dialogue.reply(&mut bob, Decline, NOW).unwrap();
    let heard = Heard::take(&mut ann, carried(&message), NOW).unwrap();
    assert_eq!(heard.ended.unwrap().end_state(&rules), Some("declined_accept"));

    let counted = bob.statistics().begun_by(Side::Them).end_states.clone();
    assert_eq!((counted.get("declined_cfp"), counted.get("declined_accept")), (Some(&1), Some(&1)));
}
