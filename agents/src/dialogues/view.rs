//! How an agent looks at its dialogues in one protocol, and sets their bounds.
//!
//! Neighbour: [`desk`](super::desk) keeps them.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use folkmoot_protocols::Message;
use folkmoot_protocols::dialogue::{self, DialogueId, Limits, Refusal, Statistics};
use folkmoot_protocols::typed::{Conversed, Heard};

use super::Cause;
use super::desk::Desk;

/// An agent's dialogues in one protocol.
pub struct Dialogues<P: Conversed>(pub(crate) Rc<Desk<P>>);

impl<P: Conversed> fmt::Debug for Dialogues<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogues").field("agent", self.0.name()).field("protocol", &P::ID).finish()
    }
}

impl<P: Conversed> Dialogues<P> {
    /// How many are open.
    pub fn open(&self) -> usize {
        self.0.dialogues.borrow().open()
    }

    /// How they went.
    pub fn statistics(&self) -> Statistics {
        self.0.dialogues.borrow().statistics().clone()
    }

    /// How much they may take.
    pub fn limits(&self) -> Limits {
        self.0.dialogues.borrow().limits().clone()
    }

    /// Sets how much they may take from now on; what is there already stays. The defaults are those of [`Limits`].
    pub fn set_limits(&self, limits: Limits) {
        self.0.set_limits(limits);
    }

    /// Sets a rule of the agent's own, asked of each message, coming or going, that all others allow. An error of it is
    /// the reason for a refusal.
    pub fn set_validation(
        &self,
        validation: impl Fn(dialogue::Dialogue<'_, P>, &Message<P>) -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.0.dialogues.borrow_mut().set_validation(validation);
    }

    /// Looks at a dialogue, as long as it is known. What changes dialogues of the protocol is done after `look`, not
    /// within: that would panic.
    pub fn look<T>(&self, id: DialogueId, look: impl FnOnce(dialogue::Dialogue<'_, P>) -> T) -> Option<T> {
        self.0.dialogues.borrow().get(id).map(look)
    }

    /// Gives a dialogue a time-out of its own on the container's clock, counted from now; `None` for never.
    ///
    /// # Errors
    /// The dialogue has ended.
    pub fn set_time_out(&self, id: DialogueId, time_out: Option<Duration>) -> Result<(), Refusal> {
        let now = self.0.now();
        self.0.dialogues.borrow_mut().set_time_out(id, time_out, now)
    }

    /// Gives a dialogue up. The other side is told, as far as a way leads there, and whoever waits here.
    pub fn abandon(&self, id: DialogueId) {
        self.0.give_up(id, &Cause::Abandoned, "it was abandoned there");
    }

    /// What the other sides have said and this agent has not answered, in open dialogues: where to go on after a new
    /// start, if dialogues outlive the agent. What still waits for its handler's turn is not among it. In no order that
    /// means anything.
    pub fn unanswered(&self) -> Vec<Heard<P>> {
        let (dialogues, besides) = (self.0.dialogues.borrow(), self.0.beside.borrow());
        let is_queued =
            |id: DialogueId| besides.get(&id).is_some_and(|beside| beside.queued + beside.arriving > 0);
        let open = dialogues.all().filter(|(id, dialogue)| dialogue.ended().is_none() && !is_queued(*id));
        open.filter_map(|(id, _)| Heard::last(&dialogues, id)).collect()
    }
}
