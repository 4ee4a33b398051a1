//! Messages and envelopes are written and read to the byte.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use folkmoot_protocols::value::{Items, Key, Single};
use folkmoot_protocols::{
    Body, BodyError, Contents, Envelope, EnvelopeError, Fault, Message, Place, Protocol, Reading, Value,
};

use crate::specification::{BARTER, read};

fn barter() -> Arc<Protocol> {
    static PROTOCOL: LazyLock<Arc<Protocol>> = LazyLock::new(|| Protocol::new(read(BARTER)).unwrap());
    PROTOCOL.clone()
}

fn goods(entries: &[(&str, i64)]) -> Value {
    Value::Dict(entries.iter().map(|(key, value)| (Key::Str((*key).into()), Single::Int(*value))).collect())
}

fn message(body: Body) -> Message {
    let mut message = Message::new(body);
    message.dialogue_reference.starter = "s".into();
    message
}

fn shake(seal: &[u8], witnesses: &[&str], note: Option<Value>) -> Message {
    let contents = [
        ("seal", Value::from(seal.to_vec())),
        ("in_person", Value::from(true)),
        ("witnesses", Value::Set(Items::Str(witnesses.iter().map(|name| (*name).into()).collect()))),
    ];
    let note = note.map(|note| ("note", note));
    message(Body::new(&barter(), "shake", contents.into_iter().chain(note)).unwrap())
}

fn union(alternative: u16, value: impl Into<Value>) -> Value {
    Value::Union { alternative, value: Box::new(value.into()) }
}

/// The bytes of a message `1` of the dialogue `s` around the bytes of a protocol's message.
fn around(content: &[u8]) -> Vec<u8> {
    let header = [&[0x08, 1, 0x12, 1, b's', 0x2a, content.len() as u8], content].concat();
    [&[0x12, header.len() as u8], header.as_slice()].concat()
}

#[test]
fn fields_lie_where_aea_puts_them() {
    // In the order of their numbers: counter 5, offer 6, shake 7, walk_away 8.
    let walk_away = message(Body::new(&barter(), "walk_away", []).unwrap());
    assert_eq!(walk_away.encode(), around(&[0x42, 0]));

    let contents = [("goods", goods(&[("b", 0), ("a", -1)])), ("rating", Value::from(-0.0_f32))];
    let counter = message(Body::new(&barter(), "counter", contents).unwrap());
    let entry_a = [0x0a, 14, 0x0a, 1, b'a', 0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let entry_b = [0x0a, 5, 0x0a, 1, b'b', 0x10, 0];
    let rating = [0x15, 0, 0, 0, 0x80];
    let fields = [&entry_a[..], &entry_b, &rating].concat();
    assert_eq!(counter.encode(), around(&[&[0x2a, fields.len() as u8], fields.as_slice()].concat()));

    // An optional that is zero is its flag alone; of a union the alternative and its flag.
    let contents =
        [("goods", goods(&[])), ("until", Value::from(0)), ("wish", union(1, Value::Custom(vec![])))];
    let offer = message(Body::new(&barter(), "offer", contents).unwrap());
    assert_eq!(offer.encode(), around(&[0x32, 6, 0x18, 1, 0x32, 0, 0x38, 1]));
    for message in [walk_away, counter, offer, shake(b"\0", &["y", "x"], Some(union(1, b"n".to_vec())))] {
        for reading in [Reading::STRICT, Reading::LENIENT] {
            assert_eq!(Message::decode(&barter(), &message.encode(), reading), Ok(message.clone()));
        }
    }
}

#[test]
fn the_place_of_a_message_is_read_without_its_protocol() {
    let mut walk_away = message(Body::new(&barter(), "walk_away", []).unwrap());
    (walk_away.message_id, walk_away.target) = (-2, i32::MAX);
    walk_away.dialogue_reference.responder = "r".into();
    let place = Place::read(&walk_away.encode(), Reading::STRICT).unwrap();
    assert_eq!((&place.dialogue_reference, place.message_id), (&walk_away.dialogue_reference, -2));
    assert_eq!(place.target, i32::MAX);
    // What it says may be of another protocol, or of none.
    let place = Place::read(&around(b"whatever"), Reading::STRICT).unwrap();
    assert_eq!((place.dialogue_reference.starter.as_str(), place.message_id), ("s", 1));
    assert_eq!(Place::read(b"", Reading::STRICT).unwrap_err().fault(), Fault::NoDialogueMessage);
    let long = around(&[0; 64]);
    let error = Place::read(&long, Reading::STRICT.with_max_bytes(64)).unwrap_err();
    assert_eq!(error.fault(), Fault::TooLong { bytes: long.len(), limit: 64 });
}

#[test]
fn ids_of_the_other_side_and_of_all_sizes_come_through() {
    let mut message = shake(b"", &[], None);
    for (message_id, target) in [(1, 0), (-1, 1), (i32::MAX, i32::MIN), (0, 0), (-128, 300)] {
        (message.message_id, message.target) = (message_id, target);
        message.dialogue_reference.responder = "r".repeat(message_id.unsigned_abs().min(20_000) as usize);
        assert_eq!(Message::decode(&barter(), &message.encode(), Reading::STRICT).as_ref(), Ok(&message));
    }
}

#[test]
fn a_body_has_all_its_contents_each_of_its_type() {
    let new = |performative: &str, contents: Vec<(&'static str, Value)>| {
        Body::new(&barter(), performative, contents).map(|_| ()).unwrap_err()
    };
    assert!(matches!(new("haggle", vec![]), BodyError::UnknownPerformative { .. }));
    assert_eq!(
        new("counter", vec![]).to_string(),
        "counter.goods is missing; it is pt:dict[pt:str, pt:int], which is not optional"
    );
    let wrong = new("counter", vec![("goods", Value::from(1)), ("rating", Value::from(1.0))]);
    assert_eq!(wrong.to_string(), "counter.goods must be pt:dict[pt:str, pt:int], found pt:int");
    let dict = BTreeMap::from([(Key::Str("a".into()), Single::Str("b".into()))]);
    assert!(matches!(new("counter", vec![("goods", Value::Dict(dict))]), BodyError::WrongType { .. }));
    assert!(matches!(new("walk_away", vec![("why", Value::from(1))]), BodyError::UnknownContent { .. }));
    let twice = vec![("rating", Value::from(1.0)), ("rating", Value::from(1.0))];
    assert!(matches!(new("counter", twice), BodyError::Twice { .. }));
    let witnesses = Value::Set(Items::Str(vec!["x".into(), "x".into()]));
    assert!(matches!(new("shake", vec![("witnesses", witnesses)]), BodyError::DuplicateElement { .. }));
    let bad = union(1, Value::Custom(vec![0xff]));
    assert!(matches!(new("offer", vec![("wish", bad)]), BodyError::BadCustom { .. }));
    for not_a_wish in [Value::from("s"), union(3, "s"), union(0, 1), union(2, union(0, "s"))] {
        assert!(matches!(new("offer", vec![("wish", not_a_wish)]), BodyError::WrongType { .. }));
    }
}

#[test]
fn what_no_encoder_writes_is_refused_strictly_and_read_as_aea_does_leniently() {
    let strict = |content: &[u8]| {
        Message::<Body>::decode(&barter(), &around(content), Reading::STRICT).unwrap_err().fault()
    };
    let lenient = |content: &[u8]| Message::<Body>::decode(&barter(), &around(content), Reading::LENIENT);
    let says = |content: &[u8], performative: &str, contents: &[(&str, Value)]| {
        let body = lenient(content).unwrap().body;
        assert_eq!(body.performative(), performative);
        assert_eq!(body.contents().map(|(name, value)| (name, value.clone())).collect::<Vec<_>>(), contents);
    };
    let empty = || ("goods", goods(&[]));

    assert_eq!(strict(&[]), Fault::NoPerformative);
    assert_eq!(lenient(&[]).unwrap_err().fault(), Fault::NoPerformative);
    assert_eq!(strict(&[0x4a, 0]), Fault::UnknownPerformative(9));
    assert_eq!(lenient(&[0x4a, 0]).unwrap_err().fault(), Fault::NoPerformative);
    assert_eq!(strict(&[0x2a, 0, 0x42, 0]), Fault::SeveralPerformatives);
    says(&[0x2a, 0, 0x42, 0], "walk_away", &[]);
    assert_eq!(strict(&[0x42, 0, 0x42, 0]), Fault::SeveralPerformatives);
    says(&[0x42, 0, 0x42, 0], "walk_away", &[]);
    assert_eq!(strict(&[0x42, 0, 0x78, 0]), Fault::UnknownField(15));
    says(&[0x42, 0, 0x78, 0], "walk_away", &[]);

    // A union of which nothing is set, and one of which two are.
    assert_eq!(strict(&[0x32, 0]), Fault::MissingContent);
    says(&[0x32, 0], "offer", &[empty()]);
    let two = [0x32, 10, 0x22, 1, b'w', 0x28, 1, 0x42, 1, b'l', 0x48, 1];
    assert_eq!(strict(&two), Fault::SeveralAlternatives);
    says(&two, "offer", &[empty(), ("wish", union(2, Value::List(Items::Str(vec!["l".into()]))))]);
    // A custom type that is chosen and not there.
    assert_eq!(strict(&[0x32, 2, 0x38, 1]), Fault::MissingContent);
    says(&[0x32, 2, 0x38, 1], "offer", &[empty(), ("wish", union(1, Value::Custom(vec![])))]);
    // A value without its flag.
    assert_eq!(strict(&[0x32, 6, 0x10, 9, 0x32, 0, 0x38, 1]), Fault::Unflagged(2));
    says(
        &[0x32, 6, 0x10, 9, 0x32, 0, 0x38, 1],
        "offer",
        &[empty(), ("wish", union(1, Value::Custom(vec![])))],
    );

    // Fields of another kind, unknown, or twice; keys and elements twice; numbers out of range.
    let zero = ("rating", Value::from(0.0_f32));
    assert!(matches!(strict(&[0x2a, 2, 0x10, 1]), Fault::WrongKind { number: 2, .. }));
    says(&[0x2a, 2, 0x10, 1], "counter", &[empty(), zero.clone()]);
    assert_eq!(strict(&[0x2a, 2, 0x50, 1]), Fault::UnknownField(10));
    let twice = [0x2a, 10, 0x15, 0, 0, 0, 1, 0x15, 0, 0, 0, 2];
    assert_eq!(strict(&twice), Fault::Repeated(2));
    says(&twice, "counter", &[empty(), ("rating", Value::from(f32::from_bits(0x0200_0000)))]);
    let keys = [0x2a, 10, 0x0a, 3, 0x0a, 1, b'k', 0x0a, 3, 0x0a, 1, b'k'];
    assert_eq!(strict(&keys), Fault::DuplicateKey);
    says(&keys, "counter", &[("goods", goods(&[("k", 0)])), zero]);
    let elements = [0x3a, 6, 0x1a, 1, b'x', 0x1a, 1, b'x'];
    assert_eq!(strict(&elements), Fault::DuplicateElement);
    assert_eq!(
        lenient(&elements).unwrap().body.get("witnesses"),
        Some(&Value::Set(Items::Str(vec!["x".into()])))
    );
    assert_eq!(strict(&[0x3a, 2, 0x10, 2]), Fault::OutOfRange(2));
    assert_eq!(lenient(&[0x3a, 2, 0x10, 2]).unwrap().body.get("in_person"), Some(&Value::from(true)));

    // Refused by both.
    for (content, fault) in [
        (&[0x3a, 3, 0x1a, 1, 0xff][..], Fault::NotUtf8),
        (&[0x3a, 4, 0x1a, 1, b'x'], Fault::Truncated),
        (&[0x32, 5, 0x32, 1, 0xff, 0x38, 1], Fault::Truncated),
        (&[0x42, 2, 0x80, 0x80], Fault::Truncated),
        (&[0x42, 1, 0x07], Fault::BadKey(7)),
        (&[0x42, 1, 0x0c], Fault::LoneGroup),
    ] {
        assert_eq!(strict(content), fault);
        assert_eq!(lenient(content).unwrap_err().fault(), fault);
    }
}

#[test]
fn an_id_is_of_32_bits() {
    let bytes = [0x12, 10, 0x08, 0x81, 0x80, 0x80, 0x80, 0x10, 0x2a, 2, 0x42, 0];
    let strict = Message::<Body>::decode(&barter(), &bytes, Reading::STRICT);
    assert_eq!(strict.unwrap_err().fault(), Fault::OutOfRange(1));
    assert_eq!(Message::<Body>::decode(&barter(), &bytes, Reading::LENIENT).unwrap().message_id, 1);
}

#[test]
fn envelopes_bear_addresses_of_one_kind() {
    let mut message = shake(b"seal", &["w"], None);
    assert_eq!(Envelope::new(&message), Err(EnvelopeError::NoReceiver));
    message.to = Some("to".into());
    assert_eq!(Envelope::new(&message), Err(EnvelopeError::NoSender));
    message.sender = Some("from".into());
    let envelope = Envelope::new(&message).unwrap().with_uri("http://here/").unwrap();
    let bytes = envelope.encode();
    assert!(bytes.starts_with(b"\x0a\x02to\x12\x04from\x1a\x11fair/barter:0.3.0\x22"));
    assert!(bytes.ends_with(b"\x2a\x0chttp://here/"));
    let read = Envelope::decode(&bytes, Reading::STRICT).unwrap();
    assert_eq!(read, envelope);
    assert_eq!(read.open(&barter(), Reading::STRICT), Ok(message.clone()));

    message.to = Some("fair/judge:1.0.0".into());
    assert_eq!(Envelope::new(&message), Err(EnvelopeError::MixedAddresses));
    message.sender = Some("fair/scribe".into());
    assert_eq!(Envelope::new(&message).unwrap().with_uri("x"), Err(EnvelopeError::UriBetweenComponents));
    for (bytes, fault) in [
        (&b"\x0a\x03a/b\x12\x01s\x1a\x03p/q"[..], Fault::MixedAddresses),
        (b"\x0a\x01t\x12\x01s\x1a\x01p", Fault::BadProtocolId),
        (b"\x0a\x03a/b\x12\x03c/d\x1a\x03p/q\x2a\x01u", Fault::UriBetweenComponents),
        (b"\x0a\x02t", Fault::Truncated),
    ] {
        for reading in [Reading::STRICT, Reading::LENIENT] {
            assert_eq!(Envelope::decode(bytes, reading).unwrap_err().fault(), fault);
        }
    }
    let other = Envelope::decode(b"\x0a\x01t\x12\x01s\x1a\x03p/q", Reading::STRICT).unwrap();
    assert_eq!(other.open::<Body>(&barter(), Reading::STRICT).unwrap_err().fault(), Fault::OtherProtocol);
}

#[test]
fn bounds_are_held() {
    let message = shake(b"seal", &["a", "b", "c"], None);
    let bytes = message.encode();
    let read = |reading| Message::<Body>::decode(&barter(), &bytes, reading);
    assert!(read(Reading::STRICT.with_max_bytes(bytes.len()).with_max_elements(3)).is_ok());
    let too_long = Fault::TooLong { bytes: bytes.len(), limit: bytes.len() - 1 };
    assert_eq!(read(Reading::STRICT.with_max_bytes(bytes.len() - 1)).unwrap_err().fault(), too_long);
    assert_eq!(read(Reading::LENIENT.with_max_elements(2)).unwrap_err().fault(), Fault::TooManyElements(2));
}

#[test]
fn bytes_cut_anywhere_and_flipped_bits_panic_nothing() {
    let contents = [
        ("goods", goods(&[("nuts", 5), ("bolts", -3)])),
        ("until", Value::from(7)),
        ("wish", union(1, Value::Custom(b"\x08\x01\x12\x01x".to_vec()))),
    ];
    let offer = message(Body::new(&barter(), "offer", contents).unwrap()).encode();
    for length in 0..offer.len() {
        assert!(Message::<Body>::decode(&barter(), &offer[..length], Reading::STRICT).is_err(), "{length}");
        Message::<Body>::decode(&barter(), &offer[..length], Reading::LENIENT).ok();
    }
    for bit in 0..offer.len() * 8 {
        let mut flipped = offer.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let lenient = Message::<Body>::decode(&barter(), &flipped, Reading::LENIENT);
        if let Ok(message) = Message::<Body>::decode(&barter(), &flipped, Reading::STRICT) {
            assert_eq!(Message::decode(&barter(), &message.encode(), Reading::STRICT), Ok(message.clone()));
            assert_eq!(lenient, Ok(message), "both read alike what both take");
        }
    }
}

#[test]
fn the_bytes_of_a_custom_type_are_a_message_of_it() {
    let protocol = crate::recorded::every_type();
    let tree = |raw: &[u8]| Body::new(&protocol, "optionals", [("maybe_tree", Value::Custom(raw.to_vec()))]);
    let thing = |raw: &[u8]| {
        let wish = Value::Union { alternative: 0, value: Box::new(Value::Custom(raw.to_vec())) };
        let float = |content: &'static str, alternative, value: Value| (content, union(alternative, value));
        let others = [
            float("one_of_primitives", 2, Value::from(1)),
            float("one_of_sets", 2, Value::Set(vec![1_i64].into())),
            float("one_of_lists", 2, Value::List(vec![1_i64].into())),
            float("one_of_dicts", 0, Value::Dict(BTreeMap::new())),
            ("one_of_kinds", wish),
        ];
        Body::new(&protocol, "unions", others)
    };
    // A root with a name and a weight; a leaf among others.
    for right in [&b"\x12\x05\x0a\x01x\x10\x07"[..], b"", b"\x0a\x00\x0a\x07\x0a\x00\x1d\0\0\0\x40"] {
        assert!(tree(right).is_ok(), "{right:?}");
    }
    // Text that is none, a number in its place, a message that is cut, an unknown field within.
    for wrong in [
        &b"\x12\x03\x0a\x01\xff"[..],
        b"\x12\x02\x08\x01",
        b"\x12\x02\x0a\x05",
        b"\x12\x02\x20\x01",
        b"\x20\x01",
    ] {
        assert!(matches!(tree(wrong), Err(BodyError::BadCustom { .. })), "{wrong:?}");
    }
    // Numbers in a row and one by one, entries of a map.
    for right in
        [&b"\x82\x01\x03\x01\xac\x02"[..], b"\x80\x01\x05", b"\x92\x01\x05\x0a\x01k\x10\x07", b"\x62\x00"]
    {
        assert_eq!(thing(right).is_ok(), right != b"\x62\x00", "{right:?}");
    }
    for wrong in [&b"\x82\x01\x02\x01\x80"[..], b"\x92\x01\x03\x0a\x01\xff", b"\x0a\x01\x01", b"\x5d\0\0"] {
        assert!(matches!(thing(wrong), Err(BodyError::BadCustom { .. })), "{wrong:?}");
    }

    // What is read leniently may hold what nobody knows, but no text that is none. The tree is field 17, its flag 18.
    let read = |raw: &[u8], reading| {
        let fields = [&[0x8a, 0x01, raw.len() as u8], raw, &[0x90, 0x01, 1]].concat();
        Body::read_fields(&protocol, protocol.index("optionals").unwrap(), &fields, reading)
    };
    for unknown in [&b"\x12\x02\x20\x01"[..], b"\x20\x01", b"\x12\x02\x08\x01"] {
        let fault = read(unknown, Reading::STRICT).unwrap_err().fault();
        assert!(matches!(fault, Fault::UnknownField(4) | Fault::WrongKind { number: 1, .. }), "{fault:?}");
        let read = read(unknown, Reading::LENIENT).unwrap();
        assert_eq!(read.get("maybe_tree"), Some(&Value::Custom(unknown.to_vec())));
    }
    for reading in [Reading::STRICT, Reading::LENIENT] {
        assert_eq!(read(b"\x12\x03\x0a\x01\xff", reading).unwrap_err().fault(), Fault::NotUtf8);
        assert!(read(b"\x12\x03\x0a\x01x", reading).is_ok());
    }
}

#[test]
fn messages_in_one_another_have_an_end() {
    let recursive = BARTER.replace("  repeated string goods = 2;", "  Wish deeper = 2;");
    let protocol = Protocol::new(read(&recursive)).unwrap();
    let deep = |levels: usize| {
        (1..levels).fold(Vec::new(), |inner: Vec<u8>, _| {
            let mut outer = Vec::new();
            folkmoot_protocols::wire::writing::whole_field(&mut outer, 2, &inner);
            outer
        })
    };
    let offer = |levels| {
        let contents = [("goods", goods(&[])), ("wish", union(1, Value::Custom(deep(levels))))];
        Body::new(&protocol, "offer", contents)
    };
    assert!(offer(100).is_ok());
    assert!(matches!(offer(101), Err(BodyError::BadCustom { .. })));
}
