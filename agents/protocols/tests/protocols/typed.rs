//! Types that were generated write and read what the interpreter of their specification does.

use std::sync::Arc;

use folkmoot_protocols::specification::{Element, Primitive};
use folkmoot_protocols::typed::{TypedProtocol, protocol_of};
use folkmoot_protocols::value::{Items, Key, Single};
use folkmoot_protocols::{Body, Fault, Message, Protocol, Reading, Specification, Value};

#[rustfmt::skip]
#[path = "generated/barter.rs"]
pub(crate) mod barter;
#[rustfmt::skip]
#[path = "generated/chance.rs"]
mod chance;
#[rustfmt::skip]
#[path = "generated/parts.rs"]
mod parts;

/// Every kind of field that a custom type may have, and names that Rust keeps for itself.
pub(crate) const PARTS: &str = r#"---
name: parts
author: fair
version: 1.0.0
description: 'All that custom types may hold. Not [a link], and <b>not</b> markup.'
license: MIT
aea_version: ">=1.0.0, <2.0.0"
protocol_specification_id: fair/parts:1.0.0
speech_acts:
  ask:
    type: pt:str
    numbers: pt:optional[pt:set[pt:float]]
    perhaps: pt:optional[ct:Plan]
  some:
    plan: ct:Plan
    many: pt:list[pt:bytes]
    flags: pt:list[pt:bool]
    by_flag: pt:dict[pt:bool, pt:float]
  plan: {}
...
---
ct:Plan: |
  // How soon.
  enum Urgency {
    option allow_alias = true;
    LOW = 0;
    VERY_HIGH = 2;
    HIGHEST = 2;
    BELOW = -1;
  }
  // A step, which
  // may have steps.
  message Step {
    string match = 1;
    repeated Step steps = 2;
    optional Step instead = 3;
    map<string, Urgency> urgencies = 4;
    message Place { double x = 1; sfixed64 y = 2; }
    map<int32, Place> places = 5;
  }
  Step first = 1;
  Urgency urgency = 2;
  repeated Urgency urgencies = 3;
  repeated sint32 offsets = 4 [packed = false];
  oneof until {
    // A date.
    string date = 5;
    uint32 count = 6;
    Step step = 7;
    Urgency least = 8;
  }
  optional bool sure = 9;
  uint64 a = 10;
  sint64 b = 11;
  fixed32 c = 12;
  fixed64 d = 13;
  sfixed32 e = 14;
  float f = 15;
  int32 g = 16;
  repeated bytes h = 17;
  repeated double i = 18;
...
---
initiation: [ask]
reply:
  ask: [some, plan]
  some: [ask]
  plan: []
termination: [plan]
roles: {agent}
end_states: []
keep_terminal_state_dialogues: false
"#;

/// A specification with types of all kinds, chosen by `seed`.
pub(crate) fn by_chance(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let primitive =
        |random: &mut fastrand::Rng| *random.choice(&["int", "float", "bool", "str", "bytes"]).unwrap();
    let element = |random: &mut fastrand::Rng| match random.u8(0..6) {
        0 => format!("pt:set[pt:{}]", primitive(random)),
        1 => format!("pt:list[pt:{}]", primitive(random)),
        2 => {
            let key = *random.choice(&["int", "bool", "str"]).unwrap();
            format!("pt:dict[pt:{key}, pt:{}]", primitive(random))
        }
        _ => format!("pt:{}", primitive(random)),
    };
    let mut text = format!(
        "name: chance\nauthor: fair\nversion: 1.0.0\ndescription: By chance {seed}.\nlicense: MIT\naea_version: '>=1.0.0'\n\
         protocol_specification_id: fair/chance:1.0.0\nspeech_acts:\n"
    );
    for act in 0..12 {
        text += &format!("  act_{act}:\n");
        for content in 0..random.usize(1..7) {
            let mut alternatives: Vec<String> = Vec::new();
            while alternatives.len() < 4 {
                let next = element(&mut random);
                if !alternatives.contains(&next) {
                    alternatives.push(next);
                }
            }
            let of = match random.u8(0..4) {
                0 => format!("pt:union[{}]", alternatives.join(", ")),
                1 => format!("pt:optional[{}]", alternatives[0]),
                2 => format!("pt:optional[pt:union[{}]]", alternatives[..2 + random.usize(0..3)].join(", ")),
                _ => alternatives[0].clone(),
            };
            text += &format!("    content_{act}_{content}: {of}\n");
        }
    }
    text
}

fn single(of: Primitive, random: &mut fastrand::Rng) -> Single {
    let few = random.usize(0..4);
    match of {
        Primitive::Bytes => Single::Bytes((0..few).map(|_| random.u8(..)).collect()),
        Primitive::Int => Single::Int(*random.choice(&[0, 1, -1, i64::MIN, i64::MAX, 300]).unwrap()),
        Primitive::Float => {
            Single::Float(*random.choice(&[0.0, -0.0, 1.5, f32::MIN, f32::INFINITY]).unwrap())
        }
        Primitive::Bool => Single::Bool(random.bool()),
        Primitive::Str => Single::Str(random.choice(&["", "a", "b", "ä€𝄞"]).unwrap().to_string()),
        other => panic!("a new primitive {other}"),
    }
}

fn items(of: Primitive, is_set: bool, random: &mut fastrand::Rng) -> Items {
    let mut singles: Vec<Single> = Vec::new();
    for _ in 0..random.usize(0..4) {
        let next = single(of, random);
        if !is_set || !singles.contains(&next) {
            singles.push(next);
        }
    }
    // A typed set is written in its order.
    if is_set {
        singles.sort_by(|one, other| match (one, other) {
            (Single::Bytes(one), Single::Bytes(other)) => one.cmp(other),
            (Single::Int(one), Single::Int(other)) => one.cmp(other),
            (Single::Float(one), Single::Float(other)) => one.total_cmp(other),
            (Single::Bool(one), Single::Bool(other)) => one.cmp(other),
            (Single::Str(one), Single::Str(other)) => one.cmp(other),
            _ => panic!("elements of one type"),
        });
    }
    let mut items = Items::none_of(of);
    for next in singles {
        match (&mut items, next) {
            (Items::Bytes(items), Single::Bytes(next)) => items.push(next),
            (Items::Int(items), Single::Int(next)) => items.push(next),
            (Items::Float(items), Single::Float(next)) => items.push(next),
            (Items::Bool(items), Single::Bool(next)) => items.push(next),
            (Items::Str(items), Single::Str(next)) => items.push(next),
            _ => panic!("elements of one type"),
        }
    }
    items
}

fn value(element: &Element, random: &mut fastrand::Rng) -> Value {
    match element {
        Element::Primitive(of) => Value::Single(single(*of, random)),
        // Of the custom types here, none has a field that must be there.
        Element::Custom(_) => Value::Custom(Vec::new()),
        Element::Set(of) => Value::Set(items(*of, true, random)),
        Element::List(of) => Value::List(items(*of, false, random)),
        Element::Dict(key, of) => {
            let entry = |random: &mut fastrand::Rng| {
                Some((Key::from_single(single(*key, random))?, single(*of, random)))
            };
            Value::Dict((0..random.usize(0..4)).filter_map(|_| entry(random)).collect())
        }
        other => panic!("a new type {other}"),
    }
}

fn body(protocol: &Arc<Protocol>, index: u16, random: &mut fastrand::Rng) -> Body {
    let layout = protocol.layout(index).unwrap();
    let mut contents = Vec::new();
    for slot in &layout.slots {
        if slot.content_type.is_optional() && random.bool() {
            continue;
        }
        let alternative = random.usize(0..slot.alternatives.len());
        let value = value(&slot.alternatives[alternative].0, random);
        let value = match slot.content_type.is_union() {
            true => Value::Union { alternative: alternative as u16, value: Box::new(value) },
            false => value,
        };
        contents.push((slot.name.as_str(), value));
    }
    Body::new(protocol, &layout.name, contents).unwrap()
}

/// Random messages in all performatives: same bytes from both, and of broken bytes both take the same.
fn agrees<P: TypedProtocol>(rounds: usize) {
    let protocol = P::specified();
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..rounds {
        let index = (round % protocol.layouts().len()) as u16;
        let mut message = Message::new(body(protocol, index, &mut random));
        message.dialogue_reference.starter = "s".into();
        let bytes = message.encode();
        let typed = Message::<P>::read(&bytes, Reading::STRICT)
            .unwrap_or_else(|error| panic!("{error}: {message:?}"));
        assert_eq!(typed.encode(), bytes, "{message:?} became {typed:?}");
        let mut broken = bytes.clone();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(0..broken.len());
            broken[at] = broken[at].wrapping_add(*random.choice(&[1, 2, 8, 0x80, 0xff]).unwrap());
        }
        broken.truncate(broken.len() - if random.u8(0..4) == 0 { random.usize(0..broken.len()) } else { 0 });
        for reading in [Reading::STRICT, Reading::LENIENT] {
            let dynamic = Message::<Body>::decode(protocol, &broken, reading);
            match (Message::<P>::read(&broken, reading), &dynamic) {
                (Ok(typed), Ok(dynamic)) => {
                    // The interpreter keeps a set's order, so it reads what the types write.
                    let again = Message::<Body>::decode(protocol, &typed.encode(), Reading::STRICT);
                    assert!(again.is_ok(), "{dynamic:?} {again:?}");
                }
                (Err(error), Err(_)) => assert!(!error.to_string().is_empty()),
                // What has no value in Rust: a union of which nothing is set.
                (Err(error), Ok(_)) if reading.is_lenient() && error.fault() == Fault::MissingContent => {}
                (typed, dynamic) => panic!("{broken:?}: {typed:?}, but {dynamic:?}"),
            }
        }
    }
}

#[test]
fn types_write_what_the_interpreter_writes() {
    agrees::<barter::Barter>(2_000);
    agrees::<chance::Chance>(20_000);
}

#[test]
fn what_was_checked_when_it_was_generated_is_only_read_later() {
    let broken = PARTS.replace("Step first = 1;", "Step first = 2;");
    assert!(Specification::read(&broken).unwrap_err().iter().any(|finding| finding.code == "protobuf"));
    assert_eq!(protocol_of(&broken).name(2), Some("some"));
}

#[test]
#[should_panic(expected = "generate them again: 1:1: error[missing-field]")]
fn what_cannot_be_read_any_more_is_told_with_its_place() {
    let _ = protocol_of(&PARTS.replace("---\nname: parts\n", ""));
}

mod speaking {
    use std::sync::Arc;
    use std::time::Duration;

    use folkmoot_protocols::dialogue::{Dialogues, Refusal, Rules, Update};
    use folkmoot_protocols::typed::{AnyRole, Dialogue, Heard, Role, Said, TypedProtocol};
    use folkmoot_protocols::{Message, Reading};

    use super::barter::roles::{Giver, Taker};
    use super::barter::{Barter, Counter, Offer, Shake, WalkAway, heard, unions};

    const NOW: Duration = Duration::ZERO;

    fn dialogues(address: &str, role: &str) -> Dialogues<Barter> {
        let rules = Arc::new(Rules::of(Barter::specified().specification()).unwrap());
        let mut random = fastrand::Rng::with_seed(address.len() as u64);
        let nonces = move || Some(std::array::from_fn(|_| random.u8(..)));
        Dialogues::new(rules, address, nonces).with_role(role).unwrap()
    }

    fn offer(until: i64) -> Offer {
        Offer {
            goods: [("nuts".to_owned(), 3)].into(),
            until: Some(until),
            wish: unions::Wish::Str("bolts".into()),
        }
    }

    fn counter() -> Counter {
        Counter { goods: Default::default(), rating: 0.5 }
    }

    fn shake() -> Shake {
        Shake { seal: vec![1], in_person: true, witnesses: Default::default(), note: None }
    }

    /// As over a wire.
    fn carried(message: &Message<Barter>) -> Message<Barter> {
        let mut read = Message::read(&message.encode(), Reading::STRICT).unwrap();
        (read.sender, read.to) = (message.sender.clone(), message.to.clone());
        read
    }

    fn heard(at: &mut Dialogues<Barter>, message: &Message<Barter>) -> Heard<Barter> {
        Heard::take(at, carried(message), NOW).expect("it is the next message")
    }

    /// What the taker does with an offer: the dialogue may wait anywhere until it is answered.
    struct Waiting(Dialogue<Taker, Offer>);

    #[test]
    fn a_dialogue_goes_from_type_to_type() {
        let (mut ann, mut bob) = (dialogues("ann", "giver"), dialogues("bobby", "taker"));
        let (said, message) = Giver::open(&mut ann, "bobby", offer(7), NOW).unwrap();
        let came = heard(&mut bob, &message);
        assert!(came.is_new);
        let Ok(heard::Opening::Offer(came, dialogue)) = came.opening::<Taker>() else {
            panic!("an offer opens")
        };
        assert_eq!(came, offer(7));
        let waiting = Waiting(dialogue);

        let (bobs, message) = waiting.0.reply(&mut bob, counter(), NOW).unwrap();
        let came = heard(&mut ann, &message);
        let Ok(heard::ToOffer::Counter(came, dialogue)) = said.receive(came) else {
            panic!("a counter answers")
        };
        assert_eq!(came, counter());
        assert_eq!(dialogue.message_id(), -1);

        let (_, message) = dialogue.reply(&mut ann, shake(), NOW).unwrap();
        let came = heard(&mut bob, &message);
        assert!(came.ended.is_some());
        let Ok(heard::ToCounter::Shake(came, dialogue)) = bobs.receive(came) else {
            panic!("a shake answers")
        };
        assert_eq!(came, shake());
        assert_eq!((ann.open(), bob.open()), (0, 0));
        assert_eq!(bob.get(dialogue.id()).map(|known| known.message_count()), Some(3));
    }

    #[test]
    fn what_is_no_answer_is_given_back_and_the_dialogue_waits_on() {
        let (mut ann, mut bob) = (dialogues("ann", "giver"), dialogues("bobby", "taker"));
        let (first, one) = Giver::open(&mut ann, "bobby", offer(1), NOW).unwrap();
        let (second, two) = Giver::open(&mut ann, "bobby", offer(2), NOW).unwrap();
        let mut answer = |message: &Message<Barter>| {
            let Ok(heard::Opening::Offer(_, dialogue)) = heard(&mut bob, message).opening::<Taker>() else {
                panic!()
            };
            dialogue.reply(&mut bob, WalkAway, NOW).unwrap().1
        };
        let (to_one, to_two) = (answer(&one), answer(&two));
        // It came twice: the second time it is nothing new.
        let came = heard(&mut ann, &to_two);
        let again = Heard::take(&mut ann, carried(&to_two), NOW).unwrap_err();
        assert!(matches!(again.update, Update::Again { .. }), "{:?}", again.update);
        let no_answer = first.receive(came).unwrap_err();
        assert!(matches!(second.receive(no_answer.heard), Ok(heard::ToOffer::WalkAway(..))));
        let first: Said<Giver, Offer> = no_answer.dialogue;
        let came = heard(&mut ann, &to_one);
        assert!(matches!(first.receive(came), Ok(heard::ToOffer::WalkAway(..))));
    }

    #[test]
    fn what_cannot_be_said_any_more_leaves_the_dialogue_as_it_was() {
        let (mut ann, mut bob) = (dialogues("ann", "giver"), dialogues("bobby", "taker"));
        let (_, message) = AnyRole::<Barter>::open(&mut ann, "bobby", offer(1), NOW).unwrap();
        let came = heard(&mut bob, &message);
        let id = came.id();
        let Ok(heard::Any::Offer(_, dialogue)) = came.any::<Taker>() else { panic!("an offer") };
        // After a restart, what was heard last is there again.
        let Some(Ok(heard::Any::Offer(_, again))) = Heard::last(&bob, id).map(Heard::any::<Taker>) else {
            panic!()
        };
        bob.abandon(id, NOW).unwrap();
        let unsaid = dialogue.reply(&mut bob, counter(), NOW).unwrap_err();
        assert!(matches!(unsaid.refusal, Refusal::Ended { .. }), "{unsaid}");
        assert_eq!(unsaid.dialogue.id(), again.id());
    }
}
