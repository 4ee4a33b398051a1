//! A position in bytes, for the binary readers.
//!
//! What always holds: the position never passes the end, and a length is compared with what is there before it
//! is used. Neighbours: `msgpack` and `cbor`.

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

    /// Refuses a count of values of at least `least` bytes each that cannot all be there.
    #[inline]
    pub(super) fn holds(&self, count: u64, least: u64) -> Result<u64, DecodeError> {
        let rest = (self.bytes.len() - self.position) as u64;
        if count > rest / least { Err(self.promised(count, "items")) } else { Ok(count) }
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
