//! Which mails were sent lately: so that one that is sent again is known.
//!
//! The rows are in the order of sending, so that the old ones go from the front; the index over them is in memory, a
//! number for each, and is read when the store is opened. Always true: an id is forgotten when its time is over, or when the
//! exchange has taken `repeat_ids` newer ones. Neighbour: [`sending`](super::sending) asks.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use rusqlite::{Connection, OptionalExtension, params};

use crate::limits::ExchangeLimits;
use crate::mail::Mail;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::trouble::Outcome;
use super::words::{column, count, id_bytes, moment_column, moment_of};

/// Rows that are forgotten in one transaction, at most.
const FORGOTTEN_AT_ONCE: i64 = 2048;

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

/// The index: the newest row of each hash.
#[derive(Default)]
pub(super) struct Sent {
    rows: HashMap<u64, u64>,
    hasher: RandomState,
    /// The oldest row that is there, and how many there are from it on.
    oldest: u64,
    newest: u64,
    /// When the oldest row came, where that is known.
    oldest_at: Option<Moment>,
}

impl Sent {
    pub(super) fn hash(&self, sent_as: &SentAs) -> u64 {
        self.hasher.hash_one(sent_as)
    }

    pub(super) fn insert(&mut self, hash: u64, row: u64) -> Option<u64> {
        self.newest = self.newest.max(row);
        self.rows.insert(hash, row)
    }

    pub(super) fn restore(&mut self, hash: u64, before: Option<u64>) {
        match before {
            Some(row) => drop(self.rows.insert(hash, row)),
            None => drop(self.rows.remove(&hash)),
        }
    }

    /// Reads the index.
    pub(super) fn load(connection: &Connection) -> Outcome<Sent> {
        let mut sent = Sent::default();
        let mut statement =
            connection.prepare("SELECT number, mailbox, sender, id FROM sent ORDER BY number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let number = count(row.get(0)?);
            if let Some(sent_as) = sent_as_of(row, 1)? {
                let hash = sent.hash(&sent_as);
                sent.insert(hash, number);
            }
            if sent.oldest == 0 {
                sent.oldest = number;
            }
        }
        Ok(sent)
    }

    /// The fingerprint and the position of the mail that was sent so, where that is remembered.
    pub(super) fn find(
        &self,
        connection: &Connection,
        sent_as: &SentAs,
        now: Moment,
        bounds: &ExchangeLimits,
    ) -> Outcome<Option<(u64, u64)>> {
        let Some(number) = self.rows.get(&self.hash(sent_as)) else { return Ok(None) };
        let mut statement = connection.prepare_cached(
            "SELECT fingerprint, position, came_at, mailbox, sender, id FROM sent WHERE number = ?1",
        )?;
        let found = statement
            .query_row([column(*number)], |row| {
                let fingerprint: i64 = row.get(0)?;
                let came_at = moment_of(row.get(2)?);
                Ok((sent_as_of(row, 3)?, came_at, (fingerprint.cast_unsigned(), count(row.get(1)?))))
            })
            .optional()?;
        let is_known = |known: &Option<SentAs>, came_at: Moment| {
            known.as_ref() == Some(sent_as) && !self.is_over(*number, came_at, now, bounds)
        };
        Ok(found.filter(|(known, came_at, _)| is_known(known, *came_at)).map(|(.., found)| found))
    }

    /// Whether a mail that came then, in that row, is not remembered any more.
    fn is_over(&self, number: u64, came_at: Moment, now: Moment, bounds: &ExchangeLimits) -> bool {
        came_at + bounds.repeat_time <= now || self.newest.saturating_sub(number) >= bounds.repeat_ids
    }

    /// Writes the row of a mail that is sent; its number.
    pub(super) fn write(
        &self,
        connection: &Connection,
        sent_as: &SentAs,
        position: u64,
        fingerprint: u64,
        came_at: Moment,
    ) -> Outcome<u64> {
        let mut statement = connection.prepare_cached(
            "INSERT INTO sent(number, mailbox, position, id, sender, fingerprint, came_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        // Numbers only grow, even where all rows are gone meanwhile.
        let number = self.newest + 1;
        statement.execute(params![
            column(number),
            sent_as.mailbox,
            column(position),
            sent_as.id.to_be_bytes(),
            sent_as.from.map(id_bytes),
            fingerprint.cast_signed(),
            moment_column(came_at)
        ])?;
        Ok(number)
    }

    /// Forgets what is over, some at a time.
    pub(super) fn prune(
        &mut self,
        connection: &Connection,
        now: Moment,
        bounds: &ExchangeLimits,
    ) -> Outcome<()> {
        let is_none_over = |at: Moment| !self.is_over(self.oldest, at, now, bounds);
        if self.newest == 0 || self.oldest_at.is_some_and(is_none_over) {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(
            "SELECT number, came_at, mailbox, sender, id FROM sent ORDER BY number LIMIT ?1",
        )?;
        let mut rows = statement.query([FORGOTTEN_AT_ONCE])?;
        let mut last = None;
        self.oldest_at = None;
        while let Some(row) = rows.next()? {
            let (number, came_at) = (count(row.get(0)?), moment_of(row.get(1)?));
            self.oldest = number;
            if !self.is_over(number, came_at, now, bounds) {
                self.oldest_at = Some(came_at);
                break;
            }
            if let Some(sent_as) = sent_as_of(row, 2)? {
                let hash = self.hash(&sent_as);
                // A later mail of the same hash stays.
                if self.rows.get(&hash) == Some(&number) {
                    self.rows.remove(&hash);
                }
            }
            last = Some(number);
        }
        drop(rows);
        if let Some(last) = last {
            connection.prepare_cached("DELETE FROM sent WHERE number <= ?1")?.execute([column(last)])?;
        }
        Ok(())
    }
}

fn sent_as_of(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Option<SentAs>> {
    let mailbox = row.get(first)?;
    let from = match row.get_ref(first + 1)?.as_blob_or_null() {
        Ok(None) => None,
        Ok(Some(bytes)) => super::words::id_of(bytes),
        Err(_) => return Ok(None),
    };
    let Ok(id) = row.get_ref(first + 2)?.as_blob() else { return Ok(None) };
    Ok(super::words::number_of(id).map(|id| SentAs { mailbox, from, id }))
}
