//! The mailbox that an agent owns, and what it keeps there.
//!
//! Always true: one owner at a time. An owner that has lost its lease is refused from then on, whatever it does.
//! Neighbours: the platform implements it, and keeps the lease of the mailbox and those of its deliveries up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use folkmoot_gateway::Admitted;

use super::address::MailAddress;
use super::delivery::{Delivery, DeliveryId};
use super::error::MailError;
use super::outgoing::Outgoing;
use crate::host::BoxFuture;

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How often it was written; the first writing makes it 1.
    pub revision: u64,
    /// The content.
    pub bytes: Bytes,
}

/// What is kept, by its key.
pub type KeptUnder = Vec<(Arc<str>, Kept)>;

/// Something to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Under which of the agent's keys.
    pub key: Arc<str>,
    /// The revision that is there now; 0 where there is none.
    pub expected: u64,
    /// The content; `None` forgets what is there.
    pub bytes: Option<Bytes>,
}

/// What is done all or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Deliveries that are done with.
    pub acknowledge: Vec<DeliveryId>,
    /// What is kept from now on.
    pub keep: Vec<Put>,
    /// Mail that is sent.
    pub send: Vec<Outgoing>,
}

/// When a mail that was refused comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// At once, and the attempt does not count: nobody has looked at it.
    Untouched,
    /// After a while; a dead letter if this was the last attempt.
    After(Duration),
    /// Never: it becomes a dead letter.
    Never,
}

/// The mailbox of one agent, which it owns while it lives.
///
/// It stays in the exchange when the agent ends, with its mail and with what the agent keeps there, for whoever starts
/// the agent next, on whatever node that uses the same exchange.
pub trait OwnMailbox: Send + Sync + 'static {
    /// By which others find it: its id.
    fn address(&self) -> &MailAddress;

    /// The mailbox that an address leads to now, by its id.
    ///
    /// # Errors
    /// `NoSuchMailbox`, `Terminated`; why nobody could say.
    fn find(&self, to: &MailAddress) -> BoxFuture<'static, Result<MailAddress, MailError>>;

    /// The next mails, in order, at most `max` of them, admitted anew; waits until there is one. Those in hand are kept
    /// until they are acknowledged or refused, however long that takes.
    ///
    /// # Errors
    /// `NotTheOwner` and `Terminated`, which last; others pass.
    fn receive(&self, max: usize) -> BoxFuture<'static, Result<Vec<Admitted<Delivery>>, MailError>>;

    /// Acknowledges, keeps and sends, all or nothing, as long as the agent is the owner. The new revisions of what is
    /// kept, in the order of the step.
    ///
    /// # Errors
    /// Why nothing of it was done.
    fn commit(&self, step: Step) -> BoxFuture<'static, Result<Vec<u64>, MailError>>;

    /// Gives a delivery back, to come again or never; the reason is told of a dead letter.
    ///
    /// # Errors
    /// Why it is not given back: then it comes again when its lease is over.
    fn refuse(
        &self,
        delivery: DeliveryId,
        again: Again,
        reason: String,
    ) -> BoxFuture<'static, Result<(), MailError>>;

    /// What is kept under one of the agent's keys.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn kept(&self, key: &str) -> BoxFuture<'static, Result<Option<Kept>, MailError>>;

    /// All that is kept under the agent's keys that begin so, by key.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn kept_under(&self, prefix: &str) -> BoxFuture<'static, Result<KeptUnder, MailError>>;

    /// Done when the agent is not the owner any more; says why.
    fn lost(&self) -> BoxFuture<'static, String>;

    /// Has the mailbox again that was lost, under a new lease; this one stays refused. As long as nobody can say whose it is,
    /// that is tried again and again. Dropped, nothing is tried any more, and what is had all the same is left at once.
    ///
    /// # Errors
    /// `NotTheOwner` where another has it, `Terminated`, `Failed` where nobody will ever say. All of these last.
    fn retake(&self) -> BoxFuture<'static, Result<Arc<dyn OwnMailbox>, MailError>>;

    /// The agent has ended: what is in hand goes back untouched, and another owner may take the mailbox at once.
    fn leave(&self) -> BoxFuture<'static, ()>;
}
