//! What follows where an agent loses its mailbox: it is started anew, and the new start first has the mailbox again.
//!
//! Always true: from the moment of the loss nothing of the old life goes on, for another may run the agent by then; where
//! the mailbox is not to be had again the agent ends, whatever its supervision says. Neighbours:
//! [`recovering`](super::recovering) is the road of a crash, [`queue`](crate::queue) lets go and takes up.

use std::time::Duration;

use folkmoot_codecs::AgentEvent;

use super::Life;
use super::phase::{Phase, Retaking};
use crate::host::Decision;
use crate::interface::{Agent, LocalFuture};
use crate::mail::MailError;
use crate::queue::{NotRegained, Regained};
use crate::shared::Status;

impl<A: Agent> Life<A> {
    /// The mailbox is another owner's, or may be.
    pub(super) fn lost_mailbox(&mut self, cause: &str) {
        let shared = self.core.shared().clone();
        shared.counters().mailboxes_lost.increment(1);
        let mails = self.core.let_mailbox_go();
        let agent = shared.full_name();
        let told = format!("it lost its mailbox: {cause}");
        match &self.phase {
            Phase::Running | Phase::Starting(_) if self.born.is_none() => {}
            Phase::Pausing(_) | Phase::LyingDown(_) | Phase::Down(_) => {
                tracing::warn!(%agent, cause, "the agent lost its mailbox between two lives, and tries to have it again");
                return;
            }
            // It has never started, or ends.
            _ => {
                tracing::error!(%agent, cause, mails, "the agent lost its mailbox, and ends");
                return self.fall(&told);
            }
        }
        let decision = self.core.supervision().lost_mailbox(&told, self.core.host().now());
        if let Decision::Stay { reason } = decision {
            tracing::error!(%agent, cause, %reason, mails, "the agent lost its mailbox, and ends");
            return self.fall(&format!("{told}; {reason}"));
        }
        tracing::warn!(%agent, cause, mails, "the agent lost its mailbox, and tries to have it again");
        self.leave_life(&told);
        match decision {
            Decision::Restart { after } => self.start_anew(after, Some(told)),
            Decision::LieDown | Decision::Stay { .. } => self.lay_down(Some(told)),
        }
    }

    /// Ends the present life as a crash does, and more: its shared turns do not go on either.
    fn leave_life(&mut self, cause: &str) {
        let shared = self.core.shared().clone();
        shared.break_ties(cause);
        // One end of a life is enough.
        self.core.take_crash();
        shared.tell(|| AgentEvent::Crashed { cause: cause.to_owned() });
        shared.set_status(Status::Restarting);
        self.drop_beside();
        self.core.drop_running();
        self.core.let_state_go();
        self.core.take_crash();
    }

    pub(super) fn begin_to_retake(
        &mut self,
        retaking: LocalFuture<Result<Regained, NotRegained>>,
        crash: Option<String>,
    ) {
        let since = self.core.host().now();
        self.enter(Phase::Retaking(Box::new(Retaking { retaking, crash, since })));
    }

    /// It is known whose the mailbox is.
    pub(super) fn end_retaking(&mut self, outcome: Result<Regained, NotRegained>) {
        let Phase::Retaking(retaking) = &mut self.phase else { return };
        let (crash, since) = (retaking.crash.take(), retaking.since);
        let shared = self.core.shared().clone();
        let agent = shared.full_name();
        let after = Duration::from_millis(self.core.host().now().since(since));
        match outcome {
            Ok(regained) => {
                shared.counters().mailboxes_retaken.increment(1);
                tracing::info!(%agent, ?after, "the agent has its mailbox again, and is started anew");
                let held = self.core.regain(regained);
                self.begin_life(crash);
                held.into_iter().for_each(|held| self.core.accept_held(*held));
            }
            Err(NotRegained::Unread(cause)) => self.failed(cause),
            Err(NotRegained::Gone(MailError::Terminated { .. })) => {
                tracing::warn!(%agent, ?after, "the mailbox that the agent had lost was terminated, and so the agent ends");
                self.end("its mailbox was terminated");
            }
            Err(NotRegained::Gone(error)) => {
                tracing::error!(%agent, ?after, cause = %error, "the agent does not have its mailbox again, and ends");
                self.fall(&format!("it lost its mailbox: {error}"));
            }
        }
    }
}
