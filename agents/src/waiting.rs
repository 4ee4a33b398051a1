//! The part of a call that awaits: what it inherited, its deadline, its place in the wait-for graph.
//!
//! Neighbours: [`call`](crate::call) and [`untyped`](crate::untyped) calls; [`deadlines`](crate::deadlines) wakes
//! what is due.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use folkmoot_codecs::CallError;
use tokio::sync::oneshot;

use crate::chain::{self, Chain, Mode};
use crate::deadlines::{self, LinkInstant, Ticket, file};
use crate::host::{Far, FarTicket, Host};
use crate::shared::AgentShared;
use crate::turn::Origin;
use crate::waits::Edge;

/// What a call takes with it.
#[derive(Clone)]
pub(crate) struct Passage {
    pub(crate) chain: Option<Chain>,
    pub(crate) sent: LinkInstant,
    pub(crate) deadline: LinkInstant,
}

impl Passage {
    /// From the turn that is being polled now: its chain, and no more time than it has left.
    pub(crate) fn here(host: &dyn Host, deadline: Option<Duration>) -> Passage {
        let inherited = chain::inherit();
        let (sent, own) = times(host, deadline);
        let deadline = inherited.deadline.map_or(own, |outer| outer.min(own));
        Passage { chain: inherited.chain, sent, deadline }
    }

    /// With nobody waiting.
    pub(crate) fn alone(host: &dyn Host, deadline: Option<Duration>) -> Passage {
        let (sent, deadline) = times(host, deadline);
        Passage { chain: None, sent, deadline }
    }

    /// Notes that the exclusive turn that calls, if it is one, waits for `target`, if that lives in this process.
    ///
    /// # Errors
    /// `Deadlock`, where it would wait for itself.
    pub(crate) fn wait_for(&self, target: &Option<Arc<AgentShared>>) -> Result<Option<Edge>, CallError> {
        let (Some(target), Some(caller)) = (target, &self.chain) else { return Ok(None) };
        if caller.mode != Mode::Exclusive {
            return Ok(None);
        }
        Edge::add(caller.agent, target.id()).map(Some).map_err(|ring| {
            target.counters().deadlocks.increment(1);
            debug_assert!(ring.len() > 1);
            let mut chain = chain::names(&self.chain, target.full_name());
            if !chain::callers(&self.chain).any(|link| link.agent == target.id()) {
                // The rest of the ring are turns of other chains; the one who waits for us closes it.
                chain.push(caller.name.to_string());
            }
            CallError::Deadlock { chain }
        })
    }
}

/// Default deadlines that are shorter, in milliseconds, are counted on the exact time.
const COARSE_FROM_MS: u64 = 10_000;

/// The present and the deadline. A long default deadline is counted on the worker's coarse time, which costs no look at
/// the system's clock. It is at most a tick behind, unless a turn blocks the worker: then it is as far behind as that.
#[inline]
fn times(host: &dyn Host, deadline: Option<Duration>) -> (LinkInstant, LinkInstant) {
    match deadline {
        Some(after) => {
            let sent = host.now();
            (sent, sent.plus(milliseconds(after)))
        }
        None => {
            let after = host.default_deadline_ms();
            let coarse = (after >= COARSE_FROM_MS).then(deadlines::coarse_now).flatten();
            let sent = coarse.unwrap_or_else(|| host.now());
            (sent, sent.plus(after))
        }
    }
}

/// Whole milliseconds, rounded up. Link time itself is told in whole ones: a deadline comes at most one early.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// An answer that is on its way.
pub(crate) struct Wait<R> {
    reply: oneshot::Receiver<R>,
    passage: Passage,
    ticket: Option<Ticket>,
    far: Option<(Arc<dyn Far>, FarTicket)>,
    _edge: Option<Edge>,
}

impl<R> Wait<R> {
    pub(crate) fn new(reply: oneshot::Receiver<R>, passage: Passage, edge: Option<Edge>) -> Wait<R> {
        Wait { reply, passage, ticket: None, far: None, _edge: edge }
    }

    /// A wait for an encoded call, which is taken back when nobody waits any more.
    pub(crate) fn for_far(
        reply: oneshot::Receiver<R>,
        passage: Passage,
        far: (Arc<dyn Far>, FarTicket),
        edge: Option<Edge>,
    ) -> Wait<R> {
        Wait { reply, passage, ticket: None, far: Some(far), _edge: edge }
    }

    /// Tells the callee that nobody waits any more.
    ///
    /// Returns what kept the call from leaving, where it never left.
    pub(crate) fn take_back(&mut self) -> Option<CallError> {
        self.reply.close();
        let (far, ticket) = self.far.take()?;
        far.cancel(ticket)
    }

    /// The reply, or why there will be none.
    pub(crate) fn poll_reply(
        &mut self,
        host: &Arc<dyn Host>,
        origin: &Origin,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R, CallError>> {
        match Pin::new(&mut self.reply).poll(cx) {
            Poll::Ready(Ok(reply)) => {
                self.far = None;
                return Poll::Ready(Ok(reply));
            }
            Poll::Ready(Err(_)) => {
                let far = self.far.take();
                return Poll::Ready(Err(match (&origin.target, far) {
                    (Some(target), _) => target.lost_error(),
                    (None, far) => {
                        let to = far.map_or_else(|| origin.agent.to_string(), |(far, _)| far.url());
                        let cause = format!("the link to {to} ended");
                        CallError::Disconnected { may_have_run: true, cause }
                    }
                }));
            }
            Poll::Pending => {}
        }
        // Filed before the first look at the time only once: at the first poll no time has passed.
        if self.ticket.is_some() && host.now() >= self.passage.deadline {
            return Poll::Ready(Err(self.expired(host, origin)));
        }
        self.ticket = None;
        self.ticket = Some(file(self.passage.deadline, cx.waker(), host.shared_deadlines()));
        Poll::Pending
    }

    fn expired(&mut self, host: &Arc<dyn Host>, origin: &Origin) -> CallError {
        if let Some(kept) = self.take_back() {
            return kept;
        }
        host.counters().deadlines.increment(1);
        let callee = origin.target.as_ref().map_or(&origin.agent, |target| target.full_name());
        CallError::DeadlineExceeded {
            after: Duration::from_millis(self.passage.deadline.since(self.passage.sent)),
            may_have_run: true,
            chain: chain::names(&self.passage.chain, callee),
        }
    }
}

impl<R> Drop for Wait<R> {
    fn drop(&mut self) {
        if self.far.is_some() {
            self.take_back();
        }
    }
}
