//! Suspending: a suspended agent begins no turns.
//!
//! Always true: turns in flight run on, what comes is queued and holds its credit, and neither a crash nor a new start
//! lifts the suspension. Who ends while suspended finishes what is in flight and refuses what waits. Neighbours:
//! [`queue`](super) asks before a turn begins, [`life`](crate::life) keeps the status.

use tokio::sync::oneshot;

use super::Core;
use crate::interface::Agent;
use crate::shared::Status;

impl<A: Agent> Core<A> {
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.get()
    }

    /// The status of an agent that has started.
    pub(crate) fn running_status(&self) -> Status {
        if self.is_suspended() { Status::Suspended } else { Status::Running }
    }

    /// Begins no more turns, and tells when that holds.
    pub(crate) fn suspend(&self, done: oneshot::Sender<()>) {
        self.set_suspended(true, done);
    }

    /// Begins turns again: the life, which brings this in, goes on to them.
    pub(crate) fn resume(&self, done: oneshot::Sender<()>) {
        self.set_suspended(false, done);
    }

    fn set_suspended(&self, suspended: bool, done: oneshot::Sender<()>) {
        self.suspended.set(suspended);
        match self.shared.status() {
            Status::Running | Status::Suspended => self.shared.set_status(self.running_status()),
            // It finishes what is in flight, and what waits could begin no more.
            Status::Stopping if suspended => self.refuse_waiting(),
            _ => {}
        }
        // Whoever asked may have gone.
        done.send(()).ok();
    }

    /// Whether what comes now could never begin.
    pub(super) fn takes_nothing_in(&self) -> bool {
        match self.shared.status() {
            Status::Stopped => true,
            Status::Stopping => self.is_suspended(),
            _ => false,
        }
    }
}
