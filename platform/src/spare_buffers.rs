//! Large buffers that a thread keeps for its next large payload: fresh memory costs the system more than the bytes in it.
//!
//! Always true: a thread keeps no more than [`MAX_SPARE_BYTES`]; a buffer is empty when it is kept, and its next user sees
//! only what it puts there. A buffer grew by what had come, never by what a peer promised. Neighbours: links
//! [read](crate::link_task) into them and write from them, [`scratch`](crate::scratch) encodes large replies in them.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// A buffer from this capacity on is large, in bytes.
pub(crate) const LARGE_BYTES: usize = 128 * 1024;
/// A buffer of more bytes is not kept: a peer that begins a large payload holds one until it sends on or loses its link.
const MAX_BUFFER_BYTES: usize = (2 << 20) + (64 << 10);
/// Most bytes that a thread keeps.
const MAX_SPARE_BYTES: usize = 8 * 1024 * 1024;

thread_local! {
    static SPARE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// A large buffer, if this thread has one to spare: the one that was used last.
pub(crate) fn take() -> Option<BytesMut> {
    // A thread that is ending has none any more.
    SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten()
}

/// The buffer's bytes in a spare one, if there is one with more room.
pub(crate) fn larger(buffer: BytesMut) -> BytesMut {
    match take() {
        Some(mut spare) if spare.capacity() > buffer.capacity() => {
            spare.extend_from_slice(&buffer);
            give_back(buffer);
            spare
        }
        Some(spare) => {
            give_back(spare);
            buffer
        }
        None => buffer,
    }
}

/// Keeps the buffer, if it is a large one and there is room.
pub(crate) fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    // What was read off its front is room again.
    let _ = buffer.try_reclaim(buffer.capacity() + 1);
    let bytes = buffer.capacity();
    if !(LARGE_BYTES..=MAX_BUFFER_BYTES).contains(&bytes) {
        return;
    }
    let kept = SPARE.try_with(|spare| {
        let spare = &mut *spare.borrow_mut();
        if spare.iter().map(BytesMut::capacity).sum::<usize>() + bytes <= MAX_SPARE_BYTES {
            spare.push(buffer);
        }
    });
    // As above.
    kept.ok();
}

/// Keeps the buffer of a payload that nobody reads any more.
pub(crate) fn recycle(payload: Bytes) {
    if payload.len() >= LARGE_BYTES
        && let Ok(buffer) = payload.try_into_mut()
    {
        give_back(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_is_read_leaves_its_buffer_empty_and_whole() {
        let mut stream = BytesMut::with_capacity(4 * LARGE_BYTES);
        stream.extend_from_slice(&[7; 3 * LARGE_BYTES]);
        let place = stream.as_ptr();
        let payload = stream.split().split_off(4).freeze();
        drop(stream);
        let reader = payload.slice(..10);
        recycle(payload.clone());
        assert!(take().is_none(), "somebody reads it still");
        drop(reader);
        recycle(payload);
        let spare = take().unwrap();
        assert!(spare.is_empty() && spare.capacity() >= 4 * LARGE_BYTES, "{} bytes", spare.capacity());
        assert_eq!(spare.as_ptr(), place);
    }

    #[test]
    fn no_more_is_kept_than_may_be() {
        give_back(BytesMut::with_capacity(LARGE_BYTES - 1));
        give_back(BytesMut::with_capacity(MAX_BUFFER_BYTES + 1));
        assert!(take().is_none());
        for _ in 0..10 {
            give_back(BytesMut::with_capacity(MAX_SPARE_BYTES / 4));
        }
        assert_eq!(std::iter::from_fn(take).count(), 4);
    }
}
