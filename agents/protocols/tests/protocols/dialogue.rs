//! Dialogues: both ends of one, what each refuses, and what is kept for how long.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_protocols::dialogue::{
    DialogueId, Dialogues, Ended, ErrorCode, ErrorReply, Label, Limits, Refusal, Rules, Side, Speech, Update,
};
use folkmoot_protocols::{Body, DialogueReference, Message, Protocol, Reading, Specification, Value};

use crate::specification::{BARTER, read};

/// As much of AEA's `default` as tells errors.
const DEFAULT: &str = r"
name: default
author: fetchai
version: 1.0.0
description: Tells a peer of its mistake.
license: MIT
aea_version: '>=1.0.0, <2.0.0'
protocol_specification_id: fetchai/default:1.0.0
speech_acts:
  error:
    error_code: ct:ErrorCode
    error_msg: pt:str
    error_data: pt:dict[pt:str, pt:bytes]
  end: {}
---
ct:ErrorCode: |
  enum Kind { UNSUPPORTED_PROTOCOL = 0; INVALID_DIALOGUE = 4; }
  Kind error_code = 1;
---
initiation: [error, end]
reply: {error: [], end: []}
termination: [error, end]
roles: {agent}
end_states: []
keep_terminal_state_dialogues: true
";

const NOW: Duration = Duration::from_secs(1_000);

/// A performative and some text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    pub(crate) performative: u16,
    pub(crate) text: String,
}

impl Speech for Word {
    fn performative(&self) -> u16 {
        self.performative
    }

    fn weight(&self) -> usize {
        self.text.len()
    }

    fn is_same(&self, other: &Word) -> bool {
        self == other
    }
}

/// A message on its way.
pub(crate) type Sent = Message<Word>;

pub(crate) fn rules() -> Arc<Rules> {
    Arc::new(Rules::of(&read(BARTER)).unwrap())
}

pub(crate) fn word(rules: &Rules, performative: &str) -> Word {
    Word { performative: rules.performative(performative).unwrap(), text: performative.to_owned() }
}

/// References that count, so that runs are the same each time.
pub(crate) fn nonces(agent: u8) -> impl FnMut() -> Option<[u8; 32]> + Send {
    let mut count = 0_u64;
    move || {
        count += 1;
        let mut nonce = [agent; 32];
        nonce[..8].copy_from_slice(&count.to_be_bytes());
        Some(nonce)
    }
}

pub(crate) fn agent(rules: &Arc<Rules>, address: &str) -> Dialogues<Word> {
    Dialogues::new(rules.clone(), address, nonces(address.as_bytes()[0]))
}

/// What makes a message wrong.
type Change = fn(&mut Sent);

/// Two agents that speak barter.
struct Two {
    rules: Arc<Rules>,
    ann: Dialogues<Word>,
    bob: Dialogues<Word>,
}

impl Two {
    fn new() -> Two {
        Two::with(rules(), Limits::default())
    }

    fn with(rules: Arc<Rules>, limits: Limits) -> Two {
        let end = |name| agent(&rules, name).with_limits(limits.clone());
        Two { ann: end("ann"), bob: end("bob"), rules: rules.clone() }
    }

    fn word(&self, performative: &str) -> Word {
        word(&self.rules, performative)
    }

    fn begin(&mut self, performative: &str) -> (DialogueId, Sent) {
        self.ann.begin("bob", self.word(performative), NOW).unwrap()
    }

    /// A dialogue that both know: each side's name for it.
    fn met(&mut self) -> (DialogueId, DialogueId) {
        let (ann, offer) = self.begin("offer");
        (ann, accepted(self.bob.update(&offer, NOW)))
    }

    fn bob_says(&mut self, id: DialogueId, target: Option<i32>, performative: &str) -> Sent {
        self.bob.reply(id, target, self.word(performative), NOW).unwrap()
    }

    fn ann_says(&mut self, id: DialogueId, target: Option<i32>, performative: &str) -> Sent {
        self.ann.reply(id, target, self.word(performative), NOW).unwrap()
    }

    fn ann_hears(&mut self, message: &Sent) -> Update {
        self.ann.update(message, NOW)
    }

    fn bob_hears(&mut self, message: &Sent) -> Update {
        self.bob.update(message, NOW)
    }
}

fn accepted(update: Update) -> DialogueId {
    match update {
        Update::Accepted { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

fn code(update: Update) -> &'static str {
    match update {
        Update::Refused(refusal) => refusal.code(),
        other => panic!("{other:?}"),
    }
}

fn keeping(keeps: bool) -> Arc<Rules> {
    let text = if keeps { BARTER.replace("dialogues: no", "dialogues: yes") } else { BARTER.to_owned() };
    Arc::new(Rules::of(&read(&text)).unwrap())
}

#[test]
fn a_dialogue_goes_from_its_first_message_to_its_end_on_both_sides() {
    let mut two = Two::with(keeping(true), Limits::default());
    let (ann, bob) = two.met();
    let counter = two.bob_says(bob, None, "counter");
    assert_eq!((counter.message_id, counter.target, counter.sender.as_deref().unwrap()), (-1, 1, "bob"));
    assert_eq!(counter.dialogue_reference.responder.len(), 64);
    assert!(two.ann.get(ann).unwrap().responder_reference().is_empty());
    assert_eq!(accepted(two.ann_hears(&counter)), ann);
    assert_eq!(two.ann.get(ann).unwrap().label().responder_reference, counter.dialogue_reference.responder);
    let again = two.ann_says(ann, None, "counter");
    assert_eq!((again.message_id, again.target), (2, -1));
    assert_eq!(again.dialogue_reference.responder, counter.dialogue_reference.responder);
    assert_eq!(accepted(two.bob_hears(&again)), bob);
    let shake = two.bob_says(bob, None, "shake");
    let Update::Accepted { ended: Some(ended), is_new: false, .. } = two.ann_hears(&shake) else {
        panic!("it ends")
    };
    assert_eq!(ended.word(&two.rules), "shake", "the specification ties no end state to it");
    assert_eq!(two.bob.get(bob).unwrap().ended().map(|ended| ended.word(&two.rules)), Some("shake"));
    let said = |dialogues: &Dialogues<Word>, id| -> Vec<(i32, i32, String)> {
        let messages = dialogues.get(id).unwrap().messages();
        messages.map(|said| (said.message_id, said.target, said.body.unwrap().text.clone())).collect()
    };
    assert_eq!(said(&two.ann, ann), said(&two.bob, bob), "both know the same");
    assert_eq!(said(&two.ann, ann).len(), 4);
    assert_eq!((two.ann.open(), two.bob.open(), two.ann.known()), (0, 0, 1));
    for (dialogues, side) in [(&two.ann, Side::Us), (&two.bob, Side::Them)] {
        let counts = dialogues.statistics().begun_by(side);
        assert_eq!((counts.begun, counts.terminal["shake"]), (1, 1));
        assert_eq!(dialogues.statistics().begun_by(side.other()).begun, 0);
    }
}

#[test]
fn an_ended_dialogue_takes_nothing_more_from_either_side() {
    for keeps in [true, false] {
        let mut two = Two::with(keeping(keeps), Limits::default());
        let (ann, bob) = two.met();
        // An answer to the offer that both could still give, were it open.
        let late = two.ann_says(ann, Some(1), "counter");
        let done = two.bob_says(bob, Some(1), "walk_away");
        // Ann could not know: it is no mistake of hers, and nothing comes of it.
        assert_eq!(two.bob_hears(&late), Update::Late { id: bob });
        assert_eq!(two.bob_hears(&late), Update::Again { id: bob });
        assert_eq!((two.bob.statistics().late, two.bob.statistics().accepted), (1, 1));
        let word = two.word("counter");
        let refused = two.bob.reply(bob, Some(1), word.clone(), NOW).unwrap_err();
        assert_eq!(refused.to_string(), "the dialogue has ended with walk_away: begin a new one");
        accepted(two.ann_hears(&done));
        assert_eq!(two.ann.reply(ann, Some(1), word.clone(), NOW).unwrap_err().code(), "ended");
        let more = Sent { message_id: -2, target: 1, body: two.word("counter"), ..done.clone() };
        assert_eq!(code(two.ann_hears(&more)), "ended", "bob knew that it had ended");
        assert_eq!(two.ann.get(ann).unwrap().answers(Side::Us, 1).count(), 0);
        let bodies = two.ann.get(ann).unwrap().messages().filter(|said| said.body.is_some()).count();
        assert_eq!(bodies, if keeps { 3 } else { 0 });
        assert_eq!(two.ann.body_bytes() > 0, keeps);
    }
}

#[test]
fn what_comes_again_is_taken_once_and_quietly() {
    let mut two = Two::new();
    let (_, offer) = two.begin("offer");
    let bob = accepted(two.bob_hears(&offer));
    for _ in 0..3 {
        assert_eq!(two.bob_hears(&offer), Update::Again { id: bob });
    }
    let counter = two.bob_says(bob, None, "counter");
    let ann = accepted(two.ann_hears(&counter));
    assert_eq!(two.ann_hears(&counter), Update::Again { id: ann });
    let mut done = two.bob_says(bob, Some(1), "walk_away");
    accepted(two.ann_hears(&done));
    assert_eq!(two.ann_hears(&done), Update::Again { id: ann }, "when it has ended, too");
    assert_eq!(two.bob_hears(&offer), Update::Again { id: bob }, "no second dialogue begins");
    assert_eq!((two.bob.known(), two.bob.statistics().again, two.ann.statistics().again), (1, 4, 2));
    assert!(two.bob.statistics().refused.is_empty());
    // The same number for something else is no repetition.
    done.target = -1;
    assert_eq!(code(two.ann_hears(&done)), "number_used");
    let mut other = offer.clone();
    other.body.text.push('!');
    let mut fresh = Two::new();
    let (_, offer) = fresh.begin("offer");
    accepted(fresh.bob_hears(&offer));
    other.dialogue_reference.starter = offer.dialogue_reference.starter;
    assert_eq!(code(fresh.bob_hears(&other)), "number_used");
}

#[test]
fn messages_that_cross_are_both_taken() {
    let mut two = Two::new();
    let (ann, bob) = two.met();
    let counter = two.bob_says(bob, None, "counter");
    let more = two.ann_says(ann, Some(1), "counter");
    assert_eq!(
        (more.message_id, more.dialogue_reference.responder.as_str()),
        (2, ""),
        "ann knows no reference of bob's yet"
    );
    accepted(two.bob_hears(&more));
    accepted(two.ann_hears(&counter));
    let ends = [&two.ann, &two.bob].map(|dialogues| {
        dialogues.all().next().unwrap().1.messages().map(|said| said.message_id).collect::<Vec<_>>()
    });
    assert_eq!(ends, [vec![1, 2, -1], vec![1, -1, 2]]);
}

#[test]
fn of_two_ends_that_cross_the_starters_holds_on_both_sides() {
    for keeps in [true, false] {
        let mut two = Two::with(keeping(keeps), Limits::default());
        let (ann, bob) = two.met();
        let counter = two.bob_says(bob, None, "counter");
        accepted(two.ann_hears(&counter));
        let theirs = two.bob_says(bob, Some(1), "shake");
        let ours = two.ann_says(ann, None, "walk_away");
        let update = two.bob_hears(&ours);
        let Update::EndsCrossed { id, ended } = update else { panic!("{update:?}") };
        assert_eq!((id, ended.word(&two.rules)), (bob, "walk_away"));
        assert_eq!(two.bob_hears(&ours), Update::Again { id: bob });
        assert_eq!(two.ann_hears(&theirs), Update::Late { id: ann });
        for (dialogues, id, side) in [(&two.ann, ann, Side::Us), (&two.bob, bob, Side::Them)] {
            assert_eq!(dialogues.get(id).unwrap().ended().unwrap().word(&two.rules), "walk_away");
            let counts = dialogues.statistics().begun_by(side);
            assert_eq!(counts.terminal.values().sum::<u64>(), 1, "{counts:?}");
            assert_eq!(counts.terminal["walk_away"], 1);
        }
    }
}

#[test]
fn every_wrong_message_is_refused_with_its_reason_and_changes_nothing() {
    let mut two = Two::new();
    let (_, offer) = two.begin("offer");
    let walk = two.word("walk_away");
    let first: [(&str, Change); 13] = [
        ("no_address", |sent| sent.sender = None),
        ("no_address", |sent| sent.to = Some(String::new())),
        ("not_for_us", |sent| sent.to = Some("carl".to_owned())),
        ("with_oneself", |sent| sent.sender = Some("bob".to_owned())),
        ("address_too_long", |sent| sent.sender = Some("x".repeat(1025))),
        ("no_reference", |sent| sent.dialogue_reference.starter.clear()),
        ("reference_too_long", |sent| sent.dialogue_reference.starter = "x".repeat(257)),
        ("reference_ahead", |sent| sent.dialogue_reference.responder = "x".to_owned()),
        ("unknown_dialogue", |sent| sent.message_id = 2),
        ("unknown_dialogue", |sent| sent.message_id = 0),
        ("unknown_dialogue", |sent| sent.message_id = i32::MIN),
        ("first_has_target", |sent| sent.target = -1),
        ("unknown_performative", |sent| sent.body.performative = 9),
    ];
    for (reason, change) in first {
        let mut wrong = offer.clone();
        change(&mut wrong);
        assert_eq!(code(two.bob_hears(&wrong)), reason);
        assert_eq!((two.bob.known(), two.bob.peers()), (0, 0));
    }
    assert_eq!(code(two.bob_hears(&Sent { body: walk.clone(), ..offer.clone() })), "not_initial");
    let bob = accepted(two.bob_hears(&offer));
    let counter = two.bob_says(bob, None, "counter");
    let ann = accepted(two.ann_hears(&counter));
    let shake = Sent { body: two.word("shake"), message_id: -2, ..counter.clone() };
    let later: [(&str, Change); 13] = [
        ("not_for_us", |sent| sent.to = Some("carl".to_owned())),
        ("unknown_dialogue", |sent| sent.sender = Some("carl".to_owned())),
        ("unknown_dialogue", |sent| sent.dialogue_reference.starter.push('x')),
        ("other_reference", |sent| sent.dialogue_reference.responder.push('x')),
        ("other_number", |sent| sent.message_id = -3),
        ("other_number", |sent| sent.message_id = 0),
        ("other_number", |sent| sent.message_id = 2),
        ("other_number", |sent| sent.message_id = i32::MIN),
        ("number_used", |sent| sent.message_id = -1),
        ("no_target", |sent| sent.target = 0),
        ("unknown_target", |sent| sent.target = 2),
        ("unknown_target", |sent| sent.target = i32::MIN),
        ("no_answer", |sent| sent.body.performative = 1),
    ];
    for (reason, change) in later {
        let mut wrong = shake.clone();
        change(&mut wrong);
        assert_eq!(code(two.ann_hears(&wrong)), reason, "{wrong:?}");
        let dialogue = two.ann.get(ann).unwrap();
        assert_eq!((dialogue.message_count(), dialogue.ended()), (2, None));
    }
    let refused: u64 = two.ann.statistics().refused.values().sum();
    assert_eq!((refused, two.ann.statistics().refused["other_number"]), (13, 4));
    accepted(two.ann_hears(&shake));
}

#[test]
fn a_bad_first_message_or_answer_leaves_the_way_free_for_a_right_one() {
    let mut two = Two::new();
    let (ann, offer) = two.begin("offer");
    let bad = Sent { body: two.word("walk_away"), ..offer.clone() };
    assert_eq!(code(two.bob_hears(&bad)), "not_initial");
    let bob = accepted(two.bob_hears(&offer));
    let counter = two.bob_says(bob, None, "counter");
    let forged = DialogueReference { responder: "forged".to_owned(), ..counter.dialogue_reference.clone() };
    let bad = Sent { dialogue_reference: forged, target: 7, ..counter.clone() };
    assert_eq!(code(two.ann_hears(&bad)), "unknown_target");
    assert!(!two.ann.get(ann).unwrap().label().is_complete(), "a refused answer gives no reference");
    accepted(two.ann_hears(&counter));
}

#[test]
fn ones_own_mistakes_are_errors() {
    let mut two = Two::new();
    let walk = two.word("walk_away");
    let refused = two.ann.begin("bob", walk.clone(), NOW).unwrap_err();
    let text = "a dialogue of fair/barter:0.3.0 does not begin with walk_away, but with offer";
    assert_eq!(refused.to_string(), text);
    let offer = two.word("offer");
    let refused = two.ann.begin("ann", offer.clone(), NOW).unwrap_err();
    assert!(refused.to_string().contains("a dialogue has two sides"), "{refused}");
    assert_eq!(two.ann.begin("", offer.clone(), NOW).unwrap_err().code(), "no_address");
    let (ann, bob) = two.met();
    let shown = |refusal: Refusal| refusal.to_string();
    assert_eq!(
        shown(two.bob.reply(bob, None, offer.clone(), NOW).unwrap_err()),
        "offer does not answer offer; counter, shake, walk_away do"
    );
    assert_eq!(
        shown(two.bob.reply(bob, Some(-1), walk.clone(), NOW).unwrap_err()),
        "the message answers -1, which nobody has said in this dialogue"
    );
    assert_eq!(two.bob.reply(bob, Some(0), walk.clone(), NOW).unwrap_err().code(), "no_target");
    assert_eq!(two.ann.known() + two.bob.known(), 2);
    two.ann.abandon(ann, NOW).unwrap();
    assert_eq!(
        shown(two.ann.abandon(ann, NOW).unwrap_err()),
        "the dialogue has ended with abandoned: begin a new one"
    );
    let mut silent = Dialogues::<Word>::new(two.rules.clone(), "ann", || None);
    assert_eq!(silent.begin("bob", offer.clone(), NOW).unwrap_err(), Refusal::NoNonce);
    let mut same = Dialogues::<Word>::new(two.rules.clone(), "ann", || Some([7; 32]));
    same.begin("bob", offer.clone(), NOW).unwrap();
    assert_eq!(same.begin("bob", offer.clone(), NOW).unwrap_err(), Refusal::NoNonce);
    same.begin("carl", offer.clone(), NOW).unwrap();
}

#[test]
fn several_dialogues_at_once_are_kept_apart_also_under_one_reference() {
    let mut two = Two::new();
    let pairs: Vec<(DialogueId, DialogueId)> = (0..50).map(|_| two.met()).collect();
    let (_, offer) = two.begin("offer");
    // Bob begins one under ann's own reference: it is another dialogue, for he began it.
    let copied = Sent { sender: Some("bob".to_owned()), to: Some("ann".to_owned()), ..offer.clone() };
    let copy = accepted(two.ann_hears(&copied));
    assert_eq!(two.ann.get(copy).unwrap().started_by(), Side::Them);
    for (ann, bob) in pairs.iter().rev() {
        let counter = two.bob_says(*bob, None, "counter");
        assert_eq!(accepted(two.ann_hears(&counter)), *ann);
    }
    assert_eq!(
        (two.ann.open(), two.ann.with_peer("bob").count(), two.ann.with_peer("carl").count()),
        (52, 52, 0)
    );
    let label = two.ann.get(pairs[3].0).unwrap().label();
    assert_eq!(two.ann.find(&label), Some(pairs[3].0));
    assert_eq!(
        two.ann.find(&Label { responder_reference: String::new(), ..label.clone() }),
        Some(pairs[3].0)
    );
    assert_eq!(two.ann.find(&Label { responder_reference: "other".to_owned(), ..label.clone() }), None);
    assert_eq!(two.ann.find(&Label { started_by: Side::Them, ..label }), None);
}

#[test]
fn a_peers_mistake_is_answered_with_an_error_of_default() {
    let mut two = Two::new();
    let (_, mut offer) = two.begin("offer");
    offer.message_id = 2;
    let Update::Refused(refusal) = two.bob_hears(&offer) else { panic!("it is refused") };
    let reply = ErrorReply::to(&refusal, two.rules.protocol(), b"bytes").unwrap();
    assert_eq!((reply.code, reply.code.number()), (ErrorCode::InvalidDialogue, 4));
    assert!(reply.text.starts_with("there is no dialogue "), "{}", reply.text);
    assert_eq!(reply.data[0], ("protocol_id".to_owned(), b"fair/barter:0.3.0".to_vec()));
    assert_eq!(reply.data[1], ("message".to_owned(), b"bytes".to_vec()));
    // An error ends the dialogue that it begins, which is a warning.
    let (default, _) = Specification::read_lenient(DEFAULT).unwrap();
    let default = Protocol::new(default).unwrap();
    let rules = Arc::new(Rules::of(default.specification()).unwrap());
    let mut errors: Dialogues<Body> = Dialogues::new(rules.clone(), "bob", nonces(9));
    let body = reply.clone().body(&default).unwrap();
    assert_eq!(body.get("error_code"), Some(&Value::Custom(vec![8, 4])));
    let (id, message) = errors.begin("ann", body, NOW).unwrap();
    assert_eq!(errors.get(id).unwrap().ended().map(|ended| ended.word(&rules)), Some("error"));
    let read: Message = Message::decode(&default, &message.encode(), Reading::STRICT).unwrap();
    assert_eq!(read.body, message.body);
    let told = ErrorReply::read(&read.body).unwrap();
    assert_eq!((told.code, &told.text, told.data.len()), (reply.code, &reply.text, 2));
    let goodbye = Body::new(&default, "end", [] as [(&str, Value); 0]).unwrap();
    assert_eq!(ErrorReply::read(&goodbye), None);
    let other = Protocol::new(crate::specification::read(BARTER)).unwrap();
    assert!(reply.body(&other).is_err());
    offer.message_id = 1;
    offer.body = two.word("shake");
    let Update::Refused(refusal) = two.bob_hears(&offer) else { panic!("it is refused") };
    assert_eq!(refusal.error_code(), Some(ErrorCode::InvalidMessage));
    offer.to = Some("carl".to_owned());
    let Update::Refused(refusal) = two.bob_hears(&offer) else { panic!("it is refused") };
    assert_eq!(ErrorReply::to(&refusal, two.rules.protocol(), b""), None, "it was not for bob");
    assert_eq!(ErrorCode::ALL.map(ErrorCode::number), [0, 1, 2, 3, 4]);
}

#[test]
fn what_a_program_refuses_itself_is_refused_on_its_way_in_and_out() {
    let mut two = Two::new();
    two.bob = agent(&two.rules, "bob").with_validation(|dialogue, message: &Sent| {
        let so_far = dialogue.message_count();
        if message.body.text == "bad" {
            Err(format!("bad {} after {so_far}", message.message_id))
        } else {
            Ok(())
        }
    });
    let (_, mut offer) = two.begin("offer");
    offer.body.text = "bad".to_owned();
    let update = two.bob_hears(&offer);
    let text = "refused by the agent's own validation: bad 1 after 0";
    assert!(matches!(&update, Update::Refused(refusal) if refusal.to_string() == text), "{update:?}");
    assert_eq!((two.bob.known(), two.bob.peers()), (0, 0));
    let (_, bob) = two.met();
    let mut bad = two.word("counter");
    bad.text = "bad".to_owned();
    let refused = two.bob.reply(bob, None, bad.clone(), NOW).unwrap_err();
    assert_eq!(refused, Refusal::Invalid { reason: "bad -1 after 1".to_owned() });
    two.bob.reply(bob, None, two.rules.clone().word("counter"), NOW).unwrap();
}

trait WordOf {
    fn word(&self, performative: &str) -> Word;
}

impl WordOf for Arc<Rules> {
    fn word(&self, performative: &str) -> Word {
        word(self, performative)
    }
}

#[test]
fn an_end_state_follows_from_the_rules_by_what_was_answered() {
    let rules = Rules::of(&read(BARTER)).unwrap();
    let rules = rules.ends("shake", None, "swapped").unwrap();
    let rules = rules.ends("walk_away", Some("counter"), "broken_off").unwrap();
    for (wrong, text) in [
        (
            rules.clone().ends("counter", None, "swapped"),
            "counter does not end a dialogue of fair/barter:0.3.0",
        ),
        (
            rules.clone().ends("shake", None, "won"),
            "there is no end state won in fair/barter:0.3.0: it has swapped, broken_off",
        ),
        (rules.clone().ends("shke", None, "swapped"), "there is no performative shke"),
        (
            rules.clone().says("judge", &["offer"]),
            "there is no role judge in fair/barter:0.3.0: it has giver, taker",
        ),
    ] {
        assert!(wrong.as_ref().is_err_and(|error| error.to_string().starts_with(text)), "{wrong:?}");
    }
    let rules = Arc::new(rules);
    let end = |answer: &[&str]| -> &'static str {
        let mut two = Two::with(rules.clone(), Limits::default());
        let (_, bob) = two.met();
        for word in answer {
            two.bob.reply(bob, None, two.rules.word(word), NOW).unwrap();
        }
        let states = &two.bob.statistics().begun_by(Side::Them).end_states;
        let of = |state: &str| states.get(state).copied().unwrap_or_default();
        match (of("swapped"), of("broken_off")) {
            (1, 0) => "swapped",
            (0, 1) => "broken_off",
            _ => "none",
        }
    };
    assert_eq!(end(&["shake"]), "swapped");
    assert_eq!(end(&["counter", "shake"]), "swapped");
    assert_eq!(end(&["counter", "walk_away"]), "broken_off");
    assert_eq!(end(&["walk_away"]), "none", "nobody said what it means in answer to an offer");
}

#[test]
fn roles_say_who_may_say_what_where_it_is_written() {
    let rules = Rules::of(&read(BARTER)).unwrap();
    let rules = rules.says("giver", &["offer", "counter", "walk_away"]).unwrap();
    let rules = Arc::new(rules.says("taker", &["offer", "shake", "walk_away"]).unwrap());
    let giver = |address| agent(&rules, address).with_role("giver").unwrap();
    let mut two = Two {
        ann: giver("ann"),
        bob: agent(&rules, "bob").with_role("taker").unwrap(),
        rules: rules.clone(),
    };
    let (ann, bob) = two.met();
    assert_eq!(two.bob.get(bob).unwrap().role(Side::Them), Some("giver"));
    let refused = two.bob.reply(bob, None, two.rules.word("counter"), NOW).unwrap_err();
    assert_eq!(refused.to_string(), "a taker does not say counter");
    let names: Vec<u16> = two.bob.get(bob).unwrap().answers(Side::Us, 1).collect();
    assert_eq!(names, ["shake", "walk_away"].map(|name| rules.performative(name).unwrap()));
    let offer = two.ann.message(ann, 1).unwrap();
    let shake = Sent { body: two.word("shake"), message_id: 2, target: 1, ..offer };
    assert_eq!(code(two.bob_hears(&shake)), "not_its_role");
    // Two givers: each takes the other for a taker, who may not make a counter-offer.
    let mut two = Two { ann: giver("ann"), bob: giver("bob"), rules: rules.clone() };
    let (_, bob) = two.met();
    let counter = two.bob_says(bob, None, "counter");
    assert_eq!(code(two.ann_hears(&counter)), "not_its_role");
    // Where nobody says which role it takes, what is said tells it.
    let mut two = Two::with(rules.clone(), Limits::default());
    let (ann, bob) = two.met();
    assert_eq!(two.bob.get(bob).unwrap().role(Side::Us), None);
    let counter = two.bob_says(bob, None, "counter");
    accepted(two.ann_hears(&counter));
    assert_eq!(two.ann.get(ann).unwrap().role(Side::Us), Some("taker"));
    assert_eq!(two.ann.reply(ann, None, two.rules.word("counter"), NOW).unwrap_err().code(), "not_its_role");
    assert_eq!(two.bob.get(bob).unwrap().role(Side::Us), Some("giver"));
}

#[test]
fn ended_is_told_in_one_word() {
    let rules = rules();
    assert_eq!(Ended::TimedOut.word(&rules), "timed_out");
    assert_eq!(Ended::Abandoned.end_state(&rules), None);
}
