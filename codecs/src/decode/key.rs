//! Map keys.
//!
//! In JSON a key is always a text; where the type wants a number or a boolean, it is read from that text (Python
//! and serde_json write them so). Neighbour: `access`, which keeps the key for the paths of errors.

use std::borrow::Cow;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{Error, IntoDeserializer, Unexpected, Visitor};

use super::Decoder;
use crate::codec_error::DecodeError;
use crate::scan::{Reader, Token};

/// Reads one key and leaves its text in `name`.
pub(super) struct KeyDecoder<'k, 'de, R> {
    pub(super) decoder: &'k mut Decoder<R>,
    pub(super) name: &'k mut Cow<'de, str>,
}

impl<'de, R: Reader<'de>> KeyDecoder<'_, 'de, R> {
    /// The key as a token, its text noted.
    #[inline]
    fn token(&mut self) -> Result<Token<'de>, DecodeError> {
        let token = self.decoder.reader.token()?;
        *self.name = match &token {
            Token::Text(text) => text.clone(),
            Token::Int(value) => value.to_string().into(),
            Token::UInt(value) => value.to_string().into(),
            Token::Bool(value) => value.to_string().into(),
            other => other.kind().into(),
        };
        Ok(token)
    }

    /// The key as a scalar that may stand in a text.
    #[inline]
    fn scalar<T: FromStr, V: Visitor<'de>>(
        mut self,
        visitor: V,
        visit: impl FnOnce(V, T) -> Result<V::Value, DecodeError>,
    ) -> Result<V::Value, DecodeError> {
        match self.token()? {
            Token::Text(text) if R::TEXT_KEYS => match text.parse() {
                Ok(value) => visit(visitor, value),
                Err(_) => Err(DecodeError::invalid_type(Unexpected::Str(&text), &visitor)),
            },
            token => self.decoder.visit(token, visitor),
        }
    }
}

macro_rules! scalar_keys {
    ($($method:ident $visit:ident $scalar:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.scalar::<$scalar, V>(visitor, V::$visit)
        })*
    };
}

impl<'de, R: Reader<'de>> Deserializer<'de> for KeyDecoder<'_, 'de, R> {
    type Error = DecodeError;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        let token = self.token()?;
        self.decoder.visit(token, visitor)
    }

    scalar_keys! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
        deserialize_f32 visit_f32 f32;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.decoder.reader.null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// Within a newtype a number may still stand in a text, so the key is handed on; a dynamic value reads itself.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == crate::value::VALUE {
            *self.name = Cow::Borrowed("key");
            return self.decoder.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if !R::TEXT_KEYS {
            *self.name = Cow::Borrowed("key");
            return self.decoder.deserialize_enum(name, variants, visitor);
        }
        match self.token()? {
            Token::Text(name) => {
                visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(&*name))
            }
            other => Err(DecodeError::new(format!("expected the name of a variant, found {}", other.kind()))),
        }
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        R::TEXT_KEYS
    }
}
