//! What an engine stores, and the operations on it: all that is left of an [`Exchange`](crate::Exchange) when the
//! waiting is taken out.
//!
//! What a store must keep to:
//!
//! - Each operation is one transaction: all of it, durable when its future is ready, or nothing.
//! - `now` is the time, unless the store has one that all its users share; it reads no other clock.
//! - It wakes ([`Ground::waiting`](crate::Ground::waiting)) one receiver of a mailbox for each mail that is put there (`send`,
//!   `requeue`, `commit`, the answers of `terminate`), one after `refuse`, and one after an acknowledgement that leaves mail
//!   which can be delivered; all receivers of a mailbox after `register` of a known one, `terminate`, `take_lease` and
//!   `give_up_lease`. Leases and delays that end wake nobody: [`Claimed::next`] tells of them.
//! - What is lost or left lying it tells the ground: [`Ground::died`](crate::Ground::died), `lost`, `thrown_away`, `forgot`. The engine
//!   counts the rest.
//! - Arguments have passed [`validity`](crate::validity); bounds that need what is stored are the store's to keep.
//! - A `claim` whose future is dropped keeps nothing: what it claimed is as it was.
//!
//! Neighbours: [`engine`](crate::engine) calls it; [`memory`](crate::memory) is one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_gateway::Admitted;

use crate::asker::Asker;
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::delivery::{Delivery, Receipt, Refusal};
use crate::exchange::Reply;
use crate::mailbox::{Found, Lease, MailboxStats, Query, Registered, Registration, Status, Terminated};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, State, StateQuery, Step};

/// What a receiver claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of which mailbox.
    pub mailbox: MailboxId,
    /// How long each delivery is the receiver's.
    pub lease: Duration,
    /// How many deliveries at most.
    pub max: usize,
    /// The receiver's epoch, where it owns the mailbox.
    pub epoch: Option<u64>,
}

/// What a receiver got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The mail, in order.
    pub deliveries: Vec<Delivery>,
    /// When there may be mail that nobody sends: the earliest end of a lease or a delay in that mailbox. Needed where there
    /// are no deliveries.
    pub next: Option<Moment>,
}

/// The storage of an engine. Each operation is described at the one of [`Exchange`](crate::Exchange) of its name.
#[allow(missing_docs, reason = "each is the operation of `Exchange` of its name, without the waiting")]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    fn register<'a>(&'a self, now: Moment, asker: &'a Asker, what: Registration) -> Reply<'a, Registered>;
    fn discover<'a>(&'a self, now: Moment, asker: &'a Asker, query: Query) -> Reply<'a, Vec<Found>>;
    fn send(&self, now: Moment, posting: Admitted<Posting>) -> Reply<'_, Accepted>;
    /// What can be delivered now, as delivered.
    fn claim<'a>(&'a self, now: Moment, asker: &'a Asker, claim: Claim) -> Reply<'a, Claimed>;
    fn acknowledge<'a>(&'a self, now: Moment, asker: &'a Asker, receipt: Receipt) -> Reply<'a, ()>;
    /// Need not be durable beyond the process; nothing, unless said otherwise, as where mail ends with the process.
    fn note_left(&self, receipts: &[Receipt]) {
        let _ = receipts;
    }
    fn refuse<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        receipt: Receipt,
        refusal: Refusal,
    ) -> Reply<'a, ()>;
    /// Refuses each of them as untouched, soon and whether or not anyone waits; what cannot be is left out.
    fn give_back(&self, now: Moment, asker: &Asker, receipts: Vec<Receipt>);
    fn extend<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        receipt: Receipt,
        lease: Duration,
    ) -> Reply<'a, Moment>;
    fn commit<'a>(&'a self, now: Moment, asker: &'a Asker, step: Step) -> Reply<'a, Committed>;
    fn status<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Status>;
    fn terminate<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Terminated>;
    /// Need not be durable: after a new start an agent is inactive until its next sign of life.
    fn heartbeat<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, ()>;
    fn stats<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, MailboxStats>;
    fn share<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        group: Arc<str>,
    ) -> Reply<'a, ()>;
    fn unshare<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        group: Arc<str>,
    ) -> Reply<'a, bool>;
    fn shares<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Vec<Arc<str>>>;
    fn peek<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<Peeked>>;
    fn purge<'a>(&'a self, now: Moment, asker: &'a Asker, mailbox: MailboxId, what: Purge) -> Reply<'a, u64>;
    fn dead_letters<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<DeadLetter>>;
    fn requeue<'a>(
        &'a self,
        now: Moment,
        asker: &'a Asker,
        mailbox: MailboxId,
        positions: Vec<u64>,
    ) -> Reply<'a, u64>;
    fn take_lease<'a>(
        &'a self,
        now: Moment,
        mailbox: MailboxId,
        holder: Arc<str>,
        time: Duration,
    ) -> Reply<'a, Lease>;
    fn renew_lease<'a>(
        &'a self,
        now: Moment,
        mailbox: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Reply<'a, Lease>;
    fn give_up_lease<'a>(&'a self, now: Moment, mailbox: MailboxId, epoch: u64) -> Reply<'a, ()>;
    fn state<'a>(&'a self, now: Moment, key: Arc<str>) -> Reply<'a, Option<State>>;
    fn states<'a>(&'a self, now: Moment, query: StateQuery) -> Reply<'a, Vec<(Arc<str>, State)>>;
    /// Writes its last and lets go of its files.
    fn close(&self) -> Reply<'_, ()>;
}
