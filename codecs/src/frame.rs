//! Frames: four bytes of length, big-endian, then that many bytes of payload.
//!
//! What always holds: a declared length is a claim. It is checked against the limit before anything else, and
//! the buffer grows here for the last 64 KiB of a frame at the most. Neighbours: `envelope` writes frames,
//! `message` reads the payloads that come out here.

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::limits::Limits;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 4;

/// How far the buffer grows here ahead of what has arrived, in bytes.
const STEP_BYTES: usize = 64 * 1024;

/// Cuts a byte stream into the payloads of its frames, without copying them.
#[derive(Clone, Debug)]
pub struct FrameDecoder {
    limits: Limits,
}

impl FrameDecoder {
    /// A decoder that refuses payloads over `limits.max_frame_bytes`.
    pub fn new(limits: Limits) -> FrameDecoder {
        FrameDecoder { limits }
    }

    /// How many bytes are missing of the frame that has begun in `source`; 0 where its length has not come, or is over the
    /// limit.
    #[inline]
    pub fn missing(&self, source: &[u8]) -> usize {
        match source.first_chunk::<HEADER_BYTES>().map(|header| u32::from_be_bytes(*header)) {
            Some(declared) if declared <= self.limits.max_frame_bytes => {
                (HEADER_BYTES + declared as usize).saturating_sub(source.len())
            }
            _ => 0,
        }
    }
}

/// What is wrong with a frame. After any of these the stream has lost its rhythm and the link must be closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The header declares a payload over the limit. Text sent to a binary port usually ends here.
    #[error(
        "a frame of {declared} bytes was announced, the limit is {limit}; raise max_frame_bytes or send less"
    )]
    TooLong {
        /// The length in the header, in bytes.
        declared: u32,
        /// The limit, in bytes.
        limit: u32,
    },
    /// The header declares no payload at all.
    #[error("an empty frame came; a frame holds one message")]
    Empty,
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame, {arrived} bytes after its start")]
    Truncated {
        /// How many bytes of the frame, header included, had arrived.
        arrived: usize,
    },
    /// The stream failed.
    #[error("the stream failed: {0}")]
    Io(#[from] std::io::Error),
}

impl Decoder for FrameDecoder {
    type Item = Bytes;
    type Error = FrameError;

    #[inline]
    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some(&header) = source.first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let declared = u32::from_be_bytes(header);
        if declared == 0 {
            return Err(FrameError::Empty);
        }
        if declared > self.limits.max_frame_bytes {
            return Err(FrameError::TooLong { declared, limit: self.limits.max_frame_bytes });
        }
        let length = declared as usize;
        let missing = (HEADER_BYTES + length).saturating_sub(source.len());
        if missing > 0 {
            // Of a longer one the reader brings the room, as much as it has.
            if missing <= STEP_BYTES {
                source.reserve(missing);
            }
            return Ok(None);
        }
        source.advance(HEADER_BYTES);
        Ok(Some(source.split_to(length).freeze()))
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        match self.decode(source)? {
            Some(payload) => Ok(Some(payload)),
            None if source.is_empty() => Ok(None),
            None => Err(FrameError::Truncated { arrived: source.len() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(max_frame_bytes: u32) -> FrameDecoder {
        FrameDecoder::new(Limits { max_frame_bytes, ..Limits::DEFAULT })
    }

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let stream = b"\0\0\0\x03abc\0\0\0\x01d";
        for step in 1..stream.len() {
            let (mut buffer, mut out) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(payload) = decoder(3).decode(&mut buffer).unwrap() {
                    out.push(payload);
                }
            }
            assert_eq!(out, [&b"abc"[..], b"d"], "{step} bytes at a time");
            assert!(decoder(3).decode_eof(&mut buffer).unwrap().is_none());
        }
    }

    #[test]
    fn a_declared_length_reserves_nothing_that_has_not_arrived() {
        let mut buffer = BytesMut::from(&b"\x40\0\0\0abc"[..]);
        assert!(decoder(u32::MAX).decode(&mut buffer).unwrap().is_none());
        assert!(buffer.capacity() <= 2 * STEP_BYTES, "{} bytes", buffer.capacity());
    }

    #[test]
    fn what_is_missing_is_told_once_the_length_is_there_and_may_be() {
        let missing = |bytes: &[u8]| decoder(9).missing(bytes);
        assert_eq!((missing(b""), missing(b"\0\0\0"), missing(b"\0\0\0\x0a")), (0, 0, 0));
        assert_eq!((missing(b"\0\0\0\x09"), missing(b"\0\0\0\x09ab"), missing(b"\0\0\0\x02abc")), (9, 7, 0));
    }

    #[test]
    fn wrong_headers_are_named() {
        let fail = |bytes: &[u8]| decoder(9).decode(&mut BytesMut::from(bytes)).unwrap_err();
        assert!(matches!(fail(b"\xff\xff\xff\xff"), FrameError::TooLong { declared: u32::MAX, limit: 9 }));
        assert!(matches!(fail(b"\0\0\0\x0a"), FrameError::TooLong { declared: 10, limit: 9 }));
        assert!(matches!(fail(b"\0\0\0\0"), FrameError::Empty));
        assert!(matches!(fail(b"GET / HTTP/1.1"), FrameError::TooLong { .. }));
    }

    #[test]
    fn an_end_inside_a_frame_is_an_error() {
        for bytes in [&b"\0"[..], b"\0\0\0\x02", b"\0\0\0\x02a"] {
            let error = decoder(9).decode_eof(&mut BytesMut::from(bytes)).unwrap_err();
            assert!(matches!(error, FrameError::Truncated { arrived } if arrived == bytes.len()), "{error}");
        }
    }
}
