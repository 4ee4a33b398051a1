//! Contents out of bytes.
//!
//! What always holds: flags are read before values, so that a value's alternative is known when it is read; what is
//! kept has the type of the specification. Neighbour: [`super`] writes what this reads.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::protocol::Protocol;
use crate::protocol::layout::{Layout, Role, Slot};
use crate::specification::{Element, Primitive};
use crate::value::{Items, Key, Single, Value};
use crate::wire::reading::Reader;
use crate::wire::scalar::Readable;
use crate::wire::{DecodeError, Fault, Field, Fields, Payload, Reading};

/// Reads the contents of a performative.
pub(super) fn contents(
    protocol: &Protocol,
    layout: &Layout,
    bytes: &[u8],
    reading: Reading,
) -> Result<Vec<Option<Value>>, DecodeError> {
    let wrong = |fault| DecodeError::at(layout.name.as_str(), fault);
    let choices = Choices::read(layout, bytes, reading)?;
    let mut contents: Vec<Option<Value>> = layout.slots.iter().map(|_| None).collect();
    let mut room = Room { protocol, elements: reading.max_elements(), reading };
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next_field().map_err(wrong)? {
        let Some(role) = layout.role(field.number) else {
            match reading.is_lenient() {
                true => continue,
                false => return Err(wrong(Fault::UnknownField(field.number))),
            }
        };
        let Role::Value { content, alternative } = role else { continue };
        let (Some(slot), Some(place)) =
            (layout.slots.get(usize::from(content)), contents.get_mut(usize::from(content)))
        else {
            continue;
        };
        let Some((element, _)) = slot.alternatives.get(usize::from(alternative)) else { continue };
        let taken = match choices.of(content) == Some(alternative) {
            true => room.take(place, (slot, alternative, element), field),
            false if reading.is_lenient() => room.take(&mut None, (slot, alternative, element), field),
            false => Err(Fault::Unflagged(field.number)),
        };
        taken.map_err(|fault| at(layout, slot, fault))?;
    }
    for ((content, slot), place) in (0..).zip(&layout.slots).zip(&mut contents) {
        finish(slot, place, choices.of(content), reading).map_err(|fault| at(layout, slot, fault))?;
    }
    Ok(contents)
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
    let mut flags = vec![None; layout.roles.len()];
    let mut fields = Fields::new(bytes);
    while let Some(Field { number, payload }) = fields.next_field().map_err(wrong)? {
        let Some(Role::Flag { .. } | Role::Spare) = layout.role(number) else { continue };
        let Some(place) = flags.get_mut(number as usize - 1) else { continue };
        match bool::from_payload(number, payload, reading).map_err(wrong)? {
            Some(_) if place.is_some() && !reading.is_lenient() => {
                return Err(wrong(Fault::Repeated(number)));
            }
            Some(flag) => *place = Some(flag),
            None if reading.is_lenient() => {}
            None => return Err(wrong(wrong_kind(number, payload, bool::KIND))),
        }
    }
    Ok(flags)
}

fn wrong_kind(number: u32, payload: Payload<'_>, wanted: crate::wire::fault::Kind) -> Fault {
    Fault::WrongKind { number, found: payload.kind(), wanted }
}

/// How a message's values are read, and how many elements they may still have.
struct Room<'a> {
    protocol: &'a Protocol,
    elements: usize,
    reading: Reading,
}

impl Room<'_> {
    #[inline]
    fn take(
        &mut self,
        place: &mut Option<Value>,
        (slot, alternative, element): (&Slot, u16, &Element),
        field: Field<'_>,
    ) -> Result<(), Fault> {
        let lenient = self.reading.is_lenient();
        match element {
            Element::Primitive(primitive) => {
                let Some(single) = self.single(*primitive, field)? else { return Ok(()) };
                self.put(place, Value::Single(single), field.number)
            }
            Element::Custom(_) => {
                let accepts = |bytes: &[u8]| self.protocol.accepts(slot, alternative, bytes, lenient);
                self.custom(place, accepts, field)
            }
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

    fn put(&self, place: &mut Option<Value>, value: Value, number: u32) -> Result<(), Fault> {
        match place.replace(value) {
            Some(_) if !self.reading.is_lenient() => Err(Fault::Repeated(number)),
            _ => Ok(()),
        }
    }

    /// A field's value; none where it is of another kind and that is forgiven.
    #[inline]
    fn of<T: Readable>(&self, field: Field<'_>) -> Result<Option<T>, Fault> {
        match T::from_payload(field.number, field.payload, self.reading)? {
            None if !self.reading.is_lenient() => Err(wrong_kind(field.number, field.payload, T::KIND)),
            value => Ok(value),
        }
    }

    fn single(&self, primitive: Primitive, field: Field<'_>) -> Result<Option<Single>, Fault> {
        Ok(match primitive {
            Primitive::Bytes => self.of(field)?.map(Single::Bytes),
            Primitive::Int => self.of(field)?.map(Single::Int),
            Primitive::Float => self.of(field)?.map(Single::Float),
            Primitive::Bool => self.of(field)?.map(Single::Bool),
            Primitive::Str => self.of(field)?.map(Single::Str),
        })
    }

    /// A message that comes in several fields is that of all their bytes.
    fn custom(
        &self,
        place: &mut Option<Value>,
        accepts: impl Fn(&[u8]) -> bool,
        field: Field<'_>,
    ) -> Result<(), Fault> {
        let Payload::Bytes(bytes) = field.payload else {
            return match self.reading.is_lenient() {
                true => Ok(()),
                false => Err(wrong_kind(field.number, field.payload, crate::wire::fault::Kind::Bytes)),
            };
        };
        if !accepts(bytes) {
            return Err(Fault::BadCustom);
        }
        match place {
            Some(Value::Custom(before)) if self.reading.is_lenient() => before.extend_from_slice(bytes),
            place => return self.put(place, Value::Custom(bytes.to_vec()), field.number),
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
            Payload::Bytes(bytes) if T::KIND != crate::wire::fault::Kind::Bytes => {
                let mut reader = Reader::new(bytes);
                while !reader.is_empty() {
                    self.count_one()?;
                    items.push(T::next_packed(field.number, &mut reader, self.reading)?);
                }
            }
            _ => {
                if let Some(item) = self.of(field)? {
                    self.count_one()?;
                    items.push(item);
                }
            }
        }
        Ok(())
    }

    fn count_one(&mut self) -> Result<(), Fault> {
        self.elements =
            self.elements.checked_sub(1).ok_or(Fault::TooManyElements(self.reading.max_elements()))?;
        Ok(())
    }

    fn entry(
        &mut self,
        entries: &mut BTreeMap<Key, Single>,
        key_type: Primitive,
        value_type: Primitive,
        field: Field<'_>,
    ) -> Result<(), Fault> {
        let Payload::Bytes(bytes) = field.payload else {
            return match self.reading.is_lenient() {
                true => Ok(()),
                false => Err(wrong_kind(field.number, field.payload, crate::wire::fault::Kind::Bytes)),
            };
        };
        self.count_one()?;
        let (mut key, mut value) = (None, None);
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            let (place, primitive) = match field.number {
                1 => (&mut key, key_type),
                2 => (&mut value, value_type),
                _ if self.reading.is_lenient() => continue,
                number => return Err(Fault::UnknownField(number)),
            };
            let Some(single) = self.single(primitive, field)? else { continue };
            if place.replace(single).is_some() && !self.reading.is_lenient() {
                return Err(Fault::Repeated(field.number));
            }
        }
        let key = Key::from_single(key.unwrap_or_else(|| Single::default_of(key_type)));
        let value = value.unwrap_or_else(|| Single::default_of(value_type));
        // A protocol has no dicts whose keys protobuf refuses.
        let Some(key) = key else { return Err(Fault::OutOfRange(field.number)) };
        match entries.entry(key) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) if self.reading.is_lenient() => drop(place.insert(value)),
            Entry::Occupied(_) => return Err(Fault::DuplicateKey),
        }
        Ok(())
    }
}
