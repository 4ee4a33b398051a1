//! How mailboxes begin and end: they are registered, terminated, and forgotten once too many others were terminated since.
//!
//! Always true: a mailbox that is over stays so for as long as it is remembered, and whoever waits for its answers is told in the
//! same transaction. Neighbours: [`session`](super::session) has what is done with those that live, [`finding`] the words that
//! they are found by.

use crate::asker::Asker;
use crate::error::ExchangeError;
use crate::mailbox::{Registered, Registration, Terminated};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::desk::Word;
use super::finding;
use super::places;
use super::requests;
use super::session::Session;
use super::slots::{self, Slot};
use super::trouble::Outcome;

impl Session {
    pub(super) fn register(&mut self, asker: &Asker, what: &Registration) -> Outcome<Registered> {
        let (id, usual) = (what.id, *self.desk.bounds());
        match self.slots.find(&self.desk, id)? {
            Some(Slot::Live(live)) if live.ownership.may_use(asker) => {
                if live.registration != *what {
                    finding::change(&self.desk.connection, live.number, &live.registration, what)?;
                    live.limits = what.limits.unwrap_or(usual.mailbox);
                    live.registration = what.clone();
                    live.write(&mut self.desk, None)?;
                } else {
                    // Nothing, unless a word of it was damaged.
                    finding::enter(&self.desk.connection, live.number, what)?;
                }
                // There may be room for more in hand now.
                self.desk.wake_all(id);
                return Ok(Registered::Known);
            }
            Some(Slot::Terminated(ownership)) if ownership.may_use(asker) => {
                return Ok(Registered::Terminated);
            }
            Some(_) => return Err(ExchangeError::Forbidden { mailbox: id }.into()),
            None => {}
        }
        self.check_room_for_a_mailbox(asker)?;
        self.desk.last_mailbox += 1;
        let number = self.desk.last_mailbox;
        let mut live = slots::new(number, what.clone(), asker, &usual);
        live.write(&mut self.desk, None)?;
        live.tally_mut(&mut self.desk);
        finding::enter(&self.desk.connection, number, what)?;
        if let Some(user) = asker.owner_name() {
            *self.desk.live_of_user(user)? += 1;
        }
        self.desk.totals.live += 1;
        self.slots.enter(live);
        Ok(Registered::New)
    }

    fn check_room_for_a_mailbox(&mut self, asker: &Asker) -> Outcome<()> {
        let bounds = *self.desk.bounds();
        let full = |what, whose, limit| {
            let advice = "terminate some that are not used any more";
            Err(ExchangeError::Full { what, whose, limit, advice }.into())
        };
        if self.desk.totals.live >= bounds.mailboxes {
            return full("mailboxes", "the exchange".to_owned(), bounds.mailboxes);
        }
        let limit = bounds.mailboxes_per_user;
        match asker.owner_name() {
            Some(user) if *self.desk.live_of_user(user)? >= limit => {
                full("mailboxes_per_user", format!("user {user:?}"), limit)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn terminate(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<Terminated> {
        match self.slots.find(&self.desk, id)? {
            Some(Slot::Live(live)) if live.ownership.may_use(asker) => {}
            Some(Slot::Terminated(ownership)) if !ownership.may_use(asker) => {
                return Err(ExchangeError::Forbidden { mailbox: id }.into());
            }
            Some(Slot::Live(_)) => return Err(ExchangeError::Forbidden { mailbox: id }.into()),
            _ => return Ok(Terminated { is_repeated: true, ..Terminated::default() }),
        }
        let place = self.savepoint()?;
        let outcome = self.end_mailbox(now, id);
        self.end_savepoint(&place, outcome)
    }

    fn end_mailbox(&mut self, now: Moment, id: MailboxId) -> Outcome<Terminated> {
        self.settled(now, &Asker::Container, id)?;
        self.stage_tallies()?;
        self.desk.change(id);
        let Some(live) = self.slots.end(id) else {
            return Ok(Terminated { is_repeated: true, ..Terminated::default() });
        };
        let desk = &mut self.desk;
        desk.totals.last_terminated += 1;
        live.write(desk, Some(desk.totals.last_terminated))?;
        finding::leave(&desk.connection, live.number, &live.registration)?;
        let positions: Vec<u64> =
            desk.hands(id).into_iter().flat_map(|hands| hands.keys().copied()).collect();
        for position in positions {
            desk.set_hand(id, position, None);
        }
        let pending = if live.tally().pending == 0 { Vec::new() } else { requests::pending(&live, desk)? };
        for row in places::rows(&desk.connection, live.number)? {
            desk.leave_row(row)?;
        }
        desk.stage_tally(live.number, None);
        for table in ["place", "dead_letter", "attempt", "pending", "tally"] {
            desk.connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE mailbox = ?1"))?
                .execute([live.number])?;
        }
        let held = live.tally().bytes + live.tally().dead_bytes;
        desk.totals.bytes = desk.totals.bytes.saturating_sub(held);
        desk.totals.live = desk.totals.live.saturating_sub(1);
        desk.totals.terminated += 1;
        if let Some(user) = &live.ownership.owner {
            let count = desk.live_of_user(user)?;
            *count = count.saturating_sub(1);
        }
        desk.wake_all(id);
        self.forget_oldest_terminated()?;
        let dropped = live.tally().messages + live.tally().dead_letters;
        self.desk.tell(Word::ThrownAway(id, dropped, "its mailbox was terminated"));
        let answered = self.answer_for(id, now, pending)?;
        Ok(Terminated { answered, dropped, is_repeated: false })
    }

    fn forget_oldest_terminated(&mut self) -> Outcome<()> {
        while self.desk.totals.terminated > self.desk.bounds().terminated_mailboxes {
            let oldest: Vec<u8> = self
                .desk
                .connection
                .prepare_cached(
                    "DELETE FROM mailbox WHERE terminated = (SELECT min(terminated) FROM mailbox \
                     WHERE terminated IS NOT NULL) RETURNING id",
                )?
                .query_row([], |row| row.get(0))?;
            if let Some(id) = super::words::id_of(&oldest) {
                self.desk.change(id);
                self.desk.tell(Word::Forgot(id));
                self.slots.forget(id);
            }
            self.desk.totals.terminated -= 1;
        }
        Ok(())
    }
}
