//! How typed messages are read: what is forgiven, and what of the bounds is left.
//!
//! What always holds: elements and the depth of messages within messages are bounded over a whole message, however its parts
//! lie in one another. Neighbours: [`shape`](super::shape) takes fields by it.

use std::borrow::Cow;

use crate::wire::{DecodeError, Fault, Field, Payload, Reading, fault::Kind};

/// How deep the messages of custom types may lie in one another, in levels.
pub const MAX_MESSAGE_DEPTH: usize = 64;

/// What is left of the bounds while a message is read.
#[derive(Debug)]
pub struct Room {
    reading: Reading,
    elements: usize,
    depth: usize,
    merged_bytes: usize,
}

/// What is wrong with a field, and of which content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misread {
    content: &'static str,
    fault: Fault,
}

impl Misread {
    /// A fault of a content.
    #[cold]
    pub fn at(content: &'static str, fault: Fault) -> Misread {
        Misread { content, fault }
    }

    /// What is wrong.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The same, told of a performative's content.
    #[cold]
    pub fn of(self, performative: &str) -> DecodeError {
        match self.content {
            "" => DecodeError::at(performative, self.fault),
            content => DecodeError::at(format!("{performative}.{content}"), self.fault),
        }
    }
}

impl From<Fault> for Misread {
    #[cold]
    fn from(fault: Fault) -> Misread {
        Misread { content: "", fault }
    }
}

impl Room {
    /// All of it.
    pub fn new(reading: Reading) -> Room {
        Room { reading, elements: reading.max_elements(), depth: 0, merged_bytes: 0 }
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

    /// A field with a number that has no meaning.
    ///
    /// # Errors
    /// Strictly, it is refused.
    #[inline]
    pub fn unknown(&self, field: Field<'_>) -> Result<(), Fault> {
        match self.is_lenient() {
            true => Ok(()),
            false => Err(Fault::UnknownField(field.number)),
        }
    }

    /// A field whose value is of another kind.
    ///
    /// # Errors
    /// Strictly, it is refused.
    #[cold]
    pub fn wrong_kind(&self, field: Field<'_>, wanted: Kind) -> Result<(), Fault> {
        match self.is_lenient() {
            true => Ok(()),
            false => Err(Fault::WrongKind { number: field.number, found: field.payload.kind(), wanted }),
        }
    }

    /// The bytes of a field that holds a message; none where it is of another kind, and that is forgiven.
    pub(super) fn bytes<'a>(&self, field: Field<'a>) -> Result<Option<&'a [u8]>, Fault> {
        match field.payload {
            Payload::Bytes(bytes) => Ok(Some(bytes)),
            _ => self.wrong_kind(field, Kind::Bytes).map(|()| None),
        }
    }

    /// Counts an element of a set, a list or a dict.
    #[inline]
    pub(super) fn count_one(&mut self) -> Result<(), Fault> {
        let left = self.elements.checked_sub(1);
        self.elements = left.ok_or(Fault::TooManyElements(self.reading.max_elements()))?;
        Ok(())
    }

    /// A value that stands where one may have stood before.
    #[inline]
    pub(super) fn put<T>(&self, place: &mut Option<T>, value: T, number: u32) -> Result<(), Fault> {
        match place.replace(value) {
            Some(_) if !self.is_lenient() => Err(Fault::Repeated(number)),
            _ => Ok(()),
        }
    }

    /// A message that comes in several fields is that of all their bytes.
    pub(super) fn merge<'a>(
        &mut self,
        place: &mut Option<Cow<'a, [u8]>>,
        bytes: &'a [u8],
        number: u32,
    ) -> Result<(), Fault> {
        let Some(before) = place else {
            *place = Some(Cow::Borrowed(bytes));
            return Ok(());
        };
        if !self.is_lenient() {
            return Err(Fault::Repeated(number));
        }
        // Each level of messages could have its parts put together anew.
        self.merged_bytes += before.len() + bytes.len();
        let limit = self.reading.max_bytes();
        if self.merged_bytes > limit {
            return Err(Fault::TooLong { bytes: self.merged_bytes, limit });
        }
        before.to_mut().extend_from_slice(bytes);
        Ok(())
    }

    /// Reads what lies a level deeper.
    pub(super) fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Room) -> Result<T, Misread>,
    ) -> Result<T, Fault> {
        if self.depth >= MAX_MESSAGE_DEPTH {
            return Err(Fault::MessagesTooDeep(MAX_MESSAGE_DEPTH));
        }
        self.depth += 1;
        let value = read(self).map_err(|misread| misread.fault());
        self.depth -= 1;
        value
    }
}
