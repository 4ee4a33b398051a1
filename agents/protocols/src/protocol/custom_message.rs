//! What the bytes of a custom type must be: which fields its message has, and those of the messages in it.
//!
//! What always holds: bytes that are accepted are what protobuf reads as that message; they are looked at, and kept as they
//! came. Neighbours: [`custom_type`](crate::custom_type) describes the messages, [`super`] keeps these.

use std::collections::BTreeMap;

use crate::custom_type::{Cardinality, Field, FieldType, Message, ScalarType};
use crate::wire::reading::{Fields, Payload, Reader};

/// How deep messages may lie in one another, in levels; protobuf reads no more.
const MAX_DEPTH: usize = 100;

/// The messages of a protocol's custom types, and those that are nested in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CustomMessages {
    messages: Vec<Parts>,
    /// Those of the custom types themselves, in the order of their names.
    outermost: Vec<usize>,
}

/// The fields of one message by their numbers.
type Parts = BTreeMap<u32, Part>;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Number { size: Size, repeated: bool },
    Text,
    Bytes,
    Message(usize),
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Varint,
    Four,
    Eight,
}

impl CustomMessages {
    pub(super) fn of(structures: &BTreeMap<String, Message>) -> CustomMessages {
        let mut places = BTreeMap::new();
        for message in structures.values() {
            number(message, &mut Vec::new(), &mut places);
        }
        let mut messages = vec![Parts::new(); places.len()];
        for message in structures.values() {
            fill(message, &mut Vec::new(), &places, &mut messages);
        }
        let place = |name| places.get(std::slice::from_ref(name)).copied().unwrap_or(usize::MAX);
        CustomMessages { messages, outermost: structures.keys().map(place).collect() }
    }

    /// Whether the bytes are a message of the custom type with this place among the names. Leniently, fields that are
    /// unknown or of another kind are passed over.
    pub(super) fn accepts(&self, custom_type: u16, bytes: &[u8], lenient: bool) -> bool {
        let outermost = self.outermost.get(usize::from(custom_type));
        outermost.is_some_and(|which| accepts(&self.messages, *which, bytes, lenient, MAX_DEPTH))
    }
}

/// Gives each message a place, by its names from the custom type inwards.
fn number(message: &Message, path: &mut Vec<String>, places: &mut BTreeMap<Vec<String>, usize>) {
    path.push(message.name.clone());
    let next = places.len();
    places.insert(path.clone(), next);
    message.messages.iter().for_each(|inner| number(inner, path, places));
    path.pop();
}

fn fill(
    message: &Message,
    path: &mut Vec<String>,
    places: &BTreeMap<Vec<String>, usize>,
    messages: &mut Vec<Parts>,
) {
    path.push(message.name.clone());
    for field in &message.fields {
        let part = part(field, places, messages);
        let own = places.get(path).and_then(|which| messages.get_mut(*which));
        if let (Some(part), Some(own)) = (part, own) {
            own.insert(field.number, part);
        }
    }
    message.messages.iter().for_each(|inner| fill(inner, path, places, messages));
    path.pop();
}

fn part(field: &Field, places: &BTreeMap<Vec<String>, usize>, messages: &mut Vec<Parts>) -> Option<Part> {
    let repeated = matches!(field.cardinality, Cardinality::Repeated { .. });
    let value = match &field.field_type {
        FieldType::Scalar(scalar) => of_scalar(*scalar, repeated),
        FieldType::Enum(_) => Part::Number { size: Size::Varint, repeated },
        FieldType::Message(path) => Part::Message(*places.get(path)?),
    };
    let Cardinality::Map { key } = field.cardinality else { return Some(value) };
    // An entry is a message of key and value.
    messages.push(BTreeMap::from([(1, of_scalar(key, false)), (2, value)]));
    Some(Part::Message(messages.len() - 1))
}

fn of_scalar(scalar: ScalarType, repeated: bool) -> Part {
    let size = match scalar {
        ScalarType::String => return Part::Text,
        ScalarType::Bytes => return Part::Bytes,
        ScalarType::Double | ScalarType::Fixed64 | ScalarType::Sfixed64 => Size::Eight,
        ScalarType::Float | ScalarType::Fixed32 | ScalarType::Sfixed32 => Size::Four,
        _ => Size::Varint,
    };
    Part::Number { size, repeated }
}

fn accepts(messages: &[Parts], which: usize, bytes: &[u8], lenient: bool, depth: usize) -> bool {
    let (Some(parts), Some(depth)) = (messages.get(which), depth.checked_sub(1)) else { return false };
    let mut fields = Fields::new(bytes);
    loop {
        let field = match fields.next_field() {
            Ok(Some(field)) => field,
            Ok(None) => return true,
            Err(_) => return false,
        };
        let is_right = match (parts.get(&field.number), field.payload) {
            (Some(Part::Text), Payload::Bytes(text)) => std::str::from_utf8(text).is_ok(),
            (Some(Part::Message(inner)), Payload::Bytes(bytes)) => {
                accepts(messages, *inner, bytes, lenient, depth)
            }
            (Some(Part::Number { size, repeated: true }), Payload::Bytes(packed)) => {
                are_numbers(*size, packed)
            }
            (Some(Part::Bytes), Payload::Bytes(_))
            | (Some(Part::Number { size: Size::Varint, .. }), Payload::Varint(_))
            | (Some(Part::Number { size: Size::Four, .. }), Payload::Fixed32(_))
            | (Some(Part::Number { size: Size::Eight, .. }), Payload::Fixed64(_)) => true,
            _ => lenient,
        };
        if !is_right {
            return false;
        }
    }
}

/// Whether the bytes are numbers in a row.
fn are_numbers(size: Size, bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let read = match size {
            Size::Varint => reader.varint().is_ok(),
            Size::Four => reader.fixed32().is_ok(),
            Size::Eight => reader.fixed64().is_ok(),
        };
        if !read {
            return false;
        }
    }
    true
}
