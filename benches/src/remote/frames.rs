//! The floor's frames: a length (u32, of what follows), an id (u64), the text.

use bytes::{Buf, BufMut, Bytes, BytesMut};

const LENGTH_BYTES: usize = 4;
const ID_BYTES: usize = 8;

/// Appends a frame.
pub(super) fn put(out: &mut BytesMut, id: u64, text: &[u8]) {
    let length = ID_BYTES + text.len();
    out.reserve(LENGTH_BYTES + length);
    out.put_u32(u32::try_from(length).expect("a bench's text is short"));
    out.put_u64(id);
    out.put_slice(text);
}

/// Takes a whole frame off the front, without a copy.
pub(super) fn take(input: &mut BytesMut) -> Option<(u64, Bytes)> {
    let length = u32::from_be_bytes(*input.first_chunk::<LENGTH_BYTES>()?) as usize;
    if input.len() < LENGTH_BYTES + length {
        return None;
    }
    input.advance(LENGTH_BYTES);
    let mut frame = input.split_to(length);
    Some((frame.get_u64(), frame.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_taken_and_half_a_frame_waits() {
        let mut out = BytesMut::new();
        put(&mut out, 7, b"one");
        put(&mut out, 8, b"");
        let mut input = BytesMut::from(&out[..out.len() - 1]);
        assert_eq!(take(&mut input), Some((7, Bytes::from_static(b"one"))));
        assert_eq!(take(&mut input), None);
        input.put_u8(8);
        assert_eq!(take(&mut input), Some((8, Bytes::new())));
        assert!(input.is_empty());
    }
}
