//! One step of an agent: what it has handled, what it is now, and what it says, all or nothing.
//!
//! Always true: of a step that is refused nothing was done. Neighbour: [`Exchange::commit`](crate::Exchange::commit).

use std::sync::Arc;

use bytes::Bytes;
use folkmoot_gateway::Admitted;

use crate::delivery::Receipt;
use crate::mailbox_id::MailboxId;
use crate::posting::{Accepted, Posting};

/// What an agent keeps under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// How often it was written; the first writing makes it 1.
    pub revision: u64,
    /// The content.
    pub bytes: Bytes,
}

/// A state to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatePut {
    /// Under which key.
    pub key: Arc<str>,
    /// The revision that it must have now; 0 where there must be none.
    pub expected: u64,
    /// The content; `None` forgets the state.
    pub bytes: Option<Bytes>,
}

/// Who may do a step: the owner of that epoch, as long as its lease lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The mailbox that is owned.
    pub mailbox: MailboxId,
    /// The owner's epoch.
    pub epoch: u64,
}

/// What is done all or not at all.
#[derive(Debug, Default)]
pub struct Step {
    /// Only where this owner is the owner still.
    pub fence: Option<Fence>,
    /// Mail that is acknowledged.
    pub acknowledge: Vec<Receipt>,
    /// States that are written.
    pub states: Vec<StatePut>,
    /// Mail that is sent.
    pub send: Vec<Admitted<Posting>>,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The revisions of the states, in the order of the step; 0 for what was forgotten.
    pub revisions: Vec<u64>,
    /// What became of the mails, in the order of the step; `None` of a response whose requester is not there any more, which
    /// keeps nobody from doing the rest.
    pub accepted: Vec<Option<Accepted>>,
}
