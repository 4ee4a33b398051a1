//! A position in bytes, for the binary readers.
//!
//! What always holds: the position never passes the end, and a length is compared with what is there before it
//! is used. Neighbours: `msgpack` and `cbor`.

use super::Open;
use crate::codec_error::DecodeError;

/// Bytes and how many of them have been read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) position: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, position: 0 }
    }

    /// The next byte, which stays.
    #[inline]
    pub(super) fn peek(&self) -> Result<u8, DecodeError> {
        match self.bytes.get(self.position) {
            Some(&byte) => Ok(byte),
            None => Err(self.ended()),
        }
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = self.peek()?;
        self.position += 1;
        Ok(byte)
    }

    /// The next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.bytes.get(self.position..).and_then(<[u8]>::first_chunk::<N>) {
            Some(chunk) => {
                self.position += N;
                Ok(*chunk)
            }
            None => Err(self.ended()),
        }
    }

    /// The next number, big-endian, of `1 << power` bytes.
    #[inline]
    pub(super) fn number(&mut self, power: u8) -> Result<u64, DecodeError> {
        Ok(match power {
            0 => self.byte()?.into(),
            1 => u16::from_be_bytes(self.array()?).into(),
            2 => u32::from_be_bytes(self.array()?).into(),
            _ => u64::from_be_bytes(self.array()?),
        })
    }

    /// The next float, of 32 bits.
    #[inline]
    pub(super) fn single(&mut self) -> Result<f64, DecodeError> {
        Ok(f32::from_be_bytes(self.array()?).into())
    }

    /// The next float, of 64 bits.
    #[inline]
    pub(super) fn double(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// The next `length` bytes.
    #[inline]
    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(taken) => {
                self.position += taken.len();
                Ok(taken)
            }
            None => Err(self.promised(length, "bytes")),
        }
    }

    /// The next `length` bytes as UTF-8.
    #[inline]
    pub(super) fn text(&mut self, length: u64) -> Result<&'a str, DecodeError> {
        let start = self.position;
        std::str::from_utf8(self.take(length)?)
            .map_err(|error| DecodeError::at(start + error.valid_up_to(), "a text is not UTF-8"))
    }

    /// A list of `count` items, unless they cannot all be there.
    #[inline]
    pub(super) fn list(&self, count: u64) -> Result<Open, DecodeError> {
        self.open(count, 1)
    }

    /// A map of `count` pairs, unless they cannot all be there.
    #[inline]
    pub(super) fn map(&self, count: u64) -> Result<Open, DecodeError> {
        self.open(count, 2)
    }

    /// `least` is how many bytes each item or pair takes at the least.
    #[inline]
    fn open(&self, count: u64, least: u64) -> Result<Open, DecodeError> {
        let rest = (self.bytes.len() - self.position) as u64;
        if count > rest / least { Err(self.promised(count, "items")) } else { Ok(Open::of(count)) }
    }

    #[cold]
    fn ended(&self) -> DecodeError {
        DecodeError::at(self.position, "the bytes end inside a value")
    }

    #[cold]
    fn promised(&self, count: u64, what: &str) -> DecodeError {
        let rest = self.bytes.len() - self.position;
        DecodeError::at(
            self.position,
            format_args!("{count} {what} are promised, but only {rest} bytes follow"),
        )
    }
}
