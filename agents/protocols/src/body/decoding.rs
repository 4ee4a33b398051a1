//! Contents out of bytes.
//!
//! What always holds: flags are read before values, so that a value's alternative is known when it is read; what is
//! kept has the type of the specification. Neighbour: [`super`] writes what this reads.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::places::Places;
use crate::protocol::Protocol;
use crate::protocol::layout::{Layout, Purpose, Slot};
use crate::specification::{Element, Primitive};
use crate::value::{Items, Key, Single, Value};
use crate::wire::reading::Reader;
use crate::wire::scalar::Readable;
use crate::wire::writing::WireType;
use crate::wire::{Allowance, DecodeError, Fault, Field, Fields, Payload, Reading};

/// Reads the contents of a performative.
pub(super) fn contents(
    protocol: &Protocol,
    layout: &Layout,
    bytes: &[u8],
    reading: Reading,
) -> Result<Places, DecodeError> {
    let wrong = |fault| DecodeError::at(layout.name.as_str(), fault);
    let choices = Choices::read(layout, bytes, reading)?;
    let mut places = Places::unset(layout.slots.len());
    let contents = places.all_mut();
    let mut values = Values { protocol, allowance: Allowance::new(reading) };
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field().map_err(wrong)? {
        let Some(purpose) = layout.purpose(field.number) else {
            values.allowance.unknown(field).map_err(wrong)?;
            continue;
        };
        let Purpose::Value { content, alternative } = purpose else { continue };
        let (Some(slot), Some(place)) =
            (layout.slots.get(usize::from(content)), contents.get_mut(usize::from(content)))
        else {
            continue;
        };
        let Some((element, _)) = slot.alternatives.get(usize::from(alternative)) else { continue };
        let taken = match choices.of(content) == Some(alternative) {
            true => values.take(place, (slot, alternative, element), field),
            false if reading.is_lenient() => values.take(&mut None, (slot, alternative, element), field),
            false => Err(Fault::Unflagged(field.number)),
        };
        taken.map_err(|fault| at(layout, slot, fault))?;
    }
    for ((content, slot), place) in (0..).zip(&layout.slots).zip(contents) {
        finish(slot, place, choices.of(content), reading).map_err(|fault| at(layout, slot, fault))?;
    }
    Ok(places)
}

#[cold]
fn at(layout: &Layout, slot: &Slot, fault: Fault) -> DecodeError {
    DecodeError::at(format!("{}.{}", layout.name, slot.name), fault)
}

/// Puts in what was not written, and refuses what had to be.
fn finish(
    slot: &Slot,
    place: &mut Option<Value>,
    choice: Option<u16>,
    reading: Reading,
) -> Result<(), Fault> {
    let chosen = choice.and_then(|choice| Some((choice, slot.alternatives.get(usize::from(choice))?)));
    let Some((alternative, (element, _))) = chosen else {
        // AEA reads a union of which nothing is set as a message without it.
        return match slot.content_type.is_optional() || reading.is_lenient() {
            true => Ok(()),
            false => Err(Fault::MissingContent),
        };
    };
    let value = match place.take() {
        Some(Value::Set(items)) if reading.is_lenient() => Value::Set(items.without_duplicates()),
        Some(Value::Set(items)) if items.has_duplicates() => return Err(Fault::DuplicateElement),
        Some(value) => value,
        None if matches!(element, Element::Custom(_)) && !reading.is_lenient() => {
            return Err(Fault::MissingContent);
        }
        None => Value::default_of(element),
    };
    *place = Some(match slot.content_type.is_union() {
        true => Value::Union { alternative, value: Box::new(value) },
        false => value,
    });
    Ok(())
}

/// Which alternative of each content is set.
struct Choices {
    /// None where the performative has no flags: all contents are set.
    flagged: Option<Vec<Option<u16>>>,
}

impl Choices {
    #[inline]
    fn of(&self, content: u16) -> Option<u16> {
        match &self.flagged {
            None => Some(0),
            Some(choices) => choices.get(usize::from(content)).copied().flatten(),
        }
    }

    fn read(layout: &Layout, bytes: &[u8], reading: Reading) -> Result<Choices, DecodeError> {
        if !layout.has_flags {
            return Ok(Choices { flagged: None });
        }
        let flags = flags(layout, bytes, reading)?;
        let is_set = |number: u32| flags.get(number as usize).copied().flatten() == Some(true);
        let mut choices = Vec::with_capacity(layout.slots.len());
        for slot in &layout.slots {
            if !slot.flagged {
                choices.push(Some(0));
                continue;
            }
            // The flag of a field has the next number, which is the place of the field's own in the table.
            let mut set = (0..).zip(&slot.alternatives).filter(|(_, (_, number))| is_set(*number));
            let first = set.next().map(|(alternative, _)| alternative);
            let last = set.last().map(|(alternative, _)| alternative);
            if last.is_some() && !reading.is_lenient() {
                return Err(at(layout, slot, Fault::SeveralAlternatives));
            }
            choices.push(last.or(first));
        }
        Ok(Choices { flagged: Some(choices) })
    }
}

/// What each field that is a flag says, by its number less one.
fn flags(layout: &Layout, bytes: &[u8], reading: Reading) -> Result<Vec<Option<bool>>, DecodeError> {
    let wrong = |fault| DecodeError::at(layout.name.as_str(), fault);
    let allowance = Allowance::new(reading);
    let mut flags = vec![None; layout.purposes.len()];
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field().map_err(wrong)? {
        let Some(Purpose::Flag { .. } | Purpose::Spare) = layout.purpose(field.number) else { continue };
        let Some(place) = flags.get_mut(field.number as usize - 1) else { continue };
        if let Some(flag) = one(field, &allowance).map_err(wrong)? {
            allowance.put(place, flag, field.number).map_err(wrong)?;
        }
    }
    Ok(flags)
}

/// A field's value; none where it is of another kind and that is forgiven.
#[inline]
fn one<T: Readable>(field: Field<'_>, allowance: &Allowance) -> Result<Option<T>, Fault> {
    match T::from_payload(field.number, field.payload, allowance.reading())? {
        None => allowance.wrong_kind(field, T::WIRE_TYPE.kind()).map(|_| None),
        value => Ok(value),
    }
}

/// How a message's values are read.
struct Values<'a> {
    protocol: &'a Protocol,
    allowance: Allowance,
}

impl Values<'_> {
    #[inline]
    fn take(
        &mut self,
        place: &mut Option<Value>,
        (slot, alternative, element): (&Slot, u16, &Element),
        field: Field<'_>,
    ) -> Result<(), Fault> {
        match element {
            Element::Primitive(primitive) => {
                let Some(single) = self.single(*primitive, field)? else { return Ok(()) };
                self.allowance.put(place, Value::Single(single), field.number).map(drop)
            }
            Element::Custom(_) => self.custom(place, (slot, alternative), field),
            Element::Set(of) | Element::List(of) => {
                let is_set = matches!(element, Element::Set(_));
                let value = place.get_or_insert_with(|| match is_set {
                    true => Value::Set(Items::none_of(*of)),
                    false => Value::List(Items::none_of(*of)),
                });
                match value {
                    Value::Set(items) | Value::List(items) => self.items(items, field),
                    _ => Ok(()),
                }
            }
            Element::Dict(key, value) => {
                let dict = place.get_or_insert_with(|| Value::Dict(BTreeMap::new()));
                match dict {
                    Value::Dict(entries) => self.entry(entries, *key, *value, field),
                    _ => Ok(()),
                }
            }
        }
    }

    fn single(&self, primitive: Primitive, field: Field<'_>) -> Result<Option<Single>, Fault> {
        let allowance = &self.allowance;
        Ok(match primitive {
            Primitive::Bytes => one(field, allowance)?.map(Single::Bytes),
            Primitive::Int => one(field, allowance)?.map(Single::Int),
            Primitive::Float => one(field, allowance)?.map(Single::Float),
            Primitive::Bool => one(field, allowance)?.map(Single::Bool),
            Primitive::Str => one(field, allowance)?.map(Single::Str),
        })
    }

    /// A message that comes in several fields is that of all their bytes.
    fn custom(
        &mut self,
        place: &mut Option<Value>,
        (slot, alternative): (&Slot, u16),
        field: Field<'_>,
    ) -> Result<(), Fault> {
        let Some(bytes) = self.allowance.bytes(field)? else { return Ok(()) };
        self.protocol.look_through(slot, alternative, bytes, &mut self.allowance)?;
        match place {
            Some(Value::Custom(before)) if self.allowance.is_lenient() => before.extend_from_slice(bytes),
            place => drop(self.allowance.put(place, Value::Custom(bytes.to_vec()), field.number)?),
        }
        Ok(())
    }

    fn items(&mut self, items: &mut Items, field: Field<'_>) -> Result<(), Fault> {
        match items {
            Items::Bytes(items) => self.elements(items, field),
            Items::Int(items) => self.elements(items, field),
            Items::Float(items) => self.elements(items, field),
            Items::Bool(items) => self.elements(items, field),
            Items::Str(items) => self.elements(items, field),
        }
    }

    /// The elements of a field: one, or numbers in a row.
    fn elements<T: Readable>(&mut self, items: &mut Vec<T>, field: Field<'_>) -> Result<(), Fault> {
        match field.payload {
            Payload::Bytes(bytes) if T::WIRE_TYPE != WireType::Bytes => {
                let mut reader = Reader::new(bytes);
                while !reader.is_empty() {
                    self.allowance.count_one()?;
                    items.push(T::next_packed(field.number, &mut reader, self.allowance.reading())?);
                }
            }
            _ => {
                if let Some(item) = one(field, &self.allowance)? {
                    self.allowance.count_one()?;
                    items.push(item);
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entries: &mut BTreeMap<Key, Single>,
        key_type: Primitive,
        value_type: Primitive,
        field: Field<'_>,
    ) -> Result<(), Fault> {
        let Some(bytes) = self.allowance.bytes(field)? else { return Ok(()) };
        self.allowance.count_one()?;
        let (mut key, mut value) = (None, None);
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            let (place, primitive) = match field.number {
                1 => (&mut key, key_type),
                2 => (&mut value, value_type),
                _ => {
                    self.allowance.unknown(field)?;
                    continue;
                }
            };
            if let Some(single) = self.single(primitive, field)? {
                self.allowance.put(place, single, field.number)?;
            }
        }
        let key = Key::from_single(key.unwrap_or_else(|| Single::default_of(key_type)));
        let value = value.unwrap_or_else(|| Single::default_of(value_type));
        // A protocol has no dicts whose keys protobuf refuses.
        let Some(key) = key else { return Err(Fault::OutOfRange(field.number)) };
        match entries.entry(key) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) if self.allowance.is_lenient() => drop(place.insert(value)),
            Entry::Occupied(_) => return Err(Fault::DuplicateKey),
        }
        Ok(())
    }
}
