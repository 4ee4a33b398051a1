//! Reads JSON (RFC 8259) as Python's `json` module writes and takes it.
//!
//! What always holds: the bytes are UTF-8 as a whole (checked once, at the start), no text that is read has lone surrogates,
//! `NaN`, `Infinity` and `-Infinity` are floats, integers have up to 4300 digits, keys are texts.
//! Neighbours: `json_text` undoes escapes, `scan` walks.

use std::borrow::Cow;

use super::json_text;
use super::{Head, MAX_INTEGER_DIGITS, Open, Reader, Token};
use crate::codec_error::DecodeError;

pub(crate) struct JsonReader<'a> {
    text: &'a str,
    position: usize,
}

/// A scalar other than a text, found but not yet converted.
enum Word<'a> {
    Null,
    Bool(bool),
    Float(f64),
    Integer(&'a str),
    Decimal(&'a str),
}

impl<'a> JsonReader<'a> {
    /// A reader of bytes that must be UTF-8.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Result<JsonReader<'a>, DecodeError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(JsonReader { text, position: 0 }),
            Err(error) => Err(DecodeError::at(error.valid_up_to(), "JSON is not UTF-8")),
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    #[inline]
    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// What stands next, for an error text.
    #[cold]
    fn wanted(&self, what: &str) -> DecodeError {
        match self.rest().chars().next() {
            Some(found) => DecodeError::at(self.position, format_args!("expected {what}, found {found:?}")),
            None => DecodeError::at(self.position, format_args!("expected {what}, but the bytes end")),
        }
    }

    /// Reads a text, the opening quote of which is next: the characters between the quotes, and whether there are
    /// escapes among them.
    #[inline]
    fn text(&mut self) -> Result<(&'a str, bool), DecodeError> {
        self.position += 1;
        let start = self.position;
        let mut escaped = false;
        loop {
            let plain = json_text::plain_bytes(self.text.as_bytes().get(self.position..).unwrap_or_default());
            self.position += plain;
            match self.peek() {
                Some(b'"') => {
                    let content = self.text.get(start..self.position).unwrap_or_default();
                    self.position += 1;
                    return Ok((content, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    match json_text::escape(self.rest()) {
                        Ok((_, length)) => self.position += length,
                        Err(reason) => return Err(DecodeError::at(self.position, reason)),
                    }
                }
                Some(_) => {
                    return Err(self.wanted("no control character inside a text (write it as \\u00XX)"));
                }
                None => return Err(self.wanted("the closing quote of a text")),
            }
        }
    }

    #[inline]
    fn digits(&mut self) -> Result<usize, DecodeError> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return Err(self.wanted("a digit"));
        }
        self.position += count;
        Ok(count)
    }

    #[inline]
    fn number(&mut self) -> Result<Word<'a>, DecodeError> {
        let start = self.position;
        let negative = self.peek() == Some(b'-');
        self.position += usize::from(negative);
        if self.peek() == Some(b'I') {
            self.literal("Infinity")?;
            return Ok(Word::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
        }
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return Err(DecodeError::at(start, "a number begins with a needless zero"));
        }
        let mut decimal = false;
        if self.peek() == Some(b'.') {
            decimal = true;
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            decimal = true;
            self.position += 1;
            self.position += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let text = self.text.get(start..self.position).unwrap_or_default();
        if decimal {
            return Ok(Word::Decimal(text));
        }
        if digits > MAX_INTEGER_DIGITS {
            return Err(DecodeError::at(
                start,
                format_args!("an integer has more than {MAX_INTEGER_DIGITS} digits"),
            ));
        }
        Ok(Word::Integer(text))
    }

    #[inline]
    fn literal(&mut self, word: &str) -> Result<(), DecodeError> {
        if self.rest().starts_with(word) {
            self.position += word.len();
            Ok(())
        } else {
            Err(self.wanted("a value"))
        }
    }

    /// Reads a scalar that is no text.
    #[inline]
    fn word(&mut self) -> Result<Word<'a>, DecodeError> {
        let (word, value) = match self.peek() {
            Some(b'-' | b'0'..=b'9' | b'I') => return self.number(),
            Some(b'n') => ("null", Word::Null),
            Some(b't') => ("true", Word::Bool(true)),
            Some(b'f') => ("false", Word::Bool(false)),
            Some(b'N') => ("NaN", Word::Float(f64::NAN)),
            _ => return Err(self.wanted("a value")),
        };
        self.literal(word)?;
        Ok(value)
    }

    /// Whether another element follows before `end`; reads the comma or the end.
    #[inline]
    fn more(&mut self, open: &mut Open, end: u8, either: &str) -> Result<bool, DecodeError> {
        self.space();
        match self.peek() {
            Some(byte) if byte == end => {
                self.position += 1;
                return Ok(false);
            }
            Some(b',') if !open.first => {
                self.position += 1;
                self.space();
            }
            Some(_) if open.first => {}
            _ => return Err(self.wanted(either)),
        }
        open.first = false;
        Ok(true)
    }
}

/// Converts an integer's digits, at most 4300 of them.
#[inline]
fn integer<'a>(text: &str) -> Result<Token<'a>, DecodeError> {
    match text.parse::<i64>() {
        Ok(value) => Ok(Token::Int(value)),
        Err(_) => big_integer(text),
    }
}

#[cold]
fn big_integer<'a>(text: &str) -> Result<Token<'a>, DecodeError> {
    match text.parse() {
        Ok(value) => Ok(Token::integer(value)),
        Err(_) => Err(DecodeError::new(format!("{text} is no integer"))),
    }
}

impl<'a> Reader<'a> for JsonReader<'a> {
    const TEXT_KEYS: bool = true;

    #[inline]
    fn position(&self) -> usize {
        self.position
    }

    #[inline]
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    #[inline]
    fn head(&mut self) -> Result<Head, DecodeError> {
        self.space();
        match self.peek() {
            Some(b'"') => {
                self.text()?;
                Ok(Head::Scalar)
            }
            Some(b'[') => {
                self.position += 1;
                Ok(Head::List(Open::UNTIL_END))
            }
            Some(b'{') => {
                self.position += 1;
                Ok(Head::Map(Open::UNTIL_END))
            }
            _ => self.word().map(|_| Head::Scalar),
        }
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        self.space();
        match self.peek() {
            Some(b'"') => {
                let (content, escaped) = self.text()?;
                Ok(Token::Text(if escaped {
                    json_text::unescape(content)?.into()
                } else {
                    Cow::Borrowed(content)
                }))
            }
            Some(b'[') => {
                self.position += 1;
                Ok(Token::List(Open::UNTIL_END))
            }
            Some(b'{') => {
                self.position += 1;
                Ok(Token::Map(Open::UNTIL_END))
            }
            _ => match self.word()? {
                Word::Null => Ok(Token::Null),
                Word::Bool(value) => Ok(Token::Bool(value)),
                Word::Float(value) => Ok(Token::Float(value)),
                Word::Integer(text) => integer(text),
                Word::Decimal(text) => match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(Token::Float(value)),
                    _ => Err(DecodeError::at(
                        self.position,
                        "a number is beyond the range of a float (write Infinity if it is meant)",
                    )),
                },
            },
        }
    }

    #[inline]
    fn more_items(&mut self, list: &mut Open) -> Result<bool, DecodeError> {
        self.more(list, b']', "`,` or `]`")
    }

    #[inline]
    fn more_pairs(&mut self, map: &mut Open) -> Result<bool, DecodeError> {
        let more = self.more(map, b'}', "`,` or `}`")?;
        if more && self.peek() != Some(b'"') {
            return Err(self.wanted("a key in quotes"));
        }
        Ok(more)
    }

    #[inline]
    fn between(&mut self) -> Result<(), DecodeError> {
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.wanted("`:`"));
        }
        self.position += 1;
        Ok(())
    }

    #[inline]
    fn null(&mut self) -> bool {
        self.space();
        let null = self.rest().starts_with("null");
        self.position += if null { 4 } else { 0 };
        null
    }
}
