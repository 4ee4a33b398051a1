//! All mailboxes in memory, and the operations on them but those that send, share or own.
//!
//! Always true: each operation checks all before it changes anything, and wakes whom a store has to wake. Neighbours:
//! [`sending`](super::sending) and [`owning`](super::owning) have the rest of the operations,
//! [`mailbox`](super::mailbox) one mailbox.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::asker::{Asker, Ownership};
use crate::dead_letter::{DeadLetter, Page, Peeked, Purge};
use crate::death_notice::Unheard;
use crate::delivery::{Receipt, Refusal};
use crate::error::ExchangeError;
use crate::ground::Ground;
use crate::limits::ExchangeLimits;
use crate::mailbox::{
    Found, MailboxState, MailboxStats, Query, Registered, Registration, Status, Terminated,
};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::step::{State, StatePage, StateQuery};
use crate::store::{Claim, Claimed};

use super::directory::Directory;
use super::mailbox::{Mailbox, Setting};
use super::queue::Queue;
use super::repeats::Repeats;

type Outcome<T> = Result<T, ExchangeError>;

/// A mailbox, or what is left of it.
pub(super) enum Slot {
    Live(Box<Mailbox>),
    Terminated(Ownership),
}

pub(super) struct Ledger {
    pub(super) ground: Arc<Ground>,
    pub(super) slots: HashMap<MailboxId, Slot>,
    directory: Directory,
    /// Terminated mailboxes, the oldest first.
    terminated: VecDeque<MailboxId>,
    live: u64,
    live_of_user: HashMap<Arc<str>, u64>,
    pub(super) states: BTreeMap<Arc<str>, (u64, Bytes)>,
    /// What all mail and dead letters count for.
    pub(super) bytes: u64,
    pub(super) repeats: Repeats,
    /// Requests that died in this operation.
    pub(super) unheard: Vec<Unheard>,
    last_claim: u64,
}

impl Ledger {
    pub(super) fn new(ground: Arc<Ground>) -> Ledger {
        Ledger {
            ground,
            slots: HashMap::new(),
            directory: Directory::default(),
            terminated: VecDeque::new(),
            live: 0,
            live_of_user: HashMap::new(),
            states: BTreeMap::new(),
            bytes: 0,
            repeats: Repeats::default(),
            unheard: Vec::new(),
            last_claim: 0,
        }
    }

    pub(super) fn bounds(&self) -> &ExchangeLimits {
        self.ground.bounds()
    }

    /// The mailbox, where it lives and the asker may use it.
    pub(super) fn mailbox(&mut self, asker: &Asker, id: MailboxId) -> Outcome<&mut Mailbox> {
        match self.slots.get_mut(&id) {
            None => Err(ExchangeError::NoSuchMailbox { mailbox: id }),
            Some(Slot::Live(mailbox)) if mailbox.ownership.may_use(asker) => Ok(mailbox),
            Some(Slot::Terminated(ownership)) if ownership.may_use(asker) => {
                Err(ExchangeError::MailboxTerminated { mailbox: id })
            }
            Some(_) => Err(ExchangeError::Forbidden { mailbox: id }),
        }
    }

    /// The same, with its mail brought to the present first, whatever the use of it then comes to.
    pub(super) fn with<T>(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        usage: impl FnOnce(&mut Mailbox, &Setting) -> Outcome<T>,
    ) -> Outcome<T> {
        let ground = self.ground.clone();
        let mailbox = self.mailbox(asker, id)?;
        let setting = mailbox.setting(ground);
        let before = mailbox.held_bytes();
        mailbox.settled(now, &setting);
        let outcome = usage(mailbox, &setting);
        let after = mailbox.held_bytes();
        self.bytes = (self.bytes + after).saturating_sub(before);
        self.unheard.append(&mut setting.unheard.into_inner());
        outcome
    }

    pub(super) fn register(
        &mut self,
        _: Moment,
        asker: &Asker,
        mut what: Registration,
    ) -> Outcome<Registered> {
        let id = what.id;
        match self.slots.get_mut(&id) {
            Some(Slot::Live(mailbox)) if mailbox.ownership.may_use(asker) => {
                self.directory.change(mailbox.number, &mailbox.registration, &mut what);
                mailbox.registration = what;
                // There may be room for more in hand now.
                self.ground.waiting().wake_all(id);
                return Ok(Registered::Known);
            }
            Some(Slot::Terminated(ownership)) if ownership.may_use(asker) => {
                return Ok(Registered::Terminated);
            }
            Some(_) => return Err(ExchangeError::Forbidden { mailbox: id }),
            None => {}
        }
        self.check_room_for_a_mailbox(asker)?;
        if let Some(name) = asker.owner_name() {
            *self.live_of_user.entry(name.clone()).or_default() += 1;
        }
        self.live += 1;
        let number = self.directory.enter(&mut what);
        self.slots.insert(id, Slot::Live(Box::new(Mailbox::new(number, what, asker))));
        Ok(Registered::New)
    }

    fn check_room_for_a_mailbox(&self, asker: &Asker) -> Outcome<()> {
        let full = |what, whose, limit| {
            Err(ExchangeError::Full {
                what,
                whose,
                limit,
                advice: "terminate some that are not used any more",
            })
        };
        if self.live >= self.bounds().mailboxes {
            return full("mailboxes", "the exchange".to_owned(), self.bounds().mailboxes);
        }
        let limit = self.bounds().mailboxes_per_user;
        match asker.owner_name() {
            Some(name) if self.live_of_user.get(name).is_some_and(|count| *count >= limit) => {
                full("mailboxes_per_user", format!("user {name:?}"), limit)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn discover(&mut self, _: Moment, asker: &Asker, query: Query) -> Outcome<Vec<Found>> {
        let found = |(number, id)| match self.slots.get(&id) {
            Some(Slot::Live(mailbox)) if mailbox.ownership.may_use(asker) => {
                let Registration { id, name, lineage, capabilities, .. } = &mailbox.registration;
                query.matches(&mailbox.registration).then(|| Found {
                    number,
                    id: *id,
                    name: name.clone(),
                    lineage: lineage.clone(),
                    capabilities: capabilities.clone(),
                    owner: mailbox.ownership.owner.clone(),
                })
            }
            _ => None,
        };
        let candidates = match query.id {
            None => self.directory.candidates(&query),
            Some(id) => {
                let number = match self.slots.get(&id) {
                    Some(Slot::Live(mailbox)) if mailbox.number > query.after => Some(mailbox.number),
                    _ => None,
                };
                Box::new(number.map(|number| (number, id)).into_iter())
            }
        };
        Ok(candidates.filter_map(found).take(query.max).collect())
    }

    pub(super) fn claim(&mut self, now: Moment, asker: &Asker, claim: Claim) -> Outcome<Claimed> {
        let mut last_claim = self.last_claim;
        let claimed = self.with(now, asker, claim.mailbox, |mailbox, setting| {
            mailbox.check_epoch(claim.epoch, now)?;
            let Some(queue) = mailbox.settled(now, setting) else { return Ok(Claimed::default()) };
            let deliveries = queue.claim(now, &claim, setting, &mut last_claim);
            Ok(Claimed { deliveries, next: queue.next() })
        });
        self.last_claim = last_claim;
        claimed
    }

    /// Uses a delivery that is the asker's still, with what its mail counts for.
    fn with_delivery<T>(
        &mut self,
        now: Moment,
        asker: &Asker,
        receipt: &Receipt,
        usage: impl FnOnce(&mut Queue, u64, &Setting) -> T,
    ) -> Outcome<T> {
        self.with(now, asker, receipt.mailbox, |mailbox, setting| {
            if receipt.epoch.is_some() {
                mailbox.check_epoch(receipt.epoch, now)?;
            }
            let queue = mailbox.queue_mut();
            let bytes = queue.check(receipt)?;
            Ok(usage(queue, bytes, setting))
        })
    }

    /// What a delivery counts for that is the asker's still.
    pub(super) fn check_delivery(&mut self, now: Moment, asker: &Asker, receipt: &Receipt) -> Outcome<u64> {
        self.with_delivery(now, asker, receipt, |_, bytes, _| bytes)
    }

    pub(super) fn acknowledge(&mut self, now: Moment, asker: &Asker, receipt: Receipt) -> Outcome<()> {
        let is_more = self.with_delivery(now, asker, &receipt, |queue, _, _| {
            queue.acknowledge(receipt.position);
            queue.ready_len() > 0
        })?;
        if is_more {
            // A receiver may wait for room among those in hand.
            self.ground.waiting().wake_one(receipt.mailbox);
        }
        Ok(())
    }

    pub(super) fn refuse(
        &mut self,
        now: Moment,
        asker: &Asker,
        receipt: Receipt,
        refusal: Refusal,
    ) -> Outcome<()> {
        self.with_delivery(now, asker, &receipt, |queue, _, setting| {
            queue.refuse(receipt.position, refusal, now, setting);
        })?;
        self.ground.waiting().wake_one(receipt.mailbox);
        Ok(())
    }

    pub(super) fn extend(
        &mut self,
        now: Moment,
        asker: &Asker,
        receipt: Receipt,
        lease: Duration,
    ) -> Outcome<Moment> {
        self.with_delivery(now, asker, &receipt, |queue, _, _| {
            queue.extend(receipt.position, now + lease);
            now + lease
        })
    }

    pub(super) fn status(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<Status> {
        let usual = *self.bounds();
        let over = |state| Ok(Status { state, heartbeat_age: None });
        match self.mailbox(asker, id) {
            Ok(mailbox) => Ok(mailbox.status(now, &usual)),
            Err(ExchangeError::NoSuchMailbox { .. }) => over(MailboxState::Missing),
            Err(ExchangeError::MailboxTerminated { .. }) => over(MailboxState::Terminated),
            Err(error) => Err(error),
        }
    }

    pub(super) fn terminate(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<Terminated> {
        match self.with(now, asker, id, |_, _| Ok(())) {
            Ok(()) => {}
            Err(ExchangeError::NoSuchMailbox { .. } | ExchangeError::MailboxTerminated { .. }) => {
                return Ok(Terminated { is_repeated: true, ..Terminated::default() });
            }
            Err(error) => return Err(error),
        }
        let Some(Slot::Live(mailbox)) = self.slots.remove(&id) else {
            return Err(ExchangeError::NoSuchMailbox { mailbox: id });
        };
        self.directory.remove(mailbox.number, &mailbox.registration);
        self.live -= 1;
        if let Some(count) = mailbox.ownership.owner.as_ref().and_then(|name| self.live_of_user.get_mut(name))
        {
            *count -= 1;
        }
        self.live_of_user.retain(|_, count| *count > 0);
        self.bytes -= mailbox.held_bytes();
        self.slots.insert(id, Slot::Terminated(mailbox.ownership.clone()));
        self.terminated.push_back(id);
        while self.terminated.len() as u64 > self.bounds().terminated_mailboxes {
            if let Some(oldest) = self.terminated.pop_front() {
                self.slots.remove(&oldest);
                self.ground.forgot(oldest);
            }
        }
        let dropped = mailbox.queue().map_or(0, |queue| queue.len() + queue.dead_len());
        self.ground.thrown_away(id, dropped, "its mailbox was terminated");
        let answered = self.answer_for(id, now, mailbox.queue());
        self.ground.waiting().wake_all(id);
        Ok(Terminated { answered, dropped, is_repeated: false })
    }

    pub(super) fn heartbeat(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<()> {
        self.mailbox(asker, id)?.heartbeat = Some(now);
        Ok(())
    }

    pub(super) fn stats(&mut self, now: Moment, asker: &Asker, id: MailboxId) -> Outcome<MailboxStats> {
        self.with(now, asker, id, |mailbox, _| Ok(mailbox.stats()))
    }

    pub(super) fn peek(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        page: Page,
    ) -> Outcome<Vec<Peeked>> {
        self.with(now, asker, id, |mailbox, _| {
            Ok(mailbox.queue().map_or_else(Vec::new, |queue| queue.peek(page.after, page.max)))
        })
    }

    pub(super) fn purge(&mut self, now: Moment, asker: &Asker, id: MailboxId, what: Purge) -> Outcome<u64> {
        let count = self.with(now, asker, id, |mailbox, setting| {
            let queue = mailbox.queue_mut();
            Ok(match what {
                Purge::Waiting => queue.purge_waiting(now, setting),
                Purge::DeadLetters => queue.purge_dead(),
            })
        })?;
        self.ground.thrown_away(id, count, "it was purged");
        Ok(count)
    }

    pub(super) fn dead_letters(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        page: Page,
    ) -> Outcome<Vec<DeadLetter>> {
        self.with(now, asker, id, |mailbox, _| {
            Ok(mailbox.queue().map_or_else(Vec::new, |queue| queue.dead_letters(page.after, page.max)))
        })
    }

    pub(super) fn requeue(
        &mut self,
        now: Moment,
        asker: &Asker,
        id: MailboxId,
        positions: Vec<u64>,
    ) -> Outcome<u64> {
        let positions: BTreeSet<u64> = positions.into_iter().collect();
        let count = self.with(now, asker, id, |mailbox, setting| {
            let queue = mailbox.queue_mut();
            let (count, bytes) = queue.weigh_dead(&positions);
            super::sending::check_room(id, &setting.limits, queue.len() + count, queue.bytes() + bytes)?;
            Ok(queue.requeue(&positions, now))
        })?;
        (0..count).for_each(|_| self.ground.waiting().wake_one(id));
        Ok(count)
    }

    pub(super) fn state(&mut self, _: Moment, key: Arc<str>) -> Outcome<Option<State>> {
        let state = self.states.get(&key);
        Ok(state.map(|(revision, bytes)| State { revision: *revision, bytes: bytes.clone() }))
    }

    pub(super) fn states(&mut self, _: Moment, query: StateQuery) -> Outcome<Vec<(Arc<str>, State)>> {
        let mut page = StatePage::new(query.max);
        for (key, (revision, bytes)) in self.states.range::<str, _>((query.begin(), Bound::Unbounded)) {
            if page.is_full() || !key.starts_with(&*query.prefix) {
                break;
            }
            page.push(key.clone(), State { revision: *revision, bytes: bytes.clone() });
        }
        Ok(page.into_states())
    }
}
