//! Random messages of the specification with every type come back from their bytes and from JSON as they were.

use std::collections::BTreeMap;

use folkmoot_protocols::protocol::layout::Slot;
use folkmoot_protocols::specification::{Element, Primitive};
use folkmoot_protocols::value::{Items, Key, Single};
use folkmoot_protocols::{Body, DialogueReference, Envelope, Message, Neutral, Reading, Value};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::strategy::Union;

use crate::recorded::every_type;

fn single(primitive: Primitive) -> BoxedStrategy<Single> {
    match primitive {
        Primitive::Bytes => vec(any::<u8>(), 0..9).prop_map(Single::Bytes).boxed(),
        Primitive::Int => prop_oneof![any::<i64>(), -3..300_i64].prop_map(Single::Int).boxed(),
        Primitive::Float => any::<u32>().prop_map(|bits| Single::Float(f32::from_bits(bits))).boxed(),
        Primitive::Bool => any::<bool>().prop_map(Single::Bool).boxed(),
        _ => any::<String>().prop_map(Single::Str).boxed(),
    }
}

fn list(primitive: Primitive) -> BoxedStrategy<Items> {
    match primitive {
        Primitive::Bytes => vec(vec(any::<u8>(), 0..9), 0..6).prop_map(Items::Bytes).boxed(),
        Primitive::Int => vec(any::<i64>(), 0..6).prop_map(Items::Int).boxed(),
        Primitive::Float => vec(any::<u32>().prop_map(f32::from_bits), 0..6).prop_map(Items::Float).boxed(),
        Primitive::Bool => vec(any::<bool>(), 0..6).prop_map(Items::Bool).boxed(),
        _ => vec(any::<String>(), 0..6).prop_map(Items::Str).boxed(),
    }
}

/// In an order of its own: shuffled, for a set is written as it was given.
fn set(primitive: Primitive) -> BoxedStrategy<Items> {
    match primitive {
        Primitive::Bytes => btree_set(vec(any::<u8>(), 0..9), 0..6)
            .prop_map(Vec::from_iter)
            .prop_shuffle()
            .prop_map(Items::Bytes)
            .boxed(),
        Primitive::Int => {
            btree_set(any::<i64>(), 0..6).prop_map(Vec::from_iter).prop_shuffle().prop_map(Items::Int).boxed()
        }
        Primitive::Float => btree_set(any::<u32>(), 0..6)
            .prop_map(|bits| Items::Float(bits.into_iter().map(f32::from_bits).collect()))
            .boxed(),
        Primitive::Bool => btree_set(any::<bool>(), 0..3)
            .prop_map(Vec::from_iter)
            .prop_shuffle()
            .prop_map(Items::Bool)
            .boxed(),
        _ => btree_set(any::<String>(), 0..6)
            .prop_map(Vec::from_iter)
            .prop_shuffle()
            .prop_map(Items::Str)
            .boxed(),
    }
}

fn element(element: &Element) -> BoxedStrategy<Value> {
    match element {
        Element::Primitive(primitive) => single(*primitive).prop_map(Value::Single).boxed(),
        Element::Set(of) => set(*of).prop_map(Value::Set).boxed(),
        Element::List(of) => list(*of).prop_map(Value::List).boxed(),
        Element::Dict(key, value) => {
            let key = single(*key).prop_map(|key| Key::from_single(key).unwrap());
            btree_map(key, single(*value), 0..5)
                .prop_map(|entries: BTreeMap<_, _>| Value::Dict(entries))
                .boxed()
        }
        Element::Custom(name) => custom(name),
        _ => unreachable!("no other type of content"),
    }
}

/// One field of each custom type, and for the tree a leaf in it.
fn custom(name: &str) -> BoxedStrategy<Value> {
    let field = |key: u8, bytes: &[u8]| [&[key, bytes.len() as u8], bytes].concat();
    match name {
        "Thing" => vec(any::<u8>(), 0..20).prop_map(move |bytes| Value::Custom(field(0x7a, &bytes))).boxed(),
        "Tree" => "[a-zä]{0,9}"
            .prop_map(move |name| Value::Custom(field(0x0a, &field(0x0a, name.as_bytes()))))
            .boxed(),
        _ => (0..2_u8).prop_map(|kind| Value::Custom([8, kind].to_vec())).boxed(),
    }
}

fn content(slot: &Slot) -> BoxedStrategy<(String, Option<Value>)> {
    let name = slot.name.clone();
    let is_union = slot.content_type.is_union();
    let alternatives = (0..).zip(&slot.alternatives).map(|(alternative, (wanted, _))| {
        let value = element(wanted);
        match is_union {
            true => value.prop_map(move |value| Value::Union { alternative, value: Box::new(value) }).boxed(),
            false => value,
        }
    });
    let value = Union::new(alternatives);
    let value = match slot.content_type.is_optional() {
        true => proptest::option::of(value).boxed(),
        false => value.prop_map(Some).boxed(),
    };
    value.prop_map(move |value| (name.clone(), value)).boxed()
}

fn message() -> impl Strategy<Value = Message> {
    let protocol = every_type();
    let performatives = protocol.layouts().iter().map(|layout| {
        let (protocol, performative) = (protocol.clone(), layout.name.clone());
        let contents: Vec<_> = layout.slots.iter().map(content).collect();
        contents
            .prop_map(move |contents| {
                let given = contents.iter().filter_map(|(name, value)| Some((name.as_str(), value.clone()?)));
                Body::new(&protocol, &performative, given).unwrap()
            })
            .boxed()
    });
    let body = Union::new(performatives.collect::<Vec<_>>());
    (body, any::<(String, String, i32, i32)>(), "[a-z]{1,8}", "[a-z]{1,8}").prop_map(
        |(body, (starter, responder, message_id, target), sender, to)| {
            let mut message = Message::new(body);
            message.dialogue_reference = DialogueReference { starter, responder };
            (message.message_id, message.target) = (message_id, target);
            (message.sender, message.to) = (Some(sender), Some(to));
            message
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn messages_come_back_as_they_were(message in message()) {
        let protocol = every_type();
        let envelope = Envelope::new(&message).unwrap();
        let bytes = envelope.encode();
        for reading in [Reading::STRICT, Reading::LENIENT] {
            let opened = Envelope::decode(&bytes, reading).unwrap().open(&protocol, reading);
            prop_assert_eq!(opened.as_ref(), Ok(&message));
        }
        let json = Neutral::from(message.clone()).to_json();
        let neutral = Neutral::read(&protocol, &json).unwrap();
        prop_assert_eq!(&neutral.message, &message);
        prop_assert_eq!(neutral.message.encode(), envelope.message);
    }

    #[test]
    fn a_message_that_is_cut_is_none(message in message(), cut in any::<prop::sample::Index>()) {
        let bytes = message.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Message::<Body>::decode(&every_type(), &bytes[..cut], Reading::STRICT).is_err());
    }
}
