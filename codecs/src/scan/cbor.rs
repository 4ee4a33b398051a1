//! Reads CBOR (RFC 8949).
//!
//! What always holds: tags 2 and 3 are integers, any other tag is dropped and its value kept; `undefined` reads
//! as null; other simple values are refused. Neighbours: `bytes` keeps the position, `scan` walks.

use std::borrow::Cow;

use num_bigint::{BigInt, Sign};

use super::bytes::Cursor;
use super::{Head, MAX_INTEGER_BYTES, Open, Reader, Token};
use crate::codec_error::DecodeError;

const BREAK: u8 = 0xff;

pub(crate) struct CborReader<'a> {
    cursor: Cursor<'a>,
}

/// The first byte of an item, taken apart, with the number behind it; `None` says "until the break".
struct Start {
    major: u8,
    number: Option<u64>,
}

impl<'a> CborReader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> CborReader<'a> {
        CborReader { cursor: Cursor::new(bytes) }
    }

    /// Reads an item's first byte and number. Floats and simple values (major 7) have their own way.
    #[inline]
    fn start(&mut self, first: u8) -> Result<Start, DecodeError> {
        let number = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            power @ 24..=27 => self.cursor.number(power - 24)?,
            31 if (2..=5).contains(&(first >> 5)) => return Ok(Start { major: first >> 5, number: None }),
            _ => return Err(self.refuse(first)),
        };
        Ok(Start { major: first >> 5, number: Some(number) })
    }

    #[inline]
    fn text(&mut self, length: Option<u64>) -> Result<Cow<'a, str>, DecodeError> {
        match length {
            Some(length) => Ok(Cow::Borrowed(self.cursor.text(length)?)),
            None => {
                let mut text = String::new();
                while let Some(length) = self.chunk(3)? {
                    text.push_str(self.cursor.text(length)?);
                }
                Ok(Cow::Owned(text))
            }
        }
    }

    #[inline]
    fn binary(&mut self, length: Option<u64>) -> Result<Cow<'a, [u8]>, DecodeError> {
        match length {
            Some(length) => Ok(Cow::Borrowed(self.cursor.take(length)?)),
            None => {
                let mut bytes = Vec::new();
                while let Some(length) = self.chunk(2)? {
                    bytes.extend_from_slice(self.cursor.take(length)?);
                }
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// The length of the next chunk of a text or bytes of unknown length, or `None` at its end.
    fn chunk(&mut self, major: u8) -> Result<Option<u64>, DecodeError> {
        let at = self.cursor.position;
        let first = self.cursor.byte()?;
        if first == BREAK {
            return Ok(None);
        }
        match self.start(first)? {
            Start { major: found, number: Some(length) } if found == major => Ok(Some(length)),
            _ => Err(DecodeError::at(at, "a chunk of another kind inside a text or bytes of unknown length")),
        }
    }

    /// The integer behind tag 2 (positive) or 3 (negative).
    fn big(&mut self, negative: bool) -> Result<Token<'a>, DecodeError> {
        let at = self.cursor.position;
        let first = self.cursor.byte()?;
        let Start { major: 2, number } = self.start(first)? else {
            return Err(DecodeError::at(at, "tags 2 and 3 stand before bytes"));
        };
        let bytes = self.binary(number)?;
        let leading = bytes.iter().take_while(|byte| **byte == 0).count();
        let magnitude = bytes.get(leading..).unwrap_or_default();
        if magnitude.len() > MAX_INTEGER_BYTES {
            return Err(DecodeError::at(
                at,
                format_args!("an integer is longer than {MAX_INTEGER_BYTES} bytes"),
            ));
        }
        let value = BigInt::from_bytes_be(Sign::Plus, magnitude);
        Ok(Token::integer(if negative { -1 - value } else { value }))
    }

    /// The next value's head and content. Compiled anew for each caller: what one does not need of it falls away.
    #[inline(always)]
    fn read(&mut self) -> Result<Token<'a>, DecodeError> {
        loop {
            let first = self.cursor.byte()?;
            if first >= 0xe0 {
                return self.simple(first);
            }
            let Start { major, number } = self.start(first)?;
            return Ok(match (major, number) {
                (0, Some(value)) => i64::try_from(value).map_or(Token::UInt(value), Token::Int),
                (1, Some(value)) => match i64::try_from(value) {
                    Ok(value) => Token::Int(-1 - value),
                    Err(_) => Token::integer(-1 - BigInt::from(value)),
                },
                (2, length) => Token::Bytes(self.binary(length)?),
                (3, length) => Token::Text(self.text(length)?),
                (4, Some(count)) => Token::List(self.cursor.list(count)?),
                (5, Some(count)) => Token::Map(self.cursor.map(count)?),
                (4, None) => Token::List(Open::UNTIL_END),
                (5, None) => Token::Map(Open::UNTIL_END),
                (_, Some(tag @ (2 | 3))) => self.big(tag == 3)?,
                _ => continue,
            });
        }
    }

    /// A float, or a simple value such as true.
    #[inline]
    fn simple(&mut self, first: u8) -> Result<Token<'a>, DecodeError> {
        Ok(match first {
            0xf4 | 0xf5 => Token::Bool(first == 0xf5),
            0xf6 | 0xf7 => Token::Null,
            0xf9 => Token::Float(half(u16::from_be_bytes(self.cursor.array()?))),
            0xfa => Token::Float(self.cursor.single()?),
            0xfb => Token::Float(self.cursor.double()?),
            _ => return Err(self.refuse(first)),
        })
    }

    #[cold]
    fn refuse(&self, first: u8) -> DecodeError {
        let at = self.cursor.position - 1;
        match first {
            BREAK => DecodeError::at(at, "a break outside of anything of unknown length"),
            0xe0..=0xf8 => DecodeError::at(
                at,
                "only false, true, null and undefined are understood of the simple values",
            ),
            _ => DecodeError::at(at, format_args!("{first:#04x} begins no CBOR value")),
        }
    }

    #[inline]
    fn at_break(&mut self) -> Result<bool, DecodeError> {
        let found = self.cursor.peek()? == BREAK;
        self.cursor.position += usize::from(found);
        Ok(found)
    }
}

/// A float of 16 bits, which every float of 64 bits can hold.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x03ff);
    match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1024.0 + fraction) * 2f64.powi(exponent - 25),
    }
}

impl<'a> Reader<'a> for CborReader<'a> {
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
    fn more_items(&mut self, list: &mut Open) -> Result<bool, DecodeError> {
        match list.left {
            Some(_) => Ok(super::count_down(list)),
            None => Ok(!self.at_break()?),
        }
    }

    fn null(&mut self) -> bool {
        let mut ahead = CborReader { cursor: self.cursor };
        loop {
            match ahead.cursor.byte() {
                Ok(0xf6 | 0xf7) => break,
                Ok(tag @ 0xc0..=0xdb) if ahead.start(tag).is_ok() => {}
                _ => return false,
            }
        }
        self.cursor = ahead.cursor;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960464477539063e-8),
            (0x03ff, 6.097555160522461e-5),
            (0x0400, 6.103515625e-5),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x8000).is_sign_negative());
        assert!(half(0x7e00).is_nan());
    }
}
