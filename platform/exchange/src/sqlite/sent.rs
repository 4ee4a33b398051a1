//! Which mails were sent lately: so that one that is sent again is known.
//!
//! The mails of a commit are one row, numbered in the order of sending; the old rows go from the front. The index over them is
//! in memory, a number for each mail, and is read when the store is opened. Always true: an id is forgotten when its time is
//! over, or when the exchange has taken `repeat_ids` newer ones. Neighbour: [`sending`](super::sending) asks,
//! [`sent_rows`](super::sent_rows) has the rows.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use rusqlite::Connection;

use crate::limits::ExchangeLimits;
use crate::mail::Mail;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::keyed::Keyed;
use super::sent_rows::{self, SentRow};
use super::trouble::Outcome;

/// Rows that are forgotten in one transaction, at most.
const FORGOTTEN_AT_ONCE: usize = 64;

/// By whom and under which id a mail was sent to which mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SentAs {
    pub(super) mailbox: i64,
    pub(super) from: Option<MailboxId>,
    pub(super) id: u128,
}

impl SentAs {
    pub(super) fn of(mailbox: i64, mail: &Mail) -> SentAs {
        SentAs { mailbox, from: mail.from, id: mail.id.0 }
    }
}

/// A mail that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SentMail {
    pub(super) sent_as: SentAs,
    pub(super) position: u64,
    pub(super) fingerprint: u64,
    pub(super) came_at: Moment,
}

/// What is known of a row without a look at it.
#[derive(Clone, Copy, Debug)]
struct Known {
    first: u64,
    count: u64,
    /// When the last of its mails came.
    last_at: Moment,
}

impl Known {
    fn of(row: &SentRow) -> Option<Known> {
        let last_at = row.mails.iter().map(|sent| sent.came_at).max()?;
        Some(Known { first: row.first, count: row.mails.len() as u64, last_at })
    }
}

/// The index: the newest number of each hash.
#[derive(Default)]
pub(super) struct Sent {
    numbers: HashMap<u64, u64, Keyed>,
    hasher: Keyed,
    /// The rows that there are, the oldest first.
    rows: VecDeque<Known>,
    newest: u64,
    /// The highest number of a mailbox that was seen when the index was read.
    pub(super) last_mailbox: i64,
    /// Those of the transaction that is under way, of the numbers up to the newest.
    staged: Vec<SentMail>,
    /// Rows that this transaction has forgotten.
    forgotten: usize,
}

impl Sent {
    fn hash(&self, sent_as: &SentAs) -> u64 {
        self.hasher.hash_one(sent_as)
    }

    /// Reads the index.
    pub(super) fn load(connection: &Connection) -> Outcome<Sent> {
        let mut sent = Sent::default();
        sent_rows::read_all(connection, |row| {
            // Of a damaged row this much is known.
            sent.newest = row.first;
            for (number, mail) in (row.first..).zip(&row.mails) {
                let hash = sent.hash(&mail.sent_as);
                sent.numbers.insert(hash, number);
                sent.newest = number;
                sent.last_mailbox = sent.last_mailbox.max(mail.sent_as.mailbox);
            }
            sent.rows.extend(Known::of(&row));
        })?;
        Ok(sent)
    }

    /// The number of the newest mail that was sent under each hash is remembered; what it was before, and under which hash.
    pub(super) fn stage(&mut self, mail: SentMail) -> (u64, Option<u64>) {
        self.newest += 1;
        let hash = self.hash(&mail.sent_as);
        self.staged.push(mail);
        (hash, self.numbers.insert(hash, self.newest))
    }

    /// Undoes the last that was staged.
    pub(super) fn restore(&mut self, hash: u64, before: Option<u64>) {
        self.staged.pop();
        self.newest -= 1;
        match before {
            Some(number) => drop(self.numbers.insert(hash, number)),
            None => drop(self.numbers.remove(&hash)),
        }
    }

    /// The mail that was sent so, where that is remembered.
    pub(super) fn find(
        &self,
        connection: &Connection,
        sent_as: &SentAs,
        now: Moment,
        bounds: &ExchangeLimits,
    ) -> Outcome<Option<SentMail>> {
        let Some(number) = self.numbers.get(&self.hash(sent_as)) else { return Ok(None) };
        let staged_from = self.newest + 1 - self.staged.len() as u64;
        let found = match number.checked_sub(staged_from) {
            Some(at) => self.staged.get(usize::try_from(at).unwrap_or(usize::MAX)).copied(),
            None => sent_rows::find(connection, *number)?,
        };
        Ok(found.filter(|mail| mail.sent_as == *sent_as && !self.is_over(*number, mail.came_at, now, bounds)))
    }

    /// Whether the mail of that number, which came then, is not remembered any more.
    fn is_over(&self, number: u64, came_at: Moment, now: Moment, bounds: &ExchangeLimits) -> bool {
        came_at + bounds.repeat_time <= now || self.newest.saturating_sub(number) >= bounds.repeat_ids
    }

    /// Writes what the transaction has sent, and forgets what is over, some at a time.
    pub(super) fn write(
        &mut self,
        connection: &Connection,
        now: Moment,
        bounds: &ExchangeLimits,
    ) -> Outcome<()> {
        self.forgotten = 0;
        if !self.staged.is_empty() {
            let first = self.newest + 1 - self.staged.len() as u64;
            sent_rows::write(connection, first, &self.staged)?;
        }
        while let Some(oldest) = self.rows.get(self.forgotten)
            && self.forgotten < FORGOTTEN_AT_ONCE
            && self.is_over(oldest.first + oldest.count - 1, oldest.last_at, now, bounds)
        {
            self.forgotten += 1;
        }
        if let Some(last) = self.forgotten.checked_sub(1).and_then(|last| self.rows.get(last)) {
            let last = last.first;
            // The index forgets them at once: what is over is not found in it either way.
            let numbers = &mut self.numbers;
            let hasher = &self.hasher;
            sent_rows::forget(connection, last, |number, mail| {
                let hash = hasher.hash_one(mail.sent_as);
                // A later mail of the same hash stays.
                if numbers.get(&hash) == Some(&number) {
                    numbers.remove(&hash);
                }
            })?;
        }
        Ok(())
    }

    /// The transaction is committed.
    pub(super) fn settle(&mut self) {
        let forgotten = std::mem::take(&mut self.forgotten);
        self.rows.drain(..forgotten.min(self.rows.len()));
        if let Some(last_at) = self.staged.iter().map(|mail| mail.came_at).max() {
            let count = self.staged.len() as u64;
            self.rows.push_back(Known { first: self.newest + 1 - count, count, last_at });
            self.staged.clear();
        }
    }

    /// The transaction is taken back; what it had staged is restored one by one.
    pub(super) fn take_back(&mut self) {
        self.forgotten = 0;
    }
}
