//! One step of an agent: what it has handled, what it is now, and what it says, all or nothing.
//!
//! Always true: of a step that is refused nothing was done. Neighbour: [`Exchange::commit`](crate::Exchange::commit).

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use folkmoot_gateway::Admitted;

use crate::delivery::Receipt;
use crate::limits::{MAX_PAGE, MAX_STATES_BYTES};
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

/// States that are looked for: those whose keys begin alike, in the order of their keys' bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateQuery {
    /// With what the keys begin; all keys begin with nothing.
    pub prefix: Arc<str>,
    /// Only those after this key: the last one of the page before.
    pub after: Option<Arc<str>>,
    /// How many at most, up to [`MAX_PAGE`].
    pub max: usize,
}

impl StateQuery {
    /// The first of the states whose keys begin with `prefix`.
    pub fn under(prefix: impl Into<Arc<str>>) -> StateQuery {
        StateQuery { prefix: prefix.into(), after: None, max: MAX_PAGE }
    }

    /// Those after the state of this key.
    pub fn after(self, key: Arc<str>) -> StateQuery {
        StateQuery { after: Some(key), ..self }
    }

    /// At most so many of them.
    pub fn at_most(self, max: usize) -> StateQuery {
        StateQuery { max, ..self }
    }

    /// Where those begin that are looked for.
    pub(crate) fn begin(&self) -> Bound<&str> {
        match &self.after {
            Some(after) if **after >= *self.prefix => Bound::Excluded(after),
            _ => Bound::Included(&self.prefix),
        }
    }
}

/// A page of states that is being filled.
///
/// Always true: it holds no more than was asked for, and one state at most beyond [`MAX_STATES_BYTES`].
pub(crate) struct StatePage {
    states: Vec<(Arc<str>, State)>,
    max: usize,
    bytes: usize,
}

impl StatePage {
    pub(crate) fn new(max: usize) -> StatePage {
        StatePage { states: Vec::new(), max, bytes: 0 }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.states.len() >= self.max || self.bytes >= MAX_STATES_BYTES
    }

    pub(crate) fn push(&mut self, key: Arc<str>, state: State) {
        self.bytes += state.bytes.len();
        self.states.push((key, state));
    }

    pub(crate) fn into_states(self) -> Vec<(Arc<str>, State)> {
        self.states
    }
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
