//! How turns are let go that do not run to their end: swept, refused, dropped.
//!
//! Always true: whoever waits for such a turn is told; destructors, which are the user's code, run in a guard of their
//! own and never inside a borrow of the queue. Neighbour: [`life`](crate::life) says when.

use std::collections::VecDeque;

use super::{Core, Waiting};
use crate::interface::Agent;
use crate::panics::{guard, let_go};

impl<A: Agent> Core<A> {
    /// Throws out the queued turns that nobody waits for any more, so that their credits come back.
    pub(crate) fn sweep(&self) {
        self.shared.note_sweep();
        let waiting = std::mem::take(&mut self.queue.borrow_mut().waiting);
        let (swept, kept): (VecDeque<_>, VecDeque<_>) =
            waiting.into_iter().partition(|waiting| match waiting {
                Waiting::Call(turn) | Waiting::Returning(turn) => A::is_cancelled(&turn.request),
                Waiting::Timer(_) | Waiting::Mail(_) | Waiting::Heard(_) | Waiting::End(_) => false,
            });
        self.queue.borrow_mut().waiting = kept;
        let held = self.sweep_held();
        self.shared.counters().cancels.increment((swept.len() + held.len()) as u64);
        held.into_iter().for_each(|turn| let_go(&self.shared, turn));
        // Outside of the borrow: destructors of arguments are the user's code.
        swept.into_iter().for_each(|waiting| let_go(&self.shared, waiting));
    }

    /// Whether no turn runs or waits.
    pub(crate) fn is_idle(&self) -> bool {
        let queue = self.queue.borrow();
        queue.waiting.is_empty()
            && queue.writer.is_none()
            && queue.readers.is_empty()
            && queue.old_readers.is_none()
            && self.has_settled_mail()
    }

    /// Drops the exclusive turn in flight: its state is gone with the crash that was not its own.
    pub(crate) fn drop_writer(&self) {
        let writer = self.queue.borrow_mut().writer.take();
        if writer.is_some() {
            self.note_half_done();
        }
        let_go(&self.shared, writer);
    }

    /// Refuses what waits and drops what runs.
    pub(crate) fn drop_turns(&self) {
        self.refuse_waiting();
        self.drop_running();
    }

    /// Drops the turns in flight.
    pub(crate) fn drop_running(&self) {
        self.drop_writer();
        let (readers, old_readers) = {
            let queue = &mut *self.queue.borrow_mut();
            (std::mem::take(&mut queue.readers), std::mem::take(&mut queue.old_readers))
        };
        // One by one: of two destructors that panic together nothing could be caught.
        let old = old_readers.into_iter().flat_map(|old| old.into_turns());
        readers.into_turns().chain(old).for_each(|turn| let_go(&self.shared, turn));
    }

    pub(crate) fn refuse_waiting(&self) {
        self.withdraw_mail();
        let waiting = std::mem::take(&mut self.queue.borrow_mut().waiting);
        for turn in waiting {
            if let Waiting::Call(turn) | Waiting::Returning(turn) = turn {
                let refused = guard(|| A::refuse(turn.request, self.shared.stopped_error(false)));
                let_go(&self.shared, refused);
            }
        }
        self.refuse_held();
        self.no_message_is_queued();
        self.queued_timers.set(0);
        self.end_is_queued.set(false);
    }

    /// There will be no other state: what waits is refused, and shared turns in flight finish on the old one.
    pub(crate) fn lose_state(&self) {
        self.refuse_waiting();
        self.let_state_go();
    }

    /// The next state will be another one: shared turns in flight finish on the old one.
    pub(crate) fn let_state_go(&self) {
        self.queue.borrow_mut().set_readers_aside();
        let state = self.state.borrow_mut().take();
        let_go(&self.shared, state);
    }

    /// Ends everything: queued turns are refused, running ones dropped, the state let go.
    pub(crate) fn close(&self) {
        self.drop_turns();
        self.drop_spawned();
        let state = self.state.borrow_mut().take();
        let_go(&self.shared, state);
    }

    pub(crate) fn drop_spawned(&self) {
        self.take_spawned().into_iter().for_each(|future| let_go(&self.shared, future));
    }
}
