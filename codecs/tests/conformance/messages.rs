//! Messages as frames.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::{
    ArgumentList, CallError, ChainLink, Codec, EncodeError, FrameDecoder, Headers, Hello, Limits, Message,
    MessageError, RawId, Value, encode_exception, encode_request, encode_result, encode_result_raw,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tokio_util::codec::Decoder;

use crate::sample::{codec, codec_and_value, encoded, integers};

/// What the payload of the one frame holds.
fn payload(codec: Codec, mut frame: BytesMut) -> Bytes {
    let payload = FrameDecoder::new(Limits::DEFAULT).decode(&mut frame).unwrap().unwrap();
    assert!(frame.is_empty());
    assert_eq!(Codec::detect(payload[0]), Some(codec));
    codec.open(payload, &Limits::DEFAULT).unwrap()
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<(u32, u16, u32)>().prop_map(|(max_frame_bytes, max_depth, max_nodes)| Limits {
        max_frame_bytes,
        max_depth,
        max_nodes,
    })
}

fn request(codec: Codec, path: &str, arguments: impl ArgumentList, headers: Option<&Headers>) -> Bytes {
    let (mut positional, mut out) = (BytesMut::new(), BytesMut::new());
    arguments.encode(codec, &mut positional).unwrap();
    encode_request(codec, &mut out, 1, path, &positional, None, headers, &Limits::DEFAULT).unwrap();
    payload(codec, out)
}

fn headers() -> impl Strategy<Value = Headers> {
    let link = ("[a-z:/]{0,30}", any::<bool>()).prop_map(|(agent, exclusive)| ChainLink { agent, exclusive });
    let chain = prop::collection::vec(link, 0..64);
    (
        any::<bool>(),
        any::<Option<u64>>(),
        chain,
        prop::option::of("[0-9a-f-]{55}"),
        prop::option::of(".{0,60}"),
    )
        .prop_map(|(no_reply, deadline_ms, chain, trace, idempotency_key)| Headers {
            no_reply,
            deadline_ms,
            chain,
            trace,
            idempotency_key,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_come_back(
        (codec, value) in codec_and_value(), id: u64, path: String, named: bool, sent in headers()
    ) {
        let keyword = named.then(|| encoded(codec, &Value::Map(vec![("key \"word\"".into(), value.clone())])));
        let list = encoded(codec, &vec![value; 2]);
        let mut out = BytesMut::from(&b"frame before"[..]);
        encode_request(codec, &mut out, id, &path, &list, keyword.as_deref(), Some(&sent), &Limits::DEFAULT).unwrap();
        let payload = payload(codec, out.split_off(12));
        match Message::decode(codec, &payload, &Limits::DEFAULT).unwrap() {
            Message::Request { id: received, path: found, arguments, headers } => {
                prop_assert_eq!(received, RawId::of_number(codec, id));
                prop_assert_eq!(found, path);
                prop_assert_eq!(arguments.codec, codec);
                prop_assert_eq!(arguments.positional, &list[..]);
                prop_assert_eq!(arguments.keyword, keyword.as_deref());
                prop_assert_eq!(headers, sent);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn results_come_back((codec, value) in codec_and_value(), id: u64) {
        let mut out = BytesMut::new();
        let id_sent = RawId::of_number(codec, id);
        encode_result(codec, &mut out, &id_sent, &value, &Limits::DEFAULT).unwrap();
        let mut again = BytesMut::new();
        let content_sent = encoded(codec, &value);
        encode_result_raw(codec, &mut again, &id_sent, &content_sent, &Limits::DEFAULT).unwrap();
        prop_assert_eq!(&out, &again);
        match Message::decode(codec, &payload(codec, out), &Limits::DEFAULT).unwrap() {
            Message::Result { id: received, content } => {
                prop_assert_eq!(received, id);
                prop_assert_eq!(content, &content_sent[..]);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn hellos_come_back(codec in codec(), node in ".{0,40}", limits in limits(), lowest in 0u16..9, more in 0u16..9,
        incarnation in proptest::option::of(any::<u64>()), cluster in proptest::option::of(".{0,40}"),
    ) {
        let mut hello = Hello::new(node, &limits);
        (hello.incarnation, hello.cluster) = (incarnation, cluster);
        hello.versions = (lowest, lowest + more);
        let payload = request(codec, Hello::PATH, (hello.clone(),), None);
        let Message::Request { path, arguments, .. } = Message::decode(codec, &payload, &Limits::DEFAULT).unwrap()
        else { unreachable!() };
        prop_assert_eq!(path, Hello::PATH);
        prop_assert_eq!(<(Hello,)>::decode(&arguments, "hello", &["hello"]), Ok((hello,)));
    }
}

/// The bytes that aiomas 2.0.1 exchanges, and their like in CBOR.
#[test]
fn fixed_bytes_are_read_and_written() {
    let msgpack = b"\x93\x00\x01\x93\xadagents/0/echo\x91\x01\x80";
    let cbor = b"\x83\x00\x01\x83\x6dagents/0/echo\x81\x01\xa0";
    let json = br#"[0,1,["agents/0/echo",[1],{}]]"#;
    for (codec, bytes) in [(Codec::Json, &json[..]), (Codec::MsgPack, msgpack), (Codec::Cbor, cbor)] {
        assert_eq!(&request(codec, "agents/0/echo", (1,), None)[..], bytes, "{codec}");
    }
    let python = br#"[0, 1, ["agents/0/echo", [1], {}]]"#;
    for (codec, bytes) in
        [(Codec::Json, &python[..]), (Codec::Json, json), (Codec::MsgPack, msgpack), (Codec::Cbor, cbor)]
    {
        let Message::Request { id, path, arguments, headers } =
            Message::decode(codec, bytes, &Limits::DEFAULT).unwrap()
        else {
            panic!("{codec}: not a request");
        };
        assert_eq!((id.as_u64(), &*path, arguments.keyword), (Some(1), "agents/0/echo", None), "{codec}");
        assert_eq!(<(i64,)>::decode(&arguments, "echo", &["value"]), Ok((1,)), "{codec}");
        assert!(headers.is_empty());
        let mut out = BytesMut::new();
        encode_result(codec, &mut out, &id, &1, &Limits::DEFAULT).unwrap();
        let answer = match codec {
            Codec::Json => &b"\0\0\0\x07[1,1,1]"[..],
            Codec::MsgPack => b"\0\0\0\x04\x93\x01\x01\x01",
            _ => b"\0\0\0\x04\x83\x01\x01\x01",
        };
        assert_eq!(&out[..], answer, "{codec}");
    }
    let Message::Result { id: 0, content } =
        Message::decode(Codec::Json, b"[1, 0, \"Peer\"]", &Limits::DEFAULT).unwrap()
    else {
        panic!("not a result");
    };
    assert_eq!(Codec::Json.decode(content), Ok("Peer"));
}

#[test]
fn ids_of_any_scalar_are_echoed_as_they_came() {
    let long = format!("\"{}\"", "x".repeat(RawId::MAX_BYTES - 2));
    for id in ["0", "7", "1.50", "\"a\\u00e9\"", "null", "-1", "123456789012345678901234567890", &long] {
        let text = format!("[0, {id} , [\"a\", [], {{}}]]");
        let Message::Request { id: raw, .. } =
            Message::decode(Codec::Json, text.as_bytes(), &Limits::DEFAULT).unwrap()
        else {
            panic!("{text}");
        };
        let mut out = BytesMut::new();
        encode_result(Codec::Json, &mut out, &raw, &(), &Limits::DEFAULT).unwrap();
        assert_eq!(out[4..], *format!("[1,{id},null]").as_bytes());
    }
    let too_long = format!("[0, \"{}\", [\"a\", [], {{}}]]", "x".repeat(RawId::MAX_BYTES));
    let error = Message::decode(Codec::Json, too_long.as_bytes(), &Limits::DEFAULT).unwrap_err();
    assert!(matches!(error, MessageError::Garbage { .. }), "{error}");
}

#[test]
fn headers_and_hellos_of_later_versions_are_understood() {
    for codec in Codec::ALL {
        let later = Value::Map(vec![("deadline_ms".into(), 5.into()), ("colour".into(), integers(&[1]))]);
        let headers: Headers = codec.decode(&encoded(codec, &later)).unwrap();
        assert_eq!(headers, Headers { deadline_ms: Some(5), ..Headers::default() }, "{codec}");

        let mut pairs: Vec<(&str, Value)> = vec![
            ("versions", integers(&[1, 2])),
            ("node", "n".into()),
            ("max_frame_bytes", 9.into()),
            ("software", "other 7".into()),
            ("colour", Value::Null),
        ];
        let hello: Hello = codec.decode(&encoded(codec, &Value::from(pairs.clone()))).unwrap();
        assert_eq!((hello.versions, &*hello.software), ((1, 2), "other 7"), "{codec}");
        assert_eq!(hello.limits(), Limits { max_frame_bytes: 9, ..Limits::DEFAULT }, "{codec}");
        pairs[0].1 = integers(&[3, 2]);
        let error = codec.decode::<Hello>(&encoded(codec, &Value::from(pairs.clone()))).unwrap_err();
        assert!(error.reason().contains("lowest version 3"), "{codec}: {error}");
        pairs[0].1 = integers(&[1, 2]);
        pairs[1].1 = "n".repeat(1025).into();
        assert!(codec.decode::<Hello>(&encoded(codec, &Value::from(pairs))).is_err(), "{codec}");
    }
}

#[test]
fn a_frame_over_the_limit_is_not_written() {
    let limits = Limits { max_frame_bytes: 30, ..Limits::DEFAULT };
    for codec in Codec::ALL {
        let id = RawId::of_number(codec, 1);
        let mut out = BytesMut::from(&b"kept"[..]);
        let text = "x".repeat(100);
        let error = encode_result(codec, &mut out, &id, &text, &limits).unwrap_err();
        assert!(error.is_too_long() && error.reason().contains("30 bytes"), "{error}");
        let error = encode_result_raw(codec, &mut out, &id, &encoded(codec, &text), &limits).unwrap_err();
        assert!(error.is_too_long(), "{error}");
        let list = encoded(codec, &[1, 2]);
        let error = encode_request(codec, &mut out, 1, &text, &list, None, None, &limits).unwrap_err();
        assert!(error.is_too_long(), "{error}");
        assert_eq!(&out[..], b"kept");
        let room = if codec == Codec::MsgPackBlosc { 4 } else { 20 };
        encode_result(codec, &mut out, &id, &"x".repeat(room), &limits).unwrap();
    }
    for length in 0..60 {
        let id = RawId::of_number(Codec::Json, 1);
        let mut out = BytesMut::new();
        let fits = encode_result(Codec::Json, &mut out, &id, &"x".repeat(length), &limits).is_ok();
        assert_eq!(fits, r#"[1,1,""]"#.len() + length <= 30, "{length}");
    }
}

/// Lists inside lists.
fn nested(levels: u16) -> Value {
    (1..levels).fold(Value::List(Vec::new()), |value, _| Value::List(vec![value]))
}

/// Writes it, which leaves nothing where it is refused, and reads what was written under the same limits.
fn crosses(limits: &Limits, codec: Codec, write: impl Fn(&mut BytesMut) -> Result<(), EncodeError>) -> bool {
    let mut out = BytesMut::from(&b"kept"[..]);
    if let Err(error) = write(&mut out) {
        assert!(error.reason().contains("max_depth"), "{codec}: {error}");
        assert_eq!(&out[..], b"kept");
        return false;
    }
    let payload = payload(codec, out.split_off(4));
    Message::decode(codec, &payload, limits).unwrap();
    true
}

#[test]
fn a_frame_deeper_than_the_limit_is_not_written() {
    for (codec, max_depth) in
        Codec::ALL.into_iter().flat_map(|codec| [(codec, 12), (codec, 128), (codec, 512)])
    {
        let limits = Limits { max_depth, ..Limits::DEFAULT };
        let id = RawId::of_number(codec, 1);
        for levels in max_depth - 4..max_depth + 2 {
            let value = nested(levels);
            let (list, map) = (encoded(codec, &(&value,)), encoded(codec, &BTreeMap::from([("a", &value)])));
            let no_arguments = encoded(codec, &[0; 0]);
            let fits = |around: u16| levels + around <= max_depth;
            let request = |positional: &[u8], keyword: Option<&[u8]>| {
                crosses(&limits, codec, |out| {
                    encode_request(codec, out, 1, "agents/a/m", positional, keyword, None, &limits)
                })
            };
            assert_eq!(request(&list, None), fits(3), "{codec}: {levels}");
            assert_eq!(request(&no_arguments, Some(&map)), fits(3), "{codec}: {levels}");
            let raw = encoded(codec, &value);
            let result = crosses(&limits, codec, |out| encode_result(codec, out, &id, &value, &limits));
            assert_eq!(result, fits(1), "{codec}: {levels}");
            let result = crosses(&limits, codec, |out| encode_result_raw(codec, out, &id, &raw, &limits));
            assert_eq!(result, fits(1), "{codec}: {levels}");
        }
    }
}

#[test]
fn an_exception_goes_without_data_that_is_too_deep() {
    for codec in Codec::ALL {
        for (levels, whole) in [(5, true), (200, false)] {
            let (error, mut out) = (CallError::Agent(Wrong(nested(levels))), BytesMut::new());
            let id = RawId::of_number(codec, 1);
            encode_exception(codec, &mut out, &id, &error, true, &Limits::DEFAULT);
            let payload = payload(codec, out);
            let Message::Exception { content, .. } =
                Message::decode(codec, &payload, &Limits::DEFAULT).unwrap()
            else {
                panic!("{payload:?}")
            };
            let told = CallError::<Wrong>::from_exception(codec, content);
            assert_eq!(told == error, whole, "{codec}: {told}");
            assert!(told.to_string().contains("too much"), "{codec}: {told}");
        }
    }
}

#[test]
fn what_only_looks_deep_is_written() {
    for codec in Codec::ALL {
        let (value, mut out) =
            (("[{".repeat(5000), "\u{93}\u{dd}".repeat(5000), vec![-1e-300; 5000]), BytesMut::new());
        encode_result(codec, &mut out, &RawId::of_number(codec, 1), &value, &Limits::DEFAULT).unwrap();
        let payload = payload(codec, out);
        assert!(Message::decode(codec, &payload, &Limits::DEFAULT).is_ok(), "{codec}");
    }
}

/// An error of an agent's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Wrong(Value);

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too much")
    }
}
