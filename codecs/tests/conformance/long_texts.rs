//! Long texts, which are written past the libraries' own look at them: as these would have written them.

use std::collections::BTreeMap;

use bytes::BytesMut;
use folkmoot_codecs::{Codec, Limits, RawId, encode_result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Unit,
    New(String),
    Pair(String, f64),
    Named { text: String, after: Option<f64> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Many {
    texts: Vec<String>,
    by_name: BTreeMap<String, Shape>,
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

/// Texts around the length from which they are long; some with what must be escaped, at either end or amid.
fn texts() -> Vec<String> {
    let mut texts = Vec::new();
    for bytes in [0, 63, 1022, 1023, 1024, 1025, 5000, 70_000] {
        let plain = "The moot is open. ".chars().cycle().take(bytes).collect::<String>();
        for odd in ["", "\"", "\\", "\n", "\u{0}", "\u{7f}", "ß", "世", "🚢"] {
            texts.push(format!("{plain}{odd}"));
            texts.push(format!("{odd}{plain}"));
            texts.push(format!("{plain}{odd}{plain}"));
        }
    }
    texts
}

fn many() -> Many {
    let by_name = texts().into_iter().enumerate().map(|(nth, text)| {
        let shape = match nth % 4 {
            0 => Shape::Unit,
            1 => Shape::New(text.clone()),
            2 => Shape::Pair(text.clone(), f64::INFINITY),
            _ => Shape::Named { text: text.clone(), after: (nth % 8 == 3).then_some(0.5) },
        };
        (format!("{nth}{text}"), shape)
    });
    let rest = [("long".to_owned(), "x".repeat(3000)), ("x".repeat(2000), "short".to_owned())];
    Many { texts: texts(), by_name: by_name.collect(), rest: rest.into() }
}

#[test]
fn they_come_back_wherever_they_stand() {
    for codec in Codec::ALL {
        let mut out = BytesMut::new();
        codec.encode(&many(), &mut out).unwrap();
        codec.scan(&out, &Limits::DEFAULT).unwrap();
        assert!(codec.decode::<Many>(&out).unwrap() == many(), "{codec}");
    }
}

#[test]
fn json_is_written_as_serde_json_writes_it() {
    for text in texts() {
        let mut out = BytesMut::new();
        let value = (&text, [&text], BTreeMap::from([(&text, &text)]));
        Codec::Json.encode(&value, &mut out).unwrap();
        assert!(out == serde_json::to_string(&value).unwrap(), "{text:?}");
        let raw = serde_json::value::to_raw_value(&value).unwrap();
        out.clear();
        Codec::Json.encode::<(&RawValue, &str)>(&(&raw, &text), &mut out).unwrap();
        assert!(out == serde_json::to_string(&(&raw, &text)).unwrap(), "raw, {text:?}");
    }
}

#[test]
fn beside_them_the_bounds_hold_and_they_count_as_one_value_each() {
    let limits = Limits { max_nodes: 100, max_depth: 4, ..Limits::DEFAULT };
    let (long, id) = ("x".repeat(4000), |codec| RawId::of_number(codec, 1));
    for codec in Codec::ALL {
        let fits = |value: &dyn Fn(&mut BytesMut) -> bool| value(&mut BytesMut::new());
        let many = |count: usize| vec![1; count];
        assert!(fits(&|out| encode_result(codec, out, &id(codec), &(&long, many(90)), &limits).is_ok()));
        assert!(!fits(&|out| encode_result(codec, out, &id(codec), &(&long, many(100)), &limits).is_ok()));
        assert!(fits(&|out| encode_result(codec, out, &id(codec), &(&long, [[1]]), &limits).is_ok()));
        assert!(!fits(&|out| encode_result(codec, out, &id(codec), &(&long, [[[1]]]), &limits).is_ok()));
    }
}
