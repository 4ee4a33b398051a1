//! Payloads that are no message, and requests that are none but can be answered.

use bytes::BytesMut;
use folkmoot_codecs::headers::{MAX_ADDRESS_BYTES, MAX_CHAIN, MAX_KEY_BYTES};
use folkmoot_codecs::{ArgumentList, CallError, Codec, Limits, Message, MessageError, Never, Value};
use serde_json::json;

/// The bytes of a JSON value in the codec.
fn bytes(codec: Codec, json: serde_json::Value) -> BytesMut {
    let mut out = BytesMut::new();
    codec.encode(&Value::from(json), &mut out).unwrap();
    out
}

fn fault(codec: Codec, payload: &[u8]) -> MessageError {
    match Message::decode(codec, payload, &Limits::DEFAULT) {
        Err(error) => error,
        Ok(message) => panic!("{codec}: {message:?}"),
    }
}

#[track_caller]
fn assert_garbage(codec: Codec, payload: &[u8], hint: &str) {
    match fault(codec, payload) {
        MessageError::Garbage { reason } => assert!(reason.contains(hint), "{codec}: {reason}"),
        other => panic!("{codec}: {other}"),
    }
}

/// Checks that the request can be answered, with the reason, and under its id.
#[track_caller]
fn assert_bad_request(content: serde_json::Value, hint: &str) {
    for codec in Codec::ALL {
        match fault(codec, &bytes(codec, json!([0, 7, content]))) {
            MessageError::BadRequest { id, reason } => {
                assert_eq!(id.as_u64(), Some(7), "{codec}");
                assert!(reason.contains(hint), "{codec}: {reason}");
            }
            other => panic!("{codec}: {other}"),
        }
    }
}

#[test]
fn what_is_no_message_closes_the_link() {
    for codec in Codec::ALL {
        for (payload, hint) in [
            (json!({"a": 1}), "expected a list, found a map"),
            (json!(7), "expected a list, found an integer"),
            (json!("[0,1,2]"), "expected a list, found a text"),
            (json!([]), "the kind is missing"),
            (json!([0]), "the id is missing"),
            (json!([1]), "the id is missing"),
            (json!([0, 1]), "the content is missing"),
            (json!([1, 1]), "the content is missing"),
            (json!([3, 1, null]), "the kind is neither 0 (request)"),
            (json!([-1, 1, null]), "the kind is neither"),
            (json!(["0", 1, null]), "the kind is neither"),
            (json!([0.0, 1, null]), "the kind is neither"),
            (json!([u64::MAX, 1, null]), "the kind is neither"),
            (json!([1, "1", null]), "no request's number"),
            (json!([1, -1, null]), "no request's number"),
            (json!([2, null, "x"]), "no request's number"),
            (json!([2, [1], "x"]), "no request's number"),
            (json!([0, [1], ["a", [], {}]]), "neither a number nor a text nor null"),
            (json!([0, {}, ["a", [], {}]]), "neither a number nor a text nor null"),
            (json!([0, 1, ["a", [], {}], {}, {}]), "more than 4 elements"),
            (json!([1, 1, null, {}, {}]), "more than 4 elements"),
        ] {
            assert_garbage(codec, &bytes(codec, payload), hint);
        }
        assert_garbage(codec, b"", "end");
    }
}

#[test]
fn every_payload_that_is_cut_or_followed_by_more_closes_the_link() {
    for codec in Codec::ALL {
        for message in
            [json!([0, 1, ["agents/a/m", [1, "x"], {"k": [2]}], {"deadline_ms": 5}]), json!([1, 1, [1]])]
        {
            let whole = bytes(codec, message);
            assert!(Message::decode(codec, &whole, &Limits::DEFAULT).is_ok(), "{codec}");
            for end in 0..whole.len() {
                assert!(matches!(fault(codec, &whole[..end]), MessageError::Garbage { .. }), "{codec} {end}");
            }
            let more = [&whole[..], b"1"].concat();
            assert_garbage(codec, &more, "follow the end");
        }
    }
}

#[test]
fn a_request_of_the_wrong_shape_can_be_answered() {
    assert_bad_request(json!(null), "the content is null");
    assert_bad_request(json!("agents/a/m"), "the content is a text");
    assert_bad_request(json!({"path": ["a"], "more": {}}), "the content is a map");
    assert_bad_request(json!([]), "the content has 0 elements, not 3");
    assert_bad_request(json!(["a"]), "1 elements");
    assert_bad_request(json!(["a", []]), "2 elements");
    assert_bad_request(json!(["a", [], {}, [[1]]]), "4 elements");
    assert_bad_request(json!([7, [], {}]), "the path is an integer");
    assert_bad_request(json!([["a", {}], [], {}]), "the path is a list");
    assert_bad_request(json!([{"a": [1]}, [], {}]), "the path is a map");
    assert_bad_request(json!(["a", {"x": [1]}, {}]), "the arguments are a map");
    assert_bad_request(json!(["a", null, {}]), "the arguments are no list");
    assert_bad_request(json!(["a", [], null]), "the keyword arguments are no map");
    assert_bad_request(json!(["a", [], [["x", 1]]]), "the keyword arguments are a list");
    assert_bad_request(json!(["a", [], 7]), "the keyword arguments are no map");
}

#[test]
fn what_follows_a_wrong_part_is_still_checked() {
    for (payload, kept) in [
        (&br#"[0,1,[7,[],{}],{}]"#[..], true),
        (br#"[0,1,[7,[],{}],{},]"#, false),
        (br#"[0,1,[7,[],{"a"}],{}]"#, false),
        (br#"[0,1,[7,[}],{}]"#, false),
        (br#"[0,1,{"a":[1,]}]"#, false),
        (br#"[0,1,["a",[],{}]]]"#, false),
    ] {
        let text = payload.escape_ascii();
        assert_eq!(matches!(fault(Codec::Json, payload), MessageError::BadRequest { .. }), kept, "{text}");
    }
}

#[test]
fn keyword_arguments_have_texts_for_names_each_of_them_once() {
    for (codec, payload, hint) in [
        (Codec::Json, &br#"[0,1,["a",[],{"k":1,"j":2,"k":3}]]"#[..], "\"k\" is given twice"),
        (Codec::Json, br#"[0,1,["a",[],{"k":1,"\u006b":3}]]"#, "\"k\" is given twice"),
        (Codec::MsgPack, b"\x93\x00\x01\x93\xa1a\x90\x82\xa1k\x01\xa1k\x01", "\"k\" is given twice"),
        (Codec::Cbor, b"\x83\x00\x01\x83\x61a\x80\xa2\x61k\x01\x7f\x61k\xff\x01", "\"k\" is given twice"),
        (Codec::MsgPack, b"\x93\x00\x01\x93\xa1a\x90\x81\x07\x01", "is an integer, not a text"),
        (Codec::Cbor, b"\x83\x00\x01\x83\x61a\x80\xa1\x81\x07\x01", "is a list, not a text"),
    ] {
        match fault(codec, payload) {
            MessageError::BadRequest { id, reason } => {
                assert_eq!(id.as_u64(), Some(1));
                assert!(reason.contains(hint), "{codec}: {reason}");
            }
            other => panic!("{codec}: {other}"),
        }
    }
}

#[test]
fn wrong_headers_can_be_answered() {
    let long = "x".repeat(MAX_KEY_BYTES + 1);
    for codec in Codec::ALL {
        for (headers, hint) in [
            (json!([]), "headers: expected a map of headers"),
            (json!(7), "headers: expected a map of headers"),
            (json!({"deadline_ms": -1}), "headers.deadline_ms: expected u64"),
            (json!({"deadline_ms": "1"}), "headers.deadline_ms: expected u64"),
            (json!({"no_reply": 1}), "headers.no_reply: expected a boolean"),
            (json!({"trace": long}), "headers.trace: the text is longer than 256 bytes"),
            (json!({"idempotency_key": long}), "headers.idempotency_key: the text is longer"),
            (json!({"chain": [["a", true], ["b"]]}), "headers.chain[1]"),
            (json!({"chain": vec![("a", true); MAX_CHAIN + 1]}), "headers.chain: more than 64 callers"),
            (json!({"chain": [["a".repeat(MAX_ADDRESS_BYTES + 1), true]]}), "headers.chain[0]: the address"),
        ] {
            match fault(codec, &bytes(codec, json!([0, 7, ["a", [], {}], headers]))) {
                MessageError::BadRequest { reason, .. } => {
                    assert!(reason.starts_with(hint), "{codec}: {reason}")
                }
                other => panic!("{codec}: {other}"),
            }
        }
    }
    let twice = br#"[0,1,["a",[],{}],{"trace":"a","trace":"b"}]"#;
    assert!(matches!(fault(Codec::Json, twice), MessageError::BadRequest { .. }));
}

#[test]
fn half_of_a_surrogate_pair_is_refused_where_it_is_read_and_nowhere_else() {
    let payload = br#"[0,1,["a",["fine","\ud800x"],{"k":"\udc00"}]]"#;
    let Ok(Message::Request { arguments, .. }) = Message::decode(Codec::Json, payload, &Limits::DEFAULT)
    else {
        panic!("it is a request");
    };
    let names = ["one", "two", "k"];
    let error = <(String, String, Option<String>)>::decode(&arguments, "a", &names).unwrap_err();
    let CallError::<Never>::BadArguments { path, reason, .. } = &error else { panic!("{error}") };
    assert_eq!((path.as_str(), reason.contains("half of a surrogate pair")), ("two", true), "{error}");
    let answer = br#"[1,7,["\ud800"]]"#;
    let Ok(Message::Result { content, .. }) = Message::decode(Codec::Json, answer, &Limits::DEFAULT) else {
        panic!("it is an answer");
    };
    assert!(Codec::Json.decode::<Value>(content).is_err());
    // A path and a name are read at once.
    for payload in
        [&br#"[0,1,["\ud800",[],{}]]"#[..], br#"[0,1,["a",[],{"\ud800":1}]]"#, br#"[0,"\ud800",["a",[],{}]]"#]
    {
        assert!(
            Message::decode(Codec::Json, payload, &Limits::DEFAULT).is_err(),
            "{}",
            payload.escape_ascii()
        );
    }
}

#[test]
fn bytes_that_are_no_value_are_refused_by_name() {
    for (codec, bytes, hint) in [
        (Codec::Json, &b"[1,]"[..], "expected a value, found ']' (at byte 3)"),
        (Codec::Json, b"[1 2]", "expected `,` or `]`, found '2'"),
        (Codec::Json, b"{1:2}", "expected a key in quotes"),
        (Codec::Json, b"{\"a\" 1}", "expected `:`"),
        (Codec::Json, b"[01]", "needless zero"),
        (Codec::Json, b"-", "expected a digit, but the bytes end"),
        (Codec::Json, b"\"a", "the closing quote"),
        (Codec::Json, b"\"a\nb\"", "control character"),
        (Codec::Json, br#""\q""#, "escape"),
        (Codec::Json, b"\"\xff\"", "JSON is not UTF-8 (at byte 1)"),
        (Codec::Json, b"nul", "expected a value"),
        (Codec::Json, b"Infinit", "expected a value"),
        (Codec::Json, b"+1", "expected a value"),
        (Codec::Json, b"\xef\xbb\xbf1", "expected a value"),
        (Codec::MsgPack, b"\xc1", "0xc1 begins no MsgPack value"),
        (Codec::MsgPack, b"\xd4\x05\x00", "extension type 5"),
        (Codec::MsgPack, b"\xc7\x01\x80\x00", "extension type -128"),
        (Codec::MsgPack, b"\xd6\xff\0\0\0\0", "timestamps"),
        (Codec::MsgPack, b"\xc9\0\0\0", "promised"),
        (Codec::MsgPack, b"\xa2\xc3\x28", "a text is not UTF-8"),
        (Codec::Cbor, b"\x62\xc3\x28", "a text is not UTF-8"),
        (Codec::Cbor, b"\x1c", "0x1c begins no CBOR value"),
        (Codec::Cbor, b"\x1f", "0x1f begins no CBOR value"),
        (Codec::Cbor, b"\xdf\x01", "0xdf begins no CBOR value"),
        (Codec::Cbor, b"\xff", "a break outside"),
        (Codec::Cbor, b"\x81\xff", "a break outside"),
        (Codec::Cbor, b"\xbf\x01\xff", "a break outside"),
        (Codec::Cbor, b"\xf8\x20", "simple values"),
        (Codec::Cbor, b"\xe0", "simple values"),
        (Codec::Cbor, b"\x7f\x41a\xff", "a chunk of another kind"),
        (Codec::Cbor, b"\x7f\x7f\xff\xff", "a chunk of another kind"),
        (Codec::Cbor, b"\x7f\x62\xc3\xff", "a text is not UTF-8"),
        (Codec::Cbor, b"\xc2\x01", "tags 2 and 3 stand before bytes"),
        (Codec::Cbor, b"\x9f\x01", "the bytes end inside a value"),
    ] {
        let error = codec.scan(bytes, &Limits::DEFAULT).unwrap_err();
        assert!(error.reason().contains(hint), "{codec} {bytes:02x?}: {error}");
        assert!(codec.value(bytes, &Limits::DEFAULT).is_err());
        assert!(codec.decode::<Value>(bytes).is_err());
    }
}
