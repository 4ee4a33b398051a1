//! The one trait behind which mailboxes live.
//!
//! What always holds, whatever the engine:
//!
//! - An accepted mail is delivered until it is acknowledged, expires, or was delivered as often as its mailbox allows;
//!   then it is a dead letter with a cause. Only a terminated mailbox takes its mail with it.
//! - Mail is delivered in the order in which it was accepted, higher priorities first. What is delivered again has its
//!   old place.
//! - A refused operation has changed nothing. Each bound has a name and is an error when it is reached.
//! - A dropped future of an operation may have been carried out or not; a dropped [`Exchange::recv`] keeps no mail.
//!
//! Neighbours: [`engine`](crate::engine) is the implementation, over a [`Store`](crate::Store) for each kind of storage.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_gateway::{Admitted, GateId};
use futures_util::future::BoxFuture;

use crate::asker::Asker;
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::delivery::{Delivery, Receipt, Recv, Refusal};
use crate::error::ExchangeError;
use crate::mailbox::{Found, Lease, MailboxStats, Query, Registered, Registration, Status, Terminated};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::posting::{Accepted, Posting};
use crate::step::{Committed, State, StateQuery, Step};

/// What an operation gives, some time.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, ExchangeError>>;

/// Where mailboxes live. It is held as an `Arc<dyn Exchange>`, which is what its factory [`open`](crate::open) gives.
///
/// Each operation takes who asks. Where a mailbox is named that the asker may not use, the error is
/// [`ExchangeError::Forbidden`]; where there is none, [`ExchangeError::NoSuchMailbox`]; where it was terminated,
/// [`ExchangeError::MailboxTerminated`]; these three stand for themselves and are not told again below, nor are
/// those of engines: `Closed`, `DiskFull`, `Damaged` and `Failed`.
pub trait Exchange: Send + Sync + fmt::Debug + 'static {
    /// Registers a mailbox, or gives one that is there its new name, types, capabilities and limits.
    ///
    /// # Errors
    /// `Invalid` where a text is none that can be, `Full` where there are too many mailboxes.
    fn register<'a>(&'a self, asker: &'a Asker, registration: Registration) -> Reply<'a, Registered>;

    /// The mailboxes that match, live, and are the asker's to use, in the order of their registration.
    ///
    /// # Errors
    /// `Invalid` where the page is too long.
    fn discover<'a>(&'a self, asker: &'a Asker, query: Query) -> Reply<'a, Vec<Found>>;

    /// Leaves a mail in a mailbox. Once this has ended well the mail is kept through any crash that its engine survives.
    ///
    /// # Errors
    /// `WrongGate` and `WrongName` where the gate judged something else, `Full` where the mailbox is, `TooLarge`, `IdUsed`
    /// where another mail bears its id, `Expired` where its time is over, `Invalid` where it cannot be: a request of nobody, a priority beyond the highest.
    fn send(&self, posting: Admitted<Posting>) -> Reply<'_, Accepted>;

    /// Receives mail: what is there at once, else what comes within the time that `how` gives; nothing where nothing came.
    ///
    /// # Errors
    /// `Owned` where someone owns the mailbox and the asker does not say that it is them, `NotTheOwner` where that is over;
    /// `Invalid` where the lease or the wait is longer than allowed.
    fn recv<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, how: Recv) -> Reply<'a, Vec<Delivery>>;

    /// Ends a delivery: its mail is done with and never delivered again.
    ///
    /// # Errors
    /// `LeaseOver` where its lease is, `NotTheOwner` where its owner's is.
    fn acknowledge<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt) -> Reply<'a, ()>;

    /// Notes that the bytes of these deliveries have left for a receiver that acknowledges nothing itself: if this process dies
    /// before they are acknowledged or given back, they are done with, for the system sends what it has taken. Until then nothing
    /// changes. One that is over stays so. It is done at once and waits for nothing. An engine that does not outlive its process
    /// notes nothing, nor does one elsewhere.
    fn note_left(&self, receipts: &[Receipt]) {
        let _ = receipts;
    }

    /// Gives a delivery back, to be delivered again later or never.
    ///
    /// # Errors
    /// As [`Exchange::acknowledge`].
    fn refuse<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt, refusal: Refusal) -> Reply<'a, ()>;

    /// Gives deliveries back that nobody has looked at, to be delivered at once, and waits for nothing: for whoever goes away.
    /// One that is over stays so.
    fn give_back(&self, asker: &Asker, receipts: Vec<Receipt>);

    /// Keeps a delivery for `lease` from now on; its new end.
    ///
    /// # Errors
    /// As [`Exchange::acknowledge`].
    fn extend<'a>(&'a self, asker: &'a Asker, receipt: &'a Receipt, lease: Duration) -> Reply<'a, Moment>;

    /// Acknowledges, writes states and sends, all or nothing.
    ///
    /// # Errors
    /// Those of its parts, and `NotTheOwner` where its fence has fallen.
    fn commit<'a>(&'a self, asker: &'a Asker, step: Step) -> Reply<'a, Committed>;

    /// How a mailbox fares. A missing and a terminated one are told as such, and are no errors.
    ///
    /// # Errors
    /// `Forbidden`.
    fn status<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Status>;

    /// Ends a mailbox for ever: its unanswered requests, delivered or not, are answered with
    /// [`MAILBOX_TERMINATED`](crate::mail::MAILBOX_TERMINATED), its mail goes, whoever waits for some is told.
    /// One that is over, or missing, stays as it is.
    ///
    /// # Errors
    /// `Forbidden`.
    fn terminate<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Terminated>;

    /// A sign of life from the agent of a mailbox.
    ///
    /// # Errors
    /// Those of every operation.
    fn heartbeat<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, ()>;

    /// What a mailbox holds and has done.
    ///
    /// # Errors
    /// Those of every operation.
    fn stats<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, MailboxStats>;

    /// Shares a mailbox with a group, whose members may use it then.
    ///
    /// # Errors
    /// `NotOwner`, `NotInGroup`, `Full` where it is shared with too many.
    fn share<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> Reply<'a, ()>;

    /// Shares a mailbox with a group no more; whether it was.
    ///
    /// # Errors
    /// `NotOwner`.
    fn unshare<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, group: Arc<str>) -> Reply<'a, bool>;

    /// The groups that a mailbox is shared with.
    ///
    /// # Errors
    /// `NotOwner`.
    fn shares<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId) -> Reply<'a, Vec<Arc<str>>>;

    /// The mail that waits or is in hand, in the order in which it was accepted.
    ///
    /// # Errors
    /// `Invalid` where the page is too long.
    fn peek<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, page: Page) -> Reply<'a, Vec<Peeked>>;

    /// Throws mail away; how many.
    ///
    /// # Errors
    /// Those of every operation.
    fn purge<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, what: Purge) -> Reply<'a, u64>;

    /// The dead letters of a mailbox, by position.
    ///
    /// # Errors
    /// `Invalid` where the page is too long.
    fn dead_letters<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        page: Page,
    ) -> Reply<'a, Vec<DeadLetter>>;

    /// Puts dead letters back into their mailbox, as new mail at its end that does not expire; how many there were of those
    /// that were named.
    ///
    /// # Errors
    /// `Full` where the mailbox has no room for all of them.
    fn requeue<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, positions: Vec<u64>) -> Reply<'a, u64>;

    /// Makes `holder` the one owner of a mailbox for `time`. What was delivered before is taken back.
    /// Who held it before under the same name loses it.
    ///
    /// # Errors
    /// `ContainerOnly`, `Owned` where another holds it, `Invalid` where the time is longer than a lease may be.
    fn take_lease<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        holder: Arc<str>,
        time: Duration,
    ) -> Reply<'a, Lease>;

    /// Keeps an owner's lease for `time` from now on.
    ///
    /// # Errors
    /// `ContainerOnly`, `NotTheOwner`, `Invalid` where the time is longer than a lease may be.
    fn renew_lease<'a>(
        &'a self,
        asker: &'a Asker,
        mailbox: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Reply<'a, Lease>;

    /// Ends an owner's lease, so that another may take it at once. What was delivered under it is taken back.
    ///
    /// # Errors
    /// `ContainerOnly`, `NotTheOwner`.
    fn give_up_lease<'a>(&'a self, asker: &'a Asker, mailbox: MailboxId, epoch: u64) -> Reply<'a, ()>;

    /// What is kept under a key; `None` where there is nothing.
    ///
    /// # Errors
    /// `ContainerOnly`, `Invalid` where the key is none that can be.
    fn state<'a>(&'a self, asker: &'a Asker, key: Arc<str>) -> Reply<'a, Option<State>>;

    /// What is kept under keys that begin alike, in the order of the keys' bytes. A page may end before it is as long as was
    /// asked for ([`MAX_STATES_BYTES`](crate::limits::MAX_STATES_BYTES)): only an empty one says that there are no more.
    ///
    /// # Errors
    /// `ContainerOnly`, `Invalid` where the keys are none that can be or the page is too long.
    fn states<'a>(&'a self, asker: &'a Asker, query: StateQuery) -> Reply<'a, Vec<(Arc<str>, State)>>;

    /// Takes mail that `gate` admitted, too: that of another container which uses this exchange.
    fn trust(&self, gate: GateId);

    /// Takes mail no more that `gate` admitted.
    fn distrust(&self, gate: GateId);

    /// Ends the exchange: what was accepted is kept, whoever waits is told, and so is everyone who asks from now on.
    ///
    /// # Errors
    /// What kept the engine from writing its last.
    fn close(&self) -> Reply<'_, ()>;
}
