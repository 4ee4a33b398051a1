//! Bytes, as the codec has them; in JSON, which has none, a text in base64.
//!
//! Always true: what is read came from that alphabet, with its padding, and has no bits left over.

use std::fmt;

use bytes::Bytes;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The body of a mail, or a state.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Bytes);

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str(&to_text(&self.0)),
            false => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Blob, D::Error> {
        deserializer.deserialize_any(BlobVisitor)
    }
}

struct BlobVisitor;

impl Visitor<'_> for BlobVisitor {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, or a text in base64")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Blob(Bytes::copy_from_slice(bytes)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Blob, E> {
        from_text(text).map(|bytes| Blob(bytes.into())).ok_or_else(|| E::custom("the text is no base64"))
    }
}

/// The character of the lowest six bits.
fn character(six: u32) -> u8 {
    ALPHABET.get((six & 63) as usize).copied().unwrap_or(b'=')
}

fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let is_padding = at > three.len();
            text.push(char::from(if is_padding { b'=' } else { character(bits >> (18 - 6 * at)) }));
        }
    }
    text
}

fn six_of(character: u8) -> Option<u32> {
    let (first, offset) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => return Some(62),
        b'/' => return Some(63),
        _ => return None,
    };
    Some(u32::from(character - first) + offset)
}

fn from_text(text: &str) -> Option<Vec<u8>> {
    let content = text.trim_end_matches('=');
    let padding = text.len() - content.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in content.as_bytes().chunks(4) {
        let mut bits = 0;
        for character in four {
            bits = (bits << 6) | six_of(*character)?;
        }
        let (whole, spare) = (four.len() * 6 / 8, four.len() * 6 % 8);
        if whole == 0 || bits & ((1 << spare) - 1) != 0 {
            return None;
        }
        let [.., a, b, c] = (bits >> spare).to_be_bytes();
        bytes.extend_from_slice([a, b, c].get(3 - whole..)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use folkmoot_codecs::Codec;

    use super::*;

    #[test]
    fn bytes_come_back_from_every_codec_and_are_short_in_those_that_have_bytes() {
        for length in [0_usize, 1, 2, 3, 4, 255, 1000] {
            let blob = Blob((0..length).map(|n| (n * 89) as u8).collect());
            for codec in Codec::ALL {
                let mut out = BytesMut::new();
                codec.encode(&blob, &mut out).unwrap();
                assert_eq!(codec.decode::<Blob>(&out).unwrap(), blob, "{codec}");
                let most = if codec == Codec::Json { length.div_ceil(3) * 4 + 2 } else { length + 3 };
                assert!(out.len() <= most, "{codec}: {} bytes for {length}", out.len());
            }
        }
    }

    #[test]
    fn a_text_is_base64_or_refused() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")]
        {
            assert_eq!(from_text(text).as_deref(), Some(bytes.as_bytes()));
            assert_eq!(to_text(bytes.as_bytes()), text);
        }
        for wrong in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zm 8", "Z===", "====", "Zm8=Zm8=", "Zg==\n", "é==="]
        {
            assert_eq!(from_text(wrong), None, "{wrong}");
        }
    }
}
