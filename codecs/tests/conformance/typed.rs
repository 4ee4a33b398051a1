//! Typed values through serde.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::time::{Duration, SystemTime};

use folkmoot_codecs::{Codec, Limits};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::sample::{codec, encoded};

/// One of each shape that serde knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    small: (i8, i16, i32, i64, u8, u16, u32, u64),
    large: Option<i128>,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    list: Vec<Option<bool>>,
    nested: Vec<Vec<u16>>,
    unit: (),
    choices: Vec<Choice>,
    by_number: BTreeMap<i32, String>,
    by_flag: BTreeMap<bool, u8>,
    by_name: BTreeMap<Named, Choice>,
    wrapped: Named,
    boxed: Option<Box<Everything>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Named(String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Unit,
    Newtype(u32),
    Optional(Option<u32>),
    Tuple(i8, String),
    Struct { a: f64, b: Option<Vec<u8>> },
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Unit),
        any::<u32>().prop_map(Choice::Newtype),
        any::<Option<u32>>().prop_map(Choice::Optional),
        any::<(i8, String)>().prop_map(|(a, b)| Choice::Tuple(a, b)),
        any::<(f64, Option<Vec<u8>>)>().prop_map(|(a, b)| Choice::Struct { a, b }),
    ]
}

fn everything() -> impl Strategy<Value = Everything> {
    let scalars =
        (any::<(i8, i16, i32, i64, u8, u16, u32, u64)>(), any::<Option<i64>>(), any::<(f32, f64)>());
    let texts = (any::<char>(), any::<String>(), any::<String>());
    let lists = (any::<Vec<Option<bool>>>(), any::<Vec<Vec<u16>>>(), prop::collection::vec(choice(), 0..5));
    let maps = (
        prop::collection::btree_map(any::<i32>(), any::<String>(), 0..4),
        any::<BTreeMap<bool, u8>>(),
        prop::collection::btree_map(any::<String>().prop_map(Named), choice(), 0..4),
    );
    (scalars, texts, lists, maps).prop_map(|(scalars, texts, lists, maps)| Everything {
        small: scalars.0,
        large: scalars.1.map(i128::from),
        single: scalars.2.0,
        double: scalars.2.1,
        letter: texts.0,
        text: texts.1,
        list: lists.0,
        nested: lists.1,
        unit: (),
        choices: lists.2,
        by_number: maps.0,
        by_flag: maps.1,
        by_name: maps.2,
        wrapped: Named(texts.2),
        boxed: None,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn types_come_back_as_they_were(codec in codec(), outer in everything(), inner in everything()) {
        let value = Everything { boxed: Some(Box::new(inner)), ..outer };
        let bytes = encoded(codec, &value);
        codec.scan(&bytes, &Limits::DEFAULT).unwrap();
        prop_assert_eq!(codec.decode::<Everything>(&bytes).unwrap(), value);
    }

    #[test]
    fn our_bytes_are_those_of_the_libraries(value in everything()) {
        prop_assert_eq!(&encoded(Codec::Json, &value)[..], &serde_json::to_vec(&value).unwrap()[..]);
        // rmp-serde writes an i128 as 16 bytes, which no other MessagePack library reads as an integer.
        let value = Everything { large: None, ..value };
        prop_assert_eq!(&encoded(Codec::MsgPack, &value)[..], &rmp_serde::to_vec_named(&value).unwrap()[..]);
        let mut cbor = Vec::new();
        ciborium::into_writer(&value, &mut cbor).unwrap();
        prop_assert_eq!(&encoded(Codec::Cbor, &value)[..], &cbor[..]);
    }

    #[test]
    fn floats_keep_every_bit(codec in codec(), number in any::<f64>()) {
        let back: f64 = codec.decode(&encoded(codec, &number)).unwrap();
        prop_assert_eq!(back.to_bits(), number.to_bits());
    }

    #[test]
    fn integers_of_128_bits_come_back(number in any::<i128>(), unsigned in any::<u128>()) {
        for codec in [Codec::Json, Codec::Cbor] {
            prop_assert_eq!(codec.decode::<i128>(&encoded(codec, &number)).unwrap(), number);
            prop_assert_eq!(codec.decode::<u128>(&encoded(codec, &unsigned)).unwrap(), unsigned);
        }
    }
}

#[test]
fn texts_and_bytes_are_borrowed_where_they_stand_whole() {
    for codec in Codec::ALL {
        let bytes = encoded(codec, "plain");
        assert_eq!(codec.decode::<&str>(&bytes), Ok("plain"), "{codec}");
        let escaped = encoded(codec, "a\"b");
        assert_eq!(codec.decode::<Cow<'_, str>>(&escaped).as_deref(), Ok("a\"b"), "{codec}");
    }
    assert_eq!(Codec::Cbor.decode::<&[u8]>(b"\x43abc"), Ok(&b"abc"[..]));
    assert_eq!(Codec::MsgPack.decode::<&[u8]>(b"\xc4\x03abc"), Ok(&b"abc"[..]));
    assert_eq!(Codec::MsgPack.decode::<Vec<u8>>(b"\xc4\x03abc"), Ok(b"abc".to_vec()));
    assert_eq!(Codec::MsgPack.decode::<[u8; 3]>(b"\xc4\x03abc"), Ok(*b"abc"));
    assert!(Codec::MsgPack.decode::<[u8; 2]>(b"\xc4\x03abc").is_err());
}

#[test]
fn an_integer_does_for_a_float_but_not_the_reverse() {
    for codec in Codec::ALL {
        assert_eq!(codec.decode::<f64>(&encoded(codec, &3)), Ok(3.0), "{codec}");
        assert!(codec.decode::<i64>(&encoded(codec, &3.5)).is_err(), "{codec}");
        assert_eq!(codec.decode::<f64>(&encoded(codec, &u64::MAX)), Ok(u64::MAX as f64), "{codec}");
    }
    for codec in [Codec::Json, Codec::Cbor] {
        assert_eq!(codec.decode::<f64>(&encoded(codec, &i128::MIN)), Ok(i128::MIN as f64), "{codec}");
        assert_eq!(
            codec.decode::<f32>(&encoded(codec, &(1u128 << 100))),
            Ok((1u128 << 100) as f32),
            "{codec}"
        );
    }
}

#[test]
fn an_error_carries_the_path_of_the_wrong_value() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Order<P> {
        lines: Vec<Line<P>>,
        #[serde(default)]
        tags: BTreeMap<String, (u8, Vec<i8>)>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Line<P> {
        price: P,
    }
    #[derive(Debug, Serialize, Deserialize)]
    enum Event {
        Placed(BTreeMap<String, u8>),
    }
    for codec in Codec::ALL {
        let lines = vec![Line { price: "1" }, Line { price: "2" }];
        let bytes = encoded(codec, &Order { lines, tags: BTreeMap::new() });
        let error = codec.decode::<Order<f64>>(&bytes).unwrap_err();
        assert_eq!(error.path(), "lines[0].price", "{codec}");
        assert_eq!(error.reason(), "expected f64, found the text \"1\"", "{codec}");

        let bytes = encoded(codec, &BTreeMap::from([("lines", [BTreeMap::from([("cost", 1)])])]));
        let error = codec.decode::<Order<f64>>(&bytes).unwrap_err();
        assert_eq!((error.path(), error.reason()), ("lines[0]", "missing field `price`"), "{codec}");

        let tags = BTreeMap::from([("a b", (1, [1, 2, 300]))]);
        let bytes = encoded(codec, &BTreeMap::from([("tags", tags)]));
        #[derive(Debug, Deserialize)]
        struct Tagged {
            #[expect(dead_code)]
            tags: BTreeMap<String, (u8, Vec<i8>)>,
        }
        let error = codec.decode::<Tagged>(&bytes).unwrap_err();
        assert_eq!(error.path(), "tags.a b[1][2]", "{codec}");
        assert!(error.reason().contains("300"), "{codec}: {error}");

        let bytes = encoded(codec, &BTreeMap::from([("Placed", BTreeMap::from([("x", -1)]))]));
        assert_eq!(codec.decode::<Event>(&bytes).unwrap_err().path(), "Placed.x", "{codec}");
    }
}

#[test]
fn a_list_must_be_read_to_its_end() {
    for codec in Codec::ALL {
        let bytes = encoded(codec, &[1, 2, 3]);
        assert_eq!(codec.decode::<(i32, i32, i32)>(&bytes), Ok((1, 2, 3)), "{codec}");
        let error = codec.decode::<(i32, i32)>(&bytes).unwrap_err();
        assert!(error.reason().contains("expected 2 items, found more"), "{codec}: {error}");
        assert!(codec.decode::<(i32, i32, i32, i32)>(&bytes).is_err(), "{codec}");
    }
}

#[test]
fn types_of_the_standard_library_come_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Unit;
    type Standard = (Duration, SystemTime, [IpAddr; 2], Range<u8>, Unit, Result<u8, String>, Option<()>);
    let value: Standard = (
        Duration::from_nanos(1_500_000_001),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1),
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        3..7,
        Unit,
        Err("no".to_owned()),
        None,
    );
    for codec in Codec::ALL {
        assert_eq!(codec.decode::<Standard>(&encoded(codec, &value)).as_ref(), Ok(&value), "{codec}");
        let empty: [u8; 0] = [];
        assert_eq!(codec.decode::<Unit>(&encoded(codec, &empty)), Ok(Unit), "{codec}");
        assert_eq!(encoded(codec, &Unit), encoded(codec, &()), "{codec}");
        assert!(codec.decode::<Unit>(&encoded(codec, &[1])).is_err(), "{codec}");
    }
}

#[test]
fn binary_codecs_take_any_key() {
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    enum Place {
        Here,
        At(u8, u8),
    }
    let map = BTreeMap::from([((Place::Here, vec![1]), 1), ((Place::At(1, 2), vec![]), 2)]);
    let by_place = BTreeMap::from([(Place::Here, 1), (Place::At(1, 2), 2)]);
    for codec in [Codec::MsgPack, Codec::Cbor] {
        assert_eq!(codec.decode(&encoded(codec, &map)).as_ref(), Ok(&map), "{codec}");
        assert_eq!(codec.decode(&encoded(codec, &by_place)).as_ref(), Ok(&by_place), "{codec}");
    }
    let here = BTreeMap::from([(Place::Here, 1)]);
    assert_eq!(Codec::Json.decode(&encoded(Codec::Json, &here)).as_ref(), Ok(&here));
}

#[test]
fn tagged_untagged_and_flattened_types_come_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Tagged {
        Bid { price: f64, lots: Vec<u32> },
        Done,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(f64),
        Text(String),
        List(Vec<i64>),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        tagged: Tagged,
        #[serde(flatten)]
        rest: BTreeMap<String, Untagged>,
    }
    for codec in Codec::ALL {
        let rest = BTreeMap::from([
            ("a".to_owned(), Untagged::Number(2.5)),
            ("b".to_owned(), Untagged::Text("x\"".to_owned())),
            ("c".to_owned(), Untagged::List(vec![1, -1])),
            ("d".to_owned(), Untagged::Number(f64::INFINITY)),
        ]);
        let outer = Outer { tagged: Tagged::Bid { price: 1.0, lots: vec![7] }, rest };
        assert_eq!(codec.decode::<Outer>(&encoded(codec, &outer)), Ok(outer), "{codec}");
        assert_eq!(codec.decode::<Tagged>(&encoded(codec, &Tagged::Done)), Ok(Tagged::Done), "{codec}");
    }
}

#[test]
fn a_choice_is_a_text_or_a_map_of_one_pair() {
    for codec in Codec::ALL {
        assert!(codec.decode::<Choice>(&encoded(codec, "Nowhere")).is_err(), "{codec}");
        let two = BTreeMap::from([("Newtype", 1), ("Optional", 2)]);
        let error = codec.decode::<Choice>(&encoded(codec, &two)).unwrap_err();
        assert!(error.reason().contains("one pair"), "{codec}: {error}");
        let none: BTreeMap<String, u8> = BTreeMap::new();
        assert!(codec.decode::<Choice>(&encoded(codec, &none)).is_err(), "{codec}");
        let error = codec.decode::<Choice>(&encoded(codec, &7)).unwrap_err();
        assert!(
            error.reason().contains("Newtype") && error.reason().contains("an integer"),
            "{codec}: {error}"
        );
        let unit = BTreeMap::from([("Unit", ())]);
        assert_eq!(codec.decode::<Choice>(&encoded(codec, &unit)), Ok(Choice::Unit), "{codec}");
    }
}
