//! Messages out of JSON.
//!
//! What always holds: nothing is passed over; a field that nobody knows, a value that says two things or a number that
//! does not fit is an error that names its place. Elements may be tagged as other values are, or plain where `of` says
//! what they are. Neighbour: [`super::writing`] writes what this reads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use super::hex::from_hex;
use super::{Neutral, NeutralError, float, words};
use crate::body::Body;
use crate::message::{DialogueReference, Message};
use crate::protocol::Protocol;
use crate::specification::{Element, Primitive};
use crate::value::{Items, Key, Single, Value};

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    spec: Option<String>,
    performative: String,
    dialogue_reference: (String, String),
    message_id: i32,
    target: i32,
    sender: Option<String>,
    to: Option<String>,
    uri: Option<String>,
    contents: Contents,
}

/// Contents by name, each once.
struct Contents(Vec<(String, Tagged)>);

/// A value with what it says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tagged {
    int: Option<Json>,
    float: Option<Json>,
    f32: Option<String>,
    bool: Option<bool>,
    str: Option<String>,
    bytes: Option<String>,
    set: Option<Vec<Json>>,
    list: Option<Vec<Json>>,
    dict: Option<Vec<(Json, Json)>>,
    of: Option<Json>,
    union: Option<String>,
    value: Option<Box<Tagged>>,
    ct: Option<String>,
    raw: Option<String>,
}

impl<'de> Deserialize<'de> for Contents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Contents, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Contents;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of contents by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Contents, A::Error> {
                let mut contents = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    contents.push(entry);
                }
                Ok(Contents(contents))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

pub(super) fn neutral(protocol: &Arc<Protocol>, json: &str) -> Result<Neutral, NeutralError> {
    let line: Line = serde_json::from_str(json).map_err(|error| NeutralError::of_json(&error))?;
    check_spec(protocol, line.spec.as_deref())?;
    let index = protocol.index(&line.performative);
    let layout = index.and_then(|index| protocol.layout(index));
    let mut contents = Vec::with_capacity(line.contents.0.len());
    for (name, tagged) in &line.contents.0 {
        let place = format!("{}.{name}", line.performative);
        let slot = layout.and_then(|layout| layout.slots.get(usize::from(layout.content(name)?)));
        let alternatives: Vec<&Element> = slot
            .map(|slot| slot.alternatives.iter().map(|(element, _)| element).collect())
            .unwrap_or_default();
        let value = match &tagged.union {
            Some(_) => union(tagged, &alternatives),
            None => plain(tagged, alternatives.first().copied()),
        };
        contents.push((name.as_str(), value.map_err(|reason| NeutralError::at(&place, reason))?));
    }
    let body = Body::new(protocol, &line.performative, contents)
        .map_err(|error| NeutralError::new(error.to_string()))?;
    let (starter, responder) = line.dialogue_reference;
    let message = Message {
        dialogue_reference: DialogueReference { starter, responder },
        message_id: line.message_id,
        target: line.target,
        sender: line.sender,
        to: line.to,
        body,
    };
    Ok(Neutral { message, spec: line.spec, uri: line.uri })
}

/// An id must be that of the protocol; any other word is the writer's own.
fn check_spec(protocol: &Protocol, spec: Option<&str>) -> Result<(), NeutralError> {
    match spec {
        Some(spec)
            if spec.contains(':')
                && crate::envelope::public_id::is_public_id(spec)
                && spec != protocol.id() =>
        {
            Err(NeutralError::new(format!(
                "the message is of {spec}, the specification is {}",
                protocol.id()
            )))
        }
        _ => Ok(()),
    }
}

type Reason = String;

/// `{"union": "pt:x", "value": v}`.
fn union(tagged: &Tagged, alternatives: &[&Element]) -> Result<Value, Reason> {
    let Tagged { union: Some(name), value: Some(value), .. } = tagged else {
        return Err("a union needs its value: {\"union\": \"pt:int\", \"value\": {\"int\": 5}}".to_owned());
    };
    only(tagged, &["union", "value"])?;
    let wanted: String = name.split_whitespace().collect();
    let is_named = |element: &&Element| element.to_string().split_whitespace().collect::<String>() == wanted;
    let Some(alternative) = alternatives.iter().position(is_named) else {
        let known: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
        return Err(match known.is_empty() {
            true => "there is no such content".to_owned(),
            false => format!("{name} is none of its types; they are {}", known.join(", ")),
        });
    };
    let element = alternatives.get(alternative).copied();
    if value.union.is_some() {
        return Err("a union holds no union".to_owned());
    }
    let inner = plain(value, element)?;
    match element {
        Some(element) if !inner.is_of(element) => {
            Err(format!("its value must be {element}, found {}", inner.told()))
        }
        _ => Ok(Value::Union { alternative: alternative as u16, value: Box::new(inner) }),
    }
}

/// Any value but a union. What it should be helps where it does not say it itself.
fn plain(tagged: &Tagged, wanted: Option<&Element>) -> Result<Value, Reason> {
    let kinds = tagged.kinds();
    let [kind] = kinds.as_slice() else {
        return Err(match kinds.is_empty() {
            true => "the value does not say what it is; write {\"int\": 5}, {\"str\": \"a\"}, ..".to_owned(),
            false => format!("the value says that it is {}; leave one", kinds.join(" and ")),
        });
    };
    match *kind {
        "set" | "list" => {
            only(tagged, &[kind, "of"])?;
            let expected = match wanted {
                Some(Element::Set(of) | Element::List(of)) => Some(*of),
                _ => None,
            };
            let of = match &tagged.of {
                Some(of) => Some(primitive(of)?),
                None => expected,
            };
            let elements = tagged.set.as_ref().or(tagged.list.as_ref()).into_iter().flatten();
            let items = items(elements, of)?;
            Ok(if *kind == "set" { Value::Set(items) } else { Value::List(items) })
        }
        "dict" => dict(tagged, wanted),
        "ct" => custom(tagged, wanted),
        _ => single(tagged).map(Value::Single),
    }
}

fn custom(tagged: &Tagged, wanted: Option<&Element>) -> Result<Value, Reason> {
    only(tagged, &["ct", "raw"])?;
    let (Some(name), Some(raw)) = (&tagged.ct, &tagged.raw) else {
        return Err("a custom type is {\"ct\": \"Name\", \"raw\": \"hex of its message\"}".to_owned());
    };
    let name = name.strip_prefix("ct:").unwrap_or(name);
    match wanted {
        Some(Element::Custom(wanted)) if wanted != name => {
            Err(format!("must be ct:{wanted}, found ct:{name}"))
        }
        _ => from_hex(raw).map(Value::Custom).map_err(|error| error.to_string()),
    }
}

fn dict(tagged: &Tagged, wanted: Option<&Element>) -> Result<Value, Reason> {
    only(tagged, &["dict", "of"])?;
    let (key_type, value_type) = match (&tagged.of, wanted) {
        (Some(Json::Array(of)), _) => match of.as_slice() {
            [key, value] => (Some(primitive(key)?), Some(primitive(value)?)),
            _ => return Err("the types of a dict are [\"pt:key\", \"pt:value\"]".to_owned()),
        },
        (Some(_), _) => return Err("the types of a dict are [\"pt:key\", \"pt:value\"]".to_owned()),
        (None, Some(Element::Dict(key, value))) => (Some(*key), Some(*value)),
        (None, _) => (None, None),
    };
    if let (Some(key), Some(value), Some(wanted @ Element::Dict(..))) = (key_type, value_type, wanted)
        && *wanted != Element::Dict(key, value)
    {
        return Err(format!("must be {wanted}, found {}", Element::Dict(key, value)));
    }
    let mut entries = BTreeMap::new();
    let mut first_type = value_type;
    for (key, value) in tagged.dict.iter().flatten() {
        let (key, value) = (element(key, key_type)?, element(value, first_type)?);
        first_type = Some(value.primitive());
        let Some(key) = Key::from_single(key) else {
            return Err("the keys of a dict are pt:int, pt:bool or pt:str".to_owned());
        };
        if entries.insert(key, value).is_some() {
            return Err("the dict has a key twice; leave one".to_owned());
        }
    }
    Ok(Value::Dict(entries))
}

/// The elements of a set or a list, all of one type.
fn items<'a>(elements: impl Iterator<Item = &'a Json>, of: Option<Primitive>) -> Result<Items, Reason> {
    let mut of = of;
    let mut items = of.map(Items::none_of);
    for json in elements {
        let single = element(json, of)?;
        of = Some(single.primitive());
        match (items.get_or_insert_with(|| Items::none_of(single.primitive())), single) {
            (Items::Bytes(items), Single::Bytes(item)) => items.push(item),
            (Items::Int(items), Single::Int(item)) => items.push(item),
            (Items::Float(items), Single::Float(item)) => items.push(item),
            (Items::Bool(items), Single::Bool(item)) => items.push(item),
            (Items::Str(items), Single::Str(item)) => items.push(item),
            (items, item) => {
                return Err(format!(
                    "an element is {}, the others are {}",
                    item.primitive(),
                    items.primitive()
                ));
            }
        }
    }
    items.ok_or_else(|| "an empty collection needs \"of\": \"pt:int\", ..".to_owned())
}

/// An element, a key or a value of a dict: tagged, or plain where its type is known.
fn element(json: &Json, of: Option<Primitive>) -> Result<Single, Reason> {
    let single = match (json, of) {
        (Json::Object(_), _) => {
            let tagged = Tagged::deserialize(json).map_err(|error| words::of(&error))?;
            single(&tagged)?
        }
        (Json::Number(_), Some(Primitive::Int)) => Single::Int(int(json)?),
        (Json::Number(_) | Json::String(_), Some(Primitive::Float)) => Single::Float(float(json, None)?),
        (Json::Bool(truth), Some(Primitive::Bool)) => Single::Bool(*truth),
        (Json::String(text), Some(Primitive::Str)) => Single::Str(text.clone()),
        (Json::String(text), Some(Primitive::Bytes)) => {
            Single::Bytes(from_hex(text).map_err(|error| error.to_string())?)
        }
        (_, Some(of)) => return Err(format!("{json} is no element of type {of}")),
        (_, None) => return Err(format!("{json} does not say what it is; write \"of\": \"pt:int\", ..")),
    };
    match of {
        Some(of) if of != single.primitive() => {
            Err(format!("an element is {}, it must be {of}", single.primitive()))
        }
        _ => Ok(single),
    }
}

fn single(tagged: &Tagged) -> Result<Single, Reason> {
    let extra = if tagged.float.is_some() { "f32" } else { "" };
    match tagged {
        Tagged { int: Some(json), .. } => only(tagged, &["int"]).and_then(|()| int(json)).map(Single::Int),
        Tagged { float: Some(json), f32: bits, .. } => {
            only(tagged, &["float", extra]).and_then(|()| float(json, bits.as_deref())).map(Single::Float)
        }
        Tagged { bool: Some(truth), .. } => only(tagged, &["bool"]).map(|()| Single::Bool(*truth)),
        Tagged { str: Some(text), .. } => only(tagged, &["str"]).map(|()| Single::Str(text.clone())),
        Tagged { bytes: Some(hex), .. } => {
            only(tagged, &["bytes"])?;
            from_hex(hex).map(Single::Bytes).map_err(|error| error.to_string())
        }
        _ => Err("an element is a primitive: {\"int\": 5}, {\"str\": \"a\"}, ..".to_owned()),
    }
}

fn int(json: &Json) -> Result<i64, Reason> {
    json.as_i64().ok_or_else(|| format!("{json} is no integer of 64 bits"))
}

/// A float by its text; `f32` says which of the bit patterns that the text leaves open.
fn float(json: &Json, bits: Option<&str>) -> Result<f32, Reason> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        _ => return Err(format!("{json} is no float; write it as a text, \"0.5\"")),
    };
    let told = float::from_text(&text)?;
    let Some(bits) = bits else { return Ok(told) };
    let exact = match u32::from_str_radix(bits, 16) {
        Ok(exact) if bits.len() == 8 => f32::from_bits(exact),
        _ => return Err(format!("f32 {bits:?} is not 8 hexadecimal digits")),
    };
    match exact.to_bits() == told.to_bits() || (exact.is_nan() && told.is_nan()) {
        true => Ok(exact),
        false => Err(format!("the float {text} and its f32 {bits} are two numbers; leave one out")),
    }
}

fn primitive(json: &Json) -> Result<Primitive, Reason> {
    let word = json.as_str().map(|text| text.trim().strip_prefix("pt:").unwrap_or(text));
    let found = Primitive::ALL.into_iter().find(|primitive| Some(primitive.word()) == word);
    found.ok_or_else(|| {
        format!("{json} is no primitive type; it may be pt:bytes, pt:int, pt:float, pt:bool or pt:str")
    })
}

/// Refuses what else the value says.
fn only(tagged: &Tagged, allowed: &[&str]) -> Result<(), Reason> {
    match tagged.said().find(|said| !allowed.contains(said)) {
        None => Ok(()),
        Some(said) => Err(format!("{said:?} has no place beside {:?}", allowed.first().unwrap_or(&""))),
    }
}

impl Tagged {
    /// The names of all that is there.
    fn said(&self) -> impl Iterator<Item = &'static str> {
        let said = [
            ("int", self.int.is_some()),
            ("float", self.float.is_some()),
            ("f32", self.f32.is_some()),
            ("bool", self.bool.is_some()),
            ("str", self.str.is_some()),
            ("bytes", self.bytes.is_some()),
            ("set", self.set.is_some()),
            ("list", self.list.is_some()),
            ("dict", self.dict.is_some()),
            ("of", self.of.is_some()),
            ("union", self.union.is_some()),
            ("value", self.value.is_some()),
            ("ct", self.ct.is_some()),
            ("raw", self.raw.is_some()),
        ];
        said.into_iter().filter_map(|(name, is_there)| is_there.then_some(name))
    }

    /// The names that say what it is.
    fn kinds(&self) -> Vec<&'static str> {
        self.said().filter(|said| !matches!(*said, "f32" | "of" | "value" | "raw" | "union")).collect()
    }
}
