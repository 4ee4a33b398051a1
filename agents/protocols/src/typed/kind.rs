//! The values of fields without parts: of specifications, and of the protobuf fields of custom types.
//!
//! A [`Kind`] is how a value is written; where one Rust type is written in several ways, each has a name of its own here.
//! Neighbours: [`shape`](super::shape) has the fields around them, [`wire::scalar`](crate::wire::scalar) the primitives.

use std::cmp::Ordering;
use std::fmt::Debug;

use crate::wire::reading::Reader;
use crate::wire::scalar::{Readable, Scalar, int32, uint32};
use crate::wire::writing::{WireType, varint};
use crate::wire::{Fault, Payload, Reading, Sink};

/// How values of a type are written and read.
pub trait Kind {
    /// The type in Rust.
    type Value: Clone + PartialEq + Debug;
    /// How it is written.
    const WIRE_TYPE: WireType;

    /// What a field holds that is left out.
    fn default() -> Self::Value;
    /// Whether it is that.
    fn is_default(value: &Self::Value) -> bool;
    /// The value without its field's key.
    fn write<S: Sink>(value: &Self::Value, sink: &mut S);
    /// The value of a field; none where the field is of another kind.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_payload(
        number: u32,
        payload: Payload<'_>,
        reading: Reading,
    ) -> Result<Option<Self::Value>, Fault>;
    /// The next of several values in a field.
    ///
    /// # Errors
    /// What is wrong with it.
    #[inline]
    fn next_packed(number: u32, reader: &mut Reader<'_>, reading: Reading) -> Result<Self::Value, Fault> {
        let payload = reader.value(Self::WIRE_TYPE)?;
        let value = Self::from_payload(number, payload, reading)?;
        value.ok_or(Fault::WrongKind { number, found: payload.kind(), wanted: Self::WIRE_TYPE.kind() })
    }
}

macro_rules! primitive {
    ($($primitive:ty),*) => {$(
        impl Kind for $primitive {
            type Value = $primitive;
            const WIRE_TYPE: WireType = <$primitive as Scalar>::WIRE_TYPE;

            #[inline]
            fn default() -> $primitive {
                Default::default()
            }

            #[inline]
            fn is_default(value: &$primitive) -> bool {
                Scalar::is_default(value)
            }

            #[inline]
            fn write<S: Sink>(value: &$primitive, sink: &mut S) {
                Scalar::write(value, sink);
            }

            #[inline]
            fn from_payload(
                number: u32,
                payload: Payload<'_>,
                reading: Reading,
            ) -> Result<Option<$primitive>, Fault> {
                Readable::from_payload(number, payload, reading)
            }
        }
    )*};
}

primitive! { i64, f32, bool, String, Vec<u8> }

/// A float that can stand in a set: compared and put in order by its bits, as equal values have equal bytes.
#[derive(Debug, Clone, Copy)]
pub struct Float(pub f32);

impl PartialEq for Float {
    fn eq(&self, other: &Float) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Float {}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Float) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Float {
    fn cmp(&self, other: &Float) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl From<f32> for Float {
    fn from(float: f32) -> Float {
        Float(float)
    }
}

impl Kind for Float {
    type Value = Float;
    const WIRE_TYPE: WireType = WireType::Fixed32;

    fn default() -> Float {
        Float(0.0)
    }

    fn is_default(value: &Float) -> bool {
        Scalar::is_default(&value.0)
    }

    fn write<S: Sink>(value: &Float, sink: &mut S) {
        Scalar::write(&value.0, sink);
    }

    fn from_payload(number: u32, payload: Payload<'_>, reading: Reading) -> Result<Option<Float>, Fault> {
        Ok(<f32 as Readable>::from_payload(number, payload, reading)?.map(Float))
    }
}

/// Numbers that are written in groups of seven bits: how each becomes 64 bits, and back.
macro_rules! varints {
    ($($(#[$doc:meta])* $name:ident: $rust:ty, $to:expr, $from:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Kind for $name {
            type Value = $rust;
            const WIRE_TYPE: WireType = WireType::Varint;

            fn default() -> $rust {
                0
            }

            fn is_default(value: &$rust) -> bool {
                *value == 0
            }

            fn write<S: Sink>(value: &$rust, sink: &mut S) {
                varint(sink, $to(*value));
            }

            fn from_payload(number: u32, payload: Payload<'_>, reading: Reading) -> Result<Option<$rust>, Fault> {
                match payload {
                    Payload::Varint(value) => $from(number, value, reading).map(Some),
                    _ => Ok(None),
                }
            }
        }
    )*};
}

fn zigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

varints! {
    /// Protobuf's `int32`: negative ones take ten bytes.
    Int32: i32, |value| i64::from(value).cast_unsigned(), int32;
    /// Protobuf's `uint32`.
    Uint32: u32, u64::from, uint32;
    /// Protobuf's `uint64`.
    Uint64: u64, |value| value, |_, value, _| Ok(value);
    /// Protobuf's `sint32`: small ones take few bytes, whatever their sign.
    Sint32: i32,
        |value: i32| u64::from((value << 1 ^ value >> 31).cast_unsigned()),
        |number, value, reading| {
            let lower = uint32(number, value, reading)?;
            Ok(zigzag(u64::from(lower)) as i32)
        };
    /// Protobuf's `sint64`.
    Sint64: i64, |value: i64| (value << 1 ^ value >> 63).cast_unsigned(), |_, value, _| Ok(zigzag(value));
}

/// Numbers of a fixed size.
macro_rules! fixed {
    ($($(#[$doc:meta])* $name:ident: $rust:ty, $wire:ident, $bits:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Kind for $name {
            type Value = $rust;
            const WIRE_TYPE: WireType = WireType::$wire;

            fn default() -> $rust {
                Default::default()
            }

            /// Negative zero is written: it is another number.
            fn is_default(value: &$rust) -> bool {
                value.to_le_bytes() == <$bits>::default().to_le_bytes()
            }

            fn write<S: Sink>(value: &$rust, sink: &mut S) {
                sink.slice(&value.to_le_bytes());
            }

            fn from_payload(_: u32, payload: Payload<'_>, _: Reading) -> Result<Option<$rust>, Fault> {
                Ok(match payload {
                    Payload::$wire(bits) => Some(<$rust>::from_le_bytes(bits.to_le_bytes())),
                    _ => None,
                })
            }
        }
    )*};
}

fixed! {
    /// Protobuf's `double`.
    Double: f64, Fixed64, u64;
    /// Protobuf's `fixed32`.
    Fixed32: u32, Fixed32, u32;
    /// Protobuf's `fixed64`.
    Fixed64: u64, Fixed64, u64;
    /// Protobuf's `sfixed32`.
    Sfixed32: i32, Fixed32, u32;
    /// Protobuf's `sfixed64`.
    Sfixed64: i64, Fixed64, u64;
}
