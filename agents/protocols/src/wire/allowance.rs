//! What is forgiven while a message is read, and what of the bounds is left.
//!
//! What always holds: elements and the depth of messages within messages are bounded over a whole message, however its parts
//! lie in one another. Neighbours: [`super::reading_mode`] is where it comes from; types that were generated and the
//! interpreter of specifications read by it alike.

use super::fault::{Fault, Kind};
use super::reading::{Field, Payload};
use super::reading_mode::Reading;

/// How deep the messages of custom types may lie in one another, in levels; protobuf reads no more.
pub const MAX_MESSAGE_DEPTH: usize = 100;

/// What is left of the bounds while a message is read.
#[derive(Debug)]
pub struct Allowance {
    reading: Reading,
    elements: usize,
    depth: usize,
}

impl Allowance {
    /// All of it.
    pub fn new(reading: Reading) -> Allowance {
        Allowance { reading, elements: reading.max_elements(), depth: 0 }
    }

    /// How strictly is read.
    #[inline]
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// Whether it is read as AEA does.
    #[inline]
    pub fn is_lenient(&self) -> bool {
        self.reading.is_lenient()
    }

    /// Refuses strictly, and says leniently that nothing was taken.
    #[inline]
    fn forgive(&self, fault: impl FnOnce() -> Fault) -> Result<bool, Fault> {
        match self.is_lenient() {
            true => Ok(false),
            false => Err(fault()),
        }
    }

    /// A field with a number that has no meaning, which is not taken.
    ///
    /// # Errors
    /// Strictly, it is refused.
    #[inline]
    pub fn unknown(&self, field: Field<'_>) -> Result<bool, Fault> {
        self.forgive(|| Fault::UnknownField(field.number))
    }

    /// A field whose value is of another kind, which is not taken.
    ///
    /// # Errors
    /// Strictly, it is refused.
    #[cold]
    pub fn wrong_kind(&self, field: Field<'_>, wanted: Kind) -> Result<bool, Fault> {
        self.forgive(|| Fault::WrongKind { number: field.number, found: field.payload.kind(), wanted })
    }

    /// The bytes of a field that holds a message; none where it is of another kind, and that is forgiven.
    pub(crate) fn bytes<'a>(&self, field: Field<'a>) -> Result<Option<&'a [u8]>, Fault> {
        match field.payload {
            Payload::Bytes(bytes) => Ok(Some(bytes)),
            _ => self.wrong_kind(field, Kind::Bytes).map(|_| None),
        }
    }

    /// Counts an element of a set, a list or a dict.
    #[inline]
    pub(crate) fn count_one(&mut self) -> Result<(), Fault> {
        let left = self.elements.checked_sub(1);
        self.elements = left.ok_or(Fault::TooManyElements(self.reading.max_elements()))?;
        Ok(())
    }

    /// Puts a value where one may have stood before, and has taken it.
    #[inline]
    pub(crate) fn put<T>(&self, place: &mut Option<T>, value: T, number: u32) -> Result<bool, Fault> {
        match place.replace(value) {
            Some(_) if !self.is_lenient() => Err(Fault::Repeated(number)),
            _ => Ok(true),
        }
    }

    /// Reads what lies a level deeper.
    pub(crate) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Allowance) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.depth >= MAX_MESSAGE_DEPTH {
            return Err(Fault::MessagesTooDeep(MAX_MESSAGE_DEPTH));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }
}
