//! Orders of a supervisor that an agent has together with others: lie down, rise, end.
//!
//! Always true: an agent that lies down keeps its address and its queue, and has no state; orders are obeyed one after
//! the other, and each that concerns it is answered once, by what the supervision is told. One that is ending already
//! heeds none. Neighbour: [`recovering`](super::recovering), where a crash leads here.

use std::time::Duration;

use folkmoot_codecs::AgentEvent;

use super::Life;
use super::phase::{Down, LyingDown, Phase};
use crate::host::Order;
use crate::interface::Agent;
use crate::panics::guard;
use crate::shared::Status;

impl<A: Agent> Life<A> {
    /// Whether an order is obeyed at once. While the agent lies down for one, the next waits.
    pub(super) fn heeds_orders(&self) -> bool {
        !matches!(self.phase, Phase::LyingDown(_))
    }

    pub(super) fn obey(&mut self) {
        while self.heeds_orders()
            && let Some(order) = self.core.take_order()
        {
            match order {
                Order::LieDown { cause, grace } => self.lie_down(cause, grace),
                Order::Rise => self.rise(),
                Order::End { cause } if matches!(self.phase, Phase::Down(_)) => {
                    tracing::error!(agent = %self.core.shared().full_name(), %cause, "the agent stays down");
                    self.fall(&cause);
                }
                Order::End { .. } => {}
            }
        }
    }

    fn lie_down(&mut self, cause: String, grace: Duration) {
        match &mut self.phase {
            Phase::Running => self.begin_to_lie_down(cause, grace),
            Phase::Starting(_) if self.born.is_none() => {
                self.core.shared().break_ties(&cause);
                self.lay_down(Some(cause));
                self.core.supervision().lies_down();
            }
            Phase::Pausing(pausing) => {
                let crash = pausing.crash.take().or(Some(cause));
                self.lay_down(crash);
                self.core.supervision().lies_down();
            }
            Phase::Retaking(retaking) => {
                // It tries again when it rises.
                let crash = retaking.crash.take().or(Some(cause));
                self.lay_down(crash);
                self.core.supervision().lies_down();
            }
            Phase::Down(_) => self.core.supervision().lies_down(),
            // Not born yet, or ending: the supervision is told of each of these.
            Phase::Unborn
            | Phase::Starting(_)
            | Phase::LyingDown(_)
            | Phase::Draining(_)
            | Phase::Closing(_)
            | Phase::Ended => {}
        }
    }

    fn begin_to_lie_down(&mut self, cause: String, grace: Duration) {
        let shared = self.core.shared().clone();
        tracing::warn!(agent = %shared.full_name(), %cause, "the agent lies down, to be started anew with others");
        // As in a crash: to those who are linked to it or watch it, it is one.
        shared.break_ties(&cause);
        shared.tell(|| AgentEvent::Crashed { cause: cause.clone() });
        shared.set_status(Status::Restarting);
        self.drop_beside();
        // No turn may hold the state when the hook takes it.
        self.core.drop_running();
        let hook = match self.core.state().map(|state| guard(|| self.core.begin_stop(&state))) {
            Some(Ok(Some(hook))) => hook,
            Some(Err(panic)) => {
                Box::pin(std::future::ready(Err(format!("#[stop] panicked: {}", panic.text()))))
            }
            Some(Ok(None)) | None => Box::pin(std::future::ready(Ok(()))),
        };
        let until = self.core.host().link_sleep(grace);
        self.enter(Phase::LyingDown(Box::new(LyingDown { hook, until, cause })));
    }

    /// `#[stop]` is over.
    pub(super) fn has_lain_down(&mut self, outcome: Result<(), String>) {
        let Phase::LyingDown(lying) = &mut self.phase else { return };
        let told = std::mem::take(&mut lying.cause);
        if let Err(cause) = outcome {
            self.core.shared().counters().panics.increment(1);
            tracing::error!(agent = %self.core.shared().full_name(), %cause, "the agent did not stop well");
        }
        self.lay_down(Some(told));
        self.core.supervision().lies_down();
    }

    /// Lets the state go, and waits for an order.
    pub(super) fn lay_down(&mut self, crash: Option<String>) {
        self.core.shared().set_status(Status::Restarting);
        self.drop_beside();
        // Futures of the phase may hold the state.
        self.enter(Phase::Down(Box::new(Down { crash })));
        self.core.let_state_go();
        self.core.end_dialogues("the agent lies down");
        self.core.end_requests();
        // What a destructor or a late turn left belongs to the life that is over.
        self.core.take_crash();
    }

    fn rise(&mut self) {
        let Phase::Down(down) = &mut self.phase else { return };
        let crash = down.crash.take();
        self.core.shared().note_restart();
        self.begin(crash);
    }
}
