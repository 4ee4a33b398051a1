//! The writing half of serde: serde_json, rmp-serde and ciborium behind one door.
//!
//! What always holds: `out` grows by exactly one value or, on an error, not at all. Between a value and its
//! format's serializer stands [`Exact`], which sees to what the format would lose: NaN and infinities in JSON
//! (written as Python does), integers beyond 64 bits in all three.
//! Neighbours: `encode/exact` and `encode/compound` are that layer, `encode/notes` what it tells the JSON formatter.

use std::fmt;
use std::io;

use bytes::BytesMut;
use serde::Serialize;

use crate::codec::Codec;
use crate::codec_error::EncodeError;

mod compound;
mod exact;
mod notes;

use exact::{Exact, Format, Rules};
use notes::{Notes, Python};

/// A text of so many bytes is long.
const LONG_BYTES: usize = 1024;
/// Room that is left behind what is long, in bytes.
const END_BYTES: usize = 256;

/// How far a buffer may grow.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// Its greatest length, in bytes.
    pub(crate) end: usize,
    /// The limit that is named where that is not enough, in bytes.
    pub(crate) most: u32,
}

impl Room {
    /// As far as any frame.
    pub(crate) const ANY: Room = Room { end: usize::MAX, most: u32::MAX };
}

/// Appends `value`, unless `out` would then be too long. Says how many of the bytes are those of long texts, at the least:
/// these hold one value each.
#[inline]
pub(crate) fn append<T: Serialize + ?Sized>(
    codec: Codec,
    value: &T,
    out: &mut BytesMut,
    Room { end, most }: Room,
) -> Result<usize, EncodeError> {
    let before = out.len();
    let mut sink = Sink { out, end, full: false };
    let notes = Notes::default();
    let result = match codec {
        Codec::Json => json(value, &mut sink, &notes),
        Codec::MsgPack | Codec::MsgPackBlosc => {
            let mut serializer = rmp_serde::Serializer::new(&mut sink).with_struct_map();
            let rules = Rules::new(Format::MsgPack, &notes);
            value.serialize(Exact::new(&mut serializer, rules)).map(drop).map_err(told)
        }
        Codec::Cbor => {
            let rules = Rules::new(Format::Cbor, &notes);
            ciborium::into_writer(&Exact::new(value, rules), &mut sink).map_err(|error| match error {
                ciborium::ser::Error::Value(reason) => EncodeError::new(reason),
                ciborium::ser::Error::Io(error) => told(error),
            })
        }
    };
    let full = sink.full;
    if result.is_err() {
        out.truncate(before);
    }
    if full { Err(EncodeError::too_long(most)) } else { result.map(|()| notes.text_bytes()) }
}

#[inline]
fn json<T: Serialize + ?Sized>(value: &T, sink: &mut Sink<'_>, notes: &Notes) -> Result<(), EncodeError> {
    let mut serializer = serde_json::Serializer::with_formatter(sink, Python::new(notes));
    value.serialize(Exact::new(&mut serializer, Rules::new(Format::Json, notes))).map_err(told)
}

#[cold]
fn told(error: impl fmt::Display) -> EncodeError {
    EncodeError::new(error.to_string())
}

/// Where the formats write to.
struct Sink<'a> {
    out: &'a mut BytesMut,
    end: usize,
    full: bool,
}

impl io::Write for &mut Sink<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > self.end.saturating_sub(self.out.len()) {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        if bytes.len() >= LONG_BYTES {
            // What closes a message is short: the buffer is not to be copied for it.
            self.out.reserve(bytes.len() + END_BYTES);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
