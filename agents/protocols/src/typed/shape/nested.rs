//! Messages within messages: custom types, and what is nested in them.
//!
//! What always holds: each level counts against [`MAX_MESSAGE_DEPTH`](crate::typed::MAX_MESSAGE_DEPTH) while it is read.

use std::marker::PhantomData;

use super::Shape;
use crate::typed::{Fields, FieldsOf};
use crate::wire::{Allowance, Fault, Field, Sink, writing};

/// A message as its owner holds it: itself, or in a box.
pub trait Held<M: Fields> {
    /// What has come of it while fields are read.
    type Read: Default;

    /// Holds it.
    fn holding(message: M) -> Self;
    /// What is held.
    fn message(&self) -> &M;
    /// What has come of the message.
    fn reading(read: &mut Self::Read) -> &mut M::Read;
    /// All that came of the message.
    fn came(read: Self::Read) -> M::Read;
}

impl<M: Fields> Held<M> for M {
    type Read = M::Read;

    #[inline]
    fn holding(message: M) -> M {
        message
    }

    #[inline]
    fn message(&self) -> &M {
        self
    }

    #[inline]
    fn reading(read: &mut M::Read) -> &mut M::Read {
        read
    }

    #[inline]
    fn came(read: M::Read) -> M::Read {
        read
    }
}

impl<M: Fields> Held<M> for Box<M> {
    type Read = Box<M::Read>;

    fn holding(message: M) -> Box<M> {
        Box::new(message)
    }

    #[inline]
    fn message(&self) -> &M {
        self
    }

    fn reading(read: &mut Box<M::Read>) -> &mut M::Read {
        read
    }

    fn came(read: Box<M::Read>) -> M::Read {
        *read
    }
}

/// A custom type: a message that is there although it may be empty; in a box, where it holds others of its own type.
#[derive(Debug)]
pub struct Nested<M, B = M>(PhantomData<(M, B)>);

impl<M: Fields, B: Held<M>> Shape for Nested<M, B> {
    type Value = B;
    type Read = Option<B::Read>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(value: &B, number: u32, sink: &mut S) {
        writing::message(sink, number, &FieldsOf(value.message()));
    }

    #[inline]
    fn take(
        read: &mut Option<B::Read>,
        _: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        let Some(bytes) = allowance.bytes(field)? else { return Ok(false) };
        if read.is_some() && !allowance.is_lenient() {
            return Err(Fault::Repeated(field.number));
        }
        let read = B::reading(read.get_or_insert_default());
        allowance
            .deeper(|allowance| M::read_on(read, bytes, allowance).map_err(|misread| misread.fault()))?;
        Ok(true)
    }

    #[inline]
    fn finish(read: Option<B::Read>, _: u32, allowance: &Allowance) -> Result<Option<B>, Fault> {
        if read.is_none() && !allowance.is_lenient() {
            return Err(Fault::MissingContent);
        }
        let message = M::finish(B::came(read.unwrap_or_default()), allowance);
        message.map(|message| Some(B::holding(message))).map_err(|misread| misread.fault())
    }
}

/// A message within a custom type, if there is one; in a box, where it holds others of its own type.
#[derive(Debug)]
pub struct MaybeNested<M, B = M>(PhantomData<(M, B)>);

impl<M: Fields, B: Held<M>> Shape for MaybeNested<M, B> {
    type Value = Option<B>;
    type Read = Option<B::Read>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(value: &Option<B>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            Nested::<M, B>::write(value, number, sink);
        }
    }

    #[inline]
    fn take(
        read: &mut Option<B::Read>,
        place: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        Nested::<M, B>::take(read, place, field, allowance)
    }

    #[inline]
    fn finish(read: Option<B::Read>, number: u32, allowance: &Allowance) -> Result<Option<Option<B>>, Fault> {
        match read {
            None => Ok(Some(None)),
            read => Nested::<M, B>::finish(read, number, allowance).map(Some),
        }
    }
}

/// Messages, in a field each.
#[derive(Debug)]
pub struct ManyNested<M>(PhantomData<M>);

impl<M: Fields> Shape for ManyNested<M> {
    type Value = Vec<M>;
    type Read = Vec<M>;
    const FIELDS: u32 = 1;

    #[inline]
    fn write<S: Sink>(values: &Vec<M>, number: u32, sink: &mut S) {
        values.iter().for_each(|value| writing::message(sink, number, &FieldsOf(value)));
    }

    #[inline]
    fn take(read: &mut Vec<M>, _: u32, field: Field<'_>, allowance: &mut Allowance) -> Result<bool, Fault> {
        let Some(bytes) = allowance.bytes(field)? else { return Ok(false) };
        allowance.count_one()?;
        let message =
            allowance.deeper(|allowance| M::read(bytes, allowance).map_err(|misread| misread.fault()))?;
        read.push(message);
        Ok(true)
    }

    #[inline]
    fn finish(read: Vec<M>, _: u32, _: &Allowance) -> Result<Option<Vec<M>>, Fault> {
        Ok(Some(read))
    }
}
