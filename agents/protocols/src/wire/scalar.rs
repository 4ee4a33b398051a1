//! The primitives of contents: Rust's types for them, and how each is written and read.
//!
//! Neighbours: [`super::writing`] and [`super::reading`] have the fields around them.

use super::fault::{Fault, Kind};
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
    /// The kind of payload that holds one.
    const KIND: Kind;

    /// The value of a field; none where the field is of another kind.
    ///
    /// # Errors
    /// What is wrong with it.
    fn from_payload(number: u32, payload: Payload<'_>, reading: Reading) -> Result<Option<Self>, Fault>;

    /// The values of a field that holds numbers in a row; none for text and bytes, which have a field each.
    ///
    /// # Errors
    /// What is wrong with one of them.
    fn next_packed(number: u32, reader: &mut Reader<'_>, reading: Reading) -> Result<Self, Fault>;
}

impl Scalar for i64 {
    const WIRE_TYPE: WireType = WireType::Varint;

    #[inline]
    fn is_default(&self) -> bool {
        *self == 0
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        varint(sink, self.cast_unsigned());
    }
}

impl Readable for i64 {
    const KIND: Kind = Kind::Varint;

    #[inline]
    fn from_payload(_: u32, payload: Payload<'_>, _: Reading) -> Result<Option<i64>, Fault> {
        Ok(match payload {
            Payload::Varint(number) => Some(number.cast_signed()),
            _ => None,
        })
    }

    #[inline]
    fn next_packed(_: u32, reader: &mut Reader<'_>, _: Reading) -> Result<i64, Fault> {
        Ok(reader.varint()?.cast_signed())
    }
}

impl Scalar for f32 {
    const WIRE_TYPE: WireType = WireType::Fixed32;

    /// Negative zero is written: it is another number.
    #[inline]
    fn is_default(&self) -> bool {
        self.to_bits() == 0
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.slice(&self.to_bits().to_le_bytes());
    }
}

impl Readable for f32 {
    const KIND: Kind = Kind::Fixed32;

    #[inline]
    fn from_payload(_: u32, payload: Payload<'_>, _: Reading) -> Result<Option<f32>, Fault> {
        Ok(match payload {
            Payload::Fixed32(bits) => Some(f32::from_bits(bits)),
            _ => None,
        })
    }

    #[inline]
    fn next_packed(_: u32, reader: &mut Reader<'_>, _: Reading) -> Result<f32, Fault> {
        Ok(f32::from_bits(reader.fixed32()?))
    }
}

impl Scalar for bool {
    const WIRE_TYPE: WireType = WireType::Varint;

    #[inline]
    fn is_default(&self) -> bool {
        !*self
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        sink.byte(u8::from(*self));
    }
}

impl Readable for bool {
    const KIND: Kind = Kind::Varint;

    #[inline]
    fn from_payload(number: u32, payload: Payload<'_>, reading: Reading) -> Result<Option<bool>, Fault> {
        match payload {
            Payload::Varint(value) => truth(number, value, reading).map(Some),
            _ => Ok(None),
        }
    }

    #[inline]
    fn next_packed(number: u32, reader: &mut Reader<'_>, reading: Reading) -> Result<bool, Fault> {
        truth(number, reader.varint()?, reading)
    }
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

impl Scalar for str {
    const WIRE_TYPE: WireType = WireType::Bytes;

    #[inline]
    fn is_default(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        self.as_bytes().write(sink);
    }
}

impl Scalar for [u8] {
    const WIRE_TYPE: WireType = WireType::Bytes;

    #[inline]
    fn is_default(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        varint(sink, self.len() as u64);
        sink.slice(self);
    }
}

impl Scalar for String {
    const WIRE_TYPE: WireType = WireType::Bytes;

    #[inline]
    fn is_default(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        self.as_bytes().write(sink);
    }
}

impl Readable for String {
    const KIND: Kind = Kind::Bytes;

    #[inline]
    fn from_payload(_: u32, payload: Payload<'_>, _: Reading) -> Result<Option<String>, Fault> {
        match payload {
            Payload::Bytes(bytes) => text(bytes).map(|text| Some(text.to_owned())),
            _ => Ok(None),
        }
    }

    fn next_packed(_: u32, reader: &mut Reader<'_>, _: Reading) -> Result<String, Fault> {
        reader.length_and_bytes().and_then(text).map(str::to_owned)
    }
}

impl Scalar for Vec<u8> {
    const WIRE_TYPE: WireType = WireType::Bytes;

    #[inline]
    fn is_default(&self) -> bool {
        self.is_empty()
    }

    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        self.as_slice().write(sink);
    }
}

impl Readable for Vec<u8> {
    const KIND: Kind = Kind::Bytes;

    #[inline]
    fn from_payload(_: u32, payload: Payload<'_>, _: Reading) -> Result<Option<Vec<u8>>, Fault> {
        Ok(match payload {
            Payload::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        })
    }

    fn next_packed(_: u32, reader: &mut Reader<'_>, _: Reading) -> Result<Vec<u8>, Fault> {
        reader.length_and_bytes().map(<[u8]>::to_vec)
    }
}

/// Bytes as text.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}
