//! A buffer of each thread, in which replies are encoded before they join those that wait for a link.
//!
//! Always true: it is taken out while it is written, so an encoder that answers something itself finds another one. Where
//! the reply before was a large one, a large buffer is taken, for such replies seldom come alone.
//! Neighbours: [`inbound`](crate::inbound), and [`spare_buffers`] for the large ones.

use std::cell::Cell;

use bytes::BytesMut;

use crate::spare_buffers;

/// A buffer that has grown beyond this is not kept here, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<BytesMut> = Cell::new(BytesMut::new());
    /// Whether what was written last was large.
    static WAS_LARGE: Cell<bool> = const { Cell::new(false) };
}

/// What `write` writes.
pub(crate) fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    // A thread that is ending has none any more.
    let large = WAS_LARGE.try_with(Cell::get).unwrap_or(false).then(spare_buffers::take).flatten();
    let mut buffer = large.unwrap_or_else(|| SCRATCH.try_with(Cell::take).unwrap_or_default());
    write(&mut buffer);
    WAS_LARGE.try_with(|large| large.set(buffer.len() > KEPT_BYTES)).ok();
    buffer
}

/// Takes the buffer back for the next one.
pub(crate) fn give_back(mut buffer: BytesMut) {
    if buffer.capacity() > KEPT_BYTES {
        return spare_buffers::give_back(buffer);
    }
    buffer.clear();
    // As above.
    SCRATCH.try_with(|scratch| scratch.set(buffer)).ok();
}

/// Whether the frame is worth its buffer: a small one is copied out of a large buffer.
pub(crate) fn fills(frame: &BytesMut) -> bool {
    frame.capacity() <= KEPT_BYTES || frame.len() > KEPT_BYTES
}
