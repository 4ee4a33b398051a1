//! Writes messages as whole frames: length, the header of a chunk in MsgPackBlosc, `[kind, id, content]`, and headers
//! where there are any.
//!
//! What always holds: one pass straight into the buffer, the length patched in at the end; on an error the buffer
//! is as it was. Neighbours: `message` reads the same, `exception` knows what an exception's content looks like.

use std::fmt::Display;

use bytes::BytesMut;
use serde::Serialize;

use crate::blosc;
use crate::call_error::CallError;
use crate::codec::Codec;
use crate::codec_error::EncodeError;
use crate::encode::{self, Room};
use crate::exception;
use crate::frame::HEADER_BYTES;
use crate::headers::Headers;
use crate::limits::Limits;
use crate::message::{EXCEPTION, REQUEST, RESULT};
use crate::raw_id::{self, RawId};

/// Appends the frame of a request.
///
/// `positional` and `keyword` are encoded in `codec`: a list, and a map with texts as keys. Headers are for a peer
/// that said Hello; empty ones are left out.
///
/// # Errors
/// Where the frame would be over the limit. `out` is then as it was.
#[expect(clippy::too_many_arguments, reason = "the parts of a message on the hot path, each used once")]
pub fn encode_request(
    codec: Codec,
    out: &mut BytesMut,
    id: u64,
    path: &str,
    positional: &[u8],
    keyword: Option<&[u8]>,
    headers: Option<&Headers>,
    limits: &Limits,
) -> Result<(), EncodeError> {
    let headers = headers.filter(|headers| !headers.is_empty());
    frame(codec, out, limits, |out, room| {
        let elements = if headers.is_some() { 4 } else { 3 };
        open_list(codec, out, elements);
        number(codec, out, REQUEST);
        next(codec, out);
        number(codec, out, id);
        next(codec, out);
        open_list(codec, out, 3);
        encode::append(codec, path, out, room)?;
        next(codec, out);
        raw(out, positional, room)?;
        next(codec, out);
        raw(out, keyword.unwrap_or(empty_map(codec)), room)?;
        close_list(codec, out);
        if let Some(headers) = headers {
            next(codec, out);
            encode::append(codec, headers, out, room)?;
        }
        close_list(codec, out);
        Ok(0)
    })
}

/// Appends the frame of a channel's request, whose content may be any value.
///
/// # Errors
/// Where the codec cannot say the content or the frame would be over the limit. `out` is then as it was.
pub fn encode_open<T: Serialize + ?Sized>(
    codec: Codec,
    out: &mut BytesMut,
    id: u64,
    content: &T,
    limits: &Limits,
) -> Result<(), EncodeError> {
    let id = RawId::of_number(codec, id);
    frame(codec, out, limits, |out, room| {
        answer(codec, out, REQUEST, &id, |out| encode::append(codec, content, out, room))
    })
}

/// The parts of a large request's payload that stand before and behind its positional arguments, which are not copied.
///
/// What [`check_request`] checks is not checked here.
///
/// # Errors
/// Where the payload would be over the limit.
pub fn encode_around(
    codec: Codec,
    id: u64,
    path: &str,
    positional_bytes: usize,
    keyword: Option<&[u8]>,
    headers: Option<&Headers>,
    limits: &Limits,
) -> Result<(BytesMut, BytesMut), EncodeError> {
    let headers = headers.filter(|headers| !headers.is_empty());
    let most = most_bytes(codec, limits);
    let room = Room { end: most as usize, most };
    let (mut head, mut tail) = (BytesMut::new(), BytesMut::new());
    head.extend_from_slice(no_header(codec));
    open_list(codec, &mut head, if headers.is_some() { 4 } else { 3 });
    number(codec, &mut head, REQUEST);
    next(codec, &mut head);
    number(codec, &mut head, id);
    next(codec, &mut head);
    open_list(codec, &mut head, 3);
    encode::append(codec, path, &mut head, room)?;
    next(codec, &mut head);
    next(codec, &mut tail);
    raw(&mut tail, keyword.unwrap_or(empty_map(codec)), room)?;
    close_list(codec, &mut tail);
    if let Some(headers) = headers {
        next(codec, &mut tail);
        encode::append(codec, headers, &mut tail, room)?;
    }
    close_list(codec, &mut tail);
    let whole = head.len().saturating_add(positional_bytes).saturating_add(tail.len());
    if whole > most as usize {
        return Err(EncodeError::too_long(most));
    }
    write_header(codec, &mut head, whole);
    Ok((head, tail))
}

/// Holds a request to the bounds of its receiver without writing it, as [`encode_request`] does for what it writes.
///
/// # Errors
/// Where the frame would be over a limit.
pub fn check_request(
    codec: Codec,
    path: &str,
    positional: &[u8],
    keyword: Option<&[u8]>,
    headers: Option<&Headers>,
    limits: &Limits,
) -> Result<(), EncodeError> {
    // Around no arguments first: what that takes is not left for them.
    let nothing = empty_list(codec);
    let mut around = BytesMut::new();
    encode_request(codec, &mut around, u64::MAX, path, nothing, keyword, headers, limits)?;
    let most = most_bytes(codec, limits);
    if around.len() - HEADER_BYTES - nothing.len() + positional.len() > most as usize {
        return Err(EncodeError::too_long(most));
    }
    let taken = codec
        .count(around.get(HEADER_BYTES + no_header(codec).len()..).unwrap_or_default(), limits)
        .map_err(|error| EncodeError::new(error.to_string()))?;
    let left = Limits {
        max_nodes: (limits.max_nodes + 1).saturating_sub(taken),
        // They stand inside of the message and of its content.
        max_depth: limits.max_depth.min(Limits::DEEPEST).saturating_sub(2),
        ..*limits
    };
    check_bounds(codec, positional, 0, &left)
}

/// Appends the frame of a request of the platform's own, which is known to be within all bounds but that of length.
pub(crate) fn encode_own_request<T: Serialize>(
    codec: Codec,
    out: &mut BytesMut,
    id: u64,
    path: &str,
    positional: &T,
    limits: &Limits,
) -> Result<(), EncodeError> {
    measured(codec, out, limits, |out, room| {
        open_list(codec, out, 3);
        number(codec, out, REQUEST);
        next(codec, out);
        number(codec, out, id);
        next(codec, out);
        open_list(codec, out, 3);
        encode::append(codec, path, out, room)?;
        next(codec, out);
        encode::append(codec, positional, out, room)?;
        next(codec, out);
        raw(out, empty_map(codec), room)?;
        close_list(codec, out);
        close_list(codec, out);
        Ok(())
    })
}

/// Appends the frame of a result.
///
/// # Errors
/// Where the codec cannot say the value or the frame would be over the limit. `out` is then as it was.
#[inline]
pub fn encode_result<T: Serialize + ?Sized>(
    codec: Codec,
    out: &mut BytesMut,
    id: &RawId,
    value: &T,
    limits: &Limits,
) -> Result<(), EncodeError> {
    frame(codec, out, limits, |out, room| {
        answer(codec, out, RESULT, id, |out| encode::append(codec, value, out, room))
    })
}

/// Appends the frame of a result whose content is already encoded in `codec`.
///
/// # Errors
/// Where the frame would be over the limit. `out` is then as it was.
pub fn encode_result_raw(
    codec: Codec,
    out: &mut BytesMut,
    id: &RawId,
    content: &[u8],
    limits: &Limits,
) -> Result<(), EncodeError> {
    frame(codec, out, limits, |out, room| answer(codec, out, RESULT, id, |out| raw(out, content, room)))
}

/// Appends the frame of an exception.
///
/// `rich` says that the peer is a Folkmoot container: it gets `{code, text, data}` and can make the same error of
/// it. A plain peer gets one text whose last line is `Type: message`. What does not fit the limit or cannot be
/// encoded is left out: first the data, then the end of the text.
pub fn encode_exception<E: Serialize + Display + 'static>(
    codec: Codec,
    out: &mut BytesMut,
    id: &RawId,
    error: &CallError<E>,
    rich: bool,
    limits: &Limits,
) {
    let text = exception::shorten(error.to_string());
    let mut write = |content: &[u8]| {
        frame(codec, out, limits, |out, room| {
            answer(codec, out, EXCEPTION, id, |out| raw(out, content, room))
        })
    };
    let written = if rich {
        write(&exception::rich(codec, error, &text))
            .or_else(|_| write(&exception::coded(codec, error.code(), &text, None)))
    } else {
        write(&exception::plain(codec, error))
    };
    if written.is_err() {
        // Whatever the limits, a call is answered: this much fits any frame that brought a call.
        let content = exception::coded_or_plain(codec, error, rich);
        let _ = frame(codec, out, &Limits::DEFAULT, |out, room| {
            answer(codec, out, EXCEPTION, id, |out| raw(out, &content, room))
        });
    }
}

/// Appends the frame of an exception whose content is already encoded in `codec`, for a peer that takes it so.
///
/// # Errors
/// Where the frame would be over the limit. `out` is then as it was.
pub fn encode_exception_raw(
    codec: Codec,
    out: &mut BytesMut,
    id: &RawId,
    content: &[u8],
    limits: &Limits,
) -> Result<(), EncodeError> {
    frame(codec, out, limits, |out, room| answer(codec, out, EXCEPTION, id, |out| raw(out, content, room)))
}

/// Writes a frame: `write` the payload, which may reach as far as its room; it says how many bytes of it are those of long
/// texts.
#[inline]
fn frame(
    codec: Codec,
    out: &mut BytesMut,
    limits: &Limits,
    write: impl FnOnce(&mut BytesMut, Room) -> Result<usize, EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    measured(codec, out, limits, |out, room| {
        let text_bytes = write(out, room)?;
        if out.len() > room.end {
            return Err(EncodeError::too_long(room.most));
        }
        let payload = out.get(start + HEADER_BYTES + no_header(codec).len()..).unwrap_or_default();
        check_bounds(codec, payload, text_bytes, limits)
    })
}

/// Writes a frame that is held to the bound of its length alone.
#[inline]
fn measured(
    codec: Codec,
    out: &mut BytesMut,
    limits: &Limits,
    write: impl FnOnce(&mut BytesMut, Room) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let most = most_bytes(codec, limits);
    let room = Room { end: start.saturating_add(HEADER_BYTES).saturating_add(most as usize), most };
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.extend_from_slice(no_header(codec));
    let result = write(out, room)
        .and_then(|()| if out.len() > room.end { Err(EncodeError::too_long(most)) } else { Ok(()) });
    match result {
        Ok(()) => {
            // No longer than `max_frame_bytes`, so it fits.
            let length = out.len() - start - HEADER_BYTES;
            if let Some((header, payload)) =
                out.get_mut(start..).and_then(|frame| frame.split_first_chunk_mut::<HEADER_BYTES>())
            {
                *header = (length as u32).to_be_bytes();
                write_header(codec, payload, length);
            }
            Ok(())
        }
        Err(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// The longest payload of a frame, in bytes.
#[inline]
fn most_bytes(codec: Codec, limits: &Limits) -> u32 {
    match codec {
        Codec::MsgPackBlosc => limits.max_frame_bytes.min(blosc::MAX_CHUNK_BYTES),
        _ => limits.max_frame_bytes,
    }
}

/// The place of what stands before the message in a payload.
#[inline]
fn no_header(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::MsgPackBlosc => &[0; blosc::HEADER_BYTES],
        _ => &[],
    }
}

/// Writes what stands before the message in a payload of so many bytes.
#[inline]
fn write_header(codec: Codec, payload: &mut [u8], payload_bytes: usize) {
    if codec == Codec::MsgPackBlosc
        && let Some(header) = payload.first_chunk_mut()
    {
        *header = blosc::stored_header(payload_bytes - blosc::HEADER_BYTES);
    }
}

/// Holds what leaves to the bounds that the other end holds it to: a link would end over it.
///
/// A value takes a byte at the least, those of long texts aside, so only a payload with more bytes than values are allowed, or
/// with more heads of lists and maps than levels are, needs a look.
#[inline]
fn check_bounds(codec: Codec, payload: &[u8], text_bytes: usize, limits: &Limits) -> Result<(), EncodeError> {
    let levels = limits.max_depth.min(Limits::DEEPEST).into();
    let others = payload.len().saturating_sub(text_bytes);
    if others <= limits.max_nodes as usize && (others <= levels || !may_be_deeper(codec, payload, levels)) {
        return Ok(());
    }
    codec.scan(payload, limits).map_err(|error| {
        EncodeError::new(format!(
            "the other end would refuse it, {error}: send less at once, bytes as bytes (`serde_bytes`), flatter \
             values, or raise the limit at both ends"
        ))
    })
}

/// Whether more than `levels` bytes could be the head of a list or map. Some may be part of a text or number.
#[inline]
fn may_be_deeper(codec: Codec, payload: &[u8], levels: usize) -> bool {
    payload.len() > levels
        && match codec {
            Codec::Json => has_more(payload, levels, |byte| matches!(byte, b'[' | b'{')),
            Codec::MsgPack | Codec::MsgPackBlosc => {
                has_more(payload, levels, |byte| matches!(byte, 0x80..=0x9f | 0xdc..=0xdf))
            }
            Codec::Cbor => has_more(payload, levels, |byte| matches!(byte, 0x80..=0xbf)),
        }
}

/// Whether `wanted` holds for more than `most` bytes.
fn has_more(bytes: &[u8], most: usize, wanted: impl Fn(u8) -> bool) -> bool {
    let mut found = 0;
    // Counted in bytes, many at a time: a piece has no more of them than a byte can count.
    bytes.chunks(u8::MAX.into()).any(|piece| {
        found += usize::from(piece.iter().map(|byte| u8::from(wanted(*byte))).sum::<u8>());
        found > most
    })
}

/// Writes `[kind, id, content]`; says what writing the content said.
#[inline]
fn answer(
    codec: Codec,
    out: &mut BytesMut,
    kind: u64,
    id: &RawId,
    content: impl FnOnce(&mut BytesMut) -> Result<usize, EncodeError>,
) -> Result<usize, EncodeError> {
    open_list(codec, out, 3);
    number(codec, out, kind);
    next(codec, out);
    out.extend_from_slice(id.as_bytes());
    next(codec, out);
    let text_bytes = content(out)?;
    close_list(codec, out);
    Ok(text_bytes)
}

/// Appends what is encoded already. Nothing is known of its texts.
#[inline]
fn raw(out: &mut BytesMut, bytes: &[u8], room: Room) -> Result<usize, EncodeError> {
    if bytes.len() > room.end.saturating_sub(out.len()) {
        return Err(EncodeError::too_long(room.most));
    }
    out.extend_from_slice(bytes);
    Ok(0)
}

#[inline]
fn number(codec: Codec, out: &mut BytesMut, number: u64) {
    let mut buffer = [0; raw_id::INLINE_BYTES];
    let length = raw_id::write_number(codec, number, &mut buffer);
    out.extend_from_slice(buffer.get(..length).unwrap_or_default());
}

/// Opens a list of at most 15 elements.
#[inline]
fn open_list(codec: Codec, out: &mut BytesMut, elements: u8) {
    out.extend_from_slice(&[match codec {
        Codec::Json => b'[',
        Codec::MsgPack | Codec::MsgPackBlosc => 0x90 | elements,
        Codec::Cbor => 0x80 | elements,
    }]);
}

/// Writes what stands between two elements.
#[inline]
fn next(codec: Codec, out: &mut BytesMut) {
    if codec == Codec::Json {
        out.extend_from_slice(b",");
    }
}

#[inline]
fn close_list(codec: Codec, out: &mut BytesMut) {
    if codec == Codec::Json {
        out.extend_from_slice(b"]");
    }
}

#[inline]
fn empty_list(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Json => b"[]",
        Codec::MsgPack | Codec::MsgPackBlosc => &[0x90],
        Codec::Cbor => &[0x80],
    }
}

#[inline]
fn empty_map(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::Json => b"{}",
        Codec::MsgPack | Codec::MsgPackBlosc => &[0x80],
        Codec::Cbor => &[0xa0],
    }
}
