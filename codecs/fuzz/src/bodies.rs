//! What the fuzz targets do with their input; the crate's own tests run the same functions on a changed corpus.
//!
//! Each body holds the reader to what must always be so: no panic, and one answer however the bytes are read.
//! Neighbours: `fuzz_targets/*` (with a fuzzer), `tests/hostile/smoke.rs` (without).

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::{
    ArgumentList, CallError, Codec, FrameDecoder, Headers, Hello, Limits, Message, MessageError, Value,
};
use tokio_util::codec::Decoder;

/// Small limits, so that inputs of a fuzzer's size reach them.
const LIMITS: Limits = Limits { max_frame_bytes: 4096, max_depth: 16, max_nodes: 200 };

/// Bytes that may be one JSON value, or a message.
pub fn json(bytes: &[u8]) {
    value(Codec::Json, bytes);
    message(Codec::Json, bytes);
}

/// Bytes that may be one MsgPack value, or a message.
pub fn msgpack(bytes: &[u8]) {
    value(Codec::MsgPack, bytes);
    message(Codec::MsgPack, bytes);
}

/// Bytes that may be one CBOR value, or a message.
pub fn cbor(bytes: &[u8]) {
    value(Codec::Cbor, bytes);
    message(Codec::Cbor, bytes);
}

/// Bytes that may be one Blosc chunk with a message.
pub fn blosc(bytes: &[u8]) {
    let Ok(content) = Codec::MsgPackBlosc.open(Bytes::copy_from_slice(bytes), &LIMITS) else { return };
    assert!(!content.is_empty() && content.len() <= LIMITS.max_frame_bytes as usize);
    message(Codec::MsgPackBlosc, &content);
}

/// A stream of frames: the same payloads come out, however it arrives.
pub fn frame(bytes: &[u8]) {
    let whole = payloads(bytes, bytes.len());
    for step in [1, 7] {
        assert_eq!(payloads(bytes, step), whole, "{step} bytes at a time");
    }
    for payload in whole.0 {
        match payload.first().and_then(|first| Codec::detect(*first)) {
            Some(Codec::MsgPackBlosc) => blosc(&payload),
            Some(codec) => message(codec, &payload),
            None => assert!(!payload.is_empty(), "a payload is never empty"),
        }
    }
}

/// Headers, a Hello, or an exception's content; the first byte chooses the codec.
pub fn headers_and_hello(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    let codec = Codec::ALL[usize::from(*choice) % Codec::ALL.len()];
    if codec.scan(bytes, &LIMITS).is_err() {
        return;
    }
    if let Ok(headers) = codec.decode::<Headers>(bytes) {
        assert!(headers.chain.len() <= folkmoot_codecs::headers::MAX_CHAIN);
        assert_eq!(codec.decode::<Headers>(&encoded(codec, &headers)), Ok(headers));
    }
    if let Ok(hello) = codec.decode::<Hello>(bytes) {
        assert!(hello.versions.0 <= hello.versions.1);
        assert_eq!(codec.decode::<Hello>(&encoded(codec, &hello)), Ok(hello));
    }
    let _ = CallError::<String>::from_exception(codec, bytes).to_string();
}

fn encoded<T: serde::Serialize>(codec: Codec, value: &T) -> BytesMut {
    let mut out = BytesMut::new();
    codec.encode(value, &mut out).expect("what was read can be written");
    out
}

/// The payloads of the stream, and whether it ended well.
fn payloads(stream: &[u8], step: usize) -> (Vec<Bytes>, bool) {
    let mut decoder = FrameDecoder::new(LIMITS);
    let (mut buffer, mut out) = (BytesMut::new(), Vec::new());
    for piece in stream.chunks(step.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(payload)) => out.push(payload),
                Ok(None) => break,
                Err(_) => return (out, false),
            }
        }
    }
    (out, matches!(decoder.decode_eof(&mut buffer), Ok(None)))
}

/// The scanner, the dynamic value and serde agree on the bytes, and the value survives being written again.
fn value(codec: Codec, bytes: &[u8]) {
    let scanned = codec.scan(bytes, &LIMITS);
    let built = codec.value(bytes, &LIMITS);
    // What only shows when a scalar is converted: a number that is out of range, half of a surrogate pair.
    let shows_late = ["beyond the range", "surrogate pair"];
    if !built.as_ref().is_err_and(|error| shows_late.iter().any(|late| error.reason().contains(late))) {
        assert_eq!(scanned.is_ok(), built.is_ok(), "{scanned:?} {built:?}");
    }
    let Ok(built) = built else { return };
    let decoded: Value = codec.decode(bytes).expect("what is built can be decoded");
    // As text, for NaN is not itself; what MsgPack writes it could read, JSON has no bytes to lose.
    assert_eq!(decoded.to_string(), built.to_string());
    let again: Value = codec.decode(&encoded(codec, &built)).expect("what was written can be read");
    assert_eq!(again.to_string(), built.to_string());
    let _ = codec.decode::<Vec<Option<i64>>>(bytes);
    let _ = codec.decode::<std::collections::BTreeMap<u8, (f32, String)>>(bytes);
    let _ = codec.decode::<std::time::Duration>(bytes);
}

fn message(codec: Codec, payload: &[u8]) {
    match Message::decode(codec, payload, &LIMITS) {
        Ok(message) => {
            assert_eq!(codec.scan(payload, &LIMITS), Ok(()), "a message is a value");
            parts(codec, &message);
        }
        Err(MessageError::BadRequest { id, .. }) => {
            assert_eq!(codec.scan(payload, &LIMITS), Ok(()), "a bad request is a value");
            assert_eq!(codec.scan(id.as_bytes(), &LIMITS), Ok(()), "an id is a value");
        }
        Err(_) => {}
    }
}

/// What is cut out of a message is itself well-formed.
fn parts(codec: Codec, message: &Message<'_>) {
    match message {
        Message::Request { id, arguments, .. } => {
            assert_eq!(codec.scan(id.as_bytes(), &LIMITS), Ok(()));
            assert_eq!(codec.scan(arguments.positional, &LIMITS), Ok(()));
            assert!(arguments.keyword.is_none_or(|keyword| codec.scan(keyword, &LIMITS).is_ok()));
            let _ = <(i64, Option<String>)>::decode(arguments, "method", &["a", "b"]);
            let _ = <(Hello,)>::decode(arguments, "hello", &["hello"]);
        }
        Message::Result { content, .. } => assert_eq!(codec.scan(content, &LIMITS), Ok(())),
        Message::Exception { content, .. } => {
            assert_eq!(codec.scan(content, &LIMITS), Ok(()));
            let _ = CallError::<Value>::from_exception(codec, content).to_string();
        }
        _ => {}
    }
}
