//! A buffer of each thread, in which replies are encoded before they join those that wait for a link.
//!
//! Always true: it is taken out while it is written, so an encoder that answers something itself finds another one.
//! Neighbour: [`inbound`](crate::inbound).

use std::cell::Cell;

use bytes::BytesMut;

/// A buffer that has grown beyond this is not kept, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// What `write` writes.
pub(crate) fn written(write: impl FnOnce(&mut BytesMut)) -> BytesMut {
    // A thread that is ending has none any more.
    let mut buffer = SCRATCH.try_with(Cell::take).unwrap_or_default();
    write(&mut buffer);
    buffer
}

/// Takes the buffer back for the next one.
pub(crate) fn give_back(mut buffer: BytesMut) {
    if buffer.capacity() <= KEPT_BYTES {
        buffer.clear();
        // As above.
        SCRATCH.try_with(|scratch| scratch.set(buffer)).ok();
    }
}
