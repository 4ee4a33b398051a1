//! Fields as they come out of bytes.
//!
//! What always holds: no bytes panic it, each step moves on, and groups, which proto3 does not write, are passed over
//! without recursion. Neighbours: [`super::scalar`] makes values of payloads, `body` knows which field is what.

use super::fault::{Fault, Kind};
use super::writing::WireType;

/// How deep groups may lie in one another, in levels; more is refused, as protobuf refuses it.
pub const MAX_GROUP_DEPTH: usize = 100;

/// Most bytes of a field's key.
const MAX_KEY_BYTES: usize = 5;

/// Bytes that are read from the front.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Over these bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Whether all has been read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// A number in groups of seven bits; bits beyond the 64th are passed over, as protobuf does.
    ///
    /// # Errors
    /// It has no end, or one after more than ten bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Fault> {
        let mut number = 0_u64;
        for (position, byte) in self.rest.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f).wrapping_shl(7 * position as u32);
            if *byte < 0x80 {
                self.rest = self.rest.get(position + 1..).unwrap_or_default();
                return Ok(number);
            }
        }
        Err(if self.rest.len() < 10 { Fault::Truncated } else { Fault::LongVarint })
    }

    /// Four bytes, the least first.
    ///
    /// # Errors
    /// There are fewer.
    #[inline]
    pub fn fixed32(&mut self) -> Result<u32, Fault> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Eight bytes, the least first.
    ///
    /// # Errors
    /// There are fewer.
    pub fn fixed64(&mut self) -> Result<u64, Fault> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    /// A length, and so many bytes.
    ///
    /// # Errors
    /// There are fewer.
    #[inline]
    pub fn length_and_bytes(&mut self) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(self.varint()?).map_err(|_| Fault::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Fault::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A value without a key, as those of a field that holds several.
    ///
    /// # Errors
    /// There are too few bytes for it.
    #[inline]
    pub fn value(&mut self, wire_type: WireType) -> Result<Payload<'a>, Fault> {
        match wire_type {
            WireType::Varint => self.varint().map(Payload::Varint),
            WireType::Fixed64 => self.fixed64().map(Payload::Fixed64),
            WireType::Bytes => self.length_and_bytes().map(Payload::Bytes),
            WireType::Fixed32 => self.fixed32().map(Payload::Fixed32),
        }
    }

    /// A field's number and the kind of its value. Bits beyond the 32nd are passed over, as protobuf does.
    #[inline]
    fn key(&mut self) -> Result<(u32, u8), Fault> {
        let before = self.rest.len();
        let key = self.varint()?;
        if before - self.rest.len() > MAX_KEY_BYTES {
            return Err(Fault::BadKey(key));
        }
        let (number, wire_type) = (key as u32 >> 3, key as u8 & 7);
        if wire_type > 5 || (number == 0 && !matches!(wire_type, 0 | 4)) {
            return Err(Fault::BadKey(key));
        }
        Ok((number, wire_type))
    }

    #[inline]
    fn payload(&mut self, number: u32, wire_type: u8) -> Result<Payload<'a>, Fault> {
        match wire_type {
            0 => self.value(WireType::Varint),
            1 => self.value(WireType::Fixed64),
            2 => self.value(WireType::Bytes),
            3 => self.skip_group(number).map(|()| Payload::Group),
            _ => self.value(WireType::Fixed32),
        }
    }

    /// Passes over a group's fields and its end.
    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Fault> {
        let mut open = vec![number];
        while let Some(innermost) = open.last() {
            if self.is_empty() {
                return Err(Fault::Truncated);
            }
            let (number, wire_type) = self.key()?;
            match wire_type {
                _ if number == 0 => return Err(Fault::BadKey(0)),
                3 if open.len() >= MAX_GROUP_DEPTH => return Err(Fault::TooDeep),
                3 => open.push(number),
                4 if number != *innermost => return Err(Fault::LoneGroup),
                4 => drop(open.pop()),
                _ => drop(self.payload(number, wire_type)?),
            }
        }
        Ok(())
    }
}

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its number, from 1.
    pub number: u32,
    /// Its value.
    pub payload: Payload<'a>,
}

/// The value of a field, before its type is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// An integer or a bool.
    Varint(u64),
    /// Eight bytes, which no content has.
    Fixed64(u64),
    /// Text, bytes, a message, or several numbers.
    Bytes(&'a [u8]),
    /// A group, which proto3 does not have.
    Group,
    /// A float.
    Fixed32(u32),
}

impl Payload<'_> {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Payload::Varint(_) => Kind::Varint,
            Payload::Fixed64(_) => Kind::Fixed64,
            Payload::Bytes(_) => Kind::Bytes,
            Payload::Group => Kind::Group,
            Payload::Fixed32(_) => Kind::Fixed32,
        }
    }
}

/// The fields of a message, one after the other.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    reader: Reader<'a>,
    stops: bool,
}

impl<'a> Fields<'a> {
    /// The fields in these bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Fields<'a> {
        Fields { reader: Reader::new(bytes), stops: false }
    }

    /// The fields in these bytes up to a key of zero or a group's lone end, at which AEA's protobuf stops without a
    /// word where it reads a message that lies in no other.
    pub(crate) fn up_to_stop(bytes: &'a [u8]) -> Fields<'a> {
        Fields { reader: Reader::new(bytes), stops: true }
    }

    /// The next one.
    ///
    /// # Errors
    /// What is wrong with it; what follows cannot be read then.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, Fault> {
        if self.reader.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.reader.key()?;
        if number == 0 || wire_type == 4 {
            return match self.stops {
                true => Ok(None),
                false if number == 0 => Err(Fault::BadKey(0)),
                false => Err(Fault::LoneGroup),
            };
        }
        let payload = self.reader.payload(number, wire_type)?;
        Ok(Some(Field { number, payload }))
    }
}

/// Whether bytes are fields from end to end.
pub fn is_message(bytes: &[u8]) -> bool {
    let mut fields = Fields::new(bytes);
    loop {
        match fields.next_field() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
