//! Places for connections that have proven nothing yet: a bounded number, and the newest always gets one.
//!
//! Always true: where all places are taken, the oldest gives way. So a crowd that connects and says nothing keeps
//! nobody out who speaks at once. Neighbours: the [`listener`](crate::listener) gives places, a first frame gives
//! them back.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

/// Why a connection lost its place.
pub(crate) const GAVE_WAY: &str = "too many connections have not proven themselves, and this was the oldest";

/// All places of one listener.
#[derive(Debug)]
pub(crate) struct Unproven {
    limit: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    /// By age. A dropped sender tells its place.
    places: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Unproven {
    /// As many places as `limit`, at least one.
    pub(crate) fn new(limit: usize) -> Arc<Unproven> {
        Arc::new(Unproven { limit: limit.max(1), taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place; where there is none, that of the oldest.
    pub(crate) fn take(self: &Arc<Self>) -> Place {
        let (tell, lost) = oneshot::channel();
        let mut taken = self.taken();
        if taken.places.len() >= self.limit {
            taken.places.pop_first();
        }
        let number = taken.next;
        taken.next += 1;
        taken.places.insert(number, tell);
        Place { number, lost, of: self.clone() }
    }
}

/// One place, given back when it is dropped. As a future it is ready once it has been lost.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    lost: oneshot::Receiver<()>,
    of: Arc<Unproven>,
}

impl Future for Place {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.lost).poll(cx).map(drop)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.taken().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_lost(place: &mut Place) -> bool {
        Pin::new(place).poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn the_oldest_gives_way_and_a_place_given_back_is_free() {
        let unproven = Unproven::new(2);
        let (mut first, mut second) = (unproven.take(), unproven.take());
        assert!(!is_lost(&mut first) && !is_lost(&mut second));
        let mut third = unproven.take();
        assert!(is_lost(&mut first) && !is_lost(&mut second) && !is_lost(&mut third));
        drop(first);
        drop(second);
        let mut fourth = unproven.take();
        assert!(!is_lost(&mut third) && !is_lost(&mut fourth));
        let _fifth = unproven.take();
        assert!(is_lost(&mut third) && !is_lost(&mut fourth));
    }
}
