//! Fields as protobuf writes them.
//!
//! What always holds: who writes fields in the order of their numbers writes canonical bytes. What is to be measured
//! and what is to be written is one piece of code: [`Encode::write`] into a [`Count`], then into a buffer of exactly
//! that size. Neighbour: [`super::scalar`] has the values.

use super::fault::Kind;
use super::scalar::Scalar;

/// Where bytes go.
pub trait Sink {
    /// One byte.
    fn byte(&mut self, byte: u8);
    /// Some bytes.
    fn slice(&mut self, bytes: &[u8]);
    /// Takes so many bytes for written, where it only counts them; else says that it does not. Messages that lie deep in one
    /// another are counted once by that, and not twice a level.
    #[inline]
    fn counted(&mut self, _bytes: usize) -> bool {
        false
    }
}

impl Sink for Vec<u8> {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    #[inline]
    fn slice(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A sink that only counts the bytes.
#[derive(Debug, Default)]
pub struct Count(pub usize);

impl Sink for Count {
    #[inline]
    fn byte(&mut self, _: u8) {
        self.0 += 1;
    }

    #[inline]
    fn slice(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    #[inline]
    fn counted(&mut self, bytes: usize) -> bool {
        self.0 += bytes;
        true
    }
}

/// What has protobuf fields: a message or a part of one.
pub trait Encode {
    /// Writes the fields. Must write the same each time.
    fn write<S: Sink>(&self, sink: &mut S);

    /// How many bytes the fields take.
    #[inline]
    fn encoded_len(&self) -> usize {
        let mut count = Count::default();
        self.write(&mut count);
        count.0
    }

    /// The fields in a buffer of their size.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.write(&mut bytes);
        bytes
    }
}

/// How the value of a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WireType {
    /// An integer or a bool.
    Varint = 0,
    /// Eight bytes.
    Fixed64 = 1,
    /// A length and bytes.
    Bytes = 2,
    /// A float.
    Fixed32 = 5,
}

impl WireType {
    /// What a field so written holds.
    pub const fn kind(self) -> Kind {
        match self {
            WireType::Varint => Kind::Varint,
            WireType::Fixed64 => Kind::Fixed64,
            WireType::Bytes => Kind::Bytes,
            WireType::Fixed32 => Kind::Fixed32,
        }
    }
}

/// A number in groups of seven bits.
#[inline]
pub fn varint<S: Sink>(sink: &mut S, mut number: u64) {
    while number >= 0x80 {
        sink.byte(number as u8 | 0x80);
        number >>= 7;
    }
    sink.byte(number as u8);
}

/// What stands before a field's value.
#[inline]
pub fn key<S: Sink>(sink: &mut S, number: u32, wire_type: WireType) {
    varint(sink, u64::from(number) << 3 | wire_type as u64);
}

/// A field that is left out where it is zero or empty.
#[inline]
pub fn field<S: Sink, T: Scalar + ?Sized>(sink: &mut S, number: u32, value: &T) {
    if !value.is_default() {
        whole_field(sink, number, value);
    }
}

/// A field that is there whatever it holds.
#[inline]
pub fn whole_field<S: Sink, T: Scalar + ?Sized>(sink: &mut S, number: u32, value: &T) {
    key(sink, number, T::WIRE_TYPE);
    value.write(sink);
}

/// A number of 32 bits; negative ones take ten bytes.
#[inline]
pub fn int32<S: Sink>(sink: &mut S, number: u32, value: i32) {
    field(sink, number, &i64::from(value));
}

/// A flag, which is left out where it is not set.
#[inline]
pub fn flag<S: Sink>(sink: &mut S, number: u32, set: bool) {
    field(sink, number, &set);
}

/// The elements of a set or a list: numbers in one field, others in a field each. Nothing where there are none.
pub fn elements<S: Sink, T: Scalar>(sink: &mut S, number: u32, values: &[T]) {
    if T::WIRE_TYPE == WireType::Bytes {
        for value in values {
            whole_field(sink, number, value);
        }
    } else if !values.is_empty() {
        let mut count = Count::default();
        values.iter().for_each(|value| value.write(&mut count));
        key(sink, number, WireType::Bytes);
        varint(sink, count.0 as u64);
        values.iter().for_each(|value| value.write(sink));
    }
}

/// One entry of a dict; key and value are there whatever they hold.
pub fn entry<S: Sink, K: Scalar + ?Sized, V: Scalar + ?Sized>(
    sink: &mut S,
    number: u32,
    entry_key: &K,
    value: &V,
) {
    struct Entry<'a, K: ?Sized, V: ?Sized>(&'a K, &'a V);
    impl<K: Scalar + ?Sized, V: Scalar + ?Sized> Encode for Entry<'_, K, V> {
        fn write<S: Sink>(&self, sink: &mut S) {
            whole_field(sink, 1, self.0);
            whole_field(sink, 2, self.1);
        }
    }
    message(sink, number, &Entry(entry_key, value));
}

/// A message within a message; it is there although it may be empty.
#[inline]
pub fn message<S: Sink, E: Encode + ?Sized>(sink: &mut S, number: u32, inner: &E) {
    sized_message(sink, number, inner, inner.encoded_len());
}

/// A message within a message, whose size is known already.
#[inline]
pub fn sized_message<S: Sink, E: Encode + ?Sized>(sink: &mut S, number: u32, inner: &E, encoded_len: usize) {
    key(sink, number, WireType::Bytes);
    varint(sink, encoded_len as u64);
    if !sink.counted(encoded_len) {
        inner.write(sink);
    }
}
