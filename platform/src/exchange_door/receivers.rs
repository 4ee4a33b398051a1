//! The receivers of one link's peer: those that wait for mail here, and those whose mail is on its way to them.
//!
//! Always true: what was delivered to a receiver that went away, or whose link ended, before it said that its mail has
//! arrived, goes back at once; there are no more of them than `max_waiting_receivers`. Neighbours: the
//! [`exchange_door`](super) enters them, the [`link`](crate::link) closes them with itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use folkmoot_agents::counters::Counters;
use folkmoot_exchange::{Asker, Exchange, Receipt};
use tokio::sync::oneshot;

use crate::in_order::in_order;

/// All of one link.
pub(crate) struct Receivers {
    inner: Mutex<Inner>,
    is_watched: AtomicBool,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Inner {
    by_request: HashMap<u64, Stage>,
    closed: bool,
}

enum Stage {
    /// Dropped, the waiting ends.
    Waiting {
        _tell: oneshot::Sender<()>,
    },
    Delivered(Delivered),
}

/// Mail on its way.
pub(super) struct Delivered {
    pub(super) exchange: Arc<dyn Exchange>,
    pub(super) asker: Asker,
    pub(super) receipts: Vec<Receipt>,
}

impl Delivered {
    /// Nobody has taken it.
    pub(super) fn give_back(self) {
        self.exchange.give_back(&self.asker, self.receipts);
    }
}

/// Why a receiver was not entered.
pub(super) enum NotEntered {
    Full,
    /// Its request has the number of another one.
    Taken,
    /// The link has ended.
    Gone,
}

impl Receivers {
    pub(crate) fn new(counters: &Arc<Counters>) -> Receivers {
        Receivers { inner: Mutex::default(), is_watched: AtomicBool::new(false), counters: counters.clone() }
    }

    /// Whether the link was not watched before, for those who wait over it.
    pub(super) fn begins_to_be_watched(&self) -> bool {
        !self.is_watched.swap(true, Ordering::AcqRel)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters the receiver that asks by request `id`. What it gets is told when it waits no more.
    pub(super) fn begin(&self, id: u64, limit: usize) -> Result<oneshot::Receiver<()>, NotEntered> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(NotEntered::Gone);
        }
        let count = inner.by_request.len();
        match inner.by_request.entry(id) {
            Entry::Occupied(_) => Err(NotEntered::Taken),
            Entry::Vacant(_) if count >= limit => Err(NotEntered::Full),
            Entry::Vacant(vacant) => {
                let (tell, told) = oneshot::channel();
                vacant.insert(Stage::Waiting { _tell: tell });
                self.counters.far_receivers.increment(1);
                Ok(told)
            }
        }
    }

    /// Mail leaves for the receiver, which is to say that it has arrived. Given back where it waits no more.
    pub(super) fn deliver(&self, id: u64, delivered: Delivered) -> Result<(), Delivered> {
        match self.inner().by_request.get_mut(&id) {
            Some(stage @ Stage::Waiting { .. }) => {
                *stage = Stage::Delivered(delivered);
                Ok(())
            }
            Some(Stage::Delivered(_)) | None => Err(delivered),
        }
    }

    fn remove(&self, id: u64) -> Option<Stage> {
        let stage = self.inner().by_request.remove(&id)?;
        self.counters.far_receivers.decrement(1);
        Some(stage)
    }

    /// The receiver is over: it gets nothing, or its mail has arrived. Says whether there was one.
    pub(super) fn end(&self, id: u64) -> bool {
        self.remove(id).is_some()
    }

    /// The receiver went away. Says whether there was one.
    pub(crate) fn cancel(&self, id: u64) -> bool {
        let stage = self.remove(id);
        let was_there = stage.is_some();
        self.give_back(stage);
        was_there
    }

    fn give_back(&self, stage: Option<Stage>) {
        if let Some(Stage::Delivered(delivered)) = stage {
            self.counters.far_deliveries_lost.increment(delivered.receipts.len() as u64);
            delivered.give_back();
        }
    }

    /// The link has ended.
    pub(crate) fn close(&self) {
        let all = {
            let mut inner = self.inner();
            inner.closed = true;
            std::mem::take(&mut inner.by_request)
        };
        self.counters.far_receivers.decrement(all.len() as f64);
        in_order(all).for_each(|stage| self.give_back(Some(stage)));
    }
}
