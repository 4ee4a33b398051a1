//! What follows a crash, and an end of the agent's own.
//!
//! Always true: the supervision decides; an agent that has never started is not started anew. Neighbour:
//! [`ending`](super::ending) is the end that stands.

use std::time::Duration;

use folkmoot_codecs::AgentEvent;

use super::Life;
use super::phase::{Pausing, Phase};
use crate::host::Decision;
use crate::interface::Agent;
use crate::shared::Status;

/// The least pause before another try to start.
const PAUSE_AFTER_FAILED_START: Duration = Duration::from_millis(10);

impl<A: Agent> Life<A> {
    /// A turn or a loop panicked.
    pub(super) fn crashed(&mut self, cause: String) {
        self.recover(cause, Duration::ZERO);
    }

    /// The factory or `#[start]` failed: the next try never follows at once, or a worker would do nothing else.
    pub(super) fn failed(&mut self, cause: String) {
        self.recover(cause, PAUSE_AFTER_FAILED_START);
    }

    /// Asks the supervision and does as it says, after `pause` at the least.
    pub(super) fn recover(&mut self, cause: String, pause: Duration) {
        let shared = self.core.shared().clone();
        // First: what is linked is known by handles, and those may be among what is let go.
        shared.break_ties(&cause);
        // One crash ends a life: another that came meanwhile, by a link, is not the next one's.
        self.core.take_crash();
        shared.counters().panics.increment(1);
        self.drop_beside();
        self.core.drop_writer();
        if matches!(self.phase, Phase::Draining(_) | Phase::Closing(_)) {
            // It was asked to end, and so it does; what shared turns are in flight may finish.
            tracing::error!(agent = %shared.full_name(), %cause, "the agent crashed while it stopped");
            return self.core.lose_state();
        }
        if let Some(born) = self.born.take() {
            tracing::error!(agent = %shared.full_name(), %cause, "the agent could not start");
            self.fall(&cause);
            // Whoever spawned it may have gone.
            born.send(Err(cause)).ok();
            return;
        }
        match self.core.supervision().crashed(&cause, self.core.host().now()) {
            Decision::Stay { reason } => {
                tracing::error!(agent = %shared.full_name(), %cause, %reason, "the agent crashed and stays down");
                self.fall(&format!("{cause}; {reason}"));
            }
            Decision::LieDown => {
                tracing::warn!(agent = %shared.full_name(), %cause, "the agent crashed; its container says what follows");
                shared.tell(|| AgentEvent::Crashed { cause: cause.clone() });
                self.lay_down(Some(cause));
            }
            Decision::Restart { after } => {
                shared.tell(|| AgentEvent::Crashed { cause: cause.clone() });
                let after = after.max(pause);
                tracing::warn!(agent = %shared.full_name(), %cause, pause = ?after, "the agent crashed and is started anew");
                self.start_anew(after, Some(cause));
            }
        }
    }

    /// It ended of its own accord; its supervision may not let that stand.
    pub(super) fn ended_itself(&mut self) {
        let shared = self.core.shared().clone();
        if self.born.is_some() {
            // A first start is not repeated.
            return self.end("stopped before it had started");
        }
        match self.core.supervision().ended_itself(self.core.host().now()) {
            Decision::Stay { reason } if reason.is_empty() => self.end("stopped"),
            Decision::Stay { reason } => {
                tracing::error!(agent = %shared.full_name(), %reason, "the agent ended and stays down");
                self.fall(&reason);
            }
            Decision::LieDown => {
                tracing::info!(agent = %shared.full_name(), "the agent ended; its container says what follows");
                self.drop_beside();
                self.core.refuse_waiting();
                self.lay_down(None);
            }
            Decision::Restart { after } => {
                tracing::info!(agent = %shared.full_name(), pause = ?after, "the agent ended and is started anew");
                self.drop_beside();
                self.core.lose_state();
                self.start_anew(after, None);
            }
        }
    }

    pub(super) fn start_anew(&mut self, after: Duration, crash: Option<String>) {
        self.core.shared().note_restart();
        self.core.shared().set_status(Status::Restarting);
        // Now: what comes meanwhile is the next life's.
        self.core.end_dialogues(if crash.is_some() { "the agent crashed" } else { "the agent has ended" });
        self.core.end_requests();
        if after.is_zero() {
            self.begin(crash);
        } else {
            let sleep = self.core.host().link_sleep(after);
            self.enter(Phase::Pausing(Box::new(Pausing { sleep, crash })));
        }
    }
}
