//! Why bytes do not decode, or a value does not encode.
//!
//! A [`DecodeError`] always says which value is wrong (its path) and what is wrong with it; it is one pointer wide, so
//! that the good path pays nothing for it. What a peer wrote is shortened before it gets into an error, so that no
//! error is longer than a few lines of a log. Neighbours: `scan` and `decode` raise the one, `encode` the other.

use std::borrow::Cow;
use std::fmt;

use serde::{de, ser};

/// Longest name or text of a peer that is shown in an error, in bytes.
const MAX_SHOWN_BYTES: usize = 60;

/// Longest reason or path, in bytes.
const MAX_REASON_BYTES: usize = 1000;

/// The beginning of a text that a peer chose, for an error.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    shortened(text, MAX_SHOWN_BYTES)
}

/// The text if it is short, else its beginning and three dots.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", text.get(..end).unwrap_or_default()).into()
}

/// A value that a codec cannot write, or a frame that would be too long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct EncodeError {
    reason: String,
    too_long: bool,
}

impl EncodeError {
    pub(crate) fn new(reason: impl Into<String>) -> EncodeError {
        EncodeError { reason: reason.into(), too_long: false }
    }

    pub(crate) fn too_long(limit: u32) -> EncodeError {
        let reason = format!(
            "the frame would be longer than {limit} bytes; send less at once or raise max_frame_bytes at both ends"
        );
        EncodeError { reason, too_long: true }
    }

    /// Whether the only fault is that the frame would be longer than the limits allow.
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// What is wrong, as a sentence without a full stop.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(reason: T) -> EncodeError {
        EncodeError::new(reason.to_string())
    }
}

/// Bytes that are no value of their codec, or a value that is not of the type wanted.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Wrong>);

#[derive(Clone, PartialEq, Eq)]
struct Wrong {
    path: String,
    reason: String,
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(reason: impl Into<String>) -> DecodeError {
        DecodeError(Box::new(Wrong { path: String::new(), reason: reason.into() }))
    }

    /// A fault in the bytes themselves; `at` counts from the start of what was being read.
    #[cold]
    pub(crate) fn at(at: usize, reason: impl fmt::Display) -> DecodeError {
        DecodeError::new(format!("{reason} (at byte {at})"))
    }

    /// Where the wrong value stands, such as `orders[2].price`; empty for the outermost value.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong, as a sentence without a full stop.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The same error seen from the list that holds the value at `index`.
    #[cold]
    pub(crate) fn in_item(self, index: usize) -> DecodeError {
        self.inside(format!("[{index}]"))
    }

    /// The same error seen from the map that holds the value under `key`.
    #[cold]
    pub(crate) fn in_field(self, key: &str) -> DecodeError {
        self.inside(shown(key).into_owned())
    }

    fn inside(mut self, outer: String) -> DecodeError {
        let inner = std::mem::replace(&mut self.0.path, outer);
        if !inner.is_empty() && !inner.starts_with('[') {
            self.0.path.push('.');
        }
        self.0.path.push_str(&shortened(&inner, MAX_REASON_BYTES));
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            "" => f.write_str(self.reason()),
            path => write!(f, "{path}: {}", self.reason()),
        }
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodeError").field("path", &self.path()).field("reason", &self.reason()).finish()
    }
}

impl std::error::Error for DecodeError {}

/// serde's names for what was found, in the words of the wire.
fn found(unexpected: de::Unexpected<'_>) -> String {
    match unexpected {
        de::Unexpected::Unit | de::Unexpected::Option => "null".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a map".to_owned(),
        de::Unexpected::Bool(value) => value.to_string(),
        de::Unexpected::Unsigned(value) => format!("the integer {value}"),
        de::Unexpected::Signed(value) => format!("the integer {value}"),
        de::Unexpected::Float(value) => format!("the float {value}"),
        de::Unexpected::Str(text) => format!("the text {:?}", shown(text)),
        de::Unexpected::Bytes(bytes) => format!("{} bytes", bytes.len()),
        other => other.to_string(),
    }
}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(reason: T) -> DecodeError {
        DecodeError::new(shortened(&reason.to_string(), MAX_REASON_BYTES))
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> DecodeError {
        DecodeError::new(format!("expected {expected}, found {}", found(unexpected)))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> DecodeError {
        DecodeError::new(format!("expected {expected}, found {}", found(unexpected)))
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> DecodeError {
        DecodeError::new(format!("expected {expected}, found {length} items"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_from_the_inside() {
        let error =
            DecodeError::new("x").in_field("price").in_item(2).in_item(0).in_field("lines").in_field("order");
        assert_eq!(error.path(), "order.lines[0][2].price");
        assert_eq!(error.to_string(), "order.lines[0][2].price: x");
    }

    #[test]
    fn what_a_peer_wrote_is_cut() {
        let text = "é".repeat(100_000);
        let error = (0..1000).fold(DecodeError::new("x"), |error, _| error.in_field(&text));
        assert!(error.path().len() < 1200, "{} bytes", error.path().len());
        let error = <DecodeError as de::Error>::unknown_field(&text, &["a"]);
        assert!(error.reason().len() < 1200, "{} bytes", error.reason().len());
        let error = <DecodeError as de::Error>::invalid_type(de::Unexpected::Str(&text), &"i64");
        assert!(error.reason().len() < 200, "{error}");
        assert!(error.reason().starts_with("expected i64, found the text"), "{error}");
    }
}
