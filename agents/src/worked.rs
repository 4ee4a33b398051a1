//! How much agents and links have done on this thread: for clocks that wait until nothing can go on.
//!
//! Always true: each time that an agent or a link is polled on a thread, the thread's count grows. Neighbours:
//! [`life`](crate::life) and the platform's links count, its containers tell the count to their clock.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::shared::AgentShared;

thread_local! {
    static WORKED: Cell<u64> = const { Cell::new(0) };
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
    /// The last agent that worked.
    static AGENT: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
    static IS_AT_WORK: Cell<bool> = const { Cell::new(false) };
}

/// An agent or a link works on this thread.
#[inline]
pub fn note() {
    WORKED.with(|worked| worked.set(worked.get().wrapping_add(1)));
}

/// From now on the thread knows which agent works on it.
pub fn watch() {
    IS_WATCHED.set(true);
}

/// That agent works on this thread.
#[inline]
pub(crate) fn agent_begins(agent: &AgentShared) {
    // Its full name takes room once it is asked for.
    if IS_WATCHED.get() {
        IS_AT_WORK.set(true);
        AGENT.with(|last| *last.borrow_mut() = Some(agent.full_name().clone()));
    }
}

/// No agent works on this thread any more.
#[inline]
pub(crate) fn agent_pauses() {
    IS_AT_WORK.set(false);
}

/// The agent that works on this thread, where that is [watched](watch).
pub fn agent() -> Option<Arc<str>> {
    if IS_AT_WORK.get() { last_agent() } else { None }
}

/// The agent that works on this thread or was the last to, where that is [watched](watch).
pub fn last_agent() -> Option<Arc<str>> {
    AGENT.with(|agent| agent.borrow().clone())
}

/// No agent was the last.
pub fn forget_last_agent() {
    IS_AT_WORK.set(false);
    AGENT.with(|agent| agent.borrow_mut().take());
}

/// How often one has worked on this thread.
pub fn count() -> u64 {
    WORKED.with(Cell::get)
}
