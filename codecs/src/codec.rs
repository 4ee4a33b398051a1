//! The codecs: JSON, MsgPack and CBOR, and MsgPack in Blosc chunks, as plain values.
//!
//! What always holds: bytes from a peer pass [`Codec::scan`] (or [`crate::Message::decode`], which scans) before
//! anything is built from them, and what one codec can say of a value the others can too, save bytes in JSON
//! (a list of integers) and integers beyond 64 bits in MsgPack (refused).
//! A Blosc chunk stands around a whole message alone: values within are those of MsgPack.
//! Neighbours: `blosc` has the chunks, `scan` reads, `decode` and `encode` are the two halves of serde.

use std::fmt;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};

use crate::blosc;
use crate::codec_error::{DecodeError, EncodeError};
use crate::decode;
use crate::encode::{self, Room};
use crate::limits::Limits;
use crate::scan::cbor::CborReader;
use crate::scan::json::JsonReader;
use crate::scan::msgpack::MsgPackReader;
use crate::scan::{self, Budget};
use crate::value::Value;

/// How values are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// RFC 8259 in UTF-8, with Python's `NaN`, `Infinity` and `-Infinity` and integers of any size.
    Json,
    /// MessagePack (2013 specification) without extension types; structs as maps with names.
    MsgPack,
    /// MsgPack whose messages stand in a Blosc chunk each, as aiomas has it: read where they are stored or compressed by
    /// BloscLZ, written as stored.
    MsgPackBlosc,
    /// RFC 8949, definite and indefinite lengths; structs as maps with names.
    Cbor,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Codec; 4] = [Codec::MsgPack, Codec::Cbor, Codec::Json, Codec::MsgPackBlosc];

    /// The codec of a message by the first byte of its frame's payload, if it is one of a message's.
    #[inline]
    pub fn detect(first_byte: u8) -> Option<Codec> {
        match first_byte {
            b'[' | b' ' | b'\t' | b'\n' | b'\r' => Some(Codec::Json),
            0x93 | 0x94 => Some(Codec::MsgPack),
            0x83 | 0x84 => Some(Codec::Cbor),
            blosc::VERSION => Some(Codec::MsgPackBlosc),
            _ => None,
        }
    }

    /// The codec that the values of a message are written in.
    #[inline]
    pub fn of_values(self) -> Codec {
        match self {
            Codec::MsgPackBlosc => Codec::MsgPack,
            other => other,
        }
    }

    /// What a frame's payload holds, for [`crate::Message::decode`]: the content of its Blosc chunk in MsgPackBlosc, the
    /// payload itself in the others. Only what was compressed is copied, and has at most `max_frame_bytes` then.
    ///
    /// # Errors
    /// Where the payload is no chunk, one of a compressor that is not read, or holds more than a frame may.
    #[inline]
    pub fn open(self, payload: Bytes, limits: &Limits) -> Result<Bytes, DecodeError> {
        match self {
            Codec::MsgPackBlosc => blosc::open(payload, limits),
            _ => Ok(payload),
        }
    }

    /// How many bytes [`Codec::open`] makes of the payload, in a time that grows with them; 0 where it only cuts.
    #[inline]
    pub fn opening_bytes(self, payload: &[u8]) -> usize {
        match self {
            Codec::MsgPackBlosc => blosc::made_bytes(payload).unwrap_or(0),
            _ => 0,
        }
    }

    /// Appends `value` to `out`.
    ///
    /// # Errors
    /// Where the codec cannot say the value (a map key that is a list in JSON, an integer beyond 64 bits in
    /// MsgPack) or the value refuses to be written. `out` is then as it was.
    #[inline]
    pub fn encode<T: Serialize + ?Sized>(self, value: &T, out: &mut BytesMut) -> Result<(), EncodeError> {
        encode::append(self, value, out, Room::ANY).map(drop)
    }

    /// Checks that `bytes` are exactly one value within the limits of depth and number of values.
    ///
    /// # Errors
    /// With the place and the reason, where they are not.
    pub fn scan(self, bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
        let budget = Budget::new(limits);
        match self {
            Codec::Json => scan::exactly_one(JsonReader::new(bytes)?, budget),
            Codec::MsgPack | Codec::MsgPackBlosc => scan::exactly_one(MsgPackReader::new(bytes), budget),
            Codec::Cbor => scan::exactly_one(CborReader::new(bytes), budget),
        }
    }

    /// Scans the same, and counts the values.
    pub(crate) fn count(self, bytes: &[u8], limits: &Limits) -> Result<u32, DecodeError> {
        let budget = Budget::new(limits);
        match self {
            Codec::Json => scan::count_one(JsonReader::new(bytes)?, budget),
            Codec::MsgPack | Codec::MsgPackBlosc => scan::count_one(MsgPackReader::new(bytes), budget),
            Codec::Cbor => scan::count_one(CborReader::new(bytes), budget),
        }
    }

    /// Reads scanned bytes as a `T`, which may borrow text from them.
    ///
    /// All bytes must be consumed. Depth is bounded here too, the number of values is not: scan first.
    ///
    /// # Errors
    /// With the path of the wrong value, what was expected there and what was found.
    #[inline]
    pub fn decode<'a, T: Deserialize<'a>>(self, bytes: &'a [u8]) -> Result<T, DecodeError> {
        match self {
            Codec::Json => decode::whole(JsonReader::new(bytes)?),
            Codec::MsgPack | Codec::MsgPackBlosc => decode::whole(MsgPackReader::new(bytes)),
            Codec::Cbor => decode::whole(CborReader::new(bytes)),
        }
    }

    /// The same with a seed, which may hold what the value is read into.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    pub fn decode_into<'a, S: DeserializeSeed<'a>>(
        self,
        seed: S,
        bytes: &'a [u8],
    ) -> Result<S::Value, DecodeError> {
        match self {
            Codec::Json => decode::whole_into(JsonReader::new(bytes)?, seed),
            Codec::MsgPack | Codec::MsgPackBlosc => decode::whole_into(MsgPackReader::new(bytes), seed),
            Codec::Cbor => decode::whole_into(CborReader::new(bytes), seed),
        }
    }

    /// Reads bytes as a dynamic value, scanning on the way: exactly one value within the limits.
    ///
    /// # Errors
    /// With the place and the reason, where they are not one.
    pub fn value(self, bytes: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
        let budget = Budget::new(limits);
        match self {
            Codec::Json => scan::build_one(JsonReader::new(bytes)?, budget),
            Codec::MsgPack | Codec::MsgPackBlosc => scan::build_one(MsgPackReader::new(bytes), budget),
            Codec::Cbor => scan::build_one(CborReader::new(bytes), budget),
        }
    }

    /// The name in URLs, logs and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Json => "JSON",
            Codec::MsgPack => "MsgPack",
            Codec::MsgPackBlosc => "MsgPackBlosc",
            Codec::Cbor => "CBOR",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no codec's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no codec; use JSON, MsgPack, MsgPackBlosc or CBOR")]
pub struct UnknownCodec {
    text: String,
}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(text: &str) -> Result<Codec, UnknownCodec> {
        Codec::ALL
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownCodec { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_any_case() {
        for codec in Codec::ALL {
            assert_eq!(codec.to_string().parse(), Ok(codec));
            assert_eq!(codec.to_string().to_uppercase().parse(), Ok(codec));
        }
        let error = "bson".parse::<Codec>().unwrap_err().to_string();
        assert!(error.contains("bson") && error.contains("CBOR"), "{error}");
    }

    #[test]
    fn the_first_byte_tells_the_codec() {
        for (byte, codec) in [
            (b'[', Some(Codec::Json)),
            (b'\n', Some(Codec::Json)),
            (0x93, Some(Codec::MsgPack)),
            (0x94, Some(Codec::MsgPack)),
            (0x83, Some(Codec::Cbor)),
            (0x84, Some(Codec::Cbor)),
            (0x02, Some(Codec::MsgPackBlosc)),
            (0x01, None),
            (0x16, None),
            (b'{', None),
            (b'G', None),
        ] {
            assert_eq!(Codec::detect(byte), codec, "{byte:#x}");
        }
    }
}
