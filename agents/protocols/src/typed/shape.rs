//! The shapes of contents and fields: one value, a list, a dict, an optional one, a message.
//!
//! What always holds: what a shape writes is what the interpreter of specifications writes for the same value, and it takes
//! and refuses the same bytes. Each field is looked into as it comes, also where another one makes it void, and a message
//! that comes in parts is read on where it was left: so parts are merged as protobuf merges them. Neighbours:
//! [`kind`](super::kind) has the values without parts; here are fields of one value, and in [`many`], [`nested`] and
//! [`flagged`] the others. Tables in generated code name these.

mod flagged;
mod many;
mod nested;

use std::marker::PhantomData;

pub use flagged::{Flagged, FlaggedRead, MaybeUnion};
pub use many::{Entries, Many, Map, SetOf, Unpacked};
pub use nested::{Held, ManyNested, MaybeNested, Nested};

use super::kind::Kind;
use crate::wire::{Allowance, Fault, Field, Sink, writing};

/// How a content lies in a performative, or a field in a custom type.
pub trait Shape {
    /// The type in Rust.
    type Value;
    /// What has come of it while fields are read.
    type Read: Default;
    /// How many numbers of fields it takes, beginning with its own.
    const FIELDS: u32;

    /// Writes it at its number and those after that. Must write the same each time.
    fn write<S: Sink>(value: &Self::Value, number: u32, sink: &mut S);

    /// Takes a field; `place` is its number less that of the shape. False where it is passed over, since its value is of
    /// another kind.
    ///
    /// # Errors
    /// What is wrong with the field.
    fn take(
        read: &mut Self::Read,
        place: u32,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault>;

    /// What came of all fields; none for a union of which nothing is set.
    ///
    /// # Errors
    /// What is missing, or too much.
    fn finish(read: Self::Read, number: u32, allowance: &Allowance) -> Result<Option<Self::Value>, Fault>;

    /// Which of its fields has this number, by its place; none where it is another's.
    #[inline]
    fn place(first: u32, number: u32) -> Option<u32> {
        let place = number.wrapping_sub(first);
        (place < Self::FIELDS).then_some(place)
    }
}

/// Writes a field, whatever it holds.
#[inline]
fn whole<K: Kind, S: Sink>(value: &K::Value, number: u32, sink: &mut S) {
    writing::key(sink, number, K::WIRE_TYPE);
    K::write(value, sink);
}

/// A field's value; none where it is of another kind and that is forgiven.
#[inline]
fn one<K: Kind>(field: Field<'_>, allowance: &Allowance) -> Result<Option<K::Value>, Fault> {
    match K::from_payload(field.number, field.payload, allowance.reading())? {
        None => allowance.wrong_kind(field, K::WIRE_TYPE.kind()).map(|_| None),
        value => Ok(value),
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

impl<T> Came<T> {
    #[inline]
    fn take<K: Kind<Value = T>>(
        &mut self,
        field: Field<'_>,
        allowance: &mut Allowance,
    ) -> Result<bool, Fault> {
        match one::<K>(field, allowance)? {
            Some(value) => allowance.put(&mut self.0, value, field.number),
            None => Ok(false),
        }
    }
}

/// The shapes of one value: when it is written, and what it is where none came.
macro_rules! of_one_value {
    ($($(#[$doc:meta])* $shape:ident: $value:ty, |$written:ident| $some:expr, |$came:ident| $finished:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $shape<K>(PhantomData<K>);

        impl<K: Kind> Shape for $shape<K> {
            type Value = $value;
            type Read = Came<K::Value>;
            const FIELDS: u32 = 1;

            #[inline]
            fn write<S: Sink>($written: &Self::Value, number: u32, sink: &mut S) {
                if let Some(value) = $some {
                    whole::<K, S>(value, number, sink);
                }
            }

            #[inline]
            fn take(
                read: &mut Self::Read,
                _: u32,
                field: Field<'_>,
                allowance: &mut Allowance,
            ) -> Result<bool, Fault> {
                read.take::<K>(field, allowance)
            }

            #[inline]
            fn finish(read: Self::Read, _: u32, _: &Allowance) -> Result<Option<Self::Value>, Fault> {
                let $came = read.0;
                Ok(Some($finished))
            }
        }
    )*};
}

of_one_value! {
    /// A value that is left out where it is zero or empty.
    One: K::Value, |value| (!K::is_default(value)).then_some(value), |came| came.unwrap_or_else(K::default);
    /// A value that is written whatever it is: in a dict, or of several fields of which one is set.
    Whole: K::Value, |value| Some(value), |came| came.unwrap_or_else(K::default);
    /// A value that is written whatever it is, if there is one: what protobuf calls `optional`.
    Explicit: Option<K::Value>, |value| value.as_ref(), |came| came;
}
