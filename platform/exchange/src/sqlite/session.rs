//! The operations on a mailbox that lives, but those that send, each within the transaction of its batch.
//!
//! Always true: an operation that is refused has written nothing, or went back to its savepoint. Neighbours:
//! [`lives`](super::lives) has how mailboxes begin and end, [`sending`](super::sending) the rest, [`writer`](super::writer)
//! begins and ends the transactions, [`queue`] works on the mail of one mailbox.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::params;

use crate::asker::Asker;
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::delivery::{Receipt, Refusal};
use crate::error::ExchangeError;
use crate::limits::MAX_GROUPS;
use crate::mailbox::{Lease, MailboxStats};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::store::{Claim, Claimed};

use super::attempts;
use super::burying;
use super::desk::{Desk, Hand, Place, Word};
use super::hands::HandRecord;
use super::mails::{self, Stored};
use super::queue;
use super::sending::check_room;
use super::slots::{self, Live, Slot, Slots};
use super::trouble::{Outcome, Trouble};
use super::words::{column, count};

/// What an operation works on.
pub(super) struct Session {
    pub(super) slots: Slots,
    pub(super) desk: Desk,
}

impl Session {
    /// Begins a part that is taken back as a whole where it is refused.
    pub(super) fn savepoint(&mut self) -> Outcome<Place> {
        self.stage_tallies()?;
        self.desk.connection.prepare_cached("SAVEPOINT operation")?.execute([])?;
        Ok(self.desk.place())
    }

    /// Ends it, well or not.
    pub(super) fn end_savepoint<T>(&mut self, place: &Place, outcome: Outcome<T>) -> Outcome<T> {
        if outcome.is_err() {
            self.desk.connection.prepare_cached("ROLLBACK TO operation")?.execute([])?;
            self.go_back(place);
        }
        self.desk.connection.prepare_cached("RELEASE operation")?.execute([])?;
        outcome
    }

    /// Forgets in memory what was done since `place`.
    pub(super) fn go_back(&mut self, place: &Place) {
        for id in self.desk.go_back(place) {
            self.slots.forget(id);
        }
    }

    /// Stages the tallies that the transaction has changed.
    pub(super) fn stage_tallies(&mut self) -> Outcome<()> {
        for id in std::mem::take(&mut self.desk.untallied) {
            if let Some(Slot::Live(live)) = self.slots.find(&self.desk, id)? {
                live.stage_tally(&mut self.desk);
            }
        }
        Ok(())
    }

    /// A mailbox that lives and that the asker may use, brought to the present.
    pub(super) fn settled(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
    ) -> Outcome<(&mut Live, &mut Desk)> {
        let live = self.slots.live(&self.desk, asker, id)?;
        attempts::settle(live, &mut self.desk, now)?;
        Ok((live, &mut self.desk))
    }

    /// A delivery that is the asker's still.
    fn delivery(
        &mut self,
        now: Moment,
        asker: &Asker,
        receipt: &Receipt,
    ) -> Outcome<(&mut Live, &mut Desk, Hand)> {
        let (live, desk) = self.settled(now, asker, receipt.mailbox)?;
        if receipt.epoch.is_some() {
            live.check_epoch(receipt.epoch, now)?;
        }
        let hand = queue::check(live, desk, receipt)?;
        Ok((live, desk, hand))
    }

    pub(super) fn claim(&mut self, now: Moment, asker: &Asker, claim: &Claim) -> Outcome<Claimed> {
        let (live, desk) = self.settled(now, asker, claim.mailbox)?;
        live.check_epoch(claim.epoch, now)?;
        queue::claim(live, desk, now, claim)
    }

    /// A delivery is as if it had never been; one that is over already stays so.
    pub(super) fn put_back(&mut self, now: Moment, asker: &Asker, receipt: &Receipt) -> Outcome<()> {
        match self.refuse(now, asker, receipt, &Refusal::untouched()) {
            Err(Trouble::Refused(error)) => {
                tracing::debug!(%error, "a delivery could not be given back");
                Ok(())
            }
            done => done,
        }
    }

    pub(super) fn acknowledge(&mut self, now: Moment, asker: &Asker, receipt: &Receipt) -> Outcome<()> {
        let (live, desk, hand) = self.delivery(now, asker, receipt)?;
        queue::acknowledge(live, desk, receipt.position, &hand)?;
        if queue::ready(live, desk) > 0 {
            // A receiver may wait for room among those in hand.
            desk.wake_one(receipt.mailbox);
        }
        Ok(())
    }

    /// What had left for its receiver when the process before this one ended has arrived, as far as anyone can tell.
    pub(super) fn have_arrived(&mut self, now: Moment, left: &[HandRecord]) -> Outcome<()> {
        for record in left {
            let Some(id) = slots::id_of_number(&self.desk, record.mailbox)? else { continue };
            match self.settled(now, &Asker::Container, id) {
                Ok((live, desk)) => drop(queue::has_arrived(live, desk, record)?),
                // It was terminated.
                Err(Trouble::Refused(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    pub(super) fn refuse(
        &mut self,
        now: Moment,
        asker: &Asker,
        receipt: &Receipt,
        refusal: &Refusal,
    ) -> Outcome<()> {
        let (live, desk, hand) = self.delivery(now, asker, receipt)?;
        attempts::refuse(live, desk, receipt.position, hand, refusal.clone(), now)?;
        desk.wake_one(receipt.mailbox);
        Ok(())
    }

    pub(super) fn extend(
        &mut self,
        now: Moment,
        asker: &Asker,
        receipt: &Receipt,
        lease: Duration,
    ) -> Outcome<Moment> {
        let (live, desk, hand) = self.delivery(now, asker, receipt)?;
        let until = now + lease;
        desk.set_hand(live.id(), receipt.position, Some(Hand { until, ..hand }));
        Ok(until)
    }

    pub(super) fn stats(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<MailboxStats> {
        let (live, desk) = self.settled(now, asker, id)?;
        let tally = live.tally();
        Ok(MailboxStats {
            ready: queue::ready(live, desk),
            in_hand: desk.in_hand(id),
            delayed: live.delayed(),
            bytes: tally.bytes,
            dead_letters: tally.dead_letters,
            pending_requests: tally.pending,
            accepted: tally.accepted,
            acknowledged: tally.acknowledged,
            requests_in: tally.requests_in,
            requests_out: tally.requests_out,
            answered: tally.answered,
        })
    }

    /// A mailbox that lives and is the asker's own.
    fn owned(&mut self, asker: &Asker, id: MailboxId) -> Outcome<(&mut Live, &mut Desk)> {
        let live = self.slots.live(&self.desk, asker, id)?;
        match live.ownership.is_owner(asker) {
            true => Ok((live, &mut self.desk)),
            false => Err(ExchangeError::NotOwner { mailbox: id }.into()),
        }
    }

    pub(super) fn share(&mut self, asker: &Asker, id: MailboxId, group: &Arc<str>) -> Outcome<()> {
        let (live, desk) = self.owned(asker, id)?;
        if !asker.is_in(group) {
            return Err(ExchangeError::NotInGroup { group: group.clone() }.into());
        }
        if live.ownership.groups.contains(group) {
            return Ok(());
        }
        if live.ownership.groups.len() >= MAX_GROUPS {
            let full = ExchangeError::Full {
                what: "groups that it is shared with",
                whose: format!("mailbox {id}"),
                limit: MAX_GROUPS as u64,
                advice: "take it back from one",
            };
            return Err(full.into());
        }
        desk.change(id);
        live.ownership.groups.push(group.clone());
        live.write(desk, None)
    }

    pub(super) fn unshare(&mut self, asker: &Asker, id: MailboxId, group: &Arc<str>) -> Outcome<bool> {
        let (live, desk) = self.owned(asker, id)?;
        if !live.ownership.groups.contains(group) {
            return Ok(false);
        }
        desk.change(id);
        live.ownership.groups.retain(|shared| shared != group);
        live.write(desk, None)?;
        Ok(true)
    }

    pub(super) fn shares(&mut self, asker: &Asker, id: MailboxId) -> Outcome<Vec<Arc<str>>> {
        Ok(self.owned(asker, id)?.0.ownership.groups.clone())
    }

    pub(super) fn peek(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        page: Page,
    ) -> Outcome<Vec<Peeked>> {
        let (live, desk) = self.settled(now, asker, id)?;
        queue::peek(live, desk, page.after, page.max)
    }

    pub(super) fn purge(&mut self, now: Moment, asker: &Asker, id: MailboxId, what: Purge) -> Outcome<u64> {
        let (live, desk) = self.settled(now, asker, id)?;
        let gone = match what {
            Purge::Waiting => queue::purge_waiting(live, desk, now)?,
            Purge::DeadLetters => {
                let gone = desk
                    .connection
                    .prepare_cached("DELETE FROM dead_letter WHERE mailbox = ?1")?
                    .execute([live.number])?;
                let tally = live.tally_mut(desk);
                let bytes = std::mem::take(&mut tally.dead_bytes);
                tally.dead_letters = 0;
                desk.totals.bytes = desk.totals.bytes.saturating_sub(bytes);
                gone as u64
            }
        };
        desk.tell(Word::ThrownAway(id, gone, "it was purged"));
        Ok(gone)
    }

    pub(super) fn dead_letters(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        page: Page,
    ) -> Outcome<Vec<DeadLetter>> {
        let (live, desk) = self.settled(now, asker, id)?;
        let positions: Vec<u64> = desk
            .connection
            .prepare_cached(
                "SELECT position FROM dead_letter WHERE mailbox = ?1 AND position > ?2 ORDER BY position LIMIT ?3",
            )?
            .query_map(
                params![live.number, column(page.after), i64::try_from(page.max).unwrap_or(i64::MAX)],
                |row| row.get::<_, i64>(0).map(count),
            )?
            .collect::<Result<_, _>>()?;
        let mut letters = Vec::with_capacity(positions.len());
        for position in positions {
            match mails::read_dead(&desk.connection, live.number, position)? {
                Some(Ok(letter)) => letters.push(letter),
                _ => tracing::error!(
                    mailbox = %id, position,
                    "a stored dead letter is damaged and is not told of; purge the mailbox's dead letters to be rid of it"
                ),
            }
        }
        Ok(letters)
    }

    pub(super) fn requeue(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        positions: &[u64],
    ) -> Outcome<u64> {
        let positions: BTreeSet<u64> = positions.iter().copied().collect();
        let (live, desk) = self.settled(now, asker, id)?;
        let mut letters = Vec::new();
        let mut bytes = 0;
        for position in positions {
            if let Some(Ok(letter)) = mails::read_dead(&desk.connection, live.number, position)? {
                bytes += letter.mail.size_bytes();
                letters.push(letter);
            }
        }
        let messages = live.tally().messages + letters.len() as u64;
        check_room(id, &live.limits, messages, live.tally().bytes + bytes)?;
        let requeued = letters.len() as u64;
        for DeadLetter { position, mut mail, by, .. } in letters {
            burying::remove_letter(live, desk, position)?;
            burying::take_dead_off(live, desk, mail.size_bytes());
            mail.expires_at = None;
            let rank = mails::rank(mail.priority);
            queue::push(live, desk, Stored { rank, position, mail, by, accepted_at: now })?;
        }
        Ok(requeued)
    }

    pub(super) fn take_lease(
        &mut self,
        now: Moment,
        id: MailboxId,
        holder: &Arc<str>,
        time: Duration,
    ) -> Outcome<Lease> {
        let (live, desk) = self.settled(now, &Asker::Container, id)?;
        if live.owner.as_ref().is_some_and(|(other, until)| other != holder && *until > now) {
            live.check_epoch(None, now)?;
        }
        desk.change(id);
        live.epoch += 1;
        live.owner = Some((holder.clone(), now + time));
        live.write(desk, None)?;
        attempts::take_back(live, desk, now)?;
        desk.wake_all(id);
        Ok(live.lease(holder.clone(), now + time))
    }

    pub(super) fn renew_lease(
        &mut self,
        now: Moment,
        id: MailboxId,
        epoch: u64,
        time: Duration,
    ) -> Outcome<Lease> {
        let live = self.slots.live(&self.desk, &Asker::Container, id)?;
        live.check_epoch(Some(epoch), now)?;
        self.desk.change(id);
        let Some((holder, until)) = &mut live.owner else {
            return Err(ExchangeError::NotTheOwner { mailbox: id, epoch }.into());
        };
        *until = now + time;
        let holder = holder.clone();
        live.write(&mut self.desk, None)?;
        Ok(live.lease(holder, now + time))
    }

    pub(super) fn give_up_lease(&mut self, now: Moment, id: MailboxId, epoch: u64) -> Outcome<()> {
        let (live, desk) = self.settled(now, &Asker::Container, id)?;
        live.check_epoch(Some(epoch), now)?;
        desk.change(id);
        live.owner = None;
        live.write(desk, None)?;
        attempts::take_back(live, desk, now)?;
        desk.wake_all(id);
        Ok(())
    }

    pub(super) fn check_fence(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        epoch: u64,
    ) -> Outcome<()> {
        self.slots.live(&self.desk, asker, id)?.check_epoch(Some(epoch), now)
    }

    pub(super) fn settled_for(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<()> {
        self.settled(now, asker, id).map(|_| ())
    }
}
