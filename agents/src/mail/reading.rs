//! What a mail says, read as a type.
//!
//! Always true: bytes are scanned before anything is built from them. Neighbour: [`writing`](super::writing) is the other
//! end.

use folkmoot_codecs::{Codec, Limits};
use serde::de::DeserializeOwned;

use super::delivery::Delivery;
use crate::panics::guard;

/// Nothing, in MsgPack: what an empty body says.
const NOTHING: &[u8] = &[0xc0];

impl Delivery {
    /// What it says, in the codec that it names. Where it names none, it is JSON if it begins with a brace, a bracket, a
    /// quotation mark or a blank, else MsgPack; an empty one says nothing, `()`.
    ///
    /// # Errors
    /// Why it cannot be read as that type, with the place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        let bytes: &[u8] = if self.body.is_empty() { NOTHING } else { &self.body };
        let codec = self.read_as();
        let read = || {
            codec.scan(bytes, &Limits::DEFAULT).map_err(|error| error.to_string())?;
            codec.decode(bytes).map_err(|error| error.to_string())
        };
        // Decoders are the user's code.
        guard(read).unwrap_or_else(|panic| Err(format!("a decoder panicked: {}", panic.text())))
    }

    /// The codec that its body is read in, and an answer is written in.
    pub(crate) fn read_as(&self) -> Codec {
        match (self.codec, self.body.first()) {
            (_, None) => Codec::MsgPack,
            (Some(codec), _) => codec.of_values(),
            (None, Some(b'{' | b'[' | b'"' | b' ' | b'\t' | b'\r' | b'\n')) => Codec::Json,
            (None, Some(_)) => Codec::MsgPack,
        }
    }
}
