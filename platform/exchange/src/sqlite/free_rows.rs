//! Which rows of the table `mail` are free: what is done with leaves its row, which the next mail takes over.
//!
//! A mail is there as long as a row of `place` names it. To acknowledge one takes that row away and leaves the mail's as it
//! is, so its pages are not written once more, and to write over a row costs less than to take one out and put one in. Always
//! true: no more than [`FREE_ROWS`] lie about; a store that is closed well has none. Those that a crash left are looked for
//! bit by bit (`sweep`). Neighbour: [`queue`](super::queue) takes and leaves rows.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use super::trouble::Outcome;

/// Rows that are left for others, at most; beyond them rows are removed.
const FREE_ROWS: usize = 4096;

/// Rows that are looked at in one transaction after a crash.
const SWEPT_AT_ONCE: i64 = 256;

#[derive(Debug, Default)]
pub(super) struct FreeRows {
    free: BTreeSet<i64>,
    /// The last row that there ever was.
    last: i64,
    /// Rows after this one and up to that are looked at still.
    swept: i64,
    sweep_to: i64,
}

impl FreeRows {
    /// Those of a database that is opened; one that was not closed well is swept.
    pub(super) fn load(connection: &Connection, was_closed: bool) -> Outcome<FreeRows> {
        let last = connection.query_row("SELECT coalesce(max(number), 0) FROM mail", [], |row| row.get(0))?;
        let sweep_to = if was_closed { 0 } else { last };
        Ok(FreeRows { free: BTreeSet::new(), last, swept: 0, sweep_to })
    }

    /// Whether all rows that a crash has left have been looked at: what is not free then is some mail's.
    pub(super) fn are_known(&self) -> bool {
        self.swept >= self.sweep_to
    }

    /// Whether a row is free.
    pub(super) fn has(&self, number: i64) -> bool {
        self.free.contains(&number)
    }

    /// A row for a mail. The first ones are taken first, so that the same few pages are written again and again.
    pub(super) fn take(&mut self) -> i64 {
        self.free.pop_first().unwrap_or_else(|| {
            self.last += 1;
            self.last
        })
    }

    /// A row is free again; `false` where there are enough, and it is to be removed.
    pub(super) fn leave(&mut self, number: i64) -> bool {
        self.free.len() < FREE_ROWS && self.free.insert(number)
    }

    /// Undoes [`take`](FreeRows::take).
    pub(super) fn untake(&mut self, number: i64) {
        self.free.insert(number);
    }

    /// Undoes [`leave`](FreeRows::leave).
    pub(super) fn unleave(&mut self, number: i64) {
        self.free.remove(&number);
    }

    /// Up to which row those that a crash has left were looked for.
    pub(super) fn swept_to(&self) -> i64 {
        self.swept
    }

    /// Undoes [`sweep`](FreeRows::sweep): rows after `swept` are looked at again.
    pub(super) fn unsweep(&mut self, swept: i64) {
        self.swept = swept;
    }

    /// Looks at the next rows, and removes those that a crash has left; between transactions' operations.
    pub(super) fn sweep(&mut self, connection: &Connection) -> Outcome<()> {
        if self.swept >= self.sweep_to {
            return Ok(());
        }
        let to = self.sweep_to.min(self.swept + SWEPT_AT_ONCE);
        let mut statement = connection.prepare_cached(
            "SELECT number FROM mail WHERE number > ?1 AND number <= ?2 AND NOT EXISTS (SELECT 1 FROM place \
             WHERE place.mailbox = mail.mailbox AND place.rank = mail.rank AND place.position = mail.position)",
        )?;
        let found = statement.query_map(params![self.swept, to], |row| row.get(0))?;
        let found: Vec<i64> = found.collect::<Result<_, _>>()?;
        for number in found.into_iter().filter(|number| !self.free.contains(number)) {
            super::mails::remove(connection, number)?;
        }
        self.swept = to;
        Ok(())
    }

    /// Removes all that is free, before the store is closed.
    pub(super) fn clear(&mut self, connection: &Connection) -> Outcome<()> {
        while let Some(number) = self.free.pop_last() {
            super::mails::remove(connection, number)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Mail, MailId};
    use crate::moment::Moment;
    use crate::sqlite::mails::{self, Stored};
    use crate::sqlite::{places, schema};
    use folkmoot_codecs::Principal;

    fn put(connection: &Connection, number: i64, has_place: bool) {
        let stored = Stored {
            rank: 5,
            position: number.cast_unsigned(),
            mail: Mail::new(MailId(1), "note", "body"),
            by: Principal::node("tester"),
            accepted_at: Moment::EPOCH,
        };
        mails::write(connection, number, 1, &stored).unwrap();
        if has_place {
            places::insert(connection, 1, &stored, number).unwrap();
        }
    }

    fn rows(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM mail", [], |row| row.get(0)).unwrap()
    }

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        schema::prepare(&connection).unwrap();
        connection
    }

    #[test]
    fn rows_that_a_crash_left_are_removed_bit_by_bit_and_those_of_mail_stay() {
        let connection = database();
        (1..=1000).for_each(|number| put(&connection, number, number % 3 == 0));
        let mut free = FreeRows::load(&connection, false).unwrap();
        // Mail that comes meanwhile is not looked at.
        let new = free.take();
        put(&connection, new, true);
        free.sweep(&connection).unwrap();
        assert!(rows(&connection) > 700, "not all at once");
        (0..4).for_each(|_| free.sweep(&connection).unwrap());
        assert_eq!((new, rows(&connection)), (1001, 333 + 1));
        // After a good end there is nothing to look for.
        put(&connection, 2000, false);
        let mut closed = FreeRows::load(&connection, true).unwrap();
        closed.sweep(&connection).unwrap();
        assert_eq!((rows(&connection), closed.take()), (335, 2001));
    }

    #[test]
    fn the_first_free_row_is_taken_first_and_no_more_than_so_many_are_left() {
        let connection = database();
        let mut free = FreeRows::load(&connection, true).unwrap();
        let taken: Vec<i64> = (0..3).map(|_| free.take()).collect();
        assert_eq!(taken, [1, 2, 3]);
        assert!(free.leave(2) && free.leave(1));
        free.unleave(2);
        assert_eq!((free.take(), free.take()), (1, 4));
        free.untake(4);
        assert_eq!(free.take(), 4);
        let left = (0..).take_while(|number| free.leave(*number)).count();
        assert_eq!(left, FREE_ROWS);
        free.clear(&connection).unwrap();
        assert_eq!(free.take(), 5);
    }
}
