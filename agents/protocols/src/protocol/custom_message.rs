//! What the bytes of a custom type must be: which fields its message has, and those of the messages in it.
//!
//! What always holds: bytes that are accepted are what protobuf reads as that message, and what generated types read as one;
//! they are looked at, and kept as they came. Neighbours: [`custom_type`](crate::custom_type) describes the messages,
//! [`super`] keeps these.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::custom_type::{Cardinality, Field as Described, FieldType, Message, ScalarType};
use crate::wire::fault::Kind;
use crate::wire::reading::{Fields, Payload, Reader};
use crate::wire::scalar::{Readable, int32, text, uint32};
use crate::wire::writing::WireType;
use crate::wire::{Allowance, Fault, Field};

/// The messages of a protocol's custom types, and those that are nested in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CustomMessages {
    messages: Vec<Parts>,
    /// Those of the custom types themselves, in the order of their names.
    outermost: Vec<usize>,
}

/// The fields of one message by their numbers.
type Parts = BTreeMap<u32, Part>;

/// What a field holds, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    of: Of,
    times: Times,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    Scalar(ScalarType),
    /// Its numbers that have names.
    Enum(BTreeSet<i32>),
    Message(usize),
}

/// How often a field may stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    /// Once.
    Once,
    /// Once, and without the others of the same oneof.
    OneOf(u32),
    /// As often as one likes.
    Repeated,
    /// As often as there are keys: each time it is a message of a key, and of a value that the part tells.
    Map(ScalarType),
}

impl CustomMessages {
    pub(super) fn of(structures: &BTreeMap<String, Message>) -> CustomMessages {
        let mut places = Places::default();
        for message in structures.values() {
            places.take(message, &mut Vec::new());
        }
        let mut messages = vec![Parts::new(); places.messages.len()];
        for message in structures.values() {
            places.fill(message, &mut Vec::new(), &mut messages);
        }
        let place = |name| places.messages.get(std::slice::from_ref(name)).copied().unwrap_or(usize::MAX);
        CustomMessages { outermost: structures.keys().map(place).collect(), messages }
    }

    /// Looks through the bytes of the custom type with this place among the names.
    ///
    /// # Errors
    /// They are no message of it. Strictly, they are one that no encoder writes.
    pub(super) fn look_through(
        &self,
        custom_type: u16,
        bytes: &[u8],
        allowance: &mut Allowance,
    ) -> Result<(), Fault> {
        let which = self.outermost.get(usize::from(custom_type)).ok_or(Fault::BadCustom)?;
        self.message(*which, bytes, allowance)
    }

    fn message(&self, which: usize, bytes: &[u8], allowance: &mut Allowance) -> Result<(), Fault> {
        let parts = self.messages.get(which).ok_or(Fault::BadCustom)?;
        allowance.deeper(|allowance| {
            let mut seen = Seen::default();
            let mut fields = Fields::new(bytes);
            while let Some(field) = fields.next_field()? {
                match parts.get(&field.number) {
                    Some(part) => self.part(part, field, &mut seen, allowance)?,
                    None => drop(allowance.unknown(field)?),
                }
            }
            Ok(())
        })
    }

    fn part(
        &self,
        part: &Part,
        field: Field<'_>,
        seen: &mut Seen,
        allowance: &mut Allowance,
    ) -> Result<(), Fault> {
        match (part.times, field.payload) {
            (Times::Repeated, Payload::Bytes(bytes)) if part.of.wire_type() != WireType::Bytes => {
                let mut reader = Reader::new(bytes);
                while !reader.is_empty() {
                    allowance.count_one()?;
                    let payload = reader.value(part.of.wire_type())?;
                    self.value(&part.of, Field { payload, ..field }, allowance)?;
                }
                return Ok(());
            }
            (Times::Map(key), _) => return self.entry(key, &part.of, field, seen, allowance),
            (Times::Repeated, _) if field.payload.kind() == part.of.wire_type().kind() => {
                allowance.count_one()?;
            }
            _ => {}
        }
        if self.value(&part.of, field, allowance)? && !allowance.is_lenient() {
            seen.once(part.times, field.number)?;
        }
        Ok(())
    }

    /// An entry of a map.
    fn entry(
        &self,
        key: ScalarType,
        of: &Of,
        field: Field<'_>,
        seen: &mut Seen,
        allowance: &mut Allowance,
    ) -> Result<(), Fault> {
        let Some(bytes) = allowance.bytes(field)? else { return Ok(()) };
        allowance.count_one()?;
        let mut within = Seen::default();
        let mut told = Payload::Varint(0);
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            let taken = match field.number {
                1 => scalar(key, field, allowance)?,
                2 => self.value(of, field, allowance)?,
                _ => allowance.unknown(field)?,
            };
            if taken && !allowance.is_lenient() {
                within.once(Times::Once, field.number)?;
            }
            if taken && field.number == 1 {
                told = field.payload;
            }
        }
        if allowance.is_lenient() {
            return Ok(());
        }
        if matches!(of, Of::Message(_)) && !within.numbers.again(2) {
            return Err(Fault::MissingContent);
        }
        match seen.keys.insert((field.number, whole_key(key, told))) {
            true => Ok(()),
            false => Err(Fault::DuplicateKey),
        }
    }

    /// Whether the field holds such a value; where it does not, that is forgiven.
    fn value(&self, of: &Of, field: Field<'_>, allowance: &mut Allowance) -> Result<bool, Fault> {
        match of {
            Of::Scalar(of) => scalar(*of, field, allowance),
            Of::Enum(numbers) => {
                let Payload::Varint(value) = field.payload else {
                    return allowance.wrong_kind(field, Kind::Varint);
                };
                let number = int32(field.number, value, allowance.reading())?;
                match allowance.is_lenient() || numbers.contains(&number) {
                    true => Ok(true),
                    false => Err(Fault::OutOfRange(field.number)),
                }
            }
            Of::Message(which) => {
                let Some(bytes) = allowance.bytes(field)? else { return Ok(false) };
                self.message(*which, bytes, allowance)?;
                Ok(true)
            }
        }
    }
}

fn scalar(of: ScalarType, field: Field<'_>, allowance: &Allowance) -> Result<bool, Fault> {
    let (number, reading) = (field.number, allowance.reading());
    match (of, field.payload) {
        (ScalarType::String, Payload::Bytes(bytes)) => text(bytes).map(drop)?,
        (ScalarType::Int32, Payload::Varint(value)) => int32(number, value, reading).map(drop)?,
        (ScalarType::Uint32 | ScalarType::Sint32, Payload::Varint(value)) => {
            uint32(number, value, reading).map(drop)?;
        }
        (ScalarType::Bool, payload) if payload.kind() == Kind::Varint => {
            bool::from_payload(number, payload, reading).map(drop)?;
        }
        (of, payload) if payload.kind() == wire_type(of).kind() => {}
        (of, _) => return allowance.wrong_kind(field, wire_type(of).kind()),
    }
    Ok(true)
}

fn wire_type(scalar: ScalarType) -> WireType {
    match scalar {
        ScalarType::String | ScalarType::Bytes => WireType::Bytes,
        ScalarType::Double | ScalarType::Fixed64 | ScalarType::Sfixed64 => WireType::Fixed64,
        ScalarType::Float | ScalarType::Fixed32 | ScalarType::Sfixed32 => WireType::Fixed32,
        _ => WireType::Varint,
    }
}

/// Equal for keys that are, and for no others: strictly read, a number has one form. One that is left out is zero or empty.
fn whole_key(key: ScalarType, payload: Payload<'_>) -> Vec<u8> {
    match payload {
        Payload::Bytes(bytes) => bytes.to_vec(),
        Payload::Varint(0) if key == ScalarType::String => Vec::new(),
        Payload::Varint(number) | Payload::Fixed64(number) => number.to_le_bytes().to_vec(),
        Payload::Fixed32(number) => u64::from(number).to_le_bytes().to_vec(),
        Payload::Group => Vec::new(),
    }
}

/// What has been seen of a message, strictly read.
#[derive(Default)]
struct Seen {
    numbers: Marks,
    oneofs: Marks,
    /// Of maps: the field, and a key.
    keys: HashSet<(u32, Vec<u8>)>,
}

impl Seen {
    fn once(&mut self, times: Times, number: u32) -> Result<(), Fault> {
        if matches!(times, Times::Once | Times::OneOf(_)) && self.numbers.again(number) {
            return Err(Fault::Repeated(number));
        }
        match times {
            Times::OneOf(oneof) if self.oneofs.again(oneof) => Err(Fault::SeveralAlternatives),
            _ => Ok(()),
        }
    }
}

/// Numbers that have been seen: no more than a message has fields, and most of them small.
#[derive(Default)]
struct Marks {
    small: u64,
    others: Vec<u32>,
}

impl Marks {
    /// Marks a number, and says whether it was marked before.
    fn again(&mut self, number: u32) -> bool {
        match 1_u64.checked_shl(number) {
            Some(bit) => {
                let again = self.small & bit != 0;
                self.small |= bit;
                again
            }
            None => {
                let again = self.others.contains(&number);
                if !again {
                    self.others.push(number);
                }
                again
            }
        }
    }
}

impl Of {
    fn wire_type(&self) -> WireType {
        match self {
            Of::Scalar(of) => wire_type(*of),
            Of::Enum(_) => WireType::Varint,
            Of::Message(_) => WireType::Bytes,
        }
    }
}

/// Where each message stands, and the numbers of each enumeration, by their names from the custom type inwards.
#[derive(Default)]
struct Places {
    messages: BTreeMap<Vec<String>, usize>,
    enums: BTreeMap<Vec<String>, BTreeSet<i32>>,
}

impl Places {
    fn take(&mut self, message: &Message, path: &mut Vec<String>) {
        path.push(message.name.clone());
        let next = self.messages.len();
        self.messages.insert(path.clone(), next);
        for inner in &message.enums {
            let path = [path.as_slice(), std::slice::from_ref(&inner.name)].concat();
            self.enums.insert(path, inner.values.iter().map(|value| value.number).collect());
        }
        message.messages.iter().for_each(|inner| self.take(inner, path));
        path.pop();
    }

    fn fill(&self, message: &Message, path: &mut Vec<String>, messages: &mut [Parts]) {
        path.push(message.name.clone());
        if let Some(own) = self.messages.get(path).and_then(|which| messages.get_mut(*which)) {
            own.extend(message.fields.iter().filter_map(|field| Some((field.number, self.part(field)?))));
        }
        message.messages.iter().for_each(|inner| self.fill(inner, path, messages));
        path.pop();
    }

    fn part(&self, field: &Described) -> Option<Part> {
        let of = match &field.field_type {
            FieldType::Scalar(scalar) => Of::Scalar(*scalar),
            FieldType::Enum(path) => Of::Enum(self.enums.get(path)?.clone()),
            FieldType::Message(path) => Of::Message(*self.messages.get(path)?),
        };
        let times = match (field.cardinality, field.oneof) {
            (Cardinality::Repeated { .. }, _) => Times::Repeated,
            (Cardinality::Map { key }, _) => Times::Map(key),
            (_, Some(oneof)) => Times::OneOf(oneof as u32),
            _ => Times::Once,
        };
        Some(Part { of, times })
    }
}
