//! What the layer above a format notes while a value is written.
//!
//! serde_json asks its formatter for a null where a float is not finite, and looks at each byte of a text for what must be
//! escaped. A note that is left just before tells the formatter which null is meant, and which text needs no such look.
//! Neighbour: `exact` leaves the notes.

use std::cell::Cell;
use std::io;

use serde::Serialize;
use serde_json::ser::Formatter;

/// The name by which serde_json knows a text that is to be written as it stands.
pub(super) const RAW: &str = "$serde_json::private::RawValue";

/// What is known of the value that is being written.
#[derive(Default)]
pub(super) struct Notes {
    /// The word for the float that comes next, if it is one that JSON has no number for.
    word: Cell<Option<&'static str>>,
    /// Whether the text that comes next only wants its quotes.
    quoted: Cell<bool>,
    /// The lengths of all long texts so far, in bytes.
    texts: Cell<usize>,
}

impl Notes {
    #[inline]
    pub(super) fn float(&self, value: f64) {
        if !value.is_finite() {
            self.word.set(Some(match value {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            }));
        }
    }

    /// A long text comes.
    pub(super) fn text(&self, text: &str) {
        self.texts.set(self.texts.get() + text.len());
    }

    /// The text, for serde_json to write between quotes without a look at it.
    pub(super) fn quoted<'a>(&self, text: &'a str) -> Quoted<'a> {
        self.quoted.set(true);
        Quoted { text }
    }

    /// How many bytes of what was written are those of long texts, at the least.
    #[inline]
    pub(super) fn text_bytes(&self) -> usize {
        self.texts.get()
    }
}

/// A text that has nothing to escape.
#[derive(Serialize)]
#[serde(rename = "$serde_json::private::RawValue")]
pub(super) struct Quoted<'a> {
    #[serde(rename = "$serde_json::private::RawValue")]
    text: &'a str,
}

/// Compact JSON with Python's words.
pub(super) struct Python<'n> {
    notes: &'n Notes,
}

impl<'n> Python<'n> {
    #[inline]
    pub(super) fn new(notes: &'n Notes) -> Python<'n> {
        Python { notes }
    }
}

impl Formatter for Python<'_> {
    #[inline]
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.notes.word.take().unwrap_or("null").as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, raw: &str) -> io::Result<()> {
        let quote: &[u8] = if self.notes.quoted.take() { b"\"" } else { b"" };
        writer.write_all(quote)?;
        writer.write_all(raw.as_bytes())?;
        writer.write_all(quote)
    }
}
