//! How an agent ends: what is in hand is finished, `#[stop]` runs, everyone is answered.
//!
//! Always true: each step has no more than the grace time, and whoever asks for the end while it is under way is heard.
//! Neighbour: [`recovering`](super::recovering), where the end does not stand.

use tokio::sync::oneshot;

use super::Life;
use super::phase::{Closing, Draining, Phase};
use crate::interface::Agent;
use crate::panics::guard;
use crate::queue::StopRequest;
use crate::shared::Status;

impl<A: Agent> Life<A> {
    /// Ends in order.
    pub(super) fn end(&mut self, cause: &str) {
        self.end_as(cause, true);
    }

    /// Ends otherwise than in order, and takes down what is linked to it.
    pub(super) fn fall(&mut self, cause: &str) {
        self.core.shared().break_ties(cause);
        self.end_as(cause, false);
    }

    fn end_as(&mut self, cause: &str, in_order: bool) {
        self.core.shared().note_end(cause);
        self.core.leave();
        self.drop_beside();
        self.core.end_dialogues("the agent has ended");
        self.core.close();
        let done = match &mut self.phase {
            Phase::Draining(draining) => std::mem::take(&mut draining.request.done),
            Phase::Closing(closing) => std::mem::take(&mut closing.request.done),
            _ => Vec::new(),
        };
        self.enter(Phase::Ended);
        let late = self.core.take_stop().map(|request| request.done).unwrap_or_default();
        self.core.supervision().ended();
        // Its name is free by now.
        self.core.shared().tell_end(cause, in_order);
        if let Some(born) = self.born.take() {
            // Stopped before it had started.
            born.send(Err(cause.to_owned())).ok();
        }
        let told = done.into_iter().chain(late);
        match self.core.leave_mailbox() {
            None => tell(told),
            Some(leaving) => {
                let told: Vec<_> = told.collect();
                actix::spawn(async move {
                    leaving.await;
                    tell(told.into_iter());
                });
            }
        }
    }

    /// Takes up the wish that the agent end.
    pub(super) fn drain(&mut self, request: StopRequest) {
        self.core.shared().set_status(Status::Stopping);
        self.drop_timers();
        self.core.withdraw_mail();
        let until = self.core.host().link_sleep(request.grace);
        let running = matches!(self.phase, Phase::Running);
        self.enter(Phase::Draining(Box::new(Draining { until, request })));
        if !running {
            // No state is whole: none that has not started, and none that crashed.
            self.core.lose_state();
        } else if self.core.is_suspended() {
            // What waits could begin only once it was resumed.
            self.core.refuse_waiting();
        }
    }

    /// Whoever asks for the end while it is under way waits for it too, may leave it less time, and makes it no longer
    /// the agent's own wish.
    pub(super) fn hear_of_other_stops(&mut self) {
        let Some(other) = self.core.take_stop() else { return };
        let (request, until) = match &mut self.phase {
            Phase::Draining(draining) => (&mut draining.request, &mut draining.until),
            Phase::Closing(closing) => (&mut closing.request, &mut closing.until),
            _ => return,
        };
        if other.grace < request.grace {
            request.grace = other.grace;
            *until = self.core.host().link_sleep(other.grace);
        }
        request.done.extend(other.done);
        request.own &= other.own;
    }

    /// Everything in hand is done, or out of time: runs `#[stop]`.
    pub(super) fn close(&mut self) {
        let Phase::Draining(draining) = std::mem::replace(&mut self.phase, Phase::Running) else {
            return;
        };
        let request = draining.request;
        // Out of time: no turn may hold the state when the hook takes it.
        self.core.drop_turns();
        let until = self.core.host().link_sleep(request.grace);
        let hook = self.core.state().map(|state| guard(|| self.core.begin_stop(&state)));
        let (hook, outcome) = match hook {
            Some(Ok(Some(hook))) => (Some(hook), None),
            Some(Err(panic)) => (None, Some(Err(format!("#[stop] panicked: {}", panic.text())))),
            Some(Ok(None)) | None => (None, Some(Ok(()))),
        };
        let hook = hook.unwrap_or_else(|| Box::pin(std::future::ready(Ok(()))));
        self.phase = Phase::Closing(Box::new(Closing { hook, until, request }));
        if let Some(outcome) = outcome {
            self.closed(outcome);
        }
    }

    pub(super) fn closed(&mut self, outcome: Result<(), String>) {
        if let Err(cause) = outcome {
            self.core.shared().counters().panics.increment(1);
            tracing::error!(agent = %self.core.shared().full_name(), %cause, "the agent did not stop well");
        }
        self.hear_of_other_stops();
        match &self.phase {
            Phase::Closing(closing) if closing.request.own => self.ended_itself(),
            _ => self.end("stopped"),
        }
    }
}

/// Tells those who wait for the end; some may have gone.
fn tell(waiting: impl Iterator<Item = oneshot::Sender<()>>) {
    for done in waiting {
        done.send(()).ok();
    }
}
