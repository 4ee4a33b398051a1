//! The exchange: where mailboxes live.
//!
//! An agent that runs now and then, behind a NAT or in another language is met through its mailbox: mail is left there, kept
//! through crashes, delivered at least once and acknowledged. [`Exchange`] is the one trait for it; an [`Engine`] is the
//! one implementation, over a [`Store`] for each kind of storage. The front doors of a node and agents hold it as an
//! `Arc<dyn Exchange>`.
//!
//! The way of a mail: a gate admits a [`Posting`], [`Exchange::send`] puts its [`Mail`] into a mailbox,
//! [`Exchange::recv`] hands it over as a [`Delivery`], which is the receiver's until its lease is over, and
//! [`Exchange::acknowledge`] ends it. Neighbours: `folkmoot_gateway` judges, the platform holds the clocks.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod asker;
pub mod dead_letter;
pub mod death_notice;
pub mod delivery;
pub mod engine;
pub mod error;
pub mod exchange;
pub mod factory;
pub mod ground;
pub mod happening;
pub mod limits;
pub mod listener;
pub mod mail;
pub mod mailbox;
pub mod mailbox_id;
pub mod memory;
pub mod moment;
pub mod posting;
#[cfg(feature = "sqlite")]
pub mod sqlite;
pub mod step;
pub mod store;
mod validity;
pub mod waiting;

pub use asker::{Asker, Ownership};
pub use dead_letter::{DeadLetter, DeathCause, Page, Peeked, Purge, Standing};
pub use death_notice::{Death, DeathNotice};
pub use delivery::{Again, Delivery, Receipt, Recv, Refusal};
pub use engine::Engine;
pub use error::ExchangeError;
pub use exchange::{Exchange, Reply};
pub use factory::open;
pub use ground::Ground;
pub use happening::Happening;
pub use limits::{ExchangeLimits, MailboxLimits};
pub use listener::Listener;
pub use mail::{Mail, MailId, Tracking};
pub use mailbox::{
    Found, Lease, Mailbox, MailboxState, MailboxStats, Query, Registered, Registration, Status, Terminated,
};
pub use mailbox_id::{MailboxId, Role, Uuid};
pub use memory::MemoryStore;
pub use moment::{ExchangeClock, Moment};
pub use posting::{Accepted, Posting};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use step::{Committed, Fence, State, StatePut, StateQuery, Step};
pub use store::{Claim, Claimed, Store};
