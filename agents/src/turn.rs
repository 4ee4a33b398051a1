//! One piece of an agent's work on its way in: an admitted call, its arguments and the way back.
//!
//! Always true: a [`Turn`] holds one credit of its agent from the moment it is sent until it is dropped.
//! Neighbours: [`call`](crate::call) makes turns, [`queue`](crate::queue) runs them, [`reply`](crate::reply)
//! takes the answer back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_codecs::{CallError, Principal};
use folkmoot_gateway::{Admitted, Subject};

use crate::chain::Chain;
use crate::deadlines::{self, LinkInstant};
use crate::host::Host;
use crate::interface::Interface;
use crate::shared::AgentShared;
use crate::waits::Edge;

/// A deadline that is no further away, in milliseconds, is judged by the exact time: a turn that blocks its worker
/// holds the worker's coarse time back.
const NEAR_MS: u64 = 1_000;

/// Who speaks to whom: the part of a call that is the same for every call of one proxy.
#[derive(Debug)]
pub struct Origin {
    /// The agent that is called.
    pub agent: Arc<str>,
    /// That agent's shared half, where it lives in this process.
    pub target: Option<Arc<AgentShared>>,
    /// Who speaks.
    pub caller: Principal,
    /// Whether the speaker lives in the called agent's own container.
    pub inside: bool,
}

/// What the gate judges and the agent checks.
#[derive(Debug)]
pub struct CallHead {
    /// Who speaks to whom.
    pub origin: Arc<Origin>,
    /// The called method.
    pub method: Cow<'static, str>,
    /// Who waits for the reply, innermost first.
    pub chain: Option<Chain>,
    /// When it was sent, or arrived over a link.
    pub sent: LinkInstant,
    /// When the reply must be there, for calls whose sender cannot take them back.
    pub deadline: Option<LinkInstant>,
}

impl Subject for CallHead {
    fn principal(&self) -> &Principal {
        &self.origin.caller
    }
    fn agent(&self) -> &str {
        &self.origin.agent
    }
    fn method(&self) -> &str {
        &self.method
    }
    fn is_inside(&self) -> bool {
        self.origin.inside
    }
}

/// An admitted call with one credit of its agent.
#[derive(Debug)]
pub(crate) struct Ticketed {
    head: Admitted<CallHead>,
    /// The caller's wait, which is over when the turn is.
    wait: Option<Edge>,
    /// Whether the caller has its answer already: it was a message, which was taken in.
    is_answered: bool,
}

impl Ticketed {
    /// Takes a credit for the call.
    ///
    /// # Errors
    /// `Overloaded` where the agent has none left, `AgentStopped` where it has ended, and the other refusals of
    /// [`AgentShared::take_credit`].
    #[inline]
    pub(crate) fn new(head: Admitted<CallHead>) -> Result<Ticketed, CallError> {
        match &head.message().origin.target {
            Some(target) => target.take_credit()?,
            None => {
                let cause = "the agent does not live here".to_owned();
                return Err(CallError::Disconnected { may_have_run: false, cause });
            }
        }
        Ok(Ticketed { head, wait: None, is_answered: false })
    }

    /// The caller has its answer: the turn that remains has neither callers nor a deadline.
    pub(crate) fn answered(&mut self) {
        self.is_answered = true;
        self.wait = None;
    }

    /// Who waits for the reply, innermost first.
    pub(crate) fn chain(&self) -> &Option<Chain> {
        if self.is_answered { &None } else { &self.head().chain }
    }

    /// When the reply must be there.
    pub(crate) fn deadline(&self) -> Option<LinkInstant> {
        self.head().deadline.filter(|_| !self.is_answered)
    }

    /// Ends that wait with this turn.
    pub(crate) fn ends(&mut self, wait: &Edge) {
        self.wait = Some(wait.other_end());
    }

    pub(crate) fn head(&self) -> &CallHead {
        self.head.message()
    }

    /// Whether the deadline has passed: then nobody waits, even where the sender could not say so.
    pub(crate) fn is_late(&self, host: &dyn Host) -> bool {
        let Some(deadline) = self.deadline() else { return false };
        let coarse = deadlines::coarse_now().filter(|coarse| deadline.since(*coarse) > NEAR_MS);
        coarse.is_none() && deadline <= host.now()
    }

    /// The time that the call was given, where it was given one.
    pub(crate) fn time(&self) -> Duration {
        let head = self.head();
        Duration::from_millis(head.deadline.map_or(0, |deadline| deadline.since(head.sent)))
    }

    /// The error of a call that its agent no longer takes.
    pub(crate) fn stopped_error(&self) -> CallError {
        match &self.head().origin.target {
            Some(target) => target.stopped_error(false),
            None => CallError::Cancelled,
        }
    }

    /// Whether this permit opens this agent for this method.
    pub(crate) fn opens(&self, agent: &Arc<AgentShared>, method: &str) -> bool {
        let head = self.head.message();
        head.origin.target.as_ref().is_some_and(|target| Arc::ptr_eq(target, agent))
            && self.head.gate() == agent.gate()
            && same_text(&head.method, method)
    }
}

impl Drop for Ticketed {
    fn drop(&mut self) {
        if let Some(target) = &self.head.message().origin.target {
            target.give_credit();
        }
    }
}

/// Whether two texts are equal; at once where they are the same piece of memory, as names of methods mostly are.
#[inline]
fn same_text(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

/// A call on its way to an agent's queue.
pub struct Turn<I: Interface + ?Sized> {
    pub(crate) permit: Ticketed,
    pub(crate) request: I::Request,
}

impl<I: Interface + ?Sized> fmt::Debug for Turn<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("method", &self.permit.head().method).finish_non_exhaustive()
    }
}

impl<I: Interface + ?Sized> actix::Message for Turn<I> {
    type Result = ();
}
