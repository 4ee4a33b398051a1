//! Who waits on a link for replies: how many may, and what they are told.
//!
//! Always true: a reply reaches only whoever waits for its id, and once the link has ended nobody begins to wait. Those who wait
//! for what may be long in coming have a bound of their own. Neighbours: [`sending`](super::sending) sends the requests,
//! [`link_task`](crate::link_task) reads the replies.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use folkmoot_agents::host::{Credit, FarReply};
use folkmoot_codecs::{CallError, Codec};
use tokio::sync::oneshot;

use super::Link;

#[derive(Default)]
pub(super) struct Pending {
    replies: HashMap<u64, Caller>,
    /// How many of them were set aside.
    aside: usize,
    /// How many of them wait for what may be long in coming.
    patient: usize,
    closed: bool,
}

impl Pending {
    /// Who waits for the reply with that id, who does so no more.
    pub(super) fn take(&mut self, id: u64) -> Option<Caller> {
        let caller = self.replies.remove(&id)?;
        self.aside -= usize::from(caller.is_aside);
        self.patient -= usize::from(caller.is_patient);
        Some(caller)
    }
}

/// Who waits for a reply.
pub(super) struct Caller {
    pub(super) reply: oneshot::Sender<FarReply>,
    /// Given back with the reply.
    _credit: Option<Credit>,
    /// Whether it is not counted among the awaited.
    is_aside: bool,
    /// Whether what it waits for may be long in coming: it is counted among its like alone.
    is_patient: bool,
}

/// A call that could not be sent, given back with the reason.
pub(crate) struct NotSent {
    pub(crate) reply: Option<oneshot::Sender<FarReply>>,
    pub(crate) error: CallError,
}

impl Link {
    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls wait for a reply, but for those that were set aside.
    pub(crate) fn awaited(&self) -> usize {
        let pending = self.pending();
        pending.replies.len() - pending.aside - pending.patient
    }

    /// The calls that wait now are not counted among the awaited any more.
    pub(crate) fn set_aside(&self) {
        let mut pending = self.pending();
        let calls = pending.replies.values_mut().filter(|caller| !caller.is_patient);
        calls.for_each(|caller| caller.is_aside = true);
        pending.aside = pending.replies.len() - pending.patient;
    }

    pub(super) fn has_no_calls(&self) -> bool {
        let pending = self.pending();
        pending.replies.len() == pending.patient
    }

    /// Notes who waits for the reply with that id, unless as many do as may: as the peer told, or as the limits say.
    pub(super) fn expect(
        &self,
        id: u64,
        reply: oneshot::Sender<FarReply>,
        credit: Option<Credit>,
        told: Option<usize>,
    ) -> Result<(), NotSent> {
        let own = self.tables.limits.max_pending_calls;
        let mut pending = self.pending();
        if pending.closed {
            return Err(NotSent { reply: Some(reply), error: self.gone() });
        }
        let limit = told.map_or(own, |told| told.min(own));
        if pending.replies.len() - pending.patient >= limit {
            self.tables.counters.overloads.increment(1);
            let queue = match limit < own {
                true => format!("requests that {} takes in hand at once", self.name),
                false => format!("calls to {} that wait for a reply", self.name),
            };
            return Err(NotSent { reply: Some(reply), error: CallError::Overloaded { queue, limit } });
        }
        pending.replies.insert(id, Caller { reply, _credit: credit, is_aside: false, is_patient: false });
        Ok(())
    }

    /// Notes who waits for a reply that may be long in coming, unless as many do as may.
    pub(super) fn expect_patiently(
        &self,
        id: u64,
        reply: oneshot::Sender<FarReply>,
    ) -> Result<(), CallError> {
        let limit = self.tables.limits.max_waiting_receivers;
        let mut pending = self.pending();
        if pending.closed {
            return Err(self.gone());
        }
        if pending.patient >= limit {
            self.tables.counters.overloads.increment(1);
            let queue = format!("receivers (max_waiting_receivers) that wait at {}", self.name);
            return Err(CallError::Overloaded { queue, limit });
        }
        pending.patient += 1;
        pending.replies.insert(id, Caller { reply, _credit: None, is_aside: false, is_patient: true });
        Ok(())
    }

    /// Hands a reply to the call that waits for it.
    pub(crate) fn reply(&self, id: u64, make: impl FnOnce(Codec) -> FarReply) {
        let waiting = self.pending().take(id);
        match waiting {
            // A caller that went away at this very moment has no use for the reply.
            Some(caller) => drop(caller.reply.send(make(self.codec))),
            None => {
                self.tables.counters.orphan_replies.increment(1);
                tracing::debug!(peer = %self.peer_address, id, "a reply that nobody waits for");
            }
        }
    }

    /// Tells everyone who waits for a reply that there will be none.
    pub(crate) fn fail_pending(&self, cause: &str) {
        let waiting = {
            let mut pending = self.pending();
            pending.closed = true;
            pending.aside = 0;
            pending.patient = 0;
            std::mem::take(&mut pending.replies)
        };
        let mut ids: Vec<_> = waiting.into_iter().collect();
        ids.sort_unstable_by_key(|(id, _)| *id);
        for (_, caller) in ids {
            let cause = self.as_cause(cause);
            caller.reply.send(FarReply::Failed(CallError::Disconnected { may_have_run: true, cause })).ok();
        }
    }
}
