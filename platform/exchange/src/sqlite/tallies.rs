//! What each mailbox holds and has done, in numbers.
//!
//! A commit writes one row of `change` with all the tallies that it changed, in the place of a row for each mailbox; every
//! few hundred commits they are brought into the table `tally`, each mailbox once. Always true: a tally is that of the
//! transaction, else the newest of `change`, else that of the table; both kinds of rows bear checksums. The rows of `change`
//! count the commits, too. Neighbours: [`slots`](super::slots) has the tallies of the mailboxes that are in use,
//! [`writer`](super::writer) has them written.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::sum::sum_of;
use super::trouble::{Outcome, Trouble};
use super::words::{column, count, put_number, take_number};

/// Commits after which tallies are brought into their table.
const COMMITS: u64 = 512;

/// Mailboxes with newer tallies than the table's, after which they are brought there.
const MAILBOXES: usize = 2048;

/// What a mailbox holds and has done, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) accepted: u64,
    pub(super) acknowledged: u64,
    pub(super) requests_in: u64,
    pub(super) requests_out: u64,
    pub(super) answered: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) dead_letters: u64,
    pub(super) dead_bytes: u64,
    pub(super) pending: u64,
}

/// How many numbers that are.
const NUMBERS: usize = 10;

impl Tally {
    fn numbers(&self) -> [u64; NUMBERS] {
        [
            self.accepted,
            self.acknowledged,
            self.requests_in,
            self.requests_out,
            self.answered,
            self.messages,
            self.bytes,
            self.dead_letters,
            self.dead_bytes,
            self.pending,
        ]
    }

    fn of(numbers: [u64; NUMBERS]) -> Tally {
        let [
            accepted,
            acknowledged,
            requests_in,
            requests_out,
            answered,
            messages,
            bytes,
            dead_letters,
            dead_bytes,
            pending,
        ] = numbers;
        Tally {
            accepted,
            acknowledged,
            requests_in,
            requests_out,
            answered,
            messages,
            bytes,
            dead_letters,
            dead_bytes,
            pending,
        }
    }

    fn sum(&self, mailbox: i64) -> u32 {
        let mut bytes = [0; (1 + NUMBERS) * 8];
        let numbers = std::iter::once(mailbox).chain(self.numbers().map(column));
        bytes.chunks_exact_mut(8).zip(numbers).for_each(|(eight, n)| eight.copy_from_slice(&n.to_le_bytes()));
        sum_of(&[&bytes])
    }

    /// Writes the row of a mailbox.
    fn write(&self, connection: &Connection, mailbox: i64) -> Outcome<()> {
        let [accepted, acknowledged, r_in, r_out, answered, messages, bytes, dead, dead_bytes, pending] =
            self.numbers().map(column);
        let mut statement = connection.prepare_cached(
            "INSERT OR REPLACE INTO tally(mailbox, accepted, acknowledged, requests_in, requests_out, answered, messages, \
             bytes, dead_letters, dead_bytes, pending, sum) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        statement.execute(params![
            mailbox,
            accepted,
            acknowledged,
            r_in,
            r_out,
            answered,
            messages,
            bytes,
            dead,
            dead_bytes,
            pending,
            self.sum(mailbox)
        ])?;
        Ok(())
    }
}

/// Reads a tally from a row of the table; `None` where the row is damaged.
pub(super) fn tally_of_row(row: &Row<'_>) -> Option<(i64, Tally)> {
    let mailbox = row.get(0).ok()?;
    let mut numbers = [0; NUMBERS];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = count(row.get(at + 1).ok()?);
    }
    let (tally, sum): (_, i64) = (Tally::of(numbers), row.get(NUMBERS + 1).ok()?);
    (sum == i64::from(tally.sum(mailbox))).then_some((mailbox, tally))
}

/// The newest tallies by the mailbox's number; `None` where the mailbox is over.
type Newest = BTreeMap<i64, Option<Tally>>;

/// The tallies that are newer than those of the table.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    committed: Newest,
    /// Those of the transaction that is under way.
    staged: Newest,
    /// Rows of `change`.
    commits: u64,
    end: End,
}

/// What a transaction wrote at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Nothing,
    /// A row of `change`.
    Change,
    /// All tallies, into the table.
    All,
}

impl Tallies {
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

    /// Writes what the commit of that number has changed.
    pub(super) fn write(&mut self, connection: &Connection, commit: u64) -> Outcome<()> {
        if self.commits + 1 >= COMMITS || self.committed.len() + self.staged.len() > MAILBOXES {
            self.end = End::All;
            return self.fold(connection, commit);
        }
        self.end = End::Change;
        let mut bytes = Vec::with_capacity(self.staged.len() * 32);
        self.staged.iter().for_each(|(mailbox, tally)| put_tally(&mut bytes, *mailbox, tally.as_ref()));
        connection
            .prepare_cached("INSERT INTO change(number, bytes, sum) VALUES (?1, ?2, ?3)")?
            .execute(params![column(commit), bytes, sum(commit, &bytes)])?;
        Ok(())
    }

    /// Brings all into the table; the last commit is that of the number.
    fn fold(&self, connection: &Connection, commit: u64) -> Outcome<()> {
        let older = self.committed.iter().filter(|(mailbox, _)| !self.staged.contains_key(mailbox));
        for (mailbox, tally) in older.chain(&self.staged) {
            if let Some(tally) = tally {
                tally.write(connection, *mailbox)?;
            }
        }
        connection.prepare_cached("DELETE FROM change")?.execute([])?;
        connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'commits'")?
            .execute([column(commit)])?;
        Ok(())
    }

    /// The transaction is committed.
    pub(super) fn settle(&mut self) {
        match std::mem::take(&mut self.end) {
            End::Nothing => {}
            End::Change => {
                self.commits += 1;
                self.committed.append(&mut self.staged);
            }
            End::All => *self = Tallies::default(),
        }
    }

    /// The transaction is taken back; what it had staged is restored one by one.
    pub(super) fn take_back(&mut self) {
        self.end = End::Nothing;
    }
}

/// Reads all rows of `change` in a database that is opened, and brings them into the table.
pub(super) fn fold_all(connection: &Connection) -> Outcome<()> {
    let (committed, damaged) = read_changes(connection)?;
    if let Some(commit) = damaged.first() {
        return Err(Trouble::Damaged(format!(
            "what commit {commit} changed in the tallies of mailboxes; restore the directory from a backup"
        )));
    }
    let last = last_commit(connection)?;
    Tallies { committed, ..Tallies::default() }.fold(connection, last)
}

/// The tallies that are newer than the table's; and the numbers of the commits whose rows are damaged.
pub(super) fn read_changes(connection: &Connection) -> Outcome<(Newest, Vec<u64>)> {
    let (mut newest, mut damaged) = (Newest::new(), Vec::new());
    let mut statement = connection.prepare("SELECT number, bytes, sum FROM change ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let commit = count(row.get(0)?);
        let bytes = row.get_ref(1)?.as_blob().unwrap_or_default();
        let is_whole = row.get::<_, i64>(2).is_ok_and(|told| told == i64::from(sum(commit, bytes)));
        let mut rest = bytes;
        while is_whole && !rest.is_empty() {
            let Some((mailbox, tally)) = take_tally(&mut rest) else { break };
            newest.insert(mailbox, tally);
        }
        if !is_whole || !rest.is_empty() {
            damaged.push(commit);
        }
    }
    Ok((newest, damaged))
}

/// The number of the last commit.
pub(super) fn last_commit(connection: &Connection) -> Outcome<u64> {
    let mut statement = connection.prepare_cached(
        "SELECT max((SELECT value FROM meta WHERE name = 'commits'), coalesce((SELECT max(number) FROM change), 0))",
    )?;
    Ok(count(statement.query_row([], |row| row.get(0))?))
}

fn sum(commit: u64, bytes: &[u8]) -> u32 {
    sum_of(&[&commit.to_le_bytes(), bytes])
}

fn put_tally(bytes: &mut Vec<u8>, mailbox: i64, tally: Option<&Tally>) {
    put_number(bytes, count(mailbox));
    bytes.push(u8::from(tally.is_some()));
    tally.into_iter().flat_map(Tally::numbers).for_each(|number| put_number(bytes, number));
}

fn take_tally(bytes: &mut &[u8]) -> Option<(i64, Option<Tally>)> {
    let mailbox = column(take_number(bytes)?);
    let (is_there, rest) = bytes.split_first()?;
    *bytes = rest;
    if *is_there == 0 {
        return Some((mailbox, None));
    }
    let mut numbers = [0; NUMBERS];
    for number in &mut numbers {
        *number = take_number(bytes)?;
    }
    Some((mailbox, Some(Tally::of(numbers))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_are_read_as_they_were_written_and_no_part_of_them_is_read_as_one() {
        let tally = Tally { accepted: u64::MAX, bytes: 300, pending: 1, ..Tally::default() };
        let mut bytes = Vec::new();
        put_tally(&mut bytes, 7, Some(&tally));
        put_tally(&mut bytes, i64::MAX, None);
        let mut rest = &bytes[..];
        assert_eq!(take_tally(&mut rest), Some((7, Some(tally))));
        assert_eq!(take_tally(&mut rest), Some((i64::MAX, None)));
        assert_eq!((rest, take_tally(&mut rest)), (&[][..], None));
        assert_eq!(take_tally(&mut &bytes[..5]), None);
    }

    fn rows(connection: &Connection, table: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    fn commit(tallies: &mut Tallies, connection: &Connection, number: u64, mailbox: i64) {
        let tally = Tally { accepted: number, ..Tally::default() };
        assert_eq!(tallies.stage(mailbox, Some(tally)), None);
        tallies.write(connection, number).unwrap();
        tallies.settle();
    }

    #[test]
    fn the_newest_tally_is_found_wherever_it_stands_and_the_table_is_written_now_and_then() {
        let connection = Connection::open_in_memory().unwrap();
        crate::sqlite::schema::prepare(&connection).unwrap();
        let mut tallies = Tallies::default();
        let commits = 2 * COMMITS + 10;
        for number in 1..=commits {
            commit(&mut tallies, &connection, number, 1 + column(number % 3));
            assert_eq!(last_commit(&connection).unwrap(), number);
            assert!(rows(&connection, "change") < i64::try_from(COMMITS).unwrap());
        }
        assert_eq!((rows(&connection, "tally"), rows(&connection, "change")), (3, 10));
        let found = |tallies: &Tallies, mailbox| {
            tallies.find(&connection, mailbox).unwrap().map(|tally| tally.accepted)
        };
        for back in 0..3 {
            let number = commits - back;
            assert_eq!(found(&tallies, 1 + column(number % 3)), Some(number));
        }
        // What is taken back was never there; what is over is found no more.
        let before = tallies.stage(1, None);
        assert_eq!(found(&tallies, 1), None);
        tallies.restore(1, before);
        assert!(found(&tallies, 1).is_some());
        tallies.stage(2, None);
        tallies.write(&connection, commits + 1).unwrap();
        tallies.take_back();
        tallies.restore(2, None);
        tallies.settle();
        assert!(found(&tallies, 2).is_some());
        connection.execute("DELETE FROM change WHERE number = ?1", [column(commits + 1)]).unwrap();
        // A store that is opened anew has all in the table.
        fold_all(&connection).unwrap();
        assert_eq!((rows(&connection, "change"), last_commit(&connection).unwrap()), (0, commits));
        assert_eq!(found(&Tallies::default(), 1 + column(commits % 3)), Some(commits));
        // A row that is damaged is told.
        commit(&mut tallies, &connection, commits + 2, 1);
        connection.execute("UPDATE change SET bytes = x'0101'", []).unwrap();
        assert_eq!(read_changes(&connection).unwrap().1, [commits + 2]);
        assert!(matches!(fold_all(&connection), Err(Trouble::Damaged(_))));
    }

    #[test]
    fn many_mailboxes_bring_their_tallies_into_the_table_sooner() {
        let connection = Connection::open_in_memory().unwrap();
        crate::sqlite::schema::prepare(&connection).unwrap();
        let mut tallies = Tallies::default();
        for mailbox in 0..=column(MAILBOXES as u64) {
            tallies.stage(mailbox, Some(Tally::default()));
        }
        tallies.write(&connection, 1).unwrap();
        tallies.settle();
        assert_eq!((rows(&connection, "tally"), rows(&connection, "change")), (MAILBOXES as i64 + 1, 0));
    }
}
