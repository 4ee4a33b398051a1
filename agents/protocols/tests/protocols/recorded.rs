//! What AEA wrote and read, as it was recorded, is what is written and read here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use folkmoot_protocols::neutral::{from_hex, to_hex};
use folkmoot_protocols::value::Items;
use folkmoot_protocols::{Message, Neutral, Protocol, Reading, Specification, Value};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn every_type() -> Arc<Protocol> {
    static PROTOCOL: LazyLock<Arc<Protocol>> = LazyLock::new(|| {
        let (specification, _) = Specification::read(fixture("every_type.yaml")).unwrap();
        Protocol::new(specification).unwrap()
    });
    PROTOCOL.clone()
}

/// The pairs of lines of a recording.
pub(crate) fn recording() -> Vec<(String, String)> {
    let text = fixture("aea/every_type.txt");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}

/// The message with sets in an order of their own, which AEA reads in none.
fn without_order(message: &Message) -> Vec<String> {
    let in_order = |value: &Value| match value {
        Value::Set(items) => format!("{:?}", sorted(items)),
        Value::Union { alternative, value } => match &**value {
            Value::Set(items) => format!("{alternative} {:?}", sorted(items)),
            value => format!("{alternative} {value:?}"),
        },
        value => format!("{value:?}"),
    };
    let header = format!("{:?} {} {}", message.dialogue_reference, message.message_id, message.target);
    let contents = message.body.contents().map(|(name, value)| format!("{name} {}", in_order(value)));
    [header, message.body.performative().to_owned()].into_iter().chain(contents).collect()
}

fn sorted(items: &Items) -> BTreeSet<String> {
    items.to_singles().iter().map(|single| format!("{single:?}")).collect()
}

#[test]
fn messages_have_the_bytes_that_aea_writes() {
    let protocol = every_type();
    let mut performatives = BTreeSet::new();
    for (message, bytes) in recording() {
        let Some(json) = message.strip_prefix("> ") else { continue };
        let hex = bytes.strip_prefix("= ").unwrap();
        let neutral = Neutral::read(&protocol, json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(to_hex(&neutral.message.encode()), hex, "{json}");
        performatives.insert(neutral.message.body.performative().to_owned());
        let bytes = from_hex(hex).unwrap();
        for reading in [Reading::STRICT, Reading::LENIENT] {
            let read =
                Message::decode(&protocol, &bytes, reading).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert_eq!(read, neutral.message, "{json}");
            assert_eq!(Neutral::read(&protocol, &Neutral::from(read).to_json()).as_ref(), Ok(&neutral));
        }
    }
    assert_eq!(performatives.len(), protocol.layouts().len(), "every performative is in the recording");
}

#[test]
fn broken_bytes_are_leniently_read_as_aea_reads_them() {
    let protocol = every_type();
    let (mut read, mut refused) = (0, 0);
    for (bytes, answer) in recording() {
        let Some(hex) = bytes.strip_prefix("~ ") else { continue };
        let ours = Message::decode(&protocol, &from_hex(hex).unwrap(), Reading::LENIENT);
        match (answer.strip_prefix("= "), ours) {
            (Some(json), Ok(message)) => {
                // A union of which nothing is set is no message to be written, so the JSON is compared.
                let theirs: serde_json::Value = serde_json::from_str(json).unwrap();
                let ours: serde_json::Value =
                    serde_json::from_str(&Neutral::from(message.clone()).to_json()).unwrap();
                match Neutral::read(&protocol, json) {
                    Ok(theirs) => {
                        assert_eq!(without_order(&message), without_order(&theirs.message), "{hex}")
                    }
                    Err(error) if error.to_string().contains("is missing") => {
                        assert_eq!(ours, theirs, "{hex}")
                    }
                    Err(error) => panic!("{error}: {json}"),
                }
                read += 1;
            }
            (None, Err(_)) => refused += 1,
            (theirs, ours) => panic!("{hex}: AEA reads {theirs:?}, here it is {ours:?}"),
        }
    }
    assert!(read > 50 && refused > 50, "{read} read, {refused} refused");
}
