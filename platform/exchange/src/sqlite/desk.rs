//! What all operations of the store work on besides the mailboxes: the database, who has what in hand, what was sent
//! lately, the totals; and how to take back what a transaction did to them.
//!
//! Always true: what is in memory here is as the last commit left it, or is undone with the transaction that changed it.
//! Neighbours: [`session`](super::session) begins and ends transactions, [`slots`](super::slots) has the mailboxes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use rusqlite::Connection;

use crate::dead_letter::DeadLetter;
use crate::death_notice::Unheard;
use crate::ground::Ground;
use crate::limits::ExchangeLimits;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::free_rows::FreeRows;
use super::hands::{HandRecord, Whereabouts};
use super::keyed::Keyed;
use super::mails::Stored;
use super::sent::{Sent, SentMail};
use super::tallies::Tallies;
use super::tally::Tally;
use super::trouble::Outcome;

/// Mails that were just sent are kept at hand, for most are received soon: in bytes, with what each counts for.
const FRESH_BYTES: u64 = 16 << 20;

/// Users whose mailboxes are counted; for more the counts are made anew.
const COUNTED_USERS: usize = 4096;

/// A mail that a receiver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hand {
    /// The number of the mailbox, and of its own row.
    pub(super) mailbox: i64,
    pub(super) mail: i64,
    pub(super) rank: u8,
    pub(super) attempts: u32,
    /// It has a row of `attempt`, of an earlier delivery.
    pub(super) is_written: bool,
    pub(super) claim: u64,
    pub(super) until: Moment,
    pub(super) size: u64,
    pub(super) expires_at: Option<Moment>,
}

/// Sums over all mailboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) bytes: u64,
    pub(super) live: u64,
    pub(super) terminated: u64,
    /// The number of the newest terminated mailbox among these.
    pub(super) last_terminated: u64,
    pub(super) states: u64,
}

/// Whom to wake once the transaction is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wake {
    One(MailboxId),
    All(MailboxId),
}

/// What the ground is told of once the transaction is on the disk.
pub(super) enum Word {
    Died(MailboxId, DeadLetter),
    Lost(MailboxId, DeadLetter),
    ThrownAway(MailboxId, u64, &'static str),
    Forgot(MailboxId),
    Told(Unheard),
    Untold(Unheard),
}

/// What a transaction did to the memory.
enum Undo {
    Hand(MailboxId, u64, Option<Hand>),
    Sent(u64, Option<u64>),
    Tally(i64, Option<Option<Tally>>),
    Taken(i64),
    Left(i64),
    Fresh(i64),
}

/// A mail that is kept at hand, and when it was put there.
struct Fresh {
    mailbox: i64,
    stored: Stored,
    serial: u64,
}

/// Where an operation began, to go back there.
pub(super) struct Place {
    undo: usize,
    wakes: usize,
    words: usize,
    unheard: usize,
    changed: usize,
    records: usize,
    totals: Totals,
}

pub(super) struct Desk {
    pub(super) connection: Connection,
    pub(super) ground: Arc<Ground>,
    pub(super) totals: Totals,
    pub(super) sent: Sent,
    pub(super) tallies: Tallies,
    pub(super) free_rows: FreeRows,
    /// Pages of the database were not looked at yet: what cannot be read may be put right.
    pub(super) has_unseen_pages: bool,
    pub(super) last_claim: u64,
    /// The number of the newest mailbox; numbers are not given again while anything may remember them.
    pub(super) last_mailbox: i64,
    wakes: Vec<Wake>,
    words: Vec<Word>,
    /// Requests that died in the present operation.
    pub(super) unheard: Vec<Unheard>,
    /// Mailboxes that the transaction has changed, and those of them whose tally is not written yet.
    pub(super) changed: Vec<MailboxId>,
    pub(super) untallied: Vec<MailboxId>,
    hands: HashMap<MailboxId, BTreeMap<u64, Hand>, Keyed>,
    /// What of the deliveries is to be noted once the transaction is committed.
    records: Vec<HandRecord>,
    fresh: HashMap<i64, Fresh, Keyed>,
    /// In which order they were put there, with what is there no more.
    fresh_order: VecDeque<(i64, u64)>,
    fresh_bytes: u64,
    last_serial: u64,
    live_of_user: HashMap<Arc<str>, u64>,
    undo: Vec<Undo>,
}

impl Desk {
    pub(super) fn new(connection: Connection, ground: Arc<Ground>, start: u64) -> Desk {
        Desk {
            connection,
            ground,
            totals: Totals::default(),
            sent: Sent::default(),
            tallies: Tallies::default(),
            free_rows: FreeRows::default(),
            has_unseen_pages: false,
            // Numbers of claims are never given again, not even after a new start.
            last_claim: start << 32,
            last_mailbox: 0,
            wakes: Vec::new(),
            words: Vec::new(),
            unheard: Vec::new(),
            changed: Vec::new(),
            untallied: Vec::new(),
            hands: HashMap::default(),
            records: Vec::new(),
            fresh: HashMap::default(),
            fresh_order: VecDeque::new(),
            fresh_bytes: 0,
            last_serial: 0,
            live_of_user: HashMap::new(),
            undo: Vec::new(),
        }
    }

    pub(super) fn bounds(&self) -> &ExchangeLimits {
        self.ground.bounds()
    }

    pub(super) fn place(&self) -> Place {
        Place {
            undo: self.undo.len(),
            wakes: self.wakes.len(),
            words: self.words.len(),
            unheard: self.unheard.len(),
            changed: self.changed.len(),
            records: self.records.len(),
            totals: self.totals,
        }
    }

    /// Undoes in memory what was done since `place`; which mailboxes are to be read anew.
    pub(super) fn go_back(&mut self, place: &Place) -> Vec<MailboxId> {
        while self.undo.len() > place.undo {
            match self.undo.pop() {
                Some(Undo::Hand(mailbox, position, before)) => self.put_hand(mailbox, position, before),
                Some(Undo::Sent(hash, before)) => self.sent.restore(hash, before),
                Some(Undo::Tally(mailbox, before)) => self.tallies.restore(mailbox, before),
                Some(Undo::Taken(number)) => self.free_rows.untake(number),
                Some(Undo::Left(number)) => self.free_rows.unleave(number),
                Some(Undo::Fresh(number)) => self.forget_fresh(number),
                None => break,
            }
        }
        self.sent.take_back();
        self.tallies.take_back();
        self.records.truncate(place.records);
        self.wakes.truncate(place.wakes);
        self.words.truncate(place.words);
        self.unheard.truncate(place.unheard);
        self.totals = place.totals;
        self.live_of_user.clear();
        let changed = self.changed.split_off(place.changed);
        self.untallied.retain(|id| !changed.contains(id));
        changed
    }

    /// The transaction is on the disk: nothing of it is taken back any more, and others are told.
    pub(super) fn settle(&mut self) {
        self.undo.clear();
        self.changed.clear();
        self.sent.settle();
        self.tallies.settle();
        for word in self.words.drain(..) {
            match word {
                Word::Died(mailbox, letter) => self.ground.died(mailbox, &letter),
                Word::Lost(mailbox, letter) => self.ground.lost(mailbox, &letter),
                Word::ThrownAway(mailbox, count, why) => self.ground.thrown_away(mailbox, count, why),
                Word::Forgot(mailbox) => self.ground.forgot(mailbox),
                Word::Told(unheard) => self.ground.told(&unheard),
                Word::Untold(unheard) => self.ground.untold(&unheard),
            }
        }
        for wake in self.wakes.drain(..) {
            match wake {
                Wake::One(mailbox) => self.ground.waiting().wake_one(mailbox),
                Wake::All(mailbox) => self.ground.waiting().wake_all(mailbox),
            }
        }
        self.trim_fresh();
    }

    /// Drops mails that are at hand, the oldest first, where they are too many.
    fn trim_fresh(&mut self) {
        while let Some((number, serial)) = self.fresh_order.front().copied() {
            let is_there = self.fresh.get(&number).is_some_and(|fresh| fresh.serial == serial);
            if is_there && self.fresh_bytes <= FRESH_BYTES {
                break;
            }
            self.fresh_order.pop_front();
            if is_there {
                self.forget_fresh(number);
            }
        }
        if self.fresh_order.len() > 2 * self.fresh.len() + 1024 {
            let fresh = &self.fresh;
            self.fresh_order
                .retain(|(number, serial)| fresh.get(number).is_some_and(|fresh| fresh.serial == *serial));
        }
    }

    pub(super) fn tell(&mut self, word: Word) {
        self.words.push(word);
    }

    /// A mailbox is changed by the transaction.
    pub(super) fn change(&mut self, mailbox: MailboxId) {
        if self.changed.last() != Some(&mailbox) {
            self.changed.push(mailbox);
        }
    }

    pub(super) fn wake_one(&mut self, mailbox: MailboxId) {
        self.wakes.push(Wake::One(mailbox));
    }

    pub(super) fn wake_all(&mut self, mailbox: MailboxId) {
        self.wakes.push(Wake::All(mailbox));
    }

    /// The tally of a mailbox is that from now on; `None` where it is over.
    pub(super) fn stage_tally(&mut self, mailbox: i64, tally: Option<Tally>) {
        let before = self.tallies.stage(mailbox, tally);
        self.undo.push(Undo::Tally(mailbox, before));
    }

    /// A row for a mail.
    pub(super) fn take_row(&mut self) -> i64 {
        let number = self.free_rows.take();
        self.undo.push(Undo::Taken(number));
        number
    }

    /// The row of a mail that is gone is free.
    pub(super) fn leave_row(&mut self, number: i64) -> Outcome<()> {
        self.forget_fresh(number);
        if self.free_rows.leave(number) {
            self.undo.push(Undo::Left(number));
            return Ok(());
        }
        super::mails::remove(&self.connection, number)
    }

    /// A delivery is noted once the transaction is committed.
    pub(super) fn note(&mut self, position: u64, hand: &Hand, whereabouts: Whereabouts) {
        let Hand { mailbox, mail, rank, attempts, claim, .. } = *hand;
        self.records.push(HandRecord { mailbox, position, mail, attempts, rank, claim, whereabouts });
    }

    /// What is to be noted now.
    pub(super) fn take_records(&mut self) -> Vec<HandRecord> {
        std::mem::take(&mut self.records)
    }

    /// All that is in hand.
    pub(super) fn all_in_hand(&self) -> Vec<HandRecord> {
        let hands = self.hands.values().flatten();
        let record = |(position, hand): (&u64, &Hand)| {
            let Hand { mailbox, mail, rank, attempts, claim, .. } = *hand;
            let whereabouts = Whereabouts::InHand;
            HandRecord { mailbox, position: *position, mail, attempts, rank, claim, whereabouts }
        };
        hands.map(record).collect()
    }

    /// What of a mailbox is in hand, by position.
    pub(super) fn hands(&self, mailbox: MailboxId) -> Option<&BTreeMap<u64, Hand>> {
        self.hands.get(&mailbox)
    }

    pub(super) fn hand(&self, mailbox: MailboxId, position: u64) -> Option<Hand> {
        self.hands.get(&mailbox)?.get(&position).copied()
    }

    pub(super) fn in_hand(&self, mailbox: MailboxId) -> u64 {
        self.hands.get(&mailbox).map_or(0, |hands| hands.len() as u64)
    }

    /// A mail is in hand so from now on, or no more; what it was before.
    pub(super) fn set_hand(&mut self, mailbox: MailboxId, position: u64, hand: Option<Hand>) -> Option<Hand> {
        let before = self.hand(mailbox, position);
        if before != hand {
            self.undo.push(Undo::Hand(mailbox, position, before));
            self.put_hand(mailbox, position, hand);
        }
        before
    }

    fn put_hand(&mut self, mailbox: MailboxId, position: u64, hand: Option<Hand>) {
        match hand {
            Some(hand) => drop(self.hands.entry(mailbox).or_default().insert(position, hand)),
            None => {
                if let Some(hands) = self.hands.get_mut(&mailbox) {
                    hands.remove(&position);
                    if hands.is_empty() {
                        self.hands.remove(&mailbox);
                    }
                }
            }
        }
    }

    /// Keeps a mail at hand that was just sent.
    pub(super) fn keep_fresh(&mut self, number: i64, mailbox: i64, stored: Stored) {
        let bytes = stored.mail.size_bytes();
        if bytes > FRESH_BYTES / 16 {
            return;
        }
        self.undo.push(Undo::Fresh(number));
        self.forget_fresh(number);
        self.last_serial += 1;
        self.fresh.insert(number, Fresh { mailbox, stored, serial: self.last_serial });
        self.fresh_order.push_back((number, self.last_serial));
        self.fresh_bytes += bytes;
    }

    /// The mail of that row, where it is at hand and is that of the mailbox, rank and position.
    pub(super) fn fresh(&self, number: i64, mailbox: i64, (rank, position): (u8, u64)) -> Option<&Stored> {
        let Fresh { stored, .. } = self.fresh.get(&number).filter(|fresh| fresh.mailbox == mailbox)?;
        ((stored.rank, stored.position) == (rank, position)).then_some(stored)
    }

    /// A row is gone; its number may be given to another mail.
    pub(super) fn forget_fresh(&mut self, number: i64) {
        if let Some(gone) = self.fresh.remove(&number) {
            self.fresh_bytes -= gone.stored.mail.size_bytes();
        }
    }

    /// A mail was sent.
    pub(super) fn remember_sent(&mut self, mail: SentMail) {
        let (hash, before) = self.sent.stage(mail);
        self.undo.push(Undo::Sent(hash, before));
    }

    /// The mailboxes of a user that live.
    pub(super) fn live_of_user(&mut self, user: &Arc<str>) -> Outcome<&mut u64> {
        if self.live_of_user.len() > COUNTED_USERS {
            self.live_of_user.clear();
        }
        match self.live_of_user.entry(user.clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let mut statement = self
                    .connection
                    .prepare_cached("SELECT count(*) FROM mailbox WHERE owner = ?1 AND terminated IS NULL")?;
                let count: i64 = statement.query_row([&**user], |row| row.get(0))?;
                Ok(entry.insert(super::words::count(count)))
            }
        }
    }
}
