//! Messages to JSON.
//!
//! Neighbour: [`super::reading`] reads what this writes.

use serde_json::{Map, Value as Json, json};

use super::Neutral;
use super::float::to_text;
use super::hex::to_hex;
use crate::protocol::layout::Slot;
use crate::specification::Element;
use crate::value::{Items, Single, Value};

pub(super) fn neutral(neutral: &Neutral) -> String {
    let message = &neutral.message;
    let reference = &message.dialogue_reference;
    let mut contents = Map::new();
    for (slot, value) in message.body.slots() {
        if let Some(value) = value {
            contents.insert(slot.name.clone(), content(slot, value));
        }
    }
    let fields = [
        ("spec", neutral.spec.as_ref().map(|spec| json!(spec))),
        ("performative", Some(json!(message.body.performative()))),
        ("dialogue_reference", Some(json!([reference.starter, reference.responder]))),
        ("message_id", Some(json!(message.message_id))),
        ("target", Some(json!(message.target))),
        ("sender", message.sender.as_ref().map(|sender| json!(sender))),
        ("to", message.to.as_ref().map(|to| json!(to))),
        ("uri", neutral.uri.as_ref().map(|uri| json!(uri))),
        ("contents", Some(Json::Object(contents))),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some(format!("{}:{}", json!(name), value?)));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn content(slot: &Slot, value: &Value) -> Json {
    match value {
        Value::Union { alternative, value } => {
            let element = slot.alternatives.get(usize::from(*alternative)).map(|(element, _)| element);
            json!({"union": element.map(ToString::to_string), "value": element.map(|element| plain(element, value))})
        }
        value => slot.alternatives.first().map_or(Json::Null, |(element, _)| plain(element, value)),
    }
}

fn plain(element: &Element, value: &Value) -> Json {
    match (value, element) {
        (Value::Single(value), _) => single(value),
        (Value::Set(elements), _) => json!({"set": items(elements), "of": elements.primitive().to_string()}),
        (Value::List(elements), _) => {
            json!({"list": items(elements), "of": elements.primitive().to_string()})
        }
        (Value::Dict(entries), Element::Dict(key, value)) => {
            let entries: Vec<Json> =
                entries.iter().map(|(key, value)| json!([single(&key.to_single()), single(value)])).collect();
            json!({"dict": entries, "of": [key.to_string(), value.to_string()]})
        }
        (Value::Custom(raw), Element::Custom(name)) => json!({"ct": name, "raw": to_hex(raw)}),
        // A body's values are of their contents' types.
        _ => Json::Null,
    }
}

fn items(items: &Items) -> Vec<Json> {
    items.to_singles().iter().map(single).collect()
}

fn single(value: &Single) -> Json {
    match value {
        Single::Bytes(bytes) => json!({"bytes": to_hex(bytes)}),
        Single::Int(int) => json!({"int": int}),
        Single::Float(float) => json!({"float": to_text(*float), "f32": format!("{:08x}", float.to_bits())}),
        Single::Bool(truth) => json!({"bool": truth}),
        Single::Str(text) => json!({"str": text}),
    }
}
