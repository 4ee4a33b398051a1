//! The operations of an exchange as they cross a link: what is asked, what is answered, what is refused.
//!
//! `codecs/WIRE.md` has the table. Always true: what was read can be written again, and nothing that an exchange holds is
//! left out; times are milliseconds, ids are texts, bodies are bytes. Neighbours: the
//! [`far_exchange`](crate::far_exchange) asks, the [`exchange_door`](crate::exchange_door) answers.

use folkmoot_exchange::{Asker, MailboxId};
use serde::{Deserialize, Serialize};

mod blob;
mod mailboxes;
mod mails;
mod refused;
mod steps;
mod texts;

pub(crate) use blob::Blob;
pub(crate) use mailboxes::{Found, Lease, Query, Registered, Registration, Stats, Status, Terminated};
pub(crate) use mails::{Accepted, DeadLetter, Delivery, Peeked, Posting, Receipt, Refusal};
pub(crate) use refused::{Refused, lasting};
pub(crate) use steps::{Committed, Keyed, Put, State, Step};
pub(crate) use texts::{Id, millis, millis_up};

/// What every path of the exchange begins with; the operation follows.
pub(crate) const PREFIX: &str = "folkmoot/exchange/";

/// For whom a node asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    /// The group that it acts for; by default itself.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// A user of its own, as one of its front doors knows them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<User>,
    /// Which life of the node asks, and its number among all that it ever asked: the same where it asks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<(u64, u64)>,
}

/// A user of a node's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
}

impl User {
    /// `None` is the container itself.
    pub(crate) fn of(asker: &Asker) -> Option<User> {
        match asker {
            Asker::Container => None,
            Asker::User { name, groups } => Some(User {
                name: name.to_string(),
                groups: groups.iter().map(ToString::to_string).collect(),
            }),
        }
    }
}

/// A part of a list, and whether there is more of it than one answer holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part<T> {
    pub(crate) entries: Vec<T>,
    #[serde(default)]
    pub(crate) more: bool,
}

/// The owner's epoch or the fence of a mailbox.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Fence {
    pub(crate) mailbox: Id,
    pub(crate) epoch: u64,
}

impl From<Id> for MailboxId {
    fn from(id: Id) -> MailboxId {
        id.0
    }
}
