//! The tallies of all mailboxes, and how they are kept.
//!
//! A commit writes one row of `change` with all the tallies that it changed, in the place of a row for each mailbox; every
//! some thousand commits they are brought into the table `tally`, a few at each commit and in its order, so that what lies side by
//! side is written once. Always true: a tally is that of the
//! transaction, else the newest of `change`, else that of the table; both kinds of rows bear checksums. The rows of `change`
//! count the commits, too. Neighbours: [`tally`](super::tally) has one, [`slots`](super::slots) has the tallies of the mailboxes that are in use,
//! [`writer`](super::writer) has them written.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::limits::{ExchangeLimits, MAX_TEXT_BYTES};
use crate::mail::MAIL_OVERHEAD_BYTES;

use super::recounting::recount;
use super::sum::sum_of;
use super::tally::{Tally, put_tally, take_tally, tally_of_row};
use super::trouble::Outcome;
use super::words::{column, count};

/// Commits after which all tallies are brought into their table; fewer where that is tested.
const COMMITS: u64 = if cfg!(test) { 1 << 10 } else { 1 << 15 };

/// Mailboxes with newer tallies than the table's, after which they are brought there.
const MAILBOXES: usize = if cfg!(test) { 1 << 11 } else { 1 << 16 };

/// Tallies that one commit brings there, at least; twice as many as it changes, so that they become fewer.
const FOLDED_AT_ONCE: usize = 32;

/// Rows of `change` that one commit removes at most.
const FORGOTTEN_AT_ONCE: u64 = 64;

/// The newest tallies by the mailbox's number; `None` where the mailbox is over.
type Newest = BTreeMap<i64, Option<Tally>>;

/// The tallies that are newer than those of the table.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    committed: Newest,
    /// Those of the transaction that is under way.
    staged: Newest,
    /// The rows of `change` that there are: from after the first number up to the last.
    forgotten: u64,
    last: u64,
    /// Rows before this one tell nothing that the table does not.
    needed_from: u64,
    sweep: Option<Sweep>,
    step: Option<Step>,
}

/// All tallies on their way into the table, some at each commit, in its order: so that each of its pages is written once.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    /// The commit at which it began: all that was changed before stands in the table when it ends.
    began: u64,
    next: i64,
}

/// What a transaction wrote at its end.
#[derive(Debug)]
struct Step {
    commit: u64,
    /// Mailboxes whose tallies stand in the table now.
    folded: Vec<i64>,
    sweep: Option<Sweep>,
    needed_from: u64,
    forgotten: u64,
}

impl Tallies {
    /// Those of a database that is opened. Where it is not known what a commit has changed, they are counted anew.
    pub(super) fn load(connection: &Connection) -> Outcome<Tallies> {
        let Changes { newest: mut committed, damaged, certain } = read_changes(connection)?;
        let mut last = last_commit(connection)?;
        if !damaged.is_empty() {
            let anew = recount(connection, &committed, |mailbox| certain.contains(&mailbox))?;
            tracing::error!(
                commits = ?damaged, mailboxes = anew.len(),
                "what these commits changed in the tallies of mailboxes is damaged: they were counted anew, and how much some \
                 have taken and acknowledged may be told too low"
            );
            last += 1;
            connection.execute_batch("SAVEPOINT recount")?;
            write_changes(connection, last, &anew)?;
            for commit in damaged {
                connection.execute("DELETE FROM change WHERE number = ?1", [column(commit)])?;
            }
            connection.execute_batch("RELEASE recount")?;
            committed.extend(anew);
        }
        let first: Option<i64> =
            connection.query_row("SELECT min(number) FROM change", [], |row| row.get(0))?;
        let forgotten = first.map_or(last, |first| count(first).saturating_sub(1));
        Ok(Tallies { committed, forgotten, last, needed_from: forgotten + 1, ..Tallies::default() })
    }

    /// What all mail counts for, with dead letters, in bytes.
    ///
    /// Figures that cannot be are passed over: one of a damaged row must not fill the exchange.
    pub(super) fn all_bytes(&self, connection: &Connection, bounds: &ExchangeLimits) -> Outcome<u64> {
        let likely = "CASE WHEN typeof(bytes) = 'integer' AND bytes BETWEEN 0 AND min(?1, messages * ?2) THEN bytes ELSE 0 END \
                      + CASE WHEN typeof(dead_bytes) = 'integer' AND dead_bytes BETWEEN 0 AND dead_letters * ?2 \
                      THEN dead_bytes ELSE 0 END";
        let largest = bounds.mail_bytes + MAX_TEXT_BYTES as u64 + MAIL_OVERHEAD_BYTES;
        let (most, largest) = (column(bounds.mailbox.bytes), column(largest));
        let sum = format!("SELECT coalesce(sum({likely}), 0) FROM tally");
        let mut bytes = connection.query_row(&sum, [most, largest], |row| row.get(0)).map(count)?;
        let mut older = connection.prepare(&format!("SELECT {likely} FROM tally WHERE mailbox = ?3"))?;
        for (mailbox, newest) in &self.committed {
            let was: Option<i64> = older.query_row([most, largest, *mailbox], |row| row.get(0)).optional()?;
            let is = newest.map_or(0, |tally| tally.bytes + tally.dead_bytes);
            bytes = (bytes + is).saturating_sub(was.map_or(0, count));
        }
        Ok(bytes)
    }

    /// The tally of a mailbox; `None` where it has none or its row is damaged.
    pub(super) fn find(&self, connection: &Connection, mailbox: i64) -> Outcome<Option<Tally>> {
        if let Some(newest) = self.staged.get(&mailbox).or_else(|| self.committed.get(&mailbox)) {
            return Ok(*newest);
        }
        let mut statement = connection.prepare_cached("SELECT * FROM tally WHERE mailbox = ?1")?;
        let tally = statement.query_row([mailbox], |row| Ok(tally_of_row(row))).optional()?;
        Ok(tally.flatten().map(|(_, tally)| tally))
    }

    /// The transaction has changed the tally of a mailbox; what it had staged of it before.
    pub(super) fn stage(&mut self, mailbox: i64, tally: Option<Tally>) -> Option<Option<Tally>> {
        self.staged.insert(mailbox, tally)
    }

    /// Undoes that.
    pub(super) fn restore(&mut self, mailbox: i64, before: Option<Option<Tally>>) {
        match before {
            Some(tally) => drop(self.staged.insert(mailbox, tally)),
            None => drop(self.staged.remove(&mailbox)),
        }
    }

    pub(super) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Writes what the commit of that number has changed, and goes on bringing older changes into the table.
    pub(super) fn write(&mut self, connection: &Connection, commit: u64) -> Outcome<()> {
        write_changes(connection, commit, &self.staged)?;
        let is_much = commit - self.forgotten >= COMMITS || self.committed.len() > MAILBOXES;
        // Rows that are not needed any more go first.
        let is_due = is_much && self.forgotten + 1 >= self.needed_from;
        let sweep = self.sweep.or_else(|| is_due.then_some(Sweep { began: commit, next: 0 }));
        let (folded, sweep, ended) = match sweep {
            Some(sweep) => self.fold(connection, sweep)?,
            None => (Vec::new(), None, None),
        };
        let needed_from = ended.unwrap_or(self.needed_from);
        let forgotten = needed_from.saturating_sub(1).min(self.forgotten + FORGOTTEN_AT_ONCE);
        if forgotten > self.forgotten {
            connection
                .prepare_cached("DELETE FROM change WHERE number <= ?1")?
                .execute([column(forgotten)])?;
        }
        self.step = Some(Step { commit, folded, sweep, needed_from, forgotten });
        Ok(())
    }

    /// Brings the next tallies into the table: which, where to go on, and from which commit on changes are needed if that was
    /// the end.
    #[allow(clippy::type_complexity, reason = "three answers, used in one place")]
    fn fold(&self, connection: &Connection, sweep: Sweep) -> Outcome<(Vec<i64>, Option<Sweep>, Option<u64>)> {
        let quota = FOLDED_AT_ONCE.max(2 * self.staged.len());
        let (mut folded, mut seen, mut next) = (Vec::with_capacity(quota), 0, sweep.next);
        for (mailbox, tally) in self.committed.range(sweep.next..).take(quota) {
            (seen, next) = (seen + 1, mailbox + 1);
            // What this transaction changes has a newer row.
            if !self.staged.contains_key(mailbox) {
                if let Some(tally) = tally {
                    tally.write(connection, *mailbox)?;
                }
                folded.push(*mailbox);
            }
        }
        match seen == quota {
            true => Ok((folded, Some(Sweep { next, ..sweep }), None)),
            false => Ok((folded, None, Some(sweep.began))),
        }
    }

    /// The transaction is committed.
    pub(super) fn settle(&mut self) {
        let Some(Step { commit, folded, sweep, needed_from, forgotten }) = self.step.take() else { return };
        for mailbox in folded {
            self.committed.remove(&mailbox);
        }
        // One by one: to append a map makes all of it anew.
        for (mailbox, tally) in std::mem::take(&mut self.staged) {
            self.committed.insert(mailbox, tally);
        }
        (self.last, self.sweep, self.needed_from, self.forgotten) = (commit, sweep, needed_from, forgotten);
    }

    /// The transaction is taken back; what it had staged is restored one by one.
    pub(super) fn take_back(&mut self) {
        self.step = None;
    }

    /// The number of the last commit.
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

/// Writes what a commit has changed.
fn write_changes(connection: &Connection, commit: u64, changed: &Newest) -> Outcome<()> {
    let mut bytes = Vec::with_capacity(changed.len() * 32);
    changed.iter().for_each(|(mailbox, tally)| put_tally(&mut bytes, *mailbox, tally.as_ref()));
    connection
        .prepare_cached("INSERT INTO change(number, bytes, sum) VALUES (?1, ?2, ?3)")?
        .execute(params![column(commit), bytes, sum(commit, &bytes)])?;
    Ok(())
}

/// What stands in the rows of `change`.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The tallies that are newer than the table's.
    pub(super) newest: Newest,
    /// The numbers of the commits whose rows are damaged.
    pub(super) damaged: Vec<u64>,
    /// The mailboxes that were changed after the last of these.
    certain: BTreeSet<i64>,
}

/// Reads all rows of `change`.
pub(super) fn read_changes(connection: &Connection) -> Outcome<Changes> {
    let mut changes = Changes::default();
    let mut statement = connection.prepare("SELECT number, bytes, sum FROM change ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let commit = count(row.get(0)?);
        let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
        let is_whole = row.get::<_, i64>(2).is_ok_and(|told| told == i64::from(sum(commit, bytes)));
        let mut rest = bytes;
        while is_whole && !rest.is_empty() {
            let Some((mailbox, tally)) = take_tally(&mut rest) else { break };
            changes.newest.insert(mailbox, tally);
            if !changes.damaged.is_empty() {
                changes.certain.insert(mailbox);
            }
        }
        if !is_whole || !rest.is_empty() {
            changes.damaged.push(commit);
            changes.certain.clear();
        }
    }
    Ok(changes)
}

/// The number of the last commit.
pub(super) fn last_commit(connection: &Connection) -> Outcome<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT max(coalesce((SELECT value FROM meta WHERE name = 'commits' AND typeof(value) = 'integer'), 0), \
         coalesce((SELECT max(number) FROM change), 0))",
    )?;
    Ok(count(statement.query_row([], |row| row.get(0))?))
}

fn sum(commit: u64, bytes: &[u8]) -> u32 {
    sum_of(&[&commit.to_le_bytes(), bytes])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(connection: &Connection, table: &str) -> u64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).map(count).unwrap()
    }

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        crate::sqlite::schema::prepare(&connection).unwrap();
        connection.execute_batch("BEGIN").unwrap();
        connection
    }

    fn commit(tallies: &mut Tallies, connection: &Connection, mailboxes: &[i64]) {
        let number = tallies.last() + 1;
        for mailbox in mailboxes {
            let tally = Tally { accepted: number, messages: 1, bytes: 3, ..Tally::default() };
            assert_eq!(tallies.stage(*mailbox, Some(tally)), None);
        }
        tallies.write(connection, number).unwrap();
        tallies.settle();
    }

    #[test]
    fn the_newest_tally_is_found_wherever_it_stands_and_rows_that_are_not_needed_go() {
        let connection = database();
        let mut tallies = Tallies::load(&connection).unwrap();
        let mailboxes = 1000;
        let mut newest = BTreeMap::new();
        for number in 1..=2 * COMMITS + COMMITS / 2 {
            let mailbox = column(number.wrapping_mul(0x9e37_79b9) % mailboxes);
            newest.insert(mailbox, number);
            commit(&mut tallies, &connection, &[mailbox]);
            if number % 1000 == 0 {
                assert_eq!(last_commit(&connection).unwrap(), number);
                assert!(rows(&connection, "change") <= COMMITS + 1000, "{number}");
            }
        }
        assert!(rows(&connection, "tally") > 900);
        let opened = Tallies::load(&connection).unwrap();
        assert_eq!((opened.last, opened.forgotten), (tallies.last, tallies.forgotten));
        assert_eq!(
            opened.all_bytes(&connection, &ExchangeLimits::default()).unwrap(),
            3 * newest.len() as u64
        );
        for (mailbox, number) in newest {
            for tallies in [&tallies, &opened] {
                let found = tallies.find(&connection, mailbox).unwrap().unwrap();
                assert_eq!(found.accepted, number, "mailbox {mailbox}");
            }
        }
    }

    #[test]
    fn what_is_taken_back_was_never_there_and_what_is_over_is_found_no_more() {
        let connection = database();
        let mut tallies = Tallies::default();
        commit(&mut tallies, &connection, &[1, 2]);
        let before = tallies.stage(1, None);
        assert_eq!(tallies.find(&connection, 1).unwrap(), None);
        tallies.restore(1, before);
        connection.execute_batch("SAVEPOINT one").unwrap();
        tallies.stage(2, None);
        tallies.write(&connection, 2).unwrap();
        connection.execute_batch("ROLLBACK TO one").unwrap();
        tallies.take_back();
        tallies.restore(2, None);
        tallies.settle();
        assert_eq!((tallies.last(), tallies.find(&connection, 2).unwrap().unwrap().accepted), (1, 1));
        tallies.stage(2, None);
        tallies.write(&connection, 2).unwrap();
        tallies.settle();
        for tallies in [&tallies, &Tallies::load(&connection).unwrap()] {
            assert_eq!(tallies.find(&connection, 2).unwrap(), None);
            assert_eq!(tallies.all_bytes(&connection, &ExchangeLimits::default()).unwrap(), 3);
        }
        connection.execute("UPDATE change SET bytes = x'0101' WHERE number = 2", []).unwrap();
        assert_eq!(read_changes(&connection).unwrap().damaged, [2]);
        // What they hold is counted; the second one is over.
        connection
            .execute(
                "INSERT INTO mailbox VALUES (1, x'01', NULL, '', '', NULL, NULL, '', NULL, 0, NULL, NULL, 0)",
                [],
            )
            .unwrap();
        let opened = Tallies::load(&connection).unwrap();
        let found = opened.find(&connection, 1).unwrap().unwrap();
        assert_eq!((found.accepted, found.messages, opened.find(&connection, 2).unwrap()), (1, 0, None));
        assert_eq!((opened.last(), read_changes(&connection).unwrap().damaged), (3, vec![]));
    }

    #[test]
    fn tallies_of_many_mailboxes_come_into_the_table_bit_by_bit() {
        let connection = database();
        let mut tallies = Tallies::default();
        let all: Vec<i64> = (0..=column(MAILBOXES as u64)).collect();
        commit(&mut tallies, &connection, &all);
        assert_eq!(rows(&connection, "tally"), 0);
        let (mut before, mut commits) = (0, 0_usize);
        while tallies.committed.len() > 2 {
            commit(&mut tallies, &connection, &[1_000_000, 1_000_001]);
            let now = rows(&connection, "tally");
            assert!(now - before <= FOLDED_AT_ONCE as u64);
            (before, commits) = (now, commits + 1);
            assert!(commits <= MAILBOXES / FOLDED_AT_ONCE + 2);
        }
        assert_eq!(rows(&connection, "tally"), MAILBOXES as u64 + 1);
        assert!(rows(&connection, "change") <= commits as u64);
    }
}
