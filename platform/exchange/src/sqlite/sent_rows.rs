//! The rows of the table `sent`: the mails that one commit has sent, as one value.
//!
//! Always true: a row bears a checksum; of one that is damaged nothing is remembered, which the log tells. Each mail takes as
//! many bytes as the others. Neighbour: [`sent`](super::sent) has the index over them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::sent::{SentAs, SentMail};
use super::sum::sum_of;
use super::trouble::Outcome;
use super::words::{ID_BYTES, column, count, id_bytes, id_of, moment_column, moment_of, number_of};

/// Mailbox, position, fingerprint, milliseconds since the first of the row came, id, and the sender where there is one.
const MAIL_BYTES: usize = 8 + 8 + 8 + 4 + 16 + 1 + ID_BYTES;

/// When the first mail of a row came.
const HEAD_BYTES: usize = 8;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SentRow {
    /// The number of its first mail; the others follow.
    pub(super) first: u64,
    pub(super) mails: Vec<SentMail>,
}

fn sum(first: u64, bytes: &[u8]) -> u32 {
    sum_of(&[&first.to_le_bytes(), bytes])
}

fn put(bytes: &mut Vec<u8>, mail: &SentMail, first_at: Moment) {
    let SentMail { sent_as: SentAs { mailbox, from, id }, position, fingerprint, came_at } = mail;
    let later = came_at.as_millis().saturating_sub(first_at.as_millis());
    bytes.extend_from_slice(&mailbox.to_le_bytes());
    bytes.extend_from_slice(&position.to_le_bytes());
    bytes.extend_from_slice(&fingerprint.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(later).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.push(u8::from(from.is_some()));
    bytes.extend_from_slice(&from.map_or([0; ID_BYTES], id_bytes));
}

/// Takes so many bytes from the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn take_mail(bytes: &mut &[u8], first_at: Moment) -> Option<SentMail> {
    let mailbox = i64::from_le_bytes(take(bytes)?);
    let position = u64::from_le_bytes(take(bytes)?);
    let fingerprint = u64::from_le_bytes(take(bytes)?);
    let later = u32::from_le_bytes(take(bytes)?);
    let id = number_of(&take::<16>(bytes)?)?;
    let [is_from] = take(bytes)?;
    let from: Option<MailboxId> = id_of(&take::<ID_BYTES>(bytes)?).filter(|_| is_from != 0);
    let came_at = Moment::from_millis(first_at.as_millis().saturating_add(u64::from(later)));
    Some(SentMail { sent_as: SentAs { mailbox, from, id }, position, fingerprint, came_at })
}

/// Writes the row of those mails, numbered from `first` on.
pub(super) fn write(connection: &Connection, first: u64, mails: &[SentMail]) -> Outcome<()> {
    let first_at = mails.iter().map(|mail| mail.came_at).min().unwrap_or(Moment::EPOCH);
    let mut bytes = Vec::with_capacity(HEAD_BYTES + mails.len() * MAIL_BYTES);
    bytes.extend_from_slice(&moment_column(first_at).to_le_bytes());
    mails.iter().for_each(|mail| put(&mut bytes, mail, first_at));
    connection
        .prepare_cached("INSERT INTO sent(first, bytes, sum) VALUES (?1, ?2, ?3)")?
        .execute(params![column(first), bytes, sum(first, &bytes)])?;
    Ok(())
}

/// Reads a row of `first`, `bytes` and `sum`; `None` where it is damaged.
fn read(row: &Row<'_>) -> Option<SentRow> {
    let first = count(row.get(0).ok()?);
    let bytes = row.get_ref(1).ok()?.as_blob().ok()?;
    if row.get::<_, i64>(2).ok()? != i64::from(sum(first, bytes)) {
        return None;
    }
    let mut rest = bytes;
    let first_at = moment_of(i64::from_le_bytes(take(&mut rest)?));
    let mut mails = Vec::with_capacity(rest.len() / MAIL_BYTES);
    while !rest.is_empty() {
        mails.push(take_mail(&mut rest, first_at)?);
    }
    Some(SentRow { first, mails })
}

/// What stands in a row; a damaged one is as if it had no mails.
fn read_or_tell(row: &Row<'_>) -> rusqlite::Result<SentRow> {
    let first = count(row.get(0)?);
    Ok(read(row).unwrap_or_else(|| {
        tracing::error!(
            first,
            "a row of the table `sent` is damaged: mails of that commit that are sent again are not known"
        );
        SentRow { first, mails: Vec::new() }
    }))
}

/// Hands over all rows, the oldest first.
pub(super) fn read_all(connection: &Connection, mut take: impl FnMut(SentRow)) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT first, bytes, sum FROM sent ORDER BY first")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read_or_tell(row)?);
    }
    Ok(())
}

/// Whether all rows are whole; else the numbers of those that are not.
pub(super) fn damaged(connection: &Connection) -> Outcome<Vec<u64>> {
    let mut statement = connection.prepare("SELECT first, bytes, sum FROM sent ORDER BY first")?;
    let rows = statement.query_map([], |row| Ok((count(row.get(0)?), read(row).is_some())))?;
    let rows: Vec<(u64, bool)> = rows.collect::<Result<_, _>>()?;
    Ok(rows.into_iter().filter(|(_, is_whole)| !is_whole).map(|(first, _)| first).collect())
}

/// The mail of that number.
pub(super) fn find(connection: &Connection, number: u64) -> Outcome<Option<SentMail>> {
    let mut statement = connection
        .prepare_cached("SELECT first, bytes, sum FROM sent WHERE first <= ?1 ORDER BY first DESC LIMIT 1")?;
    let row = statement.query_row([column(number)], read_or_tell).optional()?;
    Ok(row.and_then(|row| {
        let at = usize::try_from(number - row.first).unwrap_or(usize::MAX);
        row.mails.get(at).copied()
    }))
}

/// Removes all rows up to that which begins with the number `last`; hands over what stood in them.
pub(super) fn forget(
    connection: &Connection,
    last: u64,
    mut gone: impl FnMut(u64, &SentMail),
) -> Outcome<()> {
    let mut statement =
        connection.prepare_cached("SELECT first, bytes, sum FROM sent WHERE first <= ?1 ORDER BY first")?;
    let mut rows = statement.query([column(last)])?;
    while let Some(row) = rows.next()? {
        if let Some(row) = read(row) {
            (row.first..).zip(&row.mails).for_each(|(number, mail)| gone(number, mail));
        }
    }
    drop(rows);
    connection.prepare_cached("DELETE FROM sent WHERE first <= ?1")?.execute([column(last)])?;
    Ok(())
}
