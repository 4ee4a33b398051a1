//! The primitives of contents: Rust's types for them, and how each is written and read.
//!
//! Neighbours: [`super::writing`] and [`super::reading`] have the fields around them.

use super::fault::Fault;
use super::reading::{Payload, Reader};
use super::reading_mode::Reading;
use super::writing::{Sink, WireType, varint};

/// A value of a primitive type: `i64`, `f32`, `bool`, `str` and `String`, `[u8]` and `Vec<u8>`.
pub trait Scalar {
    /// How it is written.
    const WIRE_TYPE: WireType;

    /// Whether it is what a field holds that is left out.
    fn is_default(&self) -> bool;

    /// The value without its field's key; text and bytes with their length.
    fn write<S: Sink>(&self, sink: &mut S);
}

/// A primitive that can be read.
pub trait Readable: Scalar + Sized {
    /// The value of a field; none where the field is of another kind.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_payload(number: u32, payload: Payload<'_>, reading: Reading) -> Result<Option<Self>, Fault>;

    /// The next of several values in a field.
    ///
    /// # Errors
    /// What is wrong with it.
    #[inline]
    fn next_packed(number: u32, reader: &mut Reader<'_>, reading: Reading) -> Result<Self, Fault> {
        let payload = reader.value(Self::WIRE_TYPE)?;
        let value = Self::from_payload(number, payload, reading)?;
        value.ok_or(Fault::WrongKind { number, found: payload.kind(), wanted: Self::WIRE_TYPE.kind() })
    }
}

/// Each: how it is written, whether it is left out, and what is written.
macro_rules! scalars {
    ($($scalar:ty: $wire:ident, |$value:ident| $is_default:expr, |$sink:ident| $write:expr;)*) => {$(
        impl Scalar for $scalar {
            const WIRE_TYPE: WireType = WireType::$wire;

            #[inline]
            fn is_default(&self) -> bool {
                let $value = self;
                $is_default
            }

            #[inline]
            fn write<S: Sink>(&self, $sink: &mut S) {
                let $value = self;
                $write;
            }
        }
    )*};
}

scalars! {
    i64: Varint, |value| *value == 0, |sink| varint(sink, value.cast_unsigned());
    // Negative zero is written: it is another number.
    f32: Fixed32, |value| value.to_bits() == 0, |sink| sink.slice(&value.to_bits().to_le_bytes());
    bool: Varint, |value| !*value, |sink| sink.byte(u8::from(*value));
    [u8]: Bytes, |value| value.is_empty(), |sink| {
        varint(sink, value.len() as u64);
        sink.slice(value);
    };
    Vec<u8>: Bytes, |value| value.is_empty(), |sink| value.as_slice().write(sink);
    str: Bytes, |value| value.is_empty(), |sink| value.as_bytes().write(sink);
    String: Bytes, |value| value.is_empty(), |sink| value.as_bytes().write(sink);
}

/// Each: the payload that holds one, and the value of it.
macro_rules! readable {
    ($($scalar:ty: |$number:ident, $payload:ident: $kind:ident, $reading:ident| $value:expr;)*) => {$(
        impl Readable for $scalar {
            #[inline]
            fn from_payload(
                $number: u32,
                payload: Payload<'_>,
                $reading: Reading,
            ) -> Result<Option<$scalar>, Fault> {
                match payload {
                    Payload::$kind($payload) => $value.map(Some),
                    _ => Ok(None),
                }
            }
        }
    )*};
}

readable! {
    i64: |_number, bits: Varint, _reading| Ok(bits.cast_signed());
    f32: |_number, bits: Fixed32, _reading| Ok(f32::from_bits(bits));
    bool: |number, bits: Varint, reading| truth(number, bits, reading);
    Vec<u8>: |_number, bytes: Bytes, _reading| Ok(bytes.to_vec());
    String: |_number, bytes: Bytes, _reading| text(bytes).map(str::to_owned);
}

/// Anything but zero is true to AEA.
#[inline]
fn truth(number: u32, value: u64, reading: Reading) -> Result<bool, Fault> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ if reading.is_lenient() => Ok(true),
        _ => Err(Fault::OutOfRange(number)),
    }
}

/// Bytes as text.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// Of a number that is too large protobuf takes the lower bits.
#[inline]
pub(crate) fn narrow<T>(number: u32, whole: Option<T>, lower: T, reading: Reading) -> Result<T, Fault> {
    match whole {
        Some(whole) => Ok(whole),
        None if reading.is_lenient() => Ok(lower),
        None => Err(Fault::OutOfRange(number)),
    }
}

/// A number of 32 bits, as those of messages and of enumerations' values.
#[inline]
pub(crate) fn int32(number: u32, value: u64, reading: Reading) -> Result<i32, Fault> {
    narrow(number, i32::try_from(value.cast_signed()).ok(), value as u32 as i32, reading)
}

/// A number of 32 bits without a sign.
#[inline]
pub(crate) fn uint32(number: u32, value: u64, reading: Reading) -> Result<u32, Fault> {
    narrow(number, u32::try_from(value).ok(), value as u32, reading)
}
