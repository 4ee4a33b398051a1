//! How bytes are read: what is forgiven, and how much is taken.
//!
//! Neighbours: [`super::reading`], `body`, `message` and `envelope` ask it.

/// How strictly bytes are read, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    lenient: bool,
    max_bytes: usize,
    max_elements: usize,
}

impl Reading {
    /// Most bytes of a message or an envelope, unless said otherwise: 16 MiB.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// Most elements of all sets, lists and dicts of a message together, unless said otherwise.
    pub const MAX_ELEMENTS: usize = 1 << 20;

    /// Refuses what no encoder of the protocol writes: missing contents, several alternatives or performatives, fields
    /// that are unknown, of another kind or there twice, numbers out of range.
    pub const STRICT: Reading =
        Reading { lenient: false, max_bytes: Reading::MAX_BYTES, max_elements: Reading::MAX_ELEMENTS };

    /// Reads what AEA reads, and as AEA does: what is missing is zero or empty, unknown fields are passed over, of
    /// several values, alternatives or performatives the last counts.
    pub const LENIENT: Reading = Reading { lenient: true, ..Reading::STRICT };

    /// Whether it reads as AEA does.
    #[inline]
    pub const fn is_lenient(self) -> bool {
        self.lenient
    }

    /// Takes at most so many bytes.
    #[must_use]
    pub const fn with_max_bytes(self, max_bytes: usize) -> Reading {
        Reading { max_bytes, ..self }
    }

    /// Takes at most so many elements of all sets, lists and dicts of a message together.
    #[must_use]
    pub const fn with_max_elements(self, max_elements: usize) -> Reading {
        Reading { max_elements, ..self }
    }

    /// How many bytes it takes.
    #[inline]
    pub const fn max_bytes(self) -> usize {
        self.max_bytes
    }

    /// How many elements it takes.
    #[inline]
    pub const fn max_elements(self) -> usize {
        self.max_elements
    }
}

impl Default for Reading {
    fn default() -> Reading {
        Reading::STRICT
    }
}
