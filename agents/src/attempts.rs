//! The attempts of one idempotent call: whether another one follows, and the pause before it.
//!
//! Always true: all attempts bear one key and have one deadline. Neighbours: [`call`](crate::call) and
//! [`untyped`](crate::untyped) calls make them, [`retries`](crate::retries) is the budget of all.

use std::sync::Arc;
use std::task::{Context, Poll};

use folkmoot_codecs::CallError;

use crate::deadlines::{LinkInstant, Ticket, file};
use crate::host::Host;
use crate::retries::{CallKey, NoRetry};
use crate::turn::Origin;

/// The longest pause before the first retry, in milliseconds; twice as long before each further one.
const FIRST_PAUSE_MS: u64 = 20;
/// The same where the callee has too much to do.
const OVERLOADED_PAUSE_MS: u64 = 100;
/// No pause is longer, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 2_000;
/// How long an agent that has ended is waited for, in milliseconds: its node may be starting anew, or another have it.
const ABSENCE_MS: u64 = 5_000;

/// Where a call stands among its attempts.
#[derive(Default)]
pub(crate) struct Attempts {
    key: Option<CallKey>,
    failed: u32,
    /// Whether an attempt was lost on the way or with its agent: the agent may then be away for a while.
    lost: bool,
    /// When it was first found that the agent is not there.
    absent_since: Option<LinkInstant>,
    pause: Option<Pause>,
}

struct Pause {
    until: LinkInstant,
    ticket: Option<Ticket>,
}

impl Attempts {
    /// The attempts of a call that is made for the first time.
    pub(crate) fn begin(host: &dyn Host) -> Attempts {
        host.retries().note_call();
        Attempts::default()
    }

    /// The key of the call, made when it is first needed: for a call that leaves this process.
    pub(crate) fn key(&mut self) -> Option<CallKey> {
        if self.key.is_none() {
            self.key = CallKey::random();
        }
        self.key
    }

    /// Waits out the pause before the next attempt.
    pub(crate) fn poll_pause(&mut self, host: &Arc<dyn Host>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pause) = &mut self.pause else { return Poll::Ready(()) };
        if host.now() >= pause.until {
            self.pause = None;
            return Poll::Ready(());
        }
        // The old one out first: its place is free then.
        pause.ticket = None;
        pause.ticket = Some(file(pause.until, cx.waker(), host.shared_deadlines()));
        Poll::Pending
    }

    /// An attempt of a call to that method, of the agent that `origin` names, has failed; another one may be made after
    /// the pause.
    ///
    /// # Errors
    /// The failure, where no attempt follows it: it would be of no use, there is no time left, or the budget is spent.
    pub(crate) fn fail<E>(
        &mut self,
        error: CallError<E>,
        host: &Arc<dyn Host>,
        (origin, method): (&Origin, &str),
        deadline: LinkInstant,
    ) -> Result<(), CallError<E>> {
        let now = host.now();
        let Some(first_pause) = self.first_pause(&error, now) else { return Err(error) };
        let longest = first_pause.saturating_mul(1 << self.failed.min(16)).min(LONGEST_PAUSE_MS);
        let until = now.plus(fastrand::u64(1..=longest));
        if until >= deadline {
            return Err(error);
        }
        match host.retries().take(now) {
            Ok(()) => {
                host.counters().retries.increment(1);
                let (agent, code, pause) = (&origin.agent, error.code(), until.since(now));
                tracing::debug!(%agent, method, code, failed = self.failed + 1, pause, "an idempotent call is made again");
                self.failed += 1;
                self.pause = Some(Pause { until, ticket: None });
                Ok(())
            }
            Err(NoRetry::Closed) => Err(error),
            Err(NoRetry::Spent) => {
                host.counters().retries_refused.increment(1);
                let (node, agent) = (host.principal().node_name(), &origin.agent);
                tracing::info!(%node, %agent, method, code = error.code(), "an idempotent call is not made again: too many were of late");
                Err(spent(error))
            }
        }
    }

    /// The longest pause before a first retry after that failure, in milliseconds; `None` where a retry is of no use.
    fn first_pause<E>(&mut self, error: &CallError<E>, now: LinkInstant) -> Option<u64> {
        match error {
            CallError::Disconnected { .. } | CallError::AgentRestarted { .. } => {
                self.lost = true;
                self.absent_since = None;
                Some(FIRST_PAUSE_MS)
            }
            CallError::Overloaded { .. } => Some(OVERLOADED_PAUSE_MS),
            CallError::AgentStopped { .. } => {
                self.lost = true;
                self.awaits_agent(now)
            }
            // A wrong name, unless there was an agent before.
            CallError::NoSuchAgent { .. } if self.lost => self.awaits_agent(now),
            _ => None,
        }
    }

    fn awaits_agent(&mut self, now: LinkInstant) -> Option<u64> {
        let since = *self.absent_since.get_or_insert(now);
        (now.since(since) < ABSENCE_MS).then_some(FIRST_PAUSE_MS)
    }
}

/// The failure, with a word on why the call was not made again, where the failure has room for one.
fn spent<E>(error: CallError<E>) -> CallError<E> {
    const WHY: &str = "not called again, for the budget of retries is spent";
    match error {
        CallError::Disconnected { may_have_run, cause } => {
            CallError::Disconnected { may_have_run, cause: format!("{cause}; {WHY}") }
        }
        CallError::AgentStopped { agent, cause, may_have_run } => {
            CallError::AgentStopped { agent, cause: format!("{cause}; {WHY}"), may_have_run }
        }
        CallError::Overloaded { queue, limit } => {
            CallError::Overloaded { queue: format!("{queue}; {WHY}"), limit }
        }
        other => other,
    }
}
