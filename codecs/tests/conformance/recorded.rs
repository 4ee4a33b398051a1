//! Frames recorded from a real link between two aiomas containers: all are read, and ours mean the same.

use std::fs;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::{
    CallError, Codec, FrameDecoder, Limits, Message, MessageError, Never, Value, encode_request,
    encode_result_raw,
};
use tokio_util::codec::Decoder;

use crate::sample::same;

/// The payloads of a recording, in their order.
fn payloads(name: &str) -> Vec<Bytes> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiomas").join(name);
    let mut stream = BytesMut::new();
    for line in fs::read_to_string(&file).unwrap().lines() {
        if let Some(hex) = line.strip_prefix("> ").or(line.strip_prefix("< ")) {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            stream.extend((0..hex.len()).step_by(2).map(byte));
        }
    }
    let mut payloads = Vec::new();
    while let Some(payload) = FrameDecoder::new(Limits::DEFAULT).decode_eof(&mut stream).unwrap() {
        payloads.push(payload);
    }
    assert!(payloads.len() > 100, "{} holds only {} frames", file.display(), payloads.len());
    payloads
}

/// The same message as we write it; nothing for an exception or a bad request.
fn rewritten(codec: Codec, payload: &[u8]) -> Option<Bytes> {
    let mut out = BytesMut::new();
    let message = match Message::decode(codec, payload, &Limits::DEFAULT) {
        Ok(message) => message,
        // Sent on purpose; it must be one that can be answered.
        Err(MessageError::BadRequest { .. }) => return None,
        Err(error) => panic!("{error}: {}", payload.escape_ascii()),
    };
    match message {
        Message::Request { id, path, arguments, headers } => {
            assert!(headers.is_empty());
            let id = id.as_u64().unwrap();
            let (positional, keyword) = (arguments.positional, arguments.keyword);
            encode_request(codec, &mut out, id, &path, positional, keyword, None, &Limits::DEFAULT).unwrap();
        }
        Message::Result { id, content } => {
            let id = folkmoot_codecs::RawId::of_number(codec, id);
            encode_result_raw(codec, &mut out, &id, content, &Limits::DEFAULT).unwrap();
        }
        Message::Exception { content, .. } => {
            let CallError::Remote { kind, traceback, .. } =
                CallError::<Never>::from_exception(codec, content)
            else {
                panic!("an exception of aiomas is one text");
            };
            assert!(kind.ends_with("Error"), "{kind:?} in {traceback}");
            return None;
        }
        _ => unreachable!("there are three kinds"),
    }
    Some(codec.open(out.split_off(4).freeze(), &Limits::DEFAULT).unwrap())
}

fn assert_recording(name: &str, codec: Codec, to_the_byte: bool) {
    let mut not_ours = 0;
    for payload in payloads(name) {
        assert_eq!(Codec::detect(payload[0]), Some(codec));
        let payload = codec.open(payload, &Limits::DEFAULT).unwrap();
        let value = codec.value(&payload, &Limits::DEFAULT).unwrap();
        let decoded: Value = codec.decode(&payload).unwrap();
        assert!(same(&value, &decoded), "{value} {decoded}");
        match rewritten(codec, &payload) {
            Some(ours) if to_the_byte => assert_eq!(ours, payload, "{value}"),
            Some(ours) => assert!(same(&codec.value(&ours, &Limits::DEFAULT).unwrap(), &value), "{value}"),
            None => not_ours += 1,
        }
    }
    assert!(not_ours > 0, "{name} holds no exception");
}

#[test]
fn json_of_aiomas_means_the_same() {
    assert_recording("json-3.8.txt", Codec::Json, false);
    assert_recording("json-3.11.txt", Codec::Json, false);
}

#[test]
fn msgpack_of_aiomas_is_ours_to_the_byte() {
    assert_recording("msgpack-3.8.txt", Codec::MsgPack, true);
    assert_recording("msgpackblosc-3.8.txt", Codec::MsgPackBlosc, true);
}
