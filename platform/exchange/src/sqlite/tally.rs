//! What one mailbox holds and has done, in numbers: as a row of the table `tally`, and within a row of `change`.
//!
//! Always true: a row bears a checksum, over the number of its mailbox too. Neighbour: [`tallies`](super::tallies) says which of
//! them is the newest.

use rusqlite::{Connection, Row, params};

use super::sum::sum_of;
use super::trouble::Outcome;
use super::words::{column, count, put_number, take_number};

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
    pub(super) fn write(&self, connection: &Connection, mailbox: i64) -> Outcome<()> {
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
        *number = u64::try_from(row.get::<_, i64>(at + 1).ok()?).ok()?;
    }
    let (tally, sum): (_, i64) = (Tally::of(numbers), row.get(NUMBERS + 1).ok()?);
    (sum == i64::from(tally.sum(mailbox))).then_some((mailbox, tally))
}

/// Appends the tally of a mailbox, or that it is over.
pub(super) fn put_tally(bytes: &mut Vec<u8>, mailbox: i64, tally: Option<&Tally>) {
    put_number(bytes, count(mailbox));
    bytes.push(u8::from(tally.is_some()));
    tally.into_iter().flat_map(Tally::numbers).for_each(|number| put_number(bytes, number));
}

/// Takes such a tally from the front; `None` where there is none.
pub(super) fn take_tally(bytes: &mut &[u8]) -> Option<(i64, Option<Tally>)> {
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
}
