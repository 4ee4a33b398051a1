//! Types and the interpreter of their specification agree: on the bytes of random messages, and on what is wrong with broken
//! ones.
//!
//! Also part of the tests of `folkmoot-agents`, where the types of shipped specifications are.

use std::collections::BTreeMap;
use std::sync::Arc;

use folkmoot_protocols::custom_type::{Cardinality, Field, FieldType, Message as Structure, ScalarType};
use folkmoot_protocols::specification::{Element, Primitive};
use folkmoot_protocols::typed::TypedProtocol;
use folkmoot_protocols::value::{Items, Key, Single};
use folkmoot_protocols::wire::reading::is_message;
use folkmoot_protocols::wire::writing::{self, WireType};
use folkmoot_protocols::wire::{Fields, Payload};
use folkmoot_protocols::{Body, Fault, Message, Protocol, Reading, Value};

/// Where numbers turn corners.
const INTS: [i64; 12] =
    [0, 1, -1, 127, 128, 300, i32::MAX as i64, i32::MIN as i64, u32::MAX as i64, 1 << 32, i64::MIN, i64::MAX];

const FLOATS: [f32; 9] =
    [0.0, -0.0, 1.5, f32::MIN, f32::MAX, f32::MIN_POSITIVE, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

/// Random messages of a protocol.
struct Chance {
    protocol: Arc<Protocol>,
    structures: BTreeMap<String, Structure>,
    random: fastrand::Rng,
    /// Fields of messages before, which others may come by.
    pool: Vec<WireField>,
}

/// A field's number, and its value without a length.
type WireField = (u32, (WireType, Vec<u8>));

const POOL: usize = 64;

/// Each performative `rounds` times: the same bytes from both, and broken ones taken, or refused, by both.
///
/// # Panics
/// They do not agree.
pub(crate) fn agrees<P: TypedProtocol>(rounds: usize) {
    let protocol = P::specified().clone();
    let structures = protocol.specification().custom_type_structures().unwrap();
    let mut chance = Chance { protocol, structures, random: fastrand::Rng::with_seed(7), pool: Vec::new() };
    let (mut taken, mut refused) = (0, 0);
    for round in 0..rounds * chance.protocol.layouts().len() {
        let index = (round % chance.protocol.layouts().len()) as u16;
        let mut message = Message::new(chance.body(index));
        message.dialogue_reference.starter = "s".into();
        let bytes = message.encode();
        let typed = Message::<P>::read(&bytes, Reading::STRICT)
            .unwrap_or_else(|error| panic!("{error}: {message:?}"));
        assert_eq!(typed.encode(), bytes, "{message:?} became {typed:?}");
        assert_eq!(Message::decode(&chance.protocol, &bytes, Reading::STRICT).as_ref(), Ok(&message));

        let broken = chance.broken(&bytes);
        let few = chance.random.usize(0..16);
        let odd = chance.odd(&bytes, 6);
        for bytes in [&bytes, &broken, &odd] {
            for reading in [Reading::STRICT, Reading::LENIENT] {
                for reading in [reading, reading.with_max_elements(few)] {
                    match is_taken::<P>(bytes, reading) {
                        true => taken += 1,
                        false => refused += 1,
                    }
                }
            }
        }
    }
    assert!(taken > rounds && refused > rounds, "{taken} taken, {refused} refused");
}

/// Whether both read these bytes, and then as the same.
fn is_taken<P: TypedProtocol>(bytes: &[u8], reading: Reading) -> bool {
    let dynamic = Message::<Body>::decode(P::specified(), bytes, reading);
    match (Message::<P>::read(bytes, reading), dynamic) {
        (Ok(typed), Ok(dynamic)) => {
            // The interpreter keeps a set's order and a custom type's bytes as they came.
            let unbounded = reading.with_max_elements(usize::MAX);
            let again = Message::<P>::read(&dynamic.encode(), unbounded).map(|again| again.encode());
            assert_eq!(again.as_ref(), Ok(&typed.encode()), "{bytes:02x?}: {typed:?}, but {dynamic:?}");
            let again = Message::<Body>::decode(P::specified(), &typed.encode(), unbounded);
            assert!(again.is_ok(), "{typed:?}: {again:?}");
            true
        }
        (Err(error), Err(_)) => {
            assert!(!error.to_string().is_empty());
            false
        }
        // What has no value in Rust: a union of which nothing is set.
        (Err(error), Ok(_)) if reading.is_lenient() && error.fault() == Fault::MissingContent => false,
        (typed, dynamic) => panic!("{bytes:02x?}: {typed:?}, but {dynamic:?}"),
    }
}

impl Chance {
    fn body(&mut self, index: u16) -> Body {
        let protocol = self.protocol.clone();
        let layout = protocol.layout(index).unwrap();
        let mut contents = Vec::new();
        for slot in &layout.slots {
            if slot.content_type.is_optional() && self.random.bool() {
                continue;
            }
            let alternative = self.random.usize(0..slot.alternatives.len());
            let value = self.value(&slot.alternatives[alternative].0);
            let value = match slot.content_type.is_union() {
                true => Value::Union { alternative: alternative as u16, value: Box::new(value) },
                false => value,
            };
            contents.push((slot.name.as_str(), value));
        }
        Body::new(&protocol, &layout.name, contents).unwrap_or_else(|error| panic!("{error}"))
    }

    fn value(&mut self, element: &Element) -> Value {
        match element {
            Element::Primitive(of) => Value::Single(self.single(*of)),
            Element::Custom(name) => {
                let structure = self.structures[name].clone();
                Value::Custom(self.custom(&structure, 0))
            }
            Element::Set(of) => Value::Set(self.items(*of, true)),
            Element::List(of) => Value::List(self.items(*of, false)),
            Element::Dict(key, of) => {
                let few = self.random.usize(0..4);
                let entry = |_| Some((Key::from_single(self.single(*key))?, self.single(*of)));
                Value::Dict((0..few).filter_map(entry).collect())
            }
            other => panic!("a new type {other}"),
        }
    }

    fn single(&mut self, of: Primitive) -> Single {
        match of {
            Primitive::Bytes => Single::Bytes(self.bytes()),
            Primitive::Int => Single::Int(self.int()),
            Primitive::Float => Single::Float(self.float()),
            Primitive::Bool => Single::Bool(self.random.bool()),
            Primitive::Str => Single::Str(self.text()),
            other => panic!("a new primitive {other}"),
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.random.usize(0..4)).map(|_| self.random.u8(..)).collect()
    }

    fn int(&mut self) -> i64 {
        match self.random.u8(0..8) {
            0 => self.random.i64(..),
            _ => *self.random.choice(&INTS).unwrap(),
        }
    }

    fn float(&mut self) -> f32 {
        match self.random.u8(0..8) {
            // Among them numbers that are none, of all bits.
            0 => f32::from_bits(self.random.u32(..) | 0x7f80_0001),
            1 => f32::from_bits(self.random.u32(..)),
            _ => *self.random.choice(&FLOATS).unwrap(),
        }
    }

    fn text(&mut self) -> String {
        (*self.random.choice(&["", "a", "b", "ä€𝄞", "\0"]).unwrap()).to_owned()
    }

    fn items(&mut self, of: Primitive, is_set: bool) -> Items {
        let mut singles: Vec<Single> = Vec::new();
        for _ in 0..self.random.usize(0..4) {
            let next = self.single(of);
            if !is_set || !singles.contains(&next) {
                singles.push(next);
            }
        }
        // A typed set is written in its order.
        if is_set {
            singles.sort_by(|one, other| match (one, other) {
                (Single::Bytes(one), Single::Bytes(other)) => one.cmp(other),
                (Single::Int(one), Single::Int(other)) => one.cmp(other),
                (Single::Float(one), Single::Float(other)) => one.total_cmp(other),
                (Single::Bool(one), Single::Bool(other)) => one.cmp(other),
                (Single::Str(one), Single::Str(other)) => one.cmp(other),
                _ => panic!("elements of one type"),
            });
        }
        let mut items = Items::none_of(of);
        for next in singles {
            match (&mut items, next) {
                (Items::Bytes(items), Single::Bytes(next)) => items.push(next),
                (Items::Int(items), Single::Int(next)) => items.push(next),
                (Items::Float(items), Single::Float(next)) => items.push(next),
                (Items::Bool(items), Single::Bool(next)) => items.push(next),
                (Items::Str(items), Single::Str(next)) => items.push(next),
                _ => panic!("elements of one type"),
            }
        }
        items
    }

    /// A message of a custom type as protobuf writes it: fields by their numbers, entries by their keys.
    fn custom(&mut self, structure: &Structure, depth: usize) -> Vec<u8> {
        let chosen: Vec<Option<u32>> = (0..structure.oneofs.len())
            .map(|oneof| {
                let fields = structure.fields.iter().filter(|field| field.oneof == Some(oneof));
                let fields: Vec<u32> = fields.map(|field| field.number).collect();
                self.random.choice(&fields).copied().filter(|_| self.random.u8(0..4) > 0)
            })
            .collect();
        let mut fields: Vec<&Field> = structure.fields.iter().collect();
        fields.sort_by_key(|field| field.number);
        let mut bytes = Vec::new();
        for field in fields {
            let is_there = match field.oneof {
                Some(oneof) => chosen[oneof] == Some(field.number),
                None => self.random.u8(0..4) > 0,
            };
            let is_message = matches!(field.field_type, FieldType::Message(_));
            if is_there && !(is_message && depth > 3) {
                self.field(field, depth, &mut bytes);
            }
        }
        bytes
    }

    fn field(&mut self, field: &Field, depth: usize, bytes: &mut Vec<u8>) {
        let number = field.number;
        let few = self.random.usize(0..4);
        match field.cardinality {
            Cardinality::Single => {
                let (wire_type, value) = self.part(&field.field_type, depth);
                if value.iter().any(|byte| *byte != 0) {
                    put(bytes, number, wire_type, &value);
                }
            }
            Cardinality::Optional => {
                let (wire_type, value) = self.part(&field.field_type, depth);
                put(bytes, number, wire_type, &value);
            }
            Cardinality::Repeated { packed } => {
                let parts: Vec<_> = (0..few).map(|_| self.part(&field.field_type, depth)).collect();
                if packed && parts.first().is_some_and(|(wire_type, _)| *wire_type != WireType::Bytes) {
                    let whole: Vec<u8> = parts.into_iter().flat_map(|(_, value)| value).collect();
                    put(bytes, number, WireType::Bytes, &with_length(&whole));
                } else {
                    parts.iter().for_each(|(wire_type, value)| put(bytes, number, *wire_type, value));
                }
            }
            Cardinality::Map { key } => {
                let mut entries = BTreeMap::new();
                for _ in 0..few {
                    let (order, wire_type, key) = self.key(key);
                    entries.insert(order, (wire_type, key, self.part(&field.field_type, depth)));
                }
                for (key_type, key, (wire_type, value)) in entries.into_values() {
                    let mut entry = Vec::new();
                    put(&mut entry, 1, key_type, &key);
                    put(&mut entry, 2, wire_type, &value);
                    put(bytes, number, WireType::Bytes, &with_length(&entry));
                }
            }
            other => panic!("a new cardinality {other:?}"),
        }
    }

    /// A value without its field's key.
    fn part(&mut self, of: &FieldType, depth: usize) -> (WireType, Vec<u8>) {
        match of {
            FieldType::Scalar(of) => {
                let (_, wire_type, value) = self.key(*of);
                (wire_type, value)
            }
            FieldType::Enum(path) => {
                let (name, path) = path.split_last().unwrap();
                let owner = self.structure(path);
                let values = &owner.enums.iter().find(|inner| inner.name == *name).unwrap().values;
                let number = self.random.choice(values).unwrap().number;
                (WireType::Varint, varint(i64::from(number).cast_unsigned()))
            }
            FieldType::Message(path) => {
                let structure = self.structure(path);
                (WireType::Bytes, with_length(&self.custom(&structure, depth + 1)))
            }
            other => panic!("a new type {other:?}"),
        }
    }

    fn structure(&self, path: &[String]) -> Structure {
        let (first, inner) = path.split_first().unwrap();
        let inner = inner.iter().fold(&self.structures[first], |outer, name| {
            outer.messages.iter().find(|inner| inner.name == *name).unwrap()
        });
        inner.clone()
    }

    /// A value, and what it is put in order by where it is a key: text, or a number.
    fn key(&mut self, of: ScalarType) -> ((String, i128), WireType, Vec<u8>) {
        let int = self.int();
        let (narrow, unsigned) = (int as i32, int as u32);
        let number = |order: i128, wire_type, bytes| ((String::new(), order), wire_type, bytes);
        match of {
            ScalarType::Int32 => {
                number(narrow.into(), WireType::Varint, varint(i64::from(narrow).cast_unsigned()))
            }
            ScalarType::Int64 => number(int.into(), WireType::Varint, varint(int.cast_unsigned())),
            ScalarType::Uint32 => number(unsigned.into(), WireType::Varint, varint(unsigned.into())),
            ScalarType::Uint64 => {
                let int = int.cast_unsigned();
                number(int.into(), WireType::Varint, varint(int))
            }
            ScalarType::Sint32 => {
                let zigzag = (narrow << 1) ^ (narrow >> 31);
                number(narrow.into(), WireType::Varint, varint(zigzag.cast_unsigned().into()))
            }
            ScalarType::Sint64 => {
                let zigzag = (int << 1) ^ (int >> 63);
                number(int.into(), WireType::Varint, varint(zigzag.cast_unsigned()))
            }
            ScalarType::Bool => number(i128::from(int & 1), WireType::Varint, vec![int as u8 & 1]),
            ScalarType::Fixed32 => {
                number(unsigned.into(), WireType::Fixed32, unsigned.to_le_bytes().to_vec())
            }
            ScalarType::Sfixed32 => number(narrow.into(), WireType::Fixed32, narrow.to_le_bytes().to_vec()),
            ScalarType::Fixed64 => {
                let int = int.cast_unsigned();
                number(int.into(), WireType::Fixed64, int.to_le_bytes().to_vec())
            }
            ScalarType::Sfixed64 => number(int.into(), WireType::Fixed64, int.to_le_bytes().to_vec()),
            // No keys.
            ScalarType::Float => number(0, WireType::Fixed32, self.float().to_le_bytes().to_vec()),
            ScalarType::Double => {
                let float = f64::from(self.float());
                number(0, WireType::Fixed64, float.to_le_bytes().to_vec())
            }
            ScalarType::Bytes => number(0, WireType::Bytes, with_length(&self.bytes())),
            ScalarType::String => {
                let text = self.text();
                ((text.clone(), 0), WireType::Bytes, with_length(text.as_bytes()))
            }
            other => panic!("a new type {other:?}"),
        }
    }

    /// With some bytes changed, and perhaps cut.
    fn broken(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut broken = bytes.to_vec();
        for _ in 0..self.random.usize(1..4) {
            let at = self.random.usize(0..broken.len());
            broken[at] = broken[at].wrapping_add(*self.random.choice(&[1, 2, 8, 0x80, 0xff]).unwrap());
        }
        if self.random.u8(0..4) == 0 {
            broken.truncate(self.random.usize(0..broken.len()));
        }
        broken
    }

    /// With its fields, and those within them, in another order, twice, in parts, of another kind, with other numbers, or left
    /// out.
    fn odd(&mut self, bytes: &[u8], depth: usize) -> Vec<u8> {
        let mut fields = Vec::new();
        let mut reader = Fields::new(bytes);
        while let Ok(Some(field)) = reader.next_field() {
            // Some text looks like a group.
            let Some(payload) = owned(field.payload) else { return bytes.to_vec() };
            let number = field.number;
            let place = self.random.usize(0..POOL);
            match self.pool.get_mut(place) {
                Some(place) => *place = (number, payload.clone()),
                None => self.pool.push((number, payload.clone())),
            }
            let payload = match payload {
                (WireType::Bytes, inner) if depth > 0 && is_message(&inner) && self.random.u8(0..4) > 0 => {
                    (WireType::Bytes, self.odd(&inner, depth - 1))
                }
                payload => payload,
            };
            fields.push((number, payload));
        }
        let times = if self.random.u8(0..3) == 0 { self.random.usize(1..3) } else { 0 };
        for _ in 0..times {
            self.change(&mut fields);
        }
        let mut odd = Vec::new();
        for (number, (wire_type, payload)) in fields {
            let value = if wire_type == WireType::Bytes { with_length(&payload) } else { payload };
            put(&mut odd, number, wire_type, &value);
        }
        odd
    }

    fn change(&mut self, fields: &mut Vec<WireField>) {
        let made = self.made();
        let number = self.random.u32(1..20);
        if fields.is_empty() {
            fields.push((number, made));
            return;
        }
        let at = self.random.usize(0..fields.len());
        match self.random.u8(0..14) {
            0 => fields.push(fields[at].clone()),
            1 => {
                let other = self.random.usize(0..fields.len());
                fields.swap(at, other);
            }
            2 => drop(fields.remove(at)),
            3 => fields.insert(at, (number, made)),
            4 => fields[at].1 = made,
            5 => fields[at].0 = number,
            6 => fields[at].1.1.clear(),
            // In parts, that may be cut within a field.
            7 if fields[at].1.0 == WireType::Bytes => {
                let cut = self.random.usize(0..=fields[at].1.1.len());
                let (number, rest) = (fields[at].0, fields[at].1.1.split_off(cut));
                let behind = self.random.usize(at + 1..=fields.len());
                fields.insert(behind, (number, (WireType::Bytes, rest)));
            }
            8 => fields.push((fields[at].0, made)),
            _ => {
                let from = self.random.usize(0..self.pool.len());
                fields.insert(at, self.pool[from].clone());
            }
        }
        // A number is never without bytes.
        for (_, (wire_type, payload)) in fields {
            let len = match *wire_type {
                WireType::Varint => payload.len().max(1),
                WireType::Fixed32 => 4,
                WireType::Fixed64 => 8,
                WireType::Bytes => payload.len(),
            };
            payload.resize(len, 0);
        }
    }

    fn made(&mut self) -> (WireType, Vec<u8>) {
        match self.random.u8(0..6) {
            0 => (WireType::Fixed32, self.random.u32(..).to_le_bytes().to_vec()),
            1 => (WireType::Fixed64, self.random.u64(..).to_le_bytes().to_vec()),
            2 => (WireType::Bytes, self.bytes()),
            3 => (WireType::Bytes, [8, self.random.u8(0..3)].to_vec()),
            _ => (WireType::Varint, varint(self.int().cast_unsigned())),
        }
    }
}

fn owned(payload: Payload<'_>) -> Option<(WireType, Vec<u8>)> {
    match payload {
        Payload::Varint(number) => Some((WireType::Varint, varint(number))),
        Payload::Fixed64(bits) => Some((WireType::Fixed64, bits.to_le_bytes().to_vec())),
        Payload::Fixed32(bits) => Some((WireType::Fixed32, bits.to_le_bytes().to_vec())),
        Payload::Bytes(bytes) => Some((WireType::Bytes, bytes.to_vec())),
        _ => None,
    }
}

fn varint(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    writing::varint(&mut bytes, number);
    bytes
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    [&varint(bytes.len() as u64), bytes].concat()
}

fn put(bytes: &mut Vec<u8>, number: u32, wire_type: WireType, value: &[u8]) {
    writing::key(bytes, number, wire_type);
    bytes.extend_from_slice(value);
}
