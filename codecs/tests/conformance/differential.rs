//! The readers against the libraries of record: serde_json, rmp-serde, ciborium.

use folkmoot_codecs::{Codec, Limits, Value};
use proptest::prelude::*;

use crate::sample::{encoded, same, value};

/// Text that is often almost JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"a\"",
        "\"\\n\"",
        "\"\\u00e9\"",
        "\"\\ud800\"",
        "\"\\x\"",
        "\"",
        "\\",
        "0",
        "-a",
        "-1",
        "01",
        "1.5",
        "1.",
        ".5",
        "1e5",
        "1E-2",
        "1e",
        "1e400",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\u{1}",
        "é",
        "18446744073709551615",
        "[1,2]",
        "{\"k\":[]}",
        "{\"k\":1,\"k\":2}",
        "[1,]",
        "{1:2}",
    ]);
    prop_oneof![
        prop::collection::vec(piece.clone(), 0..6).prop_map(|pieces| pieces.concat()),
        prop::collection::vec(piece, 0..6).prop_map(|pieces| format!("[{}]", pieces.join(","))),
    ]
}

/// Bytes that are often almost one MsgPack or CBOR value.
fn nearly_binary(codec: Codec) -> impl Strategy<Value = Vec<u8>> {
    (value(codec), any::<Vec<(prop::sample::Index, u8)>>(), any::<prop::sample::Index>()).prop_map(
        move |(value, changes, cut)| {
            let mut bytes = encoded(codec, &value).to_vec();
            for (at, byte) in changes.iter().take(3) {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if changes.len() % 4 == 3 {
                bytes.truncate(cut.index(bytes.len()) + 1);
            }
            bytes
        },
    )
}

/// A value in the types of ciborium.
fn of_ciborium(value: ciborium::Value) -> Value {
    use ciborium::Value as Cbor;
    match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => value.into(),
        Cbor::Integer(value) => i128::from(value).into(),
        Cbor::Float(value) => value.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Bytes(bytes) => bytes.into(),
        Cbor::Array(items) => items.into_iter().map(of_ciborium).collect(),
        Cbor::Map(pairs) => {
            pairs.into_iter().map(|(k, v)| (of_ciborium(k), of_ciborium(v))).collect::<Vec<_>>().into()
        }
        Cbor::Tag(tag @ (2 | 3), bytes) => {
            let bytes = bytes.into_bytes().unwrap();
            let magnitude = num_bigint::BigInt::from_bytes_be(num_bigint::Sign::Plus, &bytes);
            if tag == 2 { magnitude.into() } else { Value::from(-1 - &magnitude) }
        }
        Cbor::Tag(_, value) => of_ciborium(*value),
        _ => unreachable!("ciborium has no more kinds"),
    }
}

/// serde_json makes floats of integers beyond 64 bits.
fn as_serde_json_has_it(value: &Value) -> Value {
    match value {
        Value::BigInt(_) if value.as_u64().is_none() => value.as_f64().unwrap().into(),
        Value::List(items) => items.iter().map(as_serde_json_has_it).collect(),
        other => other.clone(),
    }
}

/// What ciborium reads; `None` where it is a negative integer at the edge of 128 bits, for which it has no room.
fn by_ciborium(bytes: &[u8]) -> Option<Value> {
    match ciborium::from_reader(bytes) {
        Ok(value) => Some(of_ciborium(value)),
        Err(ciborium::de::Error::Semantic(_, reason)) if reason == "integer too large" => None,
        Err(error) => panic!("{error}: {bytes:02x?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn json_is_what_serde_json_takes(text in nearly_json()) {
        let theirs = serde_json::from_str::<Value>(&text);
        let ours = Codec::Json.value(text.as_bytes(), &Limits::DEFAULT);
        prop_assert_eq!(theirs.is_ok(), ours.is_ok(), "{:?} {:?}", theirs, ours);
        prop_assert_eq!(ours.is_ok(), Codec::Json.decode::<Value>(text.as_bytes()).is_ok());
        if let (Ok(theirs), Ok(ours)) = (theirs, ours) {
            prop_assert!(same(&theirs, &as_serde_json_has_it(&ours)), "{theirs} {ours}");
            prop_assert!(Codec::Json.scan(text.as_bytes(), &Limits::DEFAULT).is_ok());
        }
    }

    #[test]
    fn msgpack_is_what_rmp_serde_takes(bytes in nearly_binary(Codec::MsgPack)) {
        let mut decoder = rmp_serde::Deserializer::from_read_ref(&bytes);
        let theirs = <Value as serde::Deserialize>::deserialize(&mut decoder);
        let ours = Codec::MsgPack.value(&bytes, &Limits::DEFAULT);
        prop_assert_eq!(ours.is_ok(), Codec::MsgPack.scan(&bytes, &Limits::DEFAULT).is_ok());
        prop_assert_eq!(ours.is_ok(), Codec::MsgPack.decode::<Value>(&bytes).is_ok());
        if let Ok(ours) = ours {
            let theirs = theirs.unwrap();
            prop_assert!(same(&theirs, &ours), "{theirs} {ours}");
        }
    }

    #[test]
    fn cbor_is_what_ciborium_takes(bytes in nearly_binary(Codec::Cbor)) {
        let ours = Codec::Cbor.value(&bytes, &Limits::DEFAULT);
        prop_assert_eq!(ours.is_ok(), Codec::Cbor.scan(&bytes, &Limits::DEFAULT).is_ok());
        prop_assert_eq!(ours.is_ok(), Codec::Cbor.decode::<Value>(&bytes).is_ok());
        if let Ok(ours) = ours {
            let theirs = by_ciborium(&bytes).unwrap_or(ours.clone());
            prop_assert!(same(&theirs, &ours), "{theirs} {ours}");
        }
    }

    #[test]
    fn the_libraries_read_what_we_write(json in value(Codec::Json), msgpack in value(Codec::MsgPack), cbor in value(Codec::Cbor)) {
        let bytes = encoded(Codec::MsgPack, &msgpack);
        prop_assert!(same(&rmp_serde::from_slice(&bytes).unwrap(), &msgpack));
        let bytes = encoded(Codec::Cbor, &cbor);
        prop_assert!(by_ciborium(&bytes).is_none_or(|theirs| same(&theirs, &cbor)));
        let bytes = encoded(Codec::Json, &json);
        let text = std::str::from_utf8(&bytes).unwrap();
        if !text.contains("NaN") && !text.contains("Infinity") {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
        }
    }
}
