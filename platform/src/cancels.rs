//! Requests of a peer that it took back.
//!
//! Costs nothing while nothing is cancelled: a flag is looked at. Always true: it changes under the lock alone, so it
//! is up wherever an id is remembered. Neighbours: [`inbound`](crate::inbound) writes here on `folkmoot/cancel`; the
//! reply sinks of running turns look.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::in_order::in_order;

/// Most ids that are remembered: a peer that cancels more than it has requests in hand gains nothing.
const MAX_CANCELLED: usize = 16_384;

/// What was taken back on one link.
#[derive(Debug, Default)]
pub(crate) struct Cancels {
    any: AtomicBool,
    closed: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    cancelled: HashSet<u64>,
    watching: HashMap<u64, Waker>,
}

impl Cancels {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The peer takes request `id` back.
    pub(crate) fn cancel(&self, id: u64) {
        let mut inner = self.lock();
        // So many cannot be in hand: these are cancels that met their replies on the way.
        if inner.cancelled.len() >= MAX_CANCELLED {
            inner.cancelled.clear();
        }
        inner.cancelled.insert(id);
        self.any.store(true, Ordering::Release);
        let watcher = inner.watching.remove(&id);
        drop(inner);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }

    /// Request `id` begins: a cancel that came before it meant another one.
    pub(crate) fn begin(&self, id: u64) {
        if self.any.load(Ordering::Acquire) {
            self.lock().cancelled.remove(&id);
        }
    }

    /// Whether request `id` was taken back, or the link is gone.
    pub(crate) fn is_cancelled(&self, id: u64) -> bool {
        self.closed.load(Ordering::Acquire) || self.is_taken_back(id)
    }

    /// Whether request `id` was taken back.
    #[inline]
    pub(crate) fn is_taken_back(&self, id: u64) -> bool {
        self.any.load(Ordering::Acquire) && self.lock().cancelled.contains(&id)
    }

    /// Whether the link is gone, and request `id` was not taken back before.
    pub(crate) fn is_lost(&self, id: u64) -> bool {
        self.closed.load(Ordering::Acquire) && !self.lock().cancelled.contains(&id)
    }

    /// Ready when request `id` is taken back or the link is gone.
    pub(crate) fn poll_cancelled(&self, id: u64, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if self.closed.load(Ordering::Acquire) || inner.cancelled.contains(&id) {
            return Poll::Ready(());
        }
        inner.watching.insert(id, cx.waker().clone());
        Poll::Pending
    }

    /// Request `id` is over.
    pub(crate) fn forget(&self, id: u64, watched: bool) {
        if watched || self.any.load(Ordering::Acquire) {
            let mut inner = self.lock();
            inner.watching.remove(&id);
            inner.cancelled.remove(&id);
            if inner.cancelled.is_empty() {
                self.any.store(false, Ordering::Release);
            }
        }
    }

    /// Forgets all where no request is in hand: what is still remembered belongs to none.
    pub(crate) fn clear(&self, in_hand: &AtomicUsize) {
        if self.any.load(Ordering::Acquire) {
            let mut inner = self.lock();
            // Asked under the lock: a request that begins after this look is cancelled after it.
            if in_hand.load(Ordering::Acquire) == 0 {
                inner.cancelled.clear();
                self.any.store(false, Ordering::Release);
            }
        }
    }

    /// The link is gone: everything is taken back.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let watching = std::mem::take(&mut self.lock().watching);
        in_order(watching).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_forgotten_while_a_request_is_in_hand() {
        let (cancels, in_hand) = (Cancels::default(), AtomicUsize::new(1));
        cancels.cancel(7);
        cancels.clear(&in_hand);
        assert!(cancels.is_cancelled(7));
        in_hand.store(0, Ordering::Release);
        cancels.clear(&in_hand);
        assert!(!cancels.is_cancelled(7));
    }

    #[test]
    fn a_cancel_that_meets_a_clearing_stands() {
        let (cancels, in_hand) = (Cancels::default(), AtomicUsize::new(0));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let clearing = scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    cancels.clear(&in_hand);
                }
            });
            for id in 0..20_000 {
                in_hand.fetch_add(1, Ordering::AcqRel);
                cancels.begin(id);
                cancels.cancel(id);
                let stands = cancels.is_cancelled(id);
                in_hand.fetch_sub(1, Ordering::AcqRel);
                if !stands {
                    done.store(true, Ordering::Release);
                    panic!("the cancel of {id} was forgotten");
                }
            }
            done.store(true, Ordering::Release);
            clearing.join().unwrap();
        });
    }
}
