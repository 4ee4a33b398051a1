//! The engine `memory:`: for tests, simulations and mail that need not outlive the process.
//!
//! Always true: all is behind one lock that is held for one operation, so each is a transaction; nothing in it depends on
//! the order of a hash table. Neighbours: [`ledger`] has the operations, [`store`](crate::store) says what they must
//! keep to.

mod directory;
mod ledger;
mod mailbox;
mod owning;
mod queue;
mod repeats;
mod sending;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use folkmoot_gateway::Admitted;

use crate::asker::Asker;
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::delivery::{Receipt, Refusal};
use crate::exchange::Reply;
use crate::ground::Ground;
use crate::mailbox::{Found, Lease, MailboxStats, Query, Registered, Registration, Status, Terminated};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, State, StateQuery, Step};
use crate::store::{Claim, Claimed, Store};

use ledger::Ledger;

/// Mailboxes in memory.
pub struct MemoryStore {
    ledger: Mutex<Ledger>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new(ground: Arc<Ground>) -> MemoryStore {
        MemoryStore { ledger: Mutex::new(Ledger::new(ground)) }
    }

    /// Does an operation, and tells the senders of requests that died in it.
    fn operate<T>(&self, now: Moment, operation: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let done = operation(&mut ledger);
        ledger.tell_of_deaths(now);
        done
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// Each operation is the ledger's, under the lock.
macro_rules! under_the_lock {
    ($($name:ident($now:ident, $($argument:ident: $kind:ty),*) -> $answer:ty;)*) => {
        $(fn $name<'a>(&'a self, $now: Moment, $($argument: $kind),*) -> Reply<'a, $answer> {
            Box::pin(async move { self.operate($now, |ledger| ledger.$name($now, $($argument),*)) })
        })*
    };
}

impl Store for MemoryStore {
    under_the_lock! {
        register(now, asker: &'a Asker, what: Registration) -> Registered;
        discover(now, asker: &'a Asker, query: Query) -> Vec<Found>;
        claim(now, asker: &'a Asker, claim: Claim) -> Claimed;
        acknowledge(now, asker: &'a Asker, receipt: Receipt) -> ();
        refuse(now, asker: &'a Asker, receipt: Receipt, refusal: Refusal) -> ();
        extend(now, asker: &'a Asker, receipt: Receipt, lease: Duration) -> Moment;
        commit(now, asker: &'a Asker, step: Step) -> Committed;
        status(now, asker: &'a Asker, mailbox: MailboxId) -> Status;
        terminate(now, asker: &'a Asker, mailbox: MailboxId) -> Terminated;
        heartbeat(now, asker: &'a Asker, mailbox: MailboxId) -> ();
        stats(now, asker: &'a Asker, mailbox: MailboxId) -> MailboxStats;
        share(now, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> ();
        unshare(now, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> bool;
        shares(now, asker: &'a Asker, mailbox: MailboxId) -> Vec<Arc<str>>;
        peek(now, asker: &'a Asker, mailbox: MailboxId, page: Page) -> Vec<Peeked>;
        purge(now, asker: &'a Asker, mailbox: MailboxId, what: Purge) -> u64;
        dead_letters(now, asker: &'a Asker, mailbox: MailboxId, page: Page) -> Vec<DeadLetter>;
        requeue(now, asker: &'a Asker, mailbox: MailboxId, positions: Vec<u64>) -> u64;
        take_lease(now, mailbox: MailboxId, holder: Arc<str>, time: Duration) -> Lease;
        renew_lease(now, mailbox: MailboxId, epoch: u64, time: Duration) -> Lease;
        give_up_lease(now, mailbox: MailboxId, epoch: u64) -> ();
        state(now, key: Arc<str>) -> Option<State>;
        states(now, query: StateQuery) -> Vec<(Arc<str>, State)>;
    }

    fn send(&self, now: Moment, posting: Admitted<Posting>) -> Reply<'_, Accepted> {
        Box::pin(async move { self.operate(now, |ledger| ledger.send(now, posting.message())) })
    }

    fn give_back(&self, now: Moment, asker: &Asker, receipts: Vec<Receipt>) {
        self.operate(now, |ledger| {
            for receipt in receipts {
                if let Err(error) = ledger.refuse(now, asker, receipt, Refusal::untouched()) {
                    tracing::debug!(%error, "a delivery could not be given back");
                }
            }
        });
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}
