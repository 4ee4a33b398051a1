//! NaN and infinities in JSON, as Python writes them.
//!
//! serde_json asks its formatter for a null where a float is not finite. [`NonFinite`] is a note that the layer
//! above leaves just before, so that the formatter knows which null is meant. Neighbour: `exact`.

use std::cell::Cell;
use std::io;

use serde_json::ser::Formatter;

/// The word for the float that is being written, if it is one that JSON has no number for.
#[derive(Default)]
pub(super) struct NonFinite(Cell<Option<&'static str>>);

impl NonFinite {
    #[inline]
    pub(super) fn note(&self, value: f64) {
        if !value.is_finite() {
            self.0.set(Some(match value {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            }));
        }
    }
}

/// Compact JSON with Python's words.
pub(super) struct PythonFloats<'n> {
    pending: &'n NonFinite,
}

impl<'n> PythonFloats<'n> {
    #[inline]
    pub(super) fn new(pending: &'n NonFinite) -> PythonFloats<'n> {
        PythonFloats { pending }
    }
}

impl Formatter for PythonFloats<'_> {
    #[inline]
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(self.pending.0.take().unwrap_or("null").as_bytes())
    }
}
