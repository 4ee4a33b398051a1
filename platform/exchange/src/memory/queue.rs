//! The mail of one mailbox in memory.
//!
//! Always true: every mail is ready, in hand or delayed, and in the matching sets; [`Queue::settle`] brings it to the
//! present first, and what comes of that in this mailbox does not depend on how often it is called. Neighbour:
//! [`mailbox`](super::mailbox) has one.

use std::collections::{BTreeMap, BTreeSet};

use folkmoot_codecs::Principal;

use crate::dead_letter::{DeadLetter, DeathCause, Peeked, Standing};
use crate::death_notice::Unheard;
use crate::delivery::{Again, Delivery, Receipt, Refusal};
use crate::error::ExchangeError;
use crate::mail::{HIGHEST_PRIORITY, Mail, Tracking};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::store::Claim;

use super::mailbox::Setting;

/// Whose request, and which of theirs.
pub(super) type RequestKey = (MailboxId, u128);

/// Where a mail stands in the order of delivery: lower is earlier.
type Rank = (u8, u64);

struct Entry {
    mail: Mail,
    by: Principal,
    accepted_at: Moment,
    attempts: u32,
    hold: Hold,
}

#[derive(Clone, Copy)]
enum Hold {
    Ready,
    InHand { claim: u64, until: Moment },
    Delayed { until: Moment },
}

/// A request that is not answered.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) position: u64,
    pub(super) label: Option<u128>,
    expires_at: Option<Moment>,
}

#[derive(Default)]
pub(super) struct Queue {
    /// Boxed, for a tree takes room for eleven at once.
    entries: BTreeMap<u64, Box<Entry>>,
    ready: BTreeSet<Rank>,
    /// What is in hand or delayed, by when that ends.
    due: BTreeSet<(Moment, u64)>,
    /// What expires and is not in hand.
    expiring: BTreeSet<(Moment, u64)>,
    in_hand: u32,
    bytes: u64,
    pending: BTreeMap<RequestKey, Pending>,
    pending_expiring: BTreeSet<(Moment, RequestKey)>,
    dead: BTreeMap<u64, DeadLetter>,
    dead_bytes: u64,
    pub(super) last_position: u64,
    pub(super) acknowledged: u64,
}

fn rank(mail: &Mail, position: u64) -> Rank {
    (HIGHEST_PRIORITY.saturating_sub(mail.priority), position)
}

impl Queue {
    /// Ends leases, delays, lives and requests whose time is over at `now`.
    pub(super) fn settle(&mut self, now: Moment, setting: &Setting) {
        while let Some((until, position)) = self.due.first().copied().filter(|(until, _)| *until <= now) {
            self.due.remove(&(until, position));
            self.end_hold(position, until, setting);
        }
        while let Some((at, position)) = self.expiring.first().copied().filter(|(at, _)| *at <= now) {
            self.bury(position, DeathCause::Expired, at, setting);
        }
        while let Some((at, key)) = self.pending_expiring.first().copied().filter(|(at, _)| *at <= now) {
            self.pending_expiring.remove(&(at, key));
            self.pending.remove(&key);
        }
    }

    /// A mail that is in hand or delayed is so no more, at `at`; it is out of `due` already.
    fn end_hold(&mut self, position: u64, at: Moment, setting: &Setting) {
        let Some(entry) = self.entries.get_mut(&position) else { return };
        if matches!(entry.hold, Hold::InHand { .. }) {
            self.in_hand -= 1;
            entry.hold = Hold::Delayed { until: at };
            let expiry = entry.mail.expires_at;
            if let Some(expiry) = expiry.filter(|expiry| *expiry <= at) {
                return self.bury(position, DeathCause::Expired, expiry, setting);
            }
            if entry.attempts >= setting.limits.attempts {
                return self.bury(position, DeathCause::LeaseOver, at, setting);
            }
            if let Some(expiry) = expiry {
                self.expiring.insert((expiry, position));
            }
        }
        self.make_ready(position);
    }

    fn make_ready(&mut self, position: u64) {
        if let Some(entry) = self.entries.get_mut(&position) {
            entry.hold = Hold::Ready;
            self.ready.insert(rank(&entry.mail, position));
        }
    }

    /// Takes a mail out, of whatever set it is in.
    fn take_out(&mut self, position: u64) -> Option<Box<Entry>> {
        let entry = self.entries.remove(&position)?;
        self.bytes -= entry.mail.size_bytes();
        match entry.hold {
            Hold::Ready => drop(self.ready.remove(&rank(&entry.mail, position))),
            Hold::Delayed { until } => drop(self.due.remove(&(until, position))),
            Hold::InHand { until, .. } => {
                self.in_hand -= 1;
                self.due.remove(&(until, position));
            }
        }
        if let Some(expiry) = entry.mail.expires_at {
            self.expiring.remove(&(expiry, position));
        }
        if self.entries.is_empty() {
            // Empty trees keep their room otherwise, and there may be a million mailboxes that had a mail once.
            (self.entries, self.ready, self.due, self.expiring) = Default::default();
        }
        Some(entry)
    }

    fn bury(&mut self, position: u64, cause: DeathCause, died_at: Moment, setting: &Setting) {
        let Some(entry) = self.take_out(position) else { return };
        let Entry { mail, by, attempts, .. } = *entry;
        self.dead_bytes += mail.size_bytes();
        let letter = DeadLetter { position, mail, by, attempts, cause, died_at };
        setting.ground.died(setting.mailbox, &letter);
        setting.unheard.borrow_mut().extend(Unheard::of(setting.mailbox, &letter));
        self.dead.insert(position, letter);
        while self.dead.len() > setting.limits.dead_letters as usize {
            if let Some((_, letter)) = self.dead.pop_first() {
                self.dead_bytes -= letter.mail.size_bytes();
                setting.ground.lost(setting.mailbox, &letter);
            }
        }
    }

    /// What the mail and the dead letters count for.
    pub(super) fn held_bytes(&self) -> u64 {
        self.bytes + self.dead_bytes
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn ready_len(&self) -> u64 {
        self.ready.len() as u64
    }

    pub(super) fn in_hand(&self) -> u64 {
        u64::from(self.in_hand)
    }

    pub(super) fn dead_len(&self) -> u64 {
        self.dead.len() as u64
    }

    pub(super) fn pending_len(&self) -> u64 {
        self.pending.len() as u64
    }

    /// Puts a mail at the end; its position.
    pub(super) fn push(&mut self, mail: Mail, by: Principal, now: Moment) -> u64 {
        self.last_position += 1;
        let position = self.last_position;
        self.bytes += mail.size_bytes();
        self.ready.insert(rank(&mail, position));
        if let Some(expiry) = mail.expires_at {
            self.expiring.insert((expiry, position));
        }
        let entry = Entry { mail, by, accepted_at: now, attempts: 0, hold: Hold::Ready };
        self.entries.insert(position, Box::new(entry));
        position
    }

    /// A mail that is a request waits for its answer from now on.
    pub(super) fn track(&mut self, mail: &Mail, position: u64) {
        if let (Tracking::Request { tag, label }, Some(from)) = (mail.tracking, mail.from) {
            let expires_at = mail.expires_at;
            self.settle_request(&(from, tag));
            self.pending.insert((from, tag), Pending { position, label, expires_at });
            self.pending_expiring.extend(expires_at.map(|at| (at, (from, tag))));
        }
    }

    /// Whether that request waits for its answer.
    pub(super) fn is_pending(&self, key: &RequestKey) -> bool {
        self.pending.contains_key(key)
    }

    /// A request is answered; whether it was pending.
    pub(super) fn settle_request(&mut self, key: &RequestKey) -> bool {
        let Some(pending) = self.pending.remove(key) else { return false };
        if let Some(at) = pending.expires_at {
            self.pending_expiring.remove(&(at, *key));
        }
        true
    }

    /// The requests that are not answered, in the order in which they came.
    pub(super) fn pending(&self) -> Vec<(RequestKey, Pending)> {
        let mut all: Vec<_> = self.pending.iter().map(|(key, pending)| (*key, *pending)).collect();
        all.sort_unstable_by_key(|(_, pending)| pending.position);
        all
    }

    /// Hands over what is ready.
    pub(super) fn claim(
        &mut self,
        now: Moment,
        claim: &Claim,
        setting: &Setting,
        next_claim: &mut u64,
    ) -> Vec<Delivery> {
        let room = setting.limits.in_hand.saturating_sub(self.in_hand) as usize;
        let until = now + claim.lease;
        let mut deliveries = Vec::new();
        while deliveries.len() < claim.max.min(room) {
            let Some((_, position)) = self.ready.pop_first() else { break };
            let Some(entry) = self.entries.get_mut(&position) else { continue };
            *next_claim += 1;
            entry.hold = Hold::InHand { claim: *next_claim, until };
            entry.attempts += 1;
            self.in_hand += 1;
            self.due.insert((until, position));
            if let Some(expiry) = entry.mail.expires_at {
                self.expiring.remove(&(expiry, position));
            }
            deliveries.push(Delivery {
                receipt: Receipt { mailbox: claim.mailbox, position, claim: *next_claim, epoch: claim.epoch },
                mail: entry.mail.clone(),
                by: entry.by.clone(),
                accepted_at: entry.accepted_at,
                attempt: entry.attempts,
                lease_until: until,
            });
        }
        deliveries
    }

    /// When a lease or a delay ends next.
    pub(super) fn next(&self) -> Option<Moment> {
        self.due.first().map(|(until, _)| *until)
    }

    /// What that delivery counts for, where it is in hand still.
    pub(super) fn check(&self, receipt: &Receipt) -> Result<u64, ExchangeError> {
        let over = |reason| ExchangeError::LeaseOver {
            mailbox: receipt.mailbox,
            position: receipt.position,
            reason,
        };
        let entry =
            self.entries.get(&receipt.position).ok_or_else(|| over("the mail is not there any more"))?;
        match entry.hold {
            Hold::InHand { claim, .. } if claim == receipt.claim => Ok(entry.mail.size_bytes()),
            _ => Err(over("its lease has ended")),
        }
    }

    /// A mail is done with; it was checked before.
    pub(super) fn acknowledge(&mut self, position: u64) {
        if self.take_out(position).is_some() {
            self.acknowledged += 1;
        }
    }

    /// A mail goes back; it was checked before.
    pub(super) fn refuse(&mut self, position: u64, refusal: Refusal, now: Moment, setting: &Setting) {
        let Some(entry) = self.entries.get_mut(&position) else { return };
        let Hold::InHand { until, .. } = entry.hold else { return };
        let is_last = entry.attempts >= setting.limits.attempts;
        let pause = match refusal.again {
            Again::Untouched => {
                entry.attempts -= 1;
                None
            }
            Again::After(pause) if !is_last => Some(pause).filter(|pause| *pause >= MILLISECOND),
            Again::After(_) | Again::Never => {
                return self.bury(position, DeathCause::Refused(refusal.reason), now, setting);
            }
        };
        self.due.remove(&(until, position));
        self.in_hand -= 1;
        self.expiring.extend(entry.mail.expires_at.map(|expiry| (expiry, position)));
        match pause {
            None => self.make_ready(position),
            Some(pause) => {
                entry.hold = Hold::Delayed { until: now + pause };
                self.due.insert((now + pause, position));
            }
        }
        // One that expired in hand is a dead letter now.
        self.settle(now, setting);
    }

    /// A delivery is kept until then; it was checked before.
    pub(super) fn extend(&mut self, position: u64, new: Moment) {
        if let Some(Hold::InHand { until, .. }) = self.entries.get_mut(&position).map(|entry| &mut entry.hold)
        {
            self.due.remove(&(*until, position));
            self.due.insert((new, position));
            *until = new;
        }
    }

    /// Takes back what is in hand.
    pub(super) fn take_back(&mut self, now: Moment, setting: &Setting) {
        let in_hand = |entry: &Entry| match entry.hold {
            Hold::InHand { until, .. } => Some(until),
            _ => None,
        };
        let all: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(position, entry)| in_hand(entry).map(|until| (until, *position)))
            .collect();
        for (until, position) in all {
            self.due.remove(&(until, position));
            self.end_hold(position, now, setting);
        }
    }

    pub(super) fn peek(&self, after: u64, max: usize) -> Vec<Peeked> {
        let peeked = |(position, entry): (u64, &Entry)| Peeked {
            position,
            mail: entry.mail.clone(),
            by: entry.by.clone(),
            accepted_at: entry.accepted_at,
            attempts: entry.attempts,
            standing: match entry.hold {
                Hold::Ready => Standing::Ready,
                Hold::InHand { until, .. } => Standing::InHand(until),
                Hold::Delayed { until } => Standing::Delayed(until),
            },
        };
        let page = self.entries.range(after.saturating_add(1)..).take(max);
        page.map(|(position, entry)| peeked((*position, entry))).collect()
    }

    pub(super) fn dead_letters(&self, after: u64, max: usize) -> Vec<DeadLetter> {
        self.dead.range(after.saturating_add(1)..).take(max).map(|(_, letter)| letter.clone()).collect()
    }

    /// Throws away what waits; how many.
    pub(super) fn purge_waiting(&mut self, now: Moment, setting: &Setting) -> u64 {
        let waiting = self.entries.iter().filter(|(_, entry)| !matches!(entry.hold, Hold::InHand { .. }));
        let gone: BTreeMap<u64, u32> = waiting.map(|(position, entry)| (*position, entry.attempts)).collect();
        let unheard = self.pending.iter().filter_map(|((requester, tag), pending)| {
            let attempts = *gone.get(&pending.position)?;
            let request = (pending.position, *requester, (*tag, pending.label));
            Some(Unheard::purged(setting.mailbox, request, attempts, now))
        });
        setting.unheard.borrow_mut().extend(unheard);
        gone.keys().filter(|position| self.take_out(**position).is_some()).count() as u64
    }

    /// Throws the dead letters away; how many.
    pub(super) fn purge_dead(&mut self) -> u64 {
        self.dead_bytes = 0;
        let count = self.dead_len();
        self.dead.clear();
        count
    }

    /// What these dead letters count for, and how many there are.
    pub(super) fn weigh_dead(&self, positions: &BTreeSet<u64>) -> (u64, u64) {
        let letters = positions.iter().filter_map(|position| self.dead.get(position));
        letters.fold((0, 0), |(count, bytes), letter| (count + 1, bytes + letter.mail.size_bytes()))
    }

    /// Puts dead letters at the end; how many there were.
    pub(super) fn requeue(&mut self, positions: &BTreeSet<u64>, now: Moment) -> u64 {
        let mut count = 0;
        for position in positions {
            let Some(DeadLetter { mut mail, by, .. }) = self.dead.remove(position) else { continue };
            self.dead_bytes -= mail.size_bytes();
            mail.expires_at = None;
            self.push(mail, by, now);
            count += 1;
        }
        count
    }
}

/// Shorter pauses are none.
const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);
