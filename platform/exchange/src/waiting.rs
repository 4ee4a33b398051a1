//! Who waits for mail, by mailbox: one table for all engines.
//!
//! Always true: of those who wait at a mailbox at least one knows of what was sent, and of the earliest lease or delay that
//! ends there. That is why whoever leaves, with mail or without, wakes another one. Neighbours:
//! [`engine`](crate::engine) enters receivers, a [`Store`](crate::Store) wakes them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::error::ExchangeError;
use crate::mailbox_id::MailboxId;

/// The receivers that wait.
pub struct Waiting {
    limit: usize,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    by_mailbox: HashMap<MailboxId, Place>,
    count: usize,
}

struct Place {
    notify: Arc<Notify>,
    count: usize,
}

impl Waiting {
    pub(crate) fn new(limit: usize) -> Waiting {
        Waiting { limit, places: Mutex::default() }
    }

    /// Wakes one receiver of a mailbox: there is one mail more for it.
    pub fn wake_one(&self, mailbox: MailboxId) {
        if let Some(place) = self.places().by_mailbox.get(&mailbox) {
            place.notify.notify_one();
        }
    }

    /// Wakes all receivers of a mailbox: something is different now.
    pub fn wake_all(&self, mailbox: MailboxId) {
        if let Some(place) = self.places().by_mailbox.get(&mailbox) {
            place.notify.notify_waiters();
        }
    }

    /// Wakes everyone: the exchange is closed.
    pub fn wake_everyone(&self) {
        for place in self.places().by_mailbox.values() {
            place.notify.notify_waiters();
        }
    }

    /// How many receivers wait.
    pub fn count(&self) -> usize {
        self.places().count
    }

    /// Enters a receiver, until what it gets is dropped.
    pub(crate) fn enter(&self, mailbox: MailboxId) -> Result<Waiter<'_>, ExchangeError> {
        let mut places = self.places();
        if places.count >= self.limit {
            return Err(ExchangeError::Full {
                what: "waiting_receivers",
                whose: "the exchange".to_owned(),
                limit: u64::try_from(self.limit).unwrap_or(u64::MAX),
                advice: "receive without waiting, or end others",
            });
        }
        places.count += 1;
        let place = places
            .by_mailbox
            .entry(mailbox)
            .or_insert_with(|| Place { notify: Arc::new(Notify::new()), count: 0 });
        place.count += 1;
        Ok(Waiter { waiting: self, mailbox, notify: place.notify.clone() })
    }

    fn leave(&self, mailbox: MailboxId) {
        let mut places = self.places();
        places.count -= 1;
        if let Some(place) = places.by_mailbox.get_mut(&mailbox) {
            place.count -= 1;
            match place.count {
                0 => drop(places.by_mailbox.remove(&mailbox)),
                _ => place.notify.notify_one(),
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("count", &self.count()).field("limit", &self.limit).finish()
    }
}

/// A receiver's place among those who wait.
pub(crate) struct Waiter<'a> {
    waiting: &'a Waiting,
    mailbox: MailboxId,
    notify: Arc<Notify>,
}

impl Waiter<'_> {
    /// What wakes it.
    pub(crate) fn notify(&self) -> &Notify {
        &self.notify
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiting.leave(self.mailbox);
    }
}
