//! How much agents and links have done on this thread: for clocks that wait until nothing can go on.
//!
//! Always true: each time that an agent or a link is polled on a thread, the thread's count grows. Neighbours:
//! [`life`](crate::life) and the platform's links count, its containers tell the count to their clock.

use std::cell::Cell;

thread_local! {
    static WORKED: Cell<u64> = const { Cell::new(0) };
}

/// An agent or a link works on this thread.
#[inline]
pub fn note() {
    WORKED.with(|worked| worked.set(worked.get().wrapping_add(1)));
}

/// How often one has worked on this thread.
pub fn count() -> u64 {
    WORKED.with(Cell::get)
}
