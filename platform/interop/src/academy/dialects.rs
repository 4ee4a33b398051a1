//! Which shape of messages the clients of a mailbox read, as far as it is not today's.
//!
//! Always true: at most [`MOST`] mailboxes are remembered; of others it is taken that they read today's. Neighbours:
//! [`sending`](super::sending) learns it from the messages that a mailbox sends, [`rendering`](super::rendering) asks.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use folkmoot::exchange::MailboxId;

use super::message::Dialect;

/// Most mailboxes of older clients that are remembered.
const MOST: usize = 100_000;

/// The mailboxes whose clients are older.
#[derive(Debug, Default)]
pub(crate) struct Dialects(Mutex<HashMap<MailboxId, Dialect>>);

impl Dialects {
    /// A mailbox has sent a message of that shape.
    pub(crate) fn learn(&self, mailbox: MailboxId, dialect: Dialect) {
        if dialect == Dialect::New {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(&mailbox) {
            tracing::warn!(%mailbox, "too many clients of older releases; this one is answered as one of today's");
            return;
        }
        known.insert(mailbox, dialect);
    }

    /// What the clients of a mailbox read.
    pub(crate) fn of(&self, mailbox: MailboxId) -> Dialect {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&mailbox).copied().unwrap_or_default()
    }

    /// The mailbox is over.
    pub(crate) fn forget(&self, mailbox: MailboxId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&mailbox);
    }
}
