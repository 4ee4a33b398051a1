//! The shapes of contents and fields: one value, a list, a dict, an optional one, a message.
//!
//! What always holds: what a shape writes is what the interpreter of specifications writes for the same value, and it takes
//! and refuses the same bytes; only custom types, which that leaves as bytes, are looked into. Neighbours:
//! [`kind`](super::kind) has the values without parts, [`room`](super::room) what is forgiven; tables in generated code name these.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use super::kind::Kind;
use super::room::Room;
use super::{Fields, FieldsOf};
use crate::wire::reading::Reader;
use crate::wire::writing::{self, WireType};
use crate::wire::{Encode, Fault, Field, Payload, Sink};

/// How a content lies in a performative, or a field in a custom type.
pub trait Shape {
    /// The type in Rust.
    type Value;
    /// What has come of it while fields are read.
    type Read<'a>: Default;
    /// How many numbers of fields it takes, beginning with its own.
    const FIELDS: u32;

    /// Writes it at its number and those after that. Must write the same each time.
    fn write<S: Sink>(value: &Self::Value, number: u32, sink: &mut S);

    /// Takes a field; `place` is its number less that of the shape.
    ///
    /// # Errors
    /// What is wrong with the field.
    fn take<'a>(
        read: &mut Self::Read<'a>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault>;

    /// What came of all fields; none for a union of which nothing is set.
    ///
    /// # Errors
    /// What is missing, or too much.
    fn finish(read: Self::Read<'_>, number: u32, room: &mut Room) -> Result<Option<Self::Value>, Fault>;

    /// Which of its fields has this number, by its place; none where it is another's.
    #[inline]
    fn place(first: u32, number: u32) -> Option<u32> {
        let place = number.wrapping_sub(first);
        (place < Self::FIELDS).then_some(place)
    }
}

/// Writes a field, whatever it holds.
fn whole<K: Kind, S: Sink>(value: &K::Value, number: u32, sink: &mut S) {
    writing::key(sink, number, K::WIRE_TYPE);
    K::write(value, sink);
}

/// A field's value; none where it is of another kind and that is forgiven.
#[inline]
fn one<K: Kind>(field: Field<'_>, room: &Room) -> Result<Option<K::Value>, Fault> {
    match K::from_payload(field.number, field.payload, room.reading())? {
        None => room.wrong_kind(field, K::WIRE).map(|()| None),
        value => Ok(value),
    }
}

/// A value that is left out where it is zero or empty.
#[derive(Debug)]
pub struct One<K>(PhantomData<K>);

impl<K: Kind> Shape for One<K> {
    type Value = K::Value;
    type Read<'a> = Came<K::Value>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(value: &K::Value, number: u32, sink: &mut S) {
        if !K::is_default(value) {
            whole::<K, S>(value, number, sink);
        }
    }

    #[inline]
    fn take<'a>(read: &mut Came<K::Value>, _: u32, field: Field<'a>, room: &mut Room) -> Result<(), Fault> {
        match one::<K>(field, room)? {
            Some(value) => room.put(&mut read.0, value, field.number),
            None => Ok(()),
        }
    }

    #[inline]
    fn finish(read: Came<K::Value>, _: u32, _: &mut Room) -> Result<Option<K::Value>, Fault> {
        Ok(Some(read.0.unwrap_or_else(K::default)))
    }
}

/// A value that is written whatever it is: of several fields of which one is set.
#[derive(Debug)]
pub struct Whole<K>(PhantomData<K>);

impl<K: Kind> Shape for Whole<K> {
    type Value = K::Value;
    type Read<'a> = Came<K::Value>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(value: &K::Value, number: u32, sink: &mut S) {
        whole::<K, S>(value, number, sink);
    }

    fn take<'a>(
        read: &mut Came<K::Value>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        One::<K>::take(read, place, field, room)
    }

    fn finish(read: Came<K::Value>, number: u32, room: &mut Room) -> Result<Option<K::Value>, Fault> {
        One::<K>::finish(read, number, room)
    }
}

/// A value that came, or none yet.
#[derive(Debug)]
pub struct Came<T>(Option<T>);

impl<T> Default for Came<T> {
    fn default() -> Came<T> {
        Came(None)
    }
}

/// A value that is written whatever it is, if there is one: what protobuf calls `optional`.
#[derive(Debug)]
pub struct Explicit<K>(PhantomData<K>);

impl<K: Kind> Shape for Explicit<K> {
    type Value = Option<K::Value>;
    type Read<'a> = Came<K::Value>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(value: &Option<K::Value>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            whole::<K, S>(value, number, sink);
        }
    }

    fn take<'a>(
        read: &mut Came<K::Value>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        One::<K>::take(read, place, field, room)
    }

    fn finish(read: Came<K::Value>, _: u32, _: &mut Room) -> Result<Option<Option<K::Value>>, Fault> {
        Ok(Some(read.0))
    }
}

/// The elements of a list: numbers in one field, others in a field each.
#[derive(Debug)]
pub struct Many<K>(PhantomData<K>);

impl<K: Kind> Shape for Many<K> {
    type Value = Vec<K::Value>;
    type Read<'a> = Vec<K::Value>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(values: &Vec<K::Value>, number: u32, sink: &mut S) {
        write_many::<K, S>(values.iter(), number, sink);
    }

    fn take<'a>(read: &mut Vec<K::Value>, _: u32, field: Field<'a>, room: &mut Room) -> Result<(), Fault> {
        match field.payload {
            Payload::Bytes(bytes) if K::WIRE_TYPE != WireType::Bytes => {
                let mut reader = Reader::new(bytes);
                while !reader.is_empty() {
                    room.count_one()?;
                    read.push(K::next_packed(field.number, &mut reader, room.reading())?);
                }
            }
            _ => {
                if let Some(value) = one::<K>(field, room)? {
                    room.count_one()?;
                    read.push(value);
                }
            }
        }
        Ok(())
    }

    fn finish(read: Vec<K::Value>, _: u32, _: &mut Room) -> Result<Option<Vec<K::Value>>, Fault> {
        Ok(Some(read))
    }
}

fn write_many<'a, K: Kind, S: Sink>(
    values: impl ExactSizeIterator<Item = &'a K::Value> + Clone,
    number: u32,
    sink: &mut S,
) where
    K::Value: 'a,
{
    if K::WIRE_TYPE == WireType::Bytes {
        values.for_each(|value| whole::<K, S>(value, number, sink));
    } else if values.len() > 0 {
        let mut count = writing::Count::default();
        values.clone().for_each(|value| K::write(value, &mut count));
        writing::key(sink, number, WireType::Bytes);
        writing::varint(sink, count.0 as u64);
        values.for_each(|value| K::write(value, sink));
    }
}

/// The elements of a list in a field each, whatever they are: what protobuf calls `packed = false`.
#[derive(Debug)]
pub struct Unpacked<K>(PhantomData<K>);

impl<K: Kind> Shape for Unpacked<K> {
    type Value = Vec<K::Value>;
    type Read<'a> = Vec<K::Value>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(values: &Vec<K::Value>, number: u32, sink: &mut S) {
        values.iter().for_each(|value| whole::<K, S>(value, number, sink));
    }

    fn take<'a>(
        read: &mut Vec<K::Value>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        Many::<K>::take(read, place, field, room)
    }

    fn finish(read: Vec<K::Value>, _: u32, _: &mut Room) -> Result<Option<Vec<K::Value>>, Fault> {
        Ok(Some(read))
    }
}

/// The elements of a set, written in their order.
#[derive(Debug)]
pub struct SetOf<K>(PhantomData<K>);

impl<K: Kind<Value: Ord>> Shape for SetOf<K> {
    type Value = BTreeSet<K::Value>;
    type Read<'a> = Vec<K::Value>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(values: &BTreeSet<K::Value>, number: u32, sink: &mut S) {
        write_many::<K, S>(values.iter(), number, sink);
    }

    fn take<'a>(
        read: &mut Vec<K::Value>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        Many::<K>::take(read, place, field, room)
    }

    fn finish(read: Vec<K::Value>, _: u32, room: &mut Room) -> Result<Option<BTreeSet<K::Value>>, Fault> {
        let came = read.len();
        let set = BTreeSet::from_iter(read);
        match set.len() < came && !room.is_lenient() {
            true => Err(Fault::DuplicateElement),
            false => Ok(Some(set)),
        }
    }
}

/// A dict from one kind of values to [`Whole`] or [`Nested`] ones, written by its keys' order.
#[derive(Debug)]
pub struct Map<K, V>(PhantomData<(K, V)>);

struct Pair<'a, K: Kind, V: Shape>(&'a K::Value, &'a V::Value);

impl<K: Kind, V: Shape> Encode for Pair<'_, K, V> {
    fn write<S: Sink>(&self, sink: &mut S) {
        whole::<K, S>(self.0, 1, sink);
        V::write(self.1, 2, sink);
    }
}

impl<K: Kind<Value: Ord>, V: Shape> Shape for Map<K, V> {
    type Value = BTreeMap<K::Value, V::Value>;
    type Read<'a> = Entries<K::Value, V::Value>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(entries: &BTreeMap<K::Value, V::Value>, number: u32, sink: &mut S) {
        for (key, value) in entries {
            writing::message(sink, number, &Pair::<K, V>(key, value));
        }
    }

    fn take<'a>(
        read: &mut Entries<K::Value, V::Value>,
        _: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        let Some(bytes) = room.bytes(field)? else { return Ok(()) };
        room.count_one()?;
        let mut key = Came::default();
        let mut value = V::Read::default();
        let mut fields = crate::wire::Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => <One<K> as Shape>::take(&mut key, 0, field, room)?,
                2 => V::take(&mut value, 0, field, room)?,
                _ => room.unknown(field)?,
            }
        }
        let key = key.0.unwrap_or_else(K::default);
        let value = V::finish(value, 2, room)?.ok_or(Fault::MissingContent)?;
        match read.0.entry(key) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) if room.is_lenient() => drop(place.insert(value)),
            Entry::Occupied(_) => return Err(Fault::DuplicateKey),
        }
        Ok(())
    }

    fn finish(
        read: Entries<K::Value, V::Value>,
        _: u32,
        _: &mut Room,
    ) -> Result<Option<BTreeMap<K::Value, V::Value>>, Fault> {
        Ok(Some(read.0))
    }
}

/// The entries that came.
#[derive(Debug)]
pub struct Entries<K, V>(BTreeMap<K, V>);

impl<K, V> Default for Entries<K, V> {
    fn default() -> Entries<K, V> {
        Entries(BTreeMap::new())
    }
}

/// A custom type: a message that is there although it may be empty; in a box, where it holds others of its own type.
#[derive(Debug)]
pub struct Nested<M, B = M>(PhantomData<(M, B)>);

impl<M: Fields + 'static, B: From<M> + AsMessage<M> + 'static> Shape for Nested<M, B> {
    type Value = B;
    type Read<'a> = Option<Cow<'a, [u8]>>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(value: &B, number: u32, sink: &mut S) {
        writing::message(sink, number, &FieldsOf(value.as_message()));
    }

    fn take<'a>(
        read: &mut Option<Cow<'a, [u8]>>,
        _: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        match room.bytes(field)? {
            Some(bytes) => room.merge(read, bytes, field.number),
            None => Ok(()),
        }
    }

    fn finish(read: Option<Cow<'_, [u8]>>, _: u32, room: &mut Room) -> Result<Option<B>, Fault> {
        match read {
            None if !room.is_lenient() => Err(Fault::MissingContent),
            read => {
                let message = room.deeper(|room| M::read(&read.unwrap_or_default(), room))?;
                Ok(Some(B::from(message)))
            }
        }
    }
}

/// A message within a custom type, if there is one; in a box, where it holds others of its own type.
#[derive(Debug)]
pub struct MaybeNested<M, B = M>(PhantomData<(M, B)>);

impl<M: Fields + 'static, B: From<M> + AsMessage<M> + 'static> Shape for MaybeNested<M, B> {
    type Value = Option<B>;
    type Read<'a> = Option<Cow<'a, [u8]>>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(value: &Option<B>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            Nested::<M, B>::write(value, number, sink);
        }
    }

    fn take<'a>(
        read: &mut Option<Cow<'a, [u8]>>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        <Nested<M> as Shape>::take(read, place, field, room)
    }

    fn finish(read: Option<Cow<'_, [u8]>>, number: u32, room: &mut Room) -> Result<Option<Option<B>>, Fault> {
        match read {
            None => Ok(Some(None)),
            read => Ok(Some(Nested::<M, B>::finish(read, number, room)?)),
        }
    }
}

/// A message, or a box with one.
pub trait AsMessage<M> {
    /// The message.
    fn as_message(&self) -> &M;
}

impl<M: Fields> AsMessage<M> for M {
    fn as_message(&self) -> &M {
        self
    }
}

impl<M: Fields> AsMessage<M> for Box<M> {
    fn as_message(&self) -> &M {
        self
    }
}

/// Messages, in a field each.
#[derive(Debug)]
pub struct ManyNested<M>(PhantomData<M>);

impl<M: Fields + 'static> Shape for ManyNested<M> {
    type Value = Vec<M>;
    type Read<'a> = Messages<M>;
    const FIELDS: u32 = 1;

    fn write<S: Sink>(values: &Vec<M>, number: u32, sink: &mut S) {
        values.iter().for_each(|value| writing::message(sink, number, &FieldsOf(value)));
    }

    fn take<'a>(read: &mut Messages<M>, _: u32, field: Field<'a>, room: &mut Room) -> Result<(), Fault> {
        if let Some(bytes) = room.bytes(field)? {
            room.count_one()?;
            read.0.push(room.deeper(|room| M::read(bytes, room))?);
        }
        Ok(())
    }

    fn finish(read: Messages<M>, _: u32, _: &mut Room) -> Result<Option<Vec<M>>, Fault> {
        Ok(Some(read.0))
    }
}

/// The messages that came.
#[derive(Debug)]
pub struct Messages<M>(Vec<M>);

impl<M> Default for Messages<M> {
    fn default() -> Messages<M> {
        Messages(Vec::new())
    }
}

/// What may be absent, with a flag after it that says whether it is there.
#[derive(Debug)]
pub struct Flagged<X>(PhantomData<X>);

/// What came of a value and its flag.
#[derive(Debug, Default)]
pub struct FlaggedRead<R> {
    value: R,
    came: bool,
    flag: Option<bool>,
}

impl<X: Shape> Shape for Flagged<X> {
    type Value = Option<X::Value>;
    type Read<'a> = FlaggedRead<X::Read<'a>>;
    const FIELDS: u32 = X::FIELDS + 1;

    #[inline]
    fn write<S: Sink>(value: &Option<X::Value>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            X::write(value, number, sink);
            writing::flag(sink, number + X::FIELDS, true);
        }
    }

    #[inline]
    fn take<'a>(
        read: &mut FlaggedRead<X::Read<'a>>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        if place < X::FIELDS {
            read.came = true;
            return X::take(&mut read.value, place, field, room);
        }
        match one::<bool>(field, room)? {
            Some(flag) => room.put(&mut read.flag, flag, field.number),
            None => Ok(()),
        }
    }

    #[inline]
    fn finish(
        read: FlaggedRead<X::Read<'_>>,
        number: u32,
        room: &mut Room,
    ) -> Result<Option<Option<X::Value>>, Fault> {
        match read.flag {
            Some(true) => X::finish(read.value, number, room).map(Some),
            _ if read.came && !room.is_lenient() => Err(Fault::Unflagged(number)),
            _ => Ok(Some(None)),
        }
    }
}

/// A union that may be absent: it has a flag more, which nobody writes.
#[derive(Debug)]
pub struct MaybeUnion<U>(PhantomData<U>);

impl<U: Shape> Shape for MaybeUnion<U> {
    type Value = Option<U::Value>;
    type Read<'a> = FlaggedRead<U::Read<'a>>;
    const FIELDS: u32 = U::FIELDS + 1;

    fn write<S: Sink>(value: &Option<U::Value>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            U::write(value, number, sink);
        }
    }

    fn take<'a>(
        read: &mut FlaggedRead<U::Read<'a>>,
        place: u32,
        field: Field<'a>,
        room: &mut Room,
    ) -> Result<(), Fault> {
        Flagged::<U>::take(read, place, field, room)
    }

    fn finish(
        read: FlaggedRead<U::Read<'_>>,
        number: u32,
        room: &mut Room,
    ) -> Result<Option<Option<U::Value>>, Fault> {
        U::finish(read.value, number, room).map(Some)
    }
}
