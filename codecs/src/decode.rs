//! The reading half of serde, once for all codecs.
//!
//! What always holds: texts and bytes that stand whole in the input are borrowed from it; a list or map must be
//! read to its end by its type; an error carries the path of the value that is wrong, built on the way out, so
//! that the good path pays nothing for it; recursion ends at [`MAX_DEPTH`].
//! Neighbours: `scan` reads tokens, `decode/access` gives lists, maps and enums to serde, `decode/key` map keys.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Deserialize, DeserializeSeed, Error, IntoDeserializer, Unexpected, Visitor};

use crate::codec_error::DecodeError;
use crate::scan::{self, Budget, MAX_DEPTH, Reader, Token};
use crate::value::VALUE;

mod access;
mod key;

use access::{Items, OneOf, Pairs, byte_items};

/// Reads all of a reader's bytes as one `T`.
#[inline]
pub(crate) fn whole<'de, R: Reader<'de>, T: Deserialize<'de>>(reader: R) -> Result<T, DecodeError> {
    whole_into(reader, PhantomData)
}

/// Reads all of a reader's bytes into what is there.
#[inline]
pub(crate) fn whole_into<'de, R: Reader<'de>, S: DeserializeSeed<'de>>(
    reader: R,
    seed: S,
) -> Result<S::Value, DecodeError> {
    let mut decoder = Decoder::new(reader);
    let value = seed.deserialize(&mut decoder)?;
    decoder.reader.end()?;
    Ok(value)
}

/// A reader that serde can ask for values.
pub(crate) struct Decoder<R> {
    pub(crate) reader: R,
    levels: u16,
}

impl<'de, R: Reader<'de>> Decoder<R> {
    #[inline]
    pub(crate) fn new(reader: R) -> Decoder<R> {
        Decoder { reader, levels: MAX_DEPTH }
    }

    /// Runs `inner` one level down.
    #[inline]
    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let Some(levels) = self.levels.checked_sub(1) else {
            return Err(scan::too_deep(self.reader.position()));
        };
        self.levels = levels;
        let result = inner(self);
        self.levels = levels + 1;
        result
    }

    /// Moves behind the next value without looking at it.
    fn ignore(&mut self) -> Result<(), DecodeError> {
        scan::skip(&mut self.reader, &mut Budget::of_levels(self.levels))
    }

    #[inline]
    fn visit<V: Visitor<'de>>(&mut self, token: Token<'de>, visitor: V) -> Result<V::Value, DecodeError> {
        match token {
            Token::Null => visitor.visit_unit(),
            Token::Bool(value) => visitor.visit_bool(value),
            Token::Int(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Token::UInt(value) => visitor.visit_u64(value),
            Token::Big(value) => match (i128::try_from(&*value), u128::try_from(&*value)) {
                (Ok(value), _) => visitor.visit_i128(value),
                (_, Ok(value)) => visitor.visit_u128(value),
                _ => {
                    Err(DecodeError::invalid_type(Unexpected::Other("an integer beyond 128 bits"), &visitor))
                }
            },
            Token::Float(value) => visitor.visit_f64(value),
            Token::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Token::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Token::Bytes(Cow::Borrowed(bytes)) => visitor.visit_borrowed_bytes(bytes),
            Token::Bytes(Cow::Owned(bytes)) => visitor.visit_byte_buf(bytes),
            Token::List(open) => self.deeper(|decoder| {
                let mut items = Items { decoder, open, index: 0 };
                let value = visitor.visit_seq(&mut items)?;
                items.finish()?;
                Ok(value)
            }),
            Token::Map(open) => self.deeper(|decoder| {
                let mut pairs = Pairs { decoder, open, key: Cow::Borrowed("") };
                let value = visitor.visit_map(&mut pairs)?;
                pairs.finish()?;
                Ok(value)
            }),
        }
    }
}

/// What serde asks for by name of a type is told by the bytes themselves.
macro_rules! by_token {
    ($($method:ident)*) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.deserialize_any(visitor)
        })*
    };
}

impl<'de, R: Reader<'de>> Deserializer<'de> for &mut Decoder<R> {
    type Error = DecodeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let token = self.reader.token()?;
        self.visit(token, visitor)
    }

    by_token! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_map deserialize_identifier
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.reader.null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_f64(visitor)
    }

    /// An integer does for a float, however large it is.
    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.token()? {
            Token::Big(value) => match value.to_string().parse::<f64>() {
                Ok(float) if float.is_finite() => visitor.visit_f64(float),
                _ => self.visit(Token::Big(value), visitor),
            },
            token => self.visit(token, visitor),
        }
    }

    /// Null; or an empty list, which is how some write it.
    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.reader.token()? {
            Token::List(mut list) => {
                if self.reader.more_items(&mut list)? {
                    return Err(DecodeError::invalid_type(Unexpected::Seq, &visitor));
                }
                visitor.visit_unit()
            }
            token => self.visit(token, visitor),
        }
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name != VALUE {
            return visitor.visit_newtype_struct(self);
        }
        match self.reader.token()? {
            Token::Big(value) if value.bits() > 127 => {
                visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(value.to_string()))
            }
            token => self.visit(token, visitor),
        }
    }

    /// Bytes are a list of small integers too, for those who keep them in a `Vec<u8>`.
    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.reader.token()? {
            Token::Bytes(bytes) => {
                let mut items = byte_items(&bytes);
                let value = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(value)
            }
            token => self.visit(token, visitor),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_any(visitor)
    }

    /// A variant's name alone, or a map with one pair: the name and the content.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match self.reader.token()? {
            Token::Text(name) => {
                visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(&*name))
            }
            Token::Map(mut open) => self.deeper(|decoder| {
                let one = || DecodeError::new("expected a map with one pair: a variant and its content");
                if !decoder.reader.more_pairs(&mut open)? {
                    return Err(one());
                }
                let value = visitor.visit_enum(OneOf { decoder: &mut *decoder })?;
                if decoder.reader.more_pairs(&mut open)? { Err(one()) } else { Ok(value) }
            }),
            other => Err(DecodeError::new(format!(
                "expected one of {} (a text, or a map with one pair), found {}",
                variants.join(", "),
                other.kind()
            ))),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.ignore()?;
        visitor.visit_unit()
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        R::TEXT_KEYS
    }
}
