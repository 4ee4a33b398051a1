//! Call errors as exceptions.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_codecs::{CallError, Codec, Exception, Limits, Message, Never, RawId, encode_exception};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde::{Deserialize, Serialize};

use crate::sample::{codec, encoded};

/// A method's own error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Refusal {
    Closed,
    Short { missing: i64, of: Vec<String> },
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {self:?}")
    }
}

fn refusal() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::Closed),
        any::<(i64, Vec<String>)>().prop_map(|(missing, of)| Refusal::Short { missing, of }),
        any::<String>().prop_map(Refusal::Other),
    ]
}

fn error() -> impl Strategy<Value = CallError<Refusal>> {
    type Texts = (String, String, Option<String>, Vec<String>);
    (0..20u8, refusal(), any::<Texts>(), any::<(Duration, bool, usize)>()).prop_map(
        |(kind, refusal, (a, b, nearest, chain), (after, may_have_run, limit))| match kind {
            0 => CallError::Agent(refusal),
            1 => CallError::NoSuchAgent { agent: a, nearest },
            2 => CallError::NoSuchMethod { agent: a, method: b, nearest },
            3 => CallError::BadArguments { method: a, path: b, reason: chain.concat() },
            4 => CallError::Denied { reason: a },
            5 => CallError::DeadlineExceeded { after, may_have_run, chain },
            6 => CallError::Cancelled,
            7 => CallError::Overloaded { queue: a, limit },
            8 => CallError::Deadlock { chain },
            9 => CallError::AgentPanicked { agent: a, text: b },
            10 => CallError::AgentRestarted { agent: a, may_have_run },
            11 => CallError::AgentStopped { agent: a, cause: b, may_have_run },
            12 => CallError::Disconnected { may_have_run, cause: a },
            13 => CallError::Remote { kind: a, message: b, traceback: chain.concat() },
            14 => CallError::Unencodable { reason: a },
            15 => CallError::BadAddress { reason: a },
            16 => CallError::Ambiguous { agent: a, nodes: chain },
            17 => CallError::TooFewMembers { group: a, members: b.len(), needed: limit },
            18 => CallError::NotKept { agent: a, reason: b },
            _ => CallError::BadReply { reason: a },
        },
    )
}

/// The content of the exception as it arrives.
fn sent<E: Serialize + fmt::Display + 'static>(
    codec: Codec,
    error: &CallError<E>,
    rich: bool,
    limits: &Limits,
) -> BytesMut {
    let mut out = BytesMut::new();
    encode_exception(codec, &mut out, &RawId::of_number(codec, 3), error, rich, limits);
    let length = u32::from_be_bytes(*out.first_chunk().unwrap()) as usize;
    assert_eq!(length, out.len() - 4);
    let payload = codec.open(out.split_off(4).freeze(), &Limits::DEFAULT).unwrap();
    match Message::decode(codec, &payload, &Limits::DEFAULT).unwrap() {
        Message::Exception { id: 3, content } => BytesMut::from(content),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn between_containers_every_error_comes_back(codec in codec(), error in error()) {
        let content = sent(codec, &error, true, &Limits::DEFAULT);
        prop_assert_eq!(CallError::<Refusal>::from_exception(codec, &content), error);
    }

    #[test]
    fn a_plain_peer_gets_a_type_and_a_message(codec in codec(), error in error()) {
        let content = sent(codec, &error, false, &Limits::DEFAULT);
        let text: String = codec.decode(&content).unwrap();
        prop_assert!(text.ends_with('\n'), "{:?}", text);
        let kind = match &error {
            CallError::Remote { kind, .. } if text.starts_with(&**kind) && !kind.is_empty() => kind,
            CallError::NoSuchAgent { .. }
            | CallError::Ambiguous { .. }
            | CallError::TooFewMembers { .. }
            | CallError::NoSuchMethod { .. } => "LookupError",
            CallError::BadArguments { .. } => "TypeError",
            CallError::Denied { .. } => "PermissionError",
            CallError::DeadlineExceeded { .. } => "TimeoutError",
            _ => "RuntimeError",
        };
        prop_assert!(text.starts_with(kind), "{kind}: {text:?}");
        let CallError::Remote { kind: found, traceback, .. } = CallError::<Refusal>::from_exception(codec, &content)
        else { unreachable!() };
        prop_assert_eq!(&traceback, &text);
        // A message of several lines may itself look like the end of a traceback.
        let line = text.trim_end_matches('\n');
        if line.contains(['\n', '\r']) { return Ok(()); }
        // A name alone is taken for a word, unless it is written as types are.
        let is_capital = kind.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase));
        if line == kind && !is_capital { return Ok(()); }
        prop_assert_eq!(&*found, kind);
    }

    #[test]
    fn any_content_makes_an_error(codec in codec(), content in any::<Vec<u8>>()) {
        let error = CallError::<Refusal>::from_exception(codec, &content);
        prop_assert!(matches!(error, CallError::Remote { .. } | CallError::BadReply { .. }), "{error}");
    }

    #[test]
    fn the_code_on_the_wire_is_that_of_the_error(codec in codec(), error in error()) {
        #[derive(Deserialize)]
        struct Coded { code: String, text: String }
        let coded: Coded = codec.decode(&sent(codec, &error, true, &Limits::DEFAULT)).unwrap();
        prop_assert_eq!((&*coded.code, coded.text), (error.code(), error.to_string()));
    }
}

/// What a plain peer reads of an error.
fn plain_text<E: Serialize + fmt::Display + 'static>(error: &CallError<E>) -> String {
    Codec::MsgPack.decode(&sent(Codec::MsgPack, error, false, &Limits::DEFAULT)).unwrap()
}

#[test]
fn a_method_chooses_the_exception_of_plain_peers() {
    let raised = |kind: &str, message: &str| plain_text(&CallError::Agent(Exception::new(kind, message)));
    assert_eq!(raised("ValueError", "too much"), "ValueError: too much\n");
    assert_eq!(raised("ValueError", "two\nlines"), "ValueError: two\nlines\n");
    assert_eq!(raised("house.market.Closed", ""), "house.market.Closed\n");
    assert_eq!(raised("no type", "x"), "RuntimeError: x\n");
    assert_eq!(raised("", "x"), "RuntimeError: x\n");
    let own = CallError::Agent(Exception::value_error("no"));
    for codec in Codec::ALL {
        let content = sent(codec, &own, true, &Limits::DEFAULT);
        assert_eq!(CallError::<Exception>::from_exception(codec, &content), own);
    }
    let remote = |kind: &str| CallError::<Never>::Remote {
        kind: kind.into(),
        message: "gone".into(),
        traceback: "/home/secret.py".into(),
    };
    assert_eq!(plain_text(&remote("KeyError")), "KeyError: gone\n");
    assert_eq!(Exception::from(remote("KeyError")), Exception::new("KeyError", "gone"));
    let late: CallError = CallError::Cancelled;
    assert_eq!(Exception::from(late), Exception::new("RuntimeError", "the call was cancelled"));
}

#[test]
fn what_is_not_there_is_told_as_aiomas_tells_it() {
    let method = |method: &str, nearest: Option<&str>| CallError::<Never>::NoSuchMethod {
        agent: "0".into(),
        method: method.into(),
        nearest: nearest.map(str::to_owned),
    };
    let agent: CallError = CallError::NoSuchAgent { agent: "9".into(), nearest: None };
    for (error, text) in [
        (method("nothing", None), "Name \"nothing\" not found in \"agents/0\""),
        (method("math/div", None), "Name \"div\" not found in \"agents/0/math\""),
        (method("ad", Some("add")), "Name \"ad\" not found in \"agents/0\"; did you mean \"add\"?"),
        (agent, "Name \"9\" not found in \"agents\""),
    ] {
        assert_eq!(plain_text(&error), format!("LookupError: {text}\n"));
    }
}

#[test]
fn tracebacks_are_taken_apart() {
    let python = "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n    raise Wrong()\n";
    for (end, kind, message) in [
        ("ValueError: no: such\n", "ValueError", "no: such"),
        ("KeyError: 'x'\n", "KeyError", "'x'"),
        ("house.market.Wrong: a\n  b\nc\n", "house.market.Wrong", "a\n  b\nc"),
        ("AssertionError\n", "AssertionError", ""),
    ] {
        for codec in Codec::ALL {
            let traceback = format!("{python}{end}");
            let error = CallError::<Never>::from_exception(codec, &encoded(codec, &traceback));
            let wanted = CallError::Remote { kind: kind.into(), message: message.into(), traceback };
            assert_eq!(error, wanted, "{codec}");
        }
    }
    for (text, message) in [("", ""), ("just words here", "just words here"), ("  a b\n c d\n", " c d")] {
        let error = CallError::<Never>::from_exception(Codec::Cbor, &encoded(Codec::Cbor, text));
        let wanted = CallError::Remote { kind: "".into(), message: message.into(), traceback: text.into() };
        assert_eq!(error, wanted);
    }
}

#[test]
fn unknown_codes_and_foreign_errors_keep_their_text() {
    for codec in Codec::ALL {
        let content =
            encoded(codec, &serde_json::json!({"text": "t", "code": "on-fire", "data": [1], "more": {}}));
        let remote =
            |kind: &str| CallError::Remote { kind: kind.into(), message: "t".into(), traceback: "t".into() };
        assert_eq!(CallError::<Refusal>::from_exception(codec, &content), remote("on-fire"), "{codec}");

        let content =
            encoded(codec, &serde_json::json!({"code": "agent", "text": "t", "data": "Unheard of"}));
        assert_eq!(CallError::<Refusal>::from_exception(codec, &content), remote("agent"), "{codec}");
        let never = CallError::<Never>::from_exception(codec, &content);
        assert_eq!(never.widen(), remote("agent"), "{codec}");
    }
    for codec in Codec::ALL {
        let listed = encoded(codec, &["ValueError", "no", "Traceback\n", "  line\n"]);
        let wanted = CallError::Remote {
            kind: "ValueError".into(),
            message: "no".into(),
            traceback: "Traceback\n  line\n".into(),
        };
        assert_eq!(CallError::<Never>::from_exception(codec, &listed), wanted, "{codec}");
    }
    let odd = CallError::<Never>::from_exception(Codec::Json, b"[1, null]");
    assert!(matches!(&odd, CallError::Remote { message, .. } if message == "[1, null]"), "{odd}");
}

#[test]
fn an_exception_is_always_written() {
    /// An error that cannot be encoded.
    #[derive(Debug)]
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    impl fmt::Display for Stubborn {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("stubborn")
        }
    }
    let tight = Limits { max_frame_bytes: 300, ..Limits::DEFAULT };
    for codec in Codec::ALL {
        let content = sent(codec, &CallError::Agent(Stubborn), true, &Limits::DEFAULT);
        match CallError::<Refusal>::from_exception(codec, &content) {
            CallError::Remote { kind, message, .. } => assert_eq!((&*kind, &*message), ("agent", "stubborn")),
            other => panic!("{codec}: {other}"),
        }
        let long = CallError::<Never>::Denied { reason: "é".repeat(200_000) };
        for (limits, most) in [(&Limits::DEFAULT, 1_000_000), (&tight, 300)] {
            for rich in [true, false] {
                let content = sent(codec, &long, rich, limits);
                assert!(content.len() < most, "{codec}: {} bytes", content.len());
            }
        }
    }
}

/// The row of a code in WIRE.md, and the Python type in its last column.
fn documented(code: &str) -> String {
    let page = include_str!("../../WIRE.md");
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| `{code}` |")))
        .unwrap_or_else(|| panic!("{code}"));
    row.trim_end_matches(" |").rsplit("| ").next().unwrap().trim_matches('`').to_owned()
}

#[test]
fn codes_are_distinct_and_documented() {
    let mut seen = HashSet::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..500 {
        let error = error().new_tree(&mut runner).unwrap().current();
        let text: String = Codec::Json.decode(&sent(Codec::Json, &error, false, &Limits::DEFAULT)).unwrap();
        assert_eq!(text.split_once(": ").unwrap().0, documented(error.code()));
        seen.insert(error.code());
    }
    assert_eq!(seen.len(), 20, "{seen:?}");
}
