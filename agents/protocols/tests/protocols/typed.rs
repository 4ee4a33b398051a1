//! Types that were generated write and read what the interpreter of their specification does.

use folkmoot_protocols::typed::{Fields, MAX_MESSAGE_DEPTH, TypedProtocol, protocol_of};
use folkmoot_protocols::wire::{Allowance, writing};
use folkmoot_protocols::{Body, Contents, DecodeError, Fault, Message, Reading, Specification};
use parts::types;

use crate::agreeing::agrees;

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

#[test]
fn types_write_what_the_interpreter_writes() {
    agrees::<barter::Barter>(500);
    agrees::<chance::Chance>(300);
    agrees::<parts::Parts>(2_500);
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

/// Fields, each of a number and a message or text.
fn fields(fields: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    fields.iter().for_each(|(number, field)| writing::whole_field(&mut bytes, *number, *field));
    bytes
}

fn plan(bytes: &[u8], reading: Reading) -> Result<types::Plan, Fault> {
    types::Plan::read(bytes, &mut Allowance::new(reading)).map_err(|misread| misread.fault())
}

#[test]
fn of_several_alternatives_the_last_counts_as_protobuf_has_it() {
    let lenient = |bytes: &[u8]| plan(bytes, Reading::LENIENT).unwrap().until;
    let step = |fields: &[(u32, &[u8])]| {
        types::PlanUntil::Step(
            types::PlanStep::read(&self::fields(fields), &mut Allowance::new(Reading::LENIENT)).unwrap(),
        )
    };
    // A message that comes in parts is merged, but not with what was there before another alternative.
    let (one, other, date) = (fields(&[(1, b"go")]), fields(&[(2, &[])]), b"today".as_slice());
    let merged = [(7, one.as_slice()), (7, other.as_slice())];
    assert_eq!(lenient(&fields(&merged)), Some(step(&[(1, b"go"), (2, &[])])));
    assert_eq!(plan(&fields(&merged), Reading::STRICT), Err(Fault::Repeated(7)));
    let replaced = [(7, one.as_slice()), (5, date), (7, other.as_slice())];
    assert_eq!(lenient(&fields(&replaced)), Some(step(&[(2, &[])])));
    assert_eq!(plan(&fields(&replaced), Reading::STRICT), Err(Fault::SeveralAlternatives));
    // What is of another kind is passed over, and replaces nothing.
    assert_eq!(
        lenient(&fields(&[(5, date), (6, b"no number")])),
        Some(types::PlanUntil::Date("today".into()))
    );
    // Each part is a message of its own, also where a later one makes it void.
    for reading in [Reading::STRICT, Reading::LENIENT] {
        assert_eq!(plan(&fields(&[(7, &[0x0a]), (7, &[1, b'x'])]), reading), Err(Fault::Truncated));
        assert_eq!(plan(&fields(&[(7, &[0x0a, 1, 0xff]), (5, date)]), reading), Err(Fault::NotUtf8));
    }
}

/// The performative `some` with steps in one another, so many levels deep with the plan itself.
fn deep(levels: usize) -> Vec<u8> {
    let step = (2..levels).fold(Vec::new(), |inner, _| fields(&[(3, &inner)]));
    fields(&[(1, &fields(&[(1, &step)]))])
}

#[test]
fn messages_lie_as_deep_in_one_another_for_types_as_for_the_interpreter() {
    // Far less than a thread has.
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let read = small.spawn(|| {
        let protocol = parts::Parts::specified();
        let index = protocol.index("some").unwrap();
        for reading in [Reading::STRICT, Reading::LENIENT] {
            for (levels, depth) in
                [(MAX_MESSAGE_DEPTH, None), (MAX_MESSAGE_DEPTH + 1, Some(MAX_MESSAGE_DEPTH))]
            {
                let typed = parts::Parts::read_fields(protocol, index, &deep(levels), reading);
                let dynamic = Body::read_fields(protocol, index, &deep(levels), reading);
                let fault = depth.map(Fault::MessagesTooDeep);
                assert_eq!(typed.as_ref().err().map(DecodeError::fault), fault);
                assert_eq!(dynamic.err().map(|error| error.fault()), fault);
                assert!(typed.is_err() || written_len(&typed.unwrap()) == deep(levels).len());
            }
        }
    });
    read.unwrap().join().unwrap();
}

#[test]
fn an_entry_without_its_message_is_refused_by_both() {
    let protocol = parts::Parts::specified();
    let index = protocol.index("some").unwrap();
    let entry_with_a_key = fields(&[(1, &fields(&[(1, &fields(&[(5, &[8, 1])]))]))]);
    for (reading, fault) in [(Reading::STRICT, Some(Fault::MissingContent)), (Reading::LENIENT, None)] {
        let typed = parts::Parts::read_fields(protocol, index, &entry_with_a_key, reading);
        assert_eq!(typed.err().map(|error| error.fault()), fault);
        let dynamic = Body::read_fields(protocol, index, &entry_with_a_key, reading);
        assert_eq!(dynamic.err().map(|error| error.fault()), fault);
    }
}

#[test]
fn collections_may_be_empty_and_large_to_one_bound() {
    let none =
        parts::Some_ { plan: Default::default(), many: vec![], flags: vec![], by_flag: Default::default() };
    assert_eq!(written_len(&none.clone().into()), 2, "the plan's key and length");
    let offsets = types::Plan { offsets: vec![i32::MIN; 1_000], ..Default::default() };
    let most = Reading::MAX_ELEMENTS - 1_000;
    for (flags, is_taken) in [(vec![true; most], true), (vec![true; most + 1], false)] {
        let said = parts::Some_ { plan: offsets.clone(), flags, ..none.clone() };
        let bytes = Message::new(parts::Parts::from(said.clone())).encode();
        let typed = Message::<parts::Parts>::read(&bytes, Reading::STRICT);
        let dynamic = Message::<Body>::decode(parts::Parts::specified(), &bytes, Reading::STRICT);
        let too_many = (!is_taken).then_some(Fault::TooManyElements(Reading::MAX_ELEMENTS));
        assert_eq!(typed.as_ref().err().map(DecodeError::fault), too_many);
        assert_eq!(dynamic.as_ref().err().map(DecodeError::fault), too_many);
        if is_taken {
            assert_eq!(typed.unwrap().body, parts::Parts::from(said));
            assert_eq!(dynamic.unwrap().encode(), bytes);
        }
    }
}

fn written_len(said: &parts::Parts) -> usize {
    let mut bytes = Vec::new();
    said.write_fields(&mut bytes);
    bytes.len()
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
