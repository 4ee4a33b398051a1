//! Reads MessagePack (2013 specification).
//!
//! What always holds: extension types are refused by their number, the unused byte 0xc1 is refused.
//! Neighbours: `bytes` keeps the position, `scan` walks.

use std::borrow::Cow;

use super::bytes::Cursor;
use super::{Head, Reader, Token};
use crate::codec_error::DecodeError;

pub(crate) struct MsgPackReader<'a> {
    cursor: Cursor<'a>,
}

impl<'a> MsgPackReader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> MsgPackReader<'a> {
        MsgPackReader { cursor: Cursor::new(bytes) }
    }

    /// The next value's head and content. Compiled anew for each caller: what one does not need of it falls away.
    #[inline(always)]
    fn read(&mut self) -> Result<Token<'a>, DecodeError> {
        let marker = self.cursor.byte()?;
        Ok(match marker {
            0x00..=0x7f => Token::Int(marker.into()),
            0x80..=0x8f => Token::Map(self.cursor.map((marker & 0x0f).into())?),
            0x90..=0x9f => Token::List(self.cursor.list((marker & 0x0f).into())?),
            0xa0..=0xbf => self.text((marker & 0x1f).into())?,
            0xc0 => Token::Null,
            0xc2 | 0xc3 => Token::Bool(marker == 0xc3),
            0xc4..=0xc6 => {
                let length = self.cursor.number(marker - 0xc4)?;
                Token::Bytes(Cow::Borrowed(self.cursor.take(length)?))
            }
            0xca => Token::Float(self.cursor.single()?),
            0xcb => Token::Float(self.cursor.double()?),
            0xcc..=0xcf => {
                let value = self.cursor.number(marker - 0xcc)?;
                i64::try_from(value).map_or(Token::UInt(value), Token::Int)
            }
            0xd0 => Token::Int(i8::from_be_bytes(self.cursor.array()?).into()),
            0xd1 => Token::Int(i16::from_be_bytes(self.cursor.array()?).into()),
            0xd2 => Token::Int(i32::from_be_bytes(self.cursor.array()?).into()),
            0xd3 => Token::Int(i64::from_be_bytes(self.cursor.array()?)),
            0xd9..=0xdb => {
                let length = self.cursor.number(marker - 0xd9)?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let count = self.cursor.number(marker - 0xdb)?;
                Token::List(self.cursor.list(count)?)
            }
            0xde | 0xdf => {
                let count = self.cursor.number(marker - 0xdd)?;
                Token::Map(self.cursor.map(count)?)
            }
            0xe0..=0xff => Token::Int((marker as i8).into()),
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => return Err(self.refuse(marker)),
        })
    }

    #[inline]
    fn text(&mut self, length: u64) -> Result<Token<'a>, DecodeError> {
        Ok(Token::Text(Cow::Borrowed(self.cursor.text(length)?)))
    }

    /// Refuses a marker that stands for no value here; for an extension, says which one.
    #[cold]
    fn refuse(&mut self, marker: u8) -> DecodeError {
        let at = self.cursor.position - 1;
        let length_bytes = match marker {
            0xd4..=0xd8 => 0,
            0xc7..=0xc9 => 1 << (marker - 0xc7),
            _ => return DecodeError::at(at, format_args!("{marker:#04x} begins no MsgPack value")),
        };
        let kind = self.cursor.take(length_bytes).and_then(|_| self.cursor.byte());
        match kind {
            Ok(0xff) => {
                DecodeError::at(at, "MsgPack timestamps (extension type -1) are not understood; send a text")
            }
            Ok(kind) => DecodeError::at(
                at,
                format_args!("MsgPack extension type {} is not understood; send a map instead", kind as i8),
            ),
            Err(error) => error,
        }
    }
}

impl<'a> Reader<'a> for MsgPackReader<'a> {
    const TEXT_KEYS: bool = false;

    #[inline]
    fn position(&self) -> usize {
        self.cursor.position
    }

    #[inline]
    fn bytes(&self) -> &'a [u8] {
        self.cursor.bytes
    }

    #[inline]
    fn head(&mut self) -> Result<Head, DecodeError> {
        self.read().map(Head::from)
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        self.read()
    }

    #[inline]
    fn null(&mut self) -> bool {
        let null = self.cursor.bytes.get(self.cursor.position) == Some(&0xc0);
        self.cursor.position += usize::from(null);
        null
    }
}
