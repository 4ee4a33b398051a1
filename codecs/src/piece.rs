//! Pieces: how a payload too large for one frame beside others crosses a link.
//!
//! A piece is a request to [`Piece::PATH`] with three arguments: the stream's number, whether this is its last piece,
//! and the bytes (a text in JSON). Its answer, null, says that the other end has taken it in. Put together, the bytes
//! of a stream are the payload of one frame. What always holds: a piece in JSON is cut between two characters.
//! Neighbours: `message` reads requests, `envelope` writes frames, `hello` tells who speaks the version that has
//! pieces.

use std::borrow::Cow;
use std::fmt;

use bytes::BytesMut;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

use crate::arguments::Arguments;
use crate::codec::Codec;
use crate::codec_error::{DecodeError, EncodeError};
use crate::envelope;
use crate::limits::Limits;

/// Payloads above this go in pieces to a peer that takes them, in bytes.
pub const LARGE_PAYLOAD_BYTES: usize = 64 * 1024;
/// Most streams that one side sends on a link at once.
pub const MAX_STREAMS: usize = 4;
/// What a peer must take in a frame before it is sent pieces, in bytes: a text may double where it is quoted.
pub const LEAST_FRAME_FOR_PIECES: u32 = 2 * LARGE_PAYLOAD_BYTES as u32 + 1024;

/// One piece of a large payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Which payload: numbers ascend on a link, each side has its own.
    pub stream: u64,
    /// Whether nothing comes behind it.
    pub last: bool,
    /// What is to be put behind the earlier pieces of the stream; never empty.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Piece<'a> {
    /// The path of the request that is a piece.
    pub const PATH: &'static str = "folkmoot/piece";
    /// The path of the request that takes a stream back: its number.
    pub const DROP_PATH: &'static str = "folkmoot/drop";

    /// Reads the arguments of a request to [`Piece::PATH`].
    ///
    /// # Errors
    /// Where they are not those of a piece.
    pub fn decode(arguments: &Arguments<'a>) -> Result<Piece<'a>, DecodeError> {
        let (stream, last, Data(bytes)) = arguments.codec.decode(arguments.positional)?;
        if bytes.is_empty() {
            return Err(DecodeError::custom("a piece without bytes"));
        }
        Ok(Piece { stream, last, bytes })
    }

    /// Appends the frame of this piece, as request `id`.
    ///
    /// # Errors
    /// Where the frame would be over the limit, or the bytes of a piece in JSON are no text. `out` is then as it was.
    pub fn encode(
        &self,
        codec: Codec,
        out: &mut BytesMut,
        id: u64,
        limits: &Limits,
    ) -> Result<(), EncodeError> {
        let Piece { stream, last, bytes } = self;
        match codec {
            Codec::Json => {
                let text = std::str::from_utf8(bytes)
                    .map_err(|error| EncodeError::new(format!("a piece is no text: {error}")))?;
                envelope::encode_own_request(codec, out, id, Piece::PATH, &(stream, last, text), limits)
            }
            Codec::MsgPack | Codec::MsgPackBlosc | Codec::Cbor => {
                let data = AsBytes(bytes);
                envelope::encode_own_request(codec, out, id, Piece::PATH, &(stream, last, data), limits)
            }
        }
    }

    /// How many of `bytes` the next piece may have, where no more than `most` are wanted: all, or as many as end with
    /// a whole character where the codec is a text.
    pub fn cut(codec: Codec, bytes: &[u8], most: usize) -> usize {
        let is_inside =
            |at: &usize| codec == Codec::Json && bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
        // A character has at most four bytes.
        (0..=most).rev().take(4).find(|at| !is_inside(at)).unwrap_or(most).min(bytes.len())
    }
}

/// The bytes of a piece, as they are written.
struct AsBytes<'a>(&'a [u8]);

impl Serialize for AsBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The bytes of a piece, as they are read.
struct Data<'a>(Cow<'a, [u8]>);

impl<'de> Deserialize<'de> for Data<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Data<'de>, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a piece")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Data<'de>, E> {
        Ok(Data(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Data<'de>, E> {
        Ok(Data(Cow::Owned(bytes.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Data<'de>, E> {
        Ok(Data(Cow::Borrowed(text.as_bytes())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Data<'de>, E> {
        Ok(Data(Cow::Owned(text.as_bytes().to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_bytes_anywhere() {
        let text = "aß世🚢".as_bytes();
        let cuts = [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10];
        for (most, cut) in cuts.into_iter().enumerate() {
            assert_eq!(Piece::cut(Codec::Json, text, most), cut, "{most}");
            assert_eq!(Piece::cut(Codec::MsgPack, text, most), most.min(10));
        }
    }
}
