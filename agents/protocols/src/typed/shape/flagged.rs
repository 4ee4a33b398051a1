//! What may be absent, and says so by a flag.

use std::marker::PhantomData;

use super::{Shape, one};
use crate::wire::{Allowance, Fault, Field, Sink, writing};

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
    type Read = FlaggedRead<X::Read>;
    const FIELDS: u32 = X::FIELDS + 1;

    #[inline]
    fn write<S: Sink>(value: &Option<X::Value>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            X::write(value, number, sink);
            writing::flag(sink, number + X::FIELDS, true);
        }
    }

    #[inline]
    fn take(
        read: &mut FlaggedRead<X::Read>,
        place: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        if place < X::FIELDS {
            read.came = true;
            return X::take(&mut read.value, place, field, allowance);
        }
        match one::<bool>(field, allowance)? {
            Some(flag) => allowance.put(&mut read.flag, flag, field.number),
            None => Ok(false),
        }
    }

    #[inline]
    fn finish(
        read: FlaggedRead<X::Read>,
        number: u32,
        allowance: &Allowance,
    ) -> Result<Option<Option<X::Value>>, Fault> {
        match read.flag {
            Some(true) => X::finish(read.value, number, allowance).map(Some),
            _ if read.came && !allowance.is_lenient() => Err(Fault::Unflagged(number)),
            _ => Ok(Some(None)),
        }
    }
}

/// A union that may be absent: it has a flag more, which nobody writes.
#[derive(Debug)]
pub struct MaybeUnion<U>(PhantomData<U>);

impl<U: Shape> Shape for MaybeUnion<U> {
    type Value = Option<U::Value>;
    type Read = FlaggedRead<U::Read>;
    const FIELDS: u32 = U::FIELDS + 1;

    #[inline]
    fn write<S: Sink>(value: &Option<U::Value>, number: u32, sink: &mut S) {
        if let Some(value) = value {
            U::write(value, number, sink);
        }
    }

    #[inline]
    fn take(
        read: &mut FlaggedRead<U::Read>,
        place: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        Flagged::<U>::take(read, place, field, allowance)
    }

    #[inline]
    fn finish(
        read: FlaggedRead<U::Read>,
        number: u32,
        allowance: &Allowance,
    ) -> Result<Option<Option<U::Value>>, Fault> {
        U::finish(read.value, number, allowance).map(Some)
    }
}
