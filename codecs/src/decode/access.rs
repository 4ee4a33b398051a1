//! Lists, maps and enums, item by item, for serde.
//!
//! What always holds: an error inside leaves with the index or key of its item in front of its path.
//! Neighbours: `decode` opens and closes them, `key` reads a map's keys.

use std::borrow::Cow;

use serde::Deserializer;
use serde::de::value::{SeqDeserializer, U8Deserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::Decoder;
use super::key::KeyDecoder;
use crate::codec_error::DecodeError;
use crate::scan::{Open, Reader};

/// Bytes as a list of small integers.
pub(super) fn byte_items(
    bytes: &[u8],
) -> SeqDeserializer<impl Iterator<Item = U8Deserializer<DecodeError>>, DecodeError> {
    SeqDeserializer::new(bytes.iter().map(|byte| (*byte).into_deserializer()))
}

/// The items of an open list.
pub(super) struct Items<'d, R> {
    pub(super) decoder: &'d mut Decoder<R>,
    pub(super) open: Open,
    pub(super) index: usize,
}

impl<'de, R: Reader<'de>> Items<'_, R> {
    /// Reads the end of the list; items that nobody asked for are an error.
    #[inline]
    pub(super) fn finish(mut self) -> Result<(), DecodeError> {
        if self.open.left != Some(0) && self.decoder.reader.more_items(&mut self.open)? {
            return Err(DecodeError::new(format!("expected {} items, found more", self.index)));
        }
        Ok(())
    }
}

impl<'de, R: Reader<'de>> SeqAccess<'de> for &mut Items<'_, R> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        if self.open.left == Some(0) || !self.decoder.reader.more_items(&mut self.open)? {
            // A list until its end must not be asked for its end twice.
            self.open.left = Some(0);
            return Ok(None);
        }
        let index = self.index;
        self.index += 1;
        seed.deserialize(&mut *self.decoder).map(Some).map_err(|error| error.in_item(index))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.open.left.map(|left| left as usize)
    }
}

/// The pairs of an open map.
pub(super) struct Pairs<'d, 'de, R> {
    pub(super) decoder: &'d mut Decoder<R>,
    pub(super) open: Open,
    /// The key read last, for the path of an error in its value.
    pub(super) key: Cow<'de, str>,
}

impl<'de, R: Reader<'de>> Pairs<'_, 'de, R> {
    /// Reads the end of the map; pairs that nobody asked for are an error.
    #[inline]
    pub(super) fn finish(mut self) -> Result<(), DecodeError> {
        if self.open.left != Some(0) && self.decoder.reader.more_pairs(&mut self.open)? {
            return Err(DecodeError::new("the map has more pairs than expected"));
        }
        Ok(())
    }
}

impl<'de, R: Reader<'de>> MapAccess<'de> for &mut Pairs<'_, 'de, R> {
    type Error = DecodeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        if self.open.left == Some(0) || !self.decoder.reader.more_pairs(&mut self.open)? {
            self.open.left = Some(0);
            return Ok(None);
        }
        let key = KeyDecoder { decoder: &mut *self.decoder, name: &mut self.key };
        seed.deserialize(key).map(Some)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DecodeError> {
        self.decoder.reader.between()?;
        seed.deserialize(&mut *self.decoder).map_err(|error| error.in_field(&self.key))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.open.left.map(|left| left as usize)
    }
}

/// The one pair of an enum's map: the variant's name and its content.
pub(super) struct OneOf<'d, R> {
    pub(super) decoder: &'d mut Decoder<R>,
}

/// The content of an enum's variant.
pub(super) struct Content<'d, 'de, R> {
    decoder: &'d mut Decoder<R>,
    variant: Cow<'de, str>,
}

impl<'d, 'de, R: Reader<'de>> EnumAccess<'de> for OneOf<'d, R> {
    type Error = DecodeError;
    type Variant = Content<'d, 'de, R>;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), DecodeError> {
        let mut variant = Cow::Borrowed("");
        let value = seed.deserialize(KeyDecoder { decoder: &mut *self.decoder, name: &mut variant })?;
        self.decoder.reader.between()?;
        Ok((value, Content { decoder: self.decoder, variant }))
    }
}

impl<'de, R: Reader<'de>> VariantAccess<'de> for Content<'_, 'de, R> {
    type Error = DecodeError;

    #[inline]
    fn unit_variant(self) -> Result<(), DecodeError> {
        if self.decoder.reader.null() {
            return Ok(());
        }
        Err(DecodeError::new(format!("the variant {} has no content", self.variant)))
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.decoder).map_err(|error| error.in_field(&self.variant))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.decoder.deserialize_seq(visitor).map_err(|error| error.in_field(&self.variant))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.decoder.deserialize_any(visitor).map_err(|error| error.in_field(&self.variant))
    }
}
