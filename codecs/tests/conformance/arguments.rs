//! Typed arguments.

use bytes::BytesMut;
use folkmoot_codecs::{ArgumentList, Arguments, CallError, Codec, Value};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::sample::{codec, encoded, integers};

const NAMES: [&str; 3] = ["amount", "note", "urgent"];
type Transfer = (i64, Option<String>, bool);

/// Reads a call of `transfer(amount, note, urgent)`.
fn call<T: ArgumentList>(
    codec: Codec,
    positional: &[Value],
    keyword: &[(&str, Value)],
) -> Result<T, CallError> {
    let positional = encoded(codec, positional);
    let keyword = (!keyword.is_empty()).then(|| encoded(codec, &Value::from(keyword.to_vec())));
    let arguments = Arguments { codec, positional: &positional, keyword: keyword.as_deref() };
    T::decode(&arguments, "transfer", &NAMES)
}

/// The path and reason of the arguments' fault.
fn fault<T: ArgumentList + std::fmt::Debug>(
    codec: Codec,
    positional: &[Value],
    keyword: &[(&str, Value)],
) -> (String, String) {
    match call::<T>(codec, positional, keyword).unwrap_err() {
        CallError::BadArguments { method, path, reason } if method == "transfer" => (path, reason),
        other => panic!("{codec}: {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arguments_come_back(codec in codec(), list: (i64, Option<String>, bool, Vec<u16>, f64)) {
        let mut out = BytesMut::new();
        list.encode(codec, &mut out).unwrap();
        let arguments = Arguments { codec, positional: &out, keyword: None };
        prop_assert_eq!(ArgumentList::decode(&arguments, "m", &[]), Ok(list));
    }

    #[test]
    fn by_position_or_by_name_is_the_same(codec in codec(), amount: i64, note: String, urgent: bool, split in 0usize..=3) {
        let all = [("amount", Value::from(amount)), ("note", note.as_str().into()), ("urgent", urgent.into())];
        let positional: Vec<Value> = all[..split].iter().map(|(_, value)| value.clone()).collect();
        let mut keyword = all[split..].to_vec();
        keyword.reverse();
        prop_assert_eq!(call::<Transfer>(codec, &positional, &keyword), Ok((amount, Some(note), urgent)));
    }
}

#[test]
fn no_arguments_are_an_empty_list() {
    for codec in Codec::ALL {
        let mut out = BytesMut::new();
        ().encode(codec, &mut out).unwrap();
        assert_eq!(codec.decode::<[u8; 0]>(&out), Ok([]), "{codec}");
        assert_eq!(call::<()>(codec, &[], &[]), Ok(()), "{codec}");
        let (path, reason) = fault::<()>(codec, &[1.into()], &[]);
        assert_eq!((&*path, &*reason), ("", "expected at most 0 arguments, found more"), "{codec}");
    }
    assert_eq!((<()>::COUNT, <(u8,)>::COUNT, Transfer::COUNT), (0, 1, 3));
}

#[test]
fn a_missing_option_is_none() {
    for codec in Codec::ALL {
        let urgent = [("urgent", true.into())];
        assert_eq!(call::<Transfer>(codec, &[5.into()], &urgent), Ok((5, None, true)), "{codec}");
        let optional = call::<(Option<u8>, Option<Option<u8>>, Option<Value>)>(codec, &[], &[]);
        assert_eq!(optional, Ok((None, None, None)), "{codec}");
    }
}

#[test]
fn what_is_missing_unknown_or_too_much_is_named() {
    for codec in Codec::ALL {
        let (path, reason) = fault::<Transfer>(codec, &[5.into()], &[]);
        assert_eq!((&*path, &*reason), ("urgent", "the argument is missing"), "{codec}");

        let five = [5.into(), Value::Null, true.into(), 4.into()];
        let (path, reason) = fault::<Transfer>(codec, &five, &[]);
        assert_eq!((&*path, &*reason), ("", "expected at most 3 arguments, found more"), "{codec}");

        let (path, reason) = fault::<Transfer>(codec, &five[..3], &[("speed", 1.into())]);
        assert_eq!(path, "speed", "{codec}");
        assert!(reason.contains("amount, note, urgent"), "{codec}: {reason}");

        let (path, reason) = fault::<Transfer>(codec, &five[..3], &[("amount", 5.into())]);
        assert_eq!(path, "amount", "{codec}");
        assert!(reason.contains("given twice"), "{codec}: {reason}");
    }
}

#[test]
fn a_value_of_the_wrong_type_carries_its_path() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Order {
        lines: Vec<Line>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Line {
        price: f64,
    }
    for codec in Codec::ALL {
        let line = |price: Value| Value::from(vec![("price", price)]);
        let order =
            Value::from(vec![("lines", vec![line(1.into()), line(2.5.into()), line("x".into())].into())]);
        for (positional, keyword) in [(vec![order.clone()], vec![]), (vec![], vec![("amount", order)])] {
            let (path, reason) = fault::<(Order,)>(codec, &positional, &keyword);
            assert_eq!(path, "amount.lines[2].price", "{codec}");
            assert_eq!(reason, "expected f64, found the text \"x\"", "{codec}");
        }
        let (path, reason) = fault::<(Vec<u8>,)>(codec, &[integers(&[1, 256])], &[]);
        assert_eq!((&*path, &*reason), ("amount[1]", "expected u8, found the integer 256"), "{codec}");
        let (path, reason) = fault::<Transfer>(codec, &[Value::Null], &[]);
        assert_eq!((&*path, &*reason), ("amount", "expected i64, found null"), "{codec}");
    }
}

#[test]
fn nameless_parameters_are_counted() {
    let positional = encoded(Codec::Json, &["x"]);
    let arguments = Arguments { codec: Codec::Json, positional: &positional, keyword: None };
    let error = <(u8,)>::decode(&arguments, "m", &[]).unwrap_err();
    assert_eq!(error.to_string(), "bad arguments for \"m\": argument 1: expected u8, found the text \"x\"");
}
