//! Lists, sets and dicts.
//!
//! What always holds: each element that comes is counted, whatever becomes of it. Neighbour: lists of messages are in
//! [`super::nested`].

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use super::{Came, Shape, one, whole};
use crate::typed::kind::Kind;
use crate::wire::reading::{Fields, Reader};
use crate::wire::writing::{self, WireType};
use crate::wire::{Allowance, Encode, Fault, Field, Payload, Sink};

/// The elements of a list: numbers in one field, others in a field each.
#[derive(Debug)]
pub struct Many<K>(PhantomData<K>);

impl<K: Kind> Shape for Many<K> {
    type Value = Vec<K::Value>;
    type Read = Vec<K::Value>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(values: &Vec<K::Value>, number: u32, sink: &mut S) {
        write_many::<K, S>(values.iter(), number, sink);
    }

    #[inline]
    fn take(
        read: &mut Vec<K::Value>,
        _: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        match field.payload {
            Payload::Bytes(bytes) if K::WIRE_TYPE != WireType::Bytes => {
                let mut reader = Reader::new(bytes);
                while !reader.is_empty() {
                    allowance.count_one()?;
                    read.push(K::next_packed(field.number, &mut reader, allowance.reading())?);
                }
            }
            _ => {
                let Some(value) = one::<K>(field, allowance)? else { return Ok(false) };
                allowance.count_one()?;
                read.push(value);
            }
        }
        Ok(true)
    }

    #[inline]
    fn finish(read: Vec<K::Value>, _: u32, _: &Allowance) -> Result<Option<Vec<K::Value>>, Fault> {
        Ok(Some(read))
    }
}

#[inline]
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
    type Read = Vec<K::Value>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(values: &Vec<K::Value>, number: u32, sink: &mut S) {
        values.iter().for_each(|value| whole::<K, S>(value, number, sink));
    }

    #[inline]
    fn take(
        read: &mut Vec<K::Value>,
        place: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        Many::<K>::take(read, place, field, allowance)
    }

    #[inline]
    fn finish(read: Vec<K::Value>, _: u32, _: &Allowance) -> Result<Option<Vec<K::Value>>, Fault> {
        Ok(Some(read))
    }
}

/// The elements of a set, written in their order.
#[derive(Debug)]
pub struct SetOf<K>(PhantomData<K>);

impl<K: Kind<Value: Ord>> Shape for SetOf<K> {
    type Value = BTreeSet<K::Value>;
    type Read = Vec<K::Value>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(values: &BTreeSet<K::Value>, number: u32, sink: &mut S) {
        write_many::<K, S>(values.iter(), number, sink);
    }

    #[inline]
    fn take(
        read: &mut Vec<K::Value>,
        place: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        Many::<K>::take(read, place, field, allowance)
    }

    #[inline]
    fn finish(
        read: Vec<K::Value>,
        _: u32,
        allowance: &Allowance,
    ) -> Result<Option<BTreeSet<K::Value>>, Fault> {
        let came = read.len();
        let set = BTreeSet::from_iter(read);
        match set.len() < came && !allowance.is_lenient() {
            true => Err(Fault::DuplicateElement),
            false => Ok(Some(set)),
        }
    }
}

/// A dict from one kind of values to [`Whole`](super::Whole) or [`Nested`](super::Nested) ones, written by its keys' order.
#[derive(Debug)]
pub struct Map<K, V>(PhantomData<(K, V)>);

struct Pair<'a, K: Kind, V: Shape>(&'a K::Value, &'a V::Value);

impl<K: Kind, V: Shape> Encode for Pair<'_, K, V> {
    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        whole::<K, S>(self.0, 1, sink);
        V::write(self.1, 2, sink);
    }
}

impl<K: Kind<Value: Ord>, V: Shape> Shape for Map<K, V> {
    type Value = BTreeMap<K::Value, V::Value>;
    type Read = Entries<K::Value, V::Value>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(entries: &BTreeMap<K::Value, V::Value>, number: u32, sink: &mut S) {
        for (key, value) in entries {
            writing::message(sink, number, &Pair::<K, V>(key, value));
        }
    }

    #[inline]
    fn take(
        read: &mut Entries<K::Value, V::Value>,
        _: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        let Some(bytes) = allowance.bytes(field)? else { return Ok(false) };
        allowance.count_one()?;
        let mut key = Came::default();
        let mut value = V::Read::default();
        let mut fields = Fields::new(bytes);
        while let Some(field) = fields.next_field()? {
            match field.number {
                1 => key.take::<K>(field, allowance)?,
                2 => V::take(&mut value, 0, field, allowance)?,
                _ => allowance.unknown(field)?,
            };
        }
        let key = key.0.unwrap_or_else(K::default);
        let value = V::finish(value, 2, allowance)?.ok_or(Fault::MissingContent)?;
        match read.0.entry(key) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) if allowance.is_lenient() => drop(place.insert(value)),
            Entry::Occupied(_) => return Err(Fault::DuplicateKey),
        }
        Ok(true)
    }

    #[inline]
    fn finish(
        read: Entries<K::Value, V::Value>,
        _: u32,
        _: &Allowance,
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
