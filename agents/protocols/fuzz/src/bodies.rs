//! What the fuzz targets do with their input; the crate's own tests run the same functions on a changed corpus.
//!
//! Each body holds the reader to what must always be so: no panic, and what was read is written so that it reads the same.
//! Neighbours: `fuzz_targets/*` (with a fuzzer), `tests/protocols/smoke.rs` (without).

use std::sync::{Arc, LazyLock};

use folkmoot_protocols::{Body, DecodeError, Envelope, Message, Neutral, Protocol, Reading, Specification};

/// The specification with every type.
static PROTOCOL: LazyLock<Arc<Protocol>> = LazyLock::new(|| {
    let text = include_str!("../../tests/fixtures/every_type.yaml");
    let (specification, _) = Specification::read(text).expect("the specification is right");
    Protocol::new(specification).expect("its dicts have keys that protobuf has")
});

/// Small bounds, so that inputs of a fuzzer's size reach them.
const STRICT: Reading = Reading::STRICT.with_max_bytes(4096).with_max_elements(100);
const LENIENT: Reading = Reading::LENIENT.with_max_bytes(4096).with_max_elements(100);

/// Bytes that may be a message.
pub fn message(bytes: &[u8]) {
    let strict: Result<Message, DecodeError> = Message::decode(&PROTOCOL, bytes, STRICT);
    let lenient: Result<Message, DecodeError> = Message::decode(&PROTOCOL, bytes, LENIENT);
    if let Ok(message) = strict {
        assert_eq!(lenient.as_ref(), Ok(&message), "what is read strictly is read leniently, and the same");
        let written = message.encode();
        assert!(written.len() <= 2 * bytes.len() + 16, "{} bytes became {}", bytes.len(), written.len());
        let again = Message::decode(&PROTOCOL, &written, Reading::STRICT);
        assert_eq!(again.as_ref(), Ok(&message));
        let json = Neutral::from(message.clone()).to_json();
        let neutral = Neutral::read(&PROTOCOL, &json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(neutral.message, message);
    }
    if let Ok(message) = lenient {
        // A union of which nothing is set reads so again, leniently alone.
        assert_eq!(Message::decode(&PROTOCOL, &message.encode(), Reading::LENIENT), Ok(message));
    }
}

/// Bytes that may be an envelope.
pub fn envelope(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::decode(bytes, STRICT) {
        assert_eq!(Envelope::decode(&envelope.encode(), STRICT).as_ref(), Ok(&envelope));
        assert_eq!(Envelope::decode(bytes, LENIENT).as_ref(), Ok(&envelope));
        let _: Result<Message<Body>, DecodeError> = envelope.open(&PROTOCOL, LENIENT);
    }
}

/// Bytes that may be a message in JSON.
pub fn neutral(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(neutral) = Neutral::read(&PROTOCOL, text) {
        let again = Neutral::read(&PROTOCOL, &neutral.to_json());
        assert_eq!(again.as_ref(), Ok(&neutral));
        assert_eq!(again.map(|again| again.message.encode()), Ok(neutral.message.encode()));
    }
}
