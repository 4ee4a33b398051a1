//! The layer between a value and its format's serializer, for what the format would lose.
//!
//! What always holds: everything but floats and integers beyond 64 bits passes as it is, and every value inside
//! another is wrapped again. Neighbours: `compound` does the same for lists and maps, `value/serde` marks large
//! integers.

use std::fmt;

use num_bigint::{BigInt, Sign};
use serde::ser::{Error, Serialize, Serializer};
use serde_json::value::RawValue;

use super::LONG_BYTES;
use super::compound::Compound;
use super::notes::{Notes, RAW};
use crate::scan::{MAX_INTEGER_BYTES, MAX_INTEGER_DIGITS, json_text};
use crate::value::BIG_INTEGER;

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    MsgPack,
    Cbor,
}

/// What the format needs help with.
#[derive(Clone, Copy)]
pub(super) struct Rules<'n> {
    format: Format,
    /// Whether a text here is one that the format itself must see: a key, or what stands for something else.
    is_name: bool,
    notes: &'n Notes,
}

impl<'n> Rules<'n> {
    #[inline]
    pub(super) fn new(format: Format, notes: &'n Notes) -> Rules<'n> {
        Rules { format, is_name: false, notes }
    }

    /// The rules of a key.
    #[inline]
    pub(super) fn of_key(self) -> Rules<'n> {
        Rules { is_name: true, ..self }
    }
}

/// A serializer, or a value to be serialized, under a format's rules.
pub(super) struct Exact<'n, S> {
    inner: S,
    rules: Rules<'n>,
}

impl<'n, S> Exact<'n, S> {
    #[inline]
    pub(super) fn new(inner: S, rules: Rules<'n>) -> Exact<'n, S> {
        Exact { inner, rules }
    }

    #[inline]
    fn compound<C>(rules: Rules<'n>, inner: C) -> Compound<'n, C> {
        Compound { inner, rules }
    }
}

impl<T: Serialize + ?Sized> Serialize for Exact<'_, &T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Exact::new(serializer, self.rules))
    }
}

impl<S: Serializer> Exact<'_, S> {
    /// A text that may be long enough for a pass over it to be felt.
    #[cold]
    fn long_text(self, text: &str) -> Result<S::Ok, S::Error> {
        let notes = self.rules.notes;
        notes.text(text);
        // Our search for what is to be escaped looks at many bytes at a time, serde_json's at one.
        if self.rules.format == Format::Json && json_text::is_plain_text(text) {
            return notes.quoted(text).serialize(self.inner);
        }
        self.inner.serialize_str(text)
    }

    /// An integer beyond 64 bits.
    #[cold]
    fn large(self, value: BigInt) -> Result<S::Ok, S::Error> {
        match self.rules.format {
            Format::Json => {
                let digits = value.to_string();
                if digits.trim_start_matches('-').len() > MAX_INTEGER_DIGITS {
                    return Err(too_large(format_args!("{MAX_INTEGER_DIGITS} digits")));
                }
                RawValue::from_string(digits).map_err(S::Error::custom)?.serialize(self.inner)
            }
            Format::MsgPack => Err(S::Error::custom(format_args!(
                "MsgPack has no integers beyond 64 bits; send {value} as a text, or use JSON or CBOR"
            ))),
            Format::Cbor => {
                use ciborium::tag::Required;
                let negative = value.sign() == Sign::Minus;
                let (_, magnitude) = if negative { -1 - value } else { value }.to_bytes_be();
                if magnitude.len() > MAX_INTEGER_BYTES {
                    return Err(too_large(format_args!("{MAX_INTEGER_BYTES} bytes")));
                }
                if negative {
                    Required::<_, 3>(ByteString(&magnitude)).serialize(self.inner)
                } else {
                    Required::<_, 2>(ByteString(&magnitude)).serialize(self.inner)
                }
            }
        }
    }
}

/// Says that no reader would take the integer.
#[cold]
fn too_large<E: Error>(most: fmt::Arguments<'_>) -> E {
    E::custom(format_args!("an integer has more than {most}; send it as a text or as bytes"))
}

/// Bytes that serde is to write as bytes.
struct ByteString<'a>(&'a [u8]);

impl Serialize for ByteString<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A value that is a text, as that text.
struct Shown<'a, T: ?Sized>(&'a T);

impl<T: Serialize + ?Sized> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

macro_rules! as_it_is {
    ($($method:ident($scalar:ty))*) => {
        $(#[inline]
        fn $method(self, value: $scalar) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'n, S: Serializer> Serializer for Exact<'n, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Compound<'n, S::SerializeSeq>;
    type SerializeTuple = Compound<'n, S::SerializeTuple>;
    type SerializeTupleStruct = Compound<'n, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Compound<'n, S::SerializeTupleVariant>;
    type SerializeMap = Compound<'n, S::SerializeMap>;
    type SerializeStruct = Compound<'n, S::SerializeStruct>;
    type SerializeStructVariant = Compound<'n, S::SerializeStructVariant>;

    as_it_is! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_char(char)
        serialize_bytes(&[u8])
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<S::Ok, S::Error> {
        if text.len() >= LONG_BYTES && !self.rules.is_name {
            return self.long_text(text);
        }
        self.inner.serialize_str(text)
    }

    fn serialize_i128(self, value: i128) -> Result<S::Ok, S::Error> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.inner.serialize_i64(value),
            (_, Ok(value)) => self.inner.serialize_u64(value),
            _ => self.large(value.into()),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<S::Ok, S::Error> {
        match u64::try_from(value) {
            Ok(value) => self.inner.serialize_u64(value),
            Err(_) => self.large(value.into()),
        }
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if self.rules.format == Format::Json {
            self.rules.notes.float(value.into());
        }
        self.inner.serialize_f32(value)
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if self.rules.format == Format::Json {
            self.rules.notes.float(value);
        }
        self.inner.serialize_f64(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_some(&Exact::new(value, self.rules))
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    /// Null in every format; rmp-serde alone would write an empty list.
    #[inline]
    fn serialize_unit_struct(self, _name: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        if name != BIG_INTEGER {
            return self.inner.serialize_newtype_struct(name, &Exact::new(value, self.rules));
        }
        match Shown(value).to_string().parse() {
            Ok(value) => self.large(value),
            Err(_) => Err(S::Error::custom("a large integer is not written in decimal digits")),
        }
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_variant(name, index, variant, &Exact::new(value, self.rules))
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Self::compound(self.rules, self.inner.serialize_seq(length)?))
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(Self::compound(self.rules, self.inner.serialize_tuple(length)?))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Self::compound(self.rules, self.inner.serialize_tuple_struct(name, length)?))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Ok(Self::compound(self.rules, self.inner.serialize_tuple_variant(name, index, variant, length)?))
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Self::compound(self.rules, self.inner.serialize_map(length)?))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeStruct, S::Error> {
        // What serde_json is to write as it stands goes through as it is.
        let rules = if name == RAW { self.rules.of_key() } else { self.rules };
        Ok(Self::compound(rules, self.inner.serialize_struct(name, length)?))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Ok(Self::compound(self.rules, self.inner.serialize_struct_variant(name, index, variant, length)?))
    }

    #[inline]
    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
