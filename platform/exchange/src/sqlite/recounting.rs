//! Tallies that are counted anew, where it is not known any more what they were.
//!
//! Always true: what waits, is dead or pending is counted as it lies there; a mailbox gives its next position behind all that
//! are known of. How much it has taken and acknowledged may be less than it was: of that there is no other trace. Neighbour:
//! [`tallies`](super::tallies) tells when.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use crate::mail::MAIL_OVERHEAD_BYTES;

use super::sent_rows;
use super::tally::{Tally, tally_of_row};
use super::trouble::Outcome;
use super::words::count;

/// What is found of each mailbox, by its number.
#[derive(Default)]
struct Counted(BTreeMap<i64, Tally>);

impl Counted {
    fn of(&mut self, mailbox: i64) -> &mut Tally {
        self.0.entry(mailbox).or_default()
    }

    /// Adds rows of a mailbox, how many there are, what they count for and the last position.
    fn read(
        &mut self,
        connection: &Connection,
        sql: &str,
        mut add: impl FnMut(&mut Tally, u64, u64),
    ) -> Outcome<()> {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let [mailbox, many, bytes, last] = [0, 1, 2, 3].map(|at| row.get::<_, i64>(at).unwrap_or(0));
            let tally = self.of(mailbox);
            tally.accepted = tally.accepted.max(count(last));
            add(tally, count(many), count(bytes));
        }
        Ok(())
    }
}

/// Counts what every mailbox holds.
fn counted(connection: &Connection) -> Outcome<BTreeMap<i64, Tally>> {
    let mut counted = Counted::default();
    counted.read(
        connection,
        "SELECT mailbox, count(*), sum(size), max(position) FROM place GROUP BY mailbox",
        |tally, many, bytes| (tally.messages, tally.bytes) = (many, bytes),
    )?;
    counted.read(connection, &letters("mailbox", "GROUP BY mailbox"), |tally, many, bytes| {
        (tally.dead_letters, tally.dead_bytes) = (many, bytes);
    })?;
    counted.read(
        connection,
        "SELECT mailbox, count(*), 0, max(position) FROM pending GROUP BY mailbox",
        |tally, many, _| tally.pending = many,
    )?;
    sent_rows::read_all(connection, |row| {
        for sent in row.mails {
            let tally = counted.of(sent.sent_as.mailbox);
            tally.accepted = tally.accepted.max(sent.position);
        }
    })?;
    Ok(counted.0)
}

fn letters(mailbox: &str, rest: &str) -> String {
    format!(
        "SELECT {mailbox}, count(*), sum(octet_length(body) + octet_length(kind) + {MAIL_OVERHEAD_BYTES}), max(position) \
         FROM dead_letter {rest}"
    )
}

/// The tally of which this much is known, with what was counted.
fn put_together(known: Tally, counted: Tally) -> Tally {
    let Tally { messages, bytes, dead_letters, dead_bytes, pending, accepted, .. } = counted;
    let accepted = accepted.max(known.accepted);
    Tally { accepted, messages, bytes, dead_letters, dead_bytes, pending, ..known }
}

/// The tallies of all mailboxes but those that `is_certain` names, counted anew; `known` is the newest that is known of each
/// from the rows of `change`. Those that are over have none.
pub(super) fn recount(
    connection: &Connection,
    known: &BTreeMap<i64, Option<Tally>>,
    is_certain: impl Fn(i64) -> bool,
) -> Outcome<BTreeMap<i64, Option<Tally>>> {
    let mut counted = counted(connection)?;
    let mut tallies = BTreeMap::new();
    let mut statement = connection.prepare("SELECT number FROM mailbox WHERE terminated IS NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mailbox: i64 = row.get(0)?;
        if !is_certain(mailbox) {
            let known = match known.get(&mailbox).copied().flatten() {
                Some(known) => known,
                None => in_table(connection, mailbox)?.unwrap_or_default(),
            };
            let counted = counted.remove(&mailbox).unwrap_or_default();
            tallies.insert(mailbox, Some(put_together(known, counted)));
        }
    }
    for (mailbox, known) in known {
        if known.is_some() && !is_certain(*mailbox) {
            tallies.entry(*mailbox).or_insert(None);
        }
    }
    Ok(tallies)
}

fn in_table(connection: &Connection, mailbox: i64) -> Outcome<Option<Tally>> {
    let mut statement = connection.prepare_cached("SELECT * FROM tally WHERE mailbox = ?1")?;
    let tally = statement.query_row([mailbox], |row| Ok(tally_of_row(row))).optional()?;
    Ok(tally.flatten().map(|(_, tally)| tally))
}

/// The tally of one mailbox, of which nothing is known.
pub(super) fn recount_one(connection: &Connection, mailbox: i64) -> Outcome<Tally> {
    let mut counted = Counted::default();
    let only = format!("WHERE mailbox = {mailbox}");
    let sum_of_places = format!("SELECT {mailbox}, count(*), sum(size), max(position) FROM place {only}");
    counted.read(connection, &sum_of_places, |tally, many, bytes| {
        (tally.messages, tally.bytes) = (many, bytes);
    })?;
    let its_letters = letters(&mailbox.to_string(), &only);
    counted.read(connection, &its_letters, |tally, many, bytes| {
        (tally.dead_letters, tally.dead_bytes) = (many, bytes);
    })?;
    let its_requests = format!("SELECT {mailbox}, count(*), 0, max(position) FROM pending {only}");
    counted.read(connection, &its_requests, |tally, many, _| tally.pending = many)?;
    let mut last_sent = 0;
    sent_rows::read_all(connection, |row| {
        let its = row.mails.iter().filter(|sent| sent.sent_as.mailbox == mailbox);
        last_sent = its.map(|sent| sent.position).max().unwrap_or(0).max(last_sent);
    })?;
    let tally = counted.of(mailbox);
    tally.accepted = tally.accepted.max(last_sent);
    Ok(*tally)
}
