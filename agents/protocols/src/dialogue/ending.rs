//! How dialogues end without a word of theirs: silent for too long, or given up; and what was said and did not go out.
//!
//! Neighbours: [`super::keeping`] ends and forgets, [`super::dialogues`] is the rest of what programs call.

use std::time::Duration;

use super::conversation::Ended;
use super::dialogues::Dialogues;
use super::keeping::milliseconds;
use super::table::DialogueId;
use super::{Refusal, Speech};

impl<B: Speech> Dialogues<B> {
    /// Gives up dialogues in which nobody has spoken for their time-out, `at_most` so many, the longest overdue first;
    /// says which. To be called whenever [`Dialogues::next_deadline`] has come, until it gives fewer than `at_most`.
    pub fn expire(&mut self, now: Duration, at_most: usize) -> Vec<DialogueId> {
        self.keeper.tell_time(now);
        self.keeper.forget_old(at_most);
        let mut expired = Vec::new();
        while expired.len() < at_most
            && let Some(place) = self.keeper.take_silent()
        {
            expired.push(self.keeper.table.id(place));
            self.keeper.end(place, Ended::TimedOut);
        }
        expired
    }

    /// When there may be something to give up; it may turn out that there is not yet. `None` where nothing is waited
    /// for.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.keeper.next_deadline().map(Duration::from_millis)
    }

    /// Gives a dialogue a time-out of its own, counted from now; `None` for never.
    ///
    /// # Errors
    /// The dialogue has ended.
    pub fn set_time_out(
        &mut self,
        id: DialogueId,
        time_out: Option<Duration>,
        now: Duration,
    ) -> Result<(), Refusal> {
        self.keeper.tell_time(now);
        let place = self.open_place(id)?;
        if let Some(conversation) = self.keeper.table.at_mut(place) {
            conversation.set_time_out(time_out.map(milliseconds));
        }
        self.keeper.file(place);
        Ok(())
    }

    /// Gives a dialogue up. The other side is not told.
    ///
    /// # Errors
    /// The dialogue has ended.
    pub fn abandon(&mut self, id: DialogueId, now: Duration) -> Result<(), Refusal> {
        self.keeper.tell_time(now);
        // An end that has not gone out is none.
        let place = self.keeper.table.place(id);
        if place.is_some_and(|place| self.keeper.confirm(place, Some(Ended::Abandoned))) {
            return Ok(());
        }
        let place = self.open_place(id)?;
        self.keeper.end(place, Ended::Abandoned);
        Ok(())
    }

    /// What this side said last has gone out: where that ended the dialogue, the end counts now. Says whether it did.
    pub fn confirm(&mut self, id: DialogueId) -> bool {
        let place = self.keeper.table.place(id);
        place.is_some_and(|place| self.keeper.confirm(place, None))
    }

    /// Takes the message of that number back, which this side said and which has not gone out: the dialogue is as it was
    /// before. Says whether that could be, for something may have come since, and a first message is not taken back.
    pub fn unsay(&mut self, id: DialogueId, message_id: i32, now: Duration) -> bool {
        self.keeper.tell_time(now);
        let place = self.keeper.table.place(id);
        place.is_some_and(|place| self.keeper.unsay(place, message_id))
    }

    fn open_place(&self, id: DialogueId) -> Result<u32, Refusal> {
        let place = self.keeper.table.place(id).ok_or(Refusal::Gone)?;
        let ended = self.keeper.table.at(place).and_then(|conversation| conversation.ended);
        match ended {
            Some(ended) => Err(Refusal::Ended { ended: ended.word(&self.keeper.rules).to_owned() }),
            None => Ok(place),
        }
    }
}
