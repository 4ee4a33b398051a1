//! The id of a request, as the bytes it came in.
//!
//! A Folkmoot container counts its requests, but a peer on the plain wire may use texts or null as well: what came
//! is echoed, byte for byte. What always holds: at most [`RawId::MAX_BYTES`], and no allocation up to 22 bytes.
//! Neighbours: `message` reads it, `envelope` writes it back.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::codec::Codec;

/// Enough for any number in any codec (20 digits in JSON).
pub(crate) const INLINE_BYTES: usize = 22;

/// The id of a request. Equal where the bytes are.
#[derive(Clone)]
pub struct RawId {
    bytes: Bytes,
    number: Option<u64>,
}

#[derive(Clone)]
enum Bytes {
    Inline { length: u8, bytes: [u8; INLINE_BYTES] },
    Boxed(Box<[u8]>),
}

impl RawId {
    /// Longest id that is taken, in encoded bytes.
    pub const MAX_BYTES: usize = 64;

    /// The id that a container gives its request of this number.
    #[inline]
    pub fn of_number(codec: Codec, number: u64) -> RawId {
        let mut buffer = [0; INLINE_BYTES];
        let length = write_number(codec, number, &mut buffer);
        RawId::from_parts(buffer.get(..length).unwrap_or_default(), Some(number))
    }

    /// An id by its encoded bytes, at most [`RawId::MAX_BYTES`], and its number, where it is one.
    #[inline]
    pub(crate) fn from_parts(encoded: &[u8], number: Option<u64>) -> RawId {
        let mut bytes = [0; INLINE_BYTES];
        let bytes = match bytes.get_mut(..encoded.len()) {
            Some(inline) => {
                inline.copy_from_slice(encoded);
                Bytes::Inline { length: encoded.len() as u8, bytes }
            }
            None => Bytes::Boxed(encoded.into()),
        };
        RawId { bytes, number }
    }

    /// The encoded bytes, one value of the codec that the request came in.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Bytes::Boxed(bytes) => bytes,
        }
    }

    /// The number, where the id is an integer of 64 unsigned bits.
    #[inline]
    pub fn as_u64(&self) -> Option<u64> {
        self.number
    }
}

impl PartialEq for RawId {
    #[inline]
    fn eq(&self, other: &RawId) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RawId {}

impl Hash for RawId {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "RawId({number})"),
            None => write!(f, "RawId({})", self.as_bytes().escape_ascii()),
        }
    }
}

/// Writes the number as `codec` does and returns its length in bytes.
#[inline]
pub(crate) fn write_number(codec: Codec, number: u64, out: &mut [u8; INLINE_BYTES]) -> usize {
    // The first byte of a number that needs 1, 2, 4 or 8 bytes behind it.
    let [one, two, four, eight] = match codec {
        Codec::Json => return write_decimal(number, out),
        Codec::MsgPack | Codec::MsgPackBlosc => [0xcc, 0xcd, 0xce, 0xcf],
        Codec::Cbor => [0x18, 0x19, 0x1a, 0x1b],
    };
    let alone = if codec.of_values() == Codec::MsgPack { 0x80 } else { 24 };
    let (first, behind) = match number {
        _ if number < alone => (number as u8, 0),
        0..=0xff => (one, 1),
        0x100..=0xffff => (two, 2),
        0x1_0000..=0xffff_ffff => (four, 4),
        _ => (eight, 8),
    };
    let bytes = number.to_be_bytes();
    if let Some((head, rest)) = out.split_first_mut() {
        *head = first;
        for (to, from) in rest.iter_mut().zip(bytes.iter().skip(8 - behind)) {
            *to = *from;
        }
    }
    1 + behind
}

#[inline]
fn write_decimal(number: u64, out: &mut [u8; INLINE_BYTES]) -> usize {
    let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    for place in out.iter_mut().take(digits).rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_are_written_as_their_codec_writes_them() {
        for codec in Codec::ALL {
            for number in
                [0, 23, 24, 127, 128, 255, 256, 65535, 65536, u64::from(u32::MAX), 1 << 32, u64::MAX]
            {
                let id = RawId::of_number(codec, number);
                assert_eq!(codec.decode::<u64>(id.as_bytes()), Ok(number), "{codec}");
                let mut encoded = bytes::BytesMut::new();
                codec.encode(&number, &mut encoded).unwrap();
                assert_eq!(id.as_bytes(), &encoded[..], "{codec} {number}");
                assert_eq!(id.as_u64(), Some(number));
            }
        }
    }

    #[test]
    fn long_ids_are_kept_whole() {
        let long = [b'x'; RawId::MAX_BYTES];
        for length in [0, 1, INLINE_BYTES, INLINE_BYTES + 1, RawId::MAX_BYTES] {
            let id = RawId::from_parts(&long[..length], None);
            assert_eq!(id.as_bytes(), &long[..length]);
            assert_eq!(id.as_u64(), None);
            assert!(HashSet::from([id.clone()]).contains(&id));
        }
    }
}
