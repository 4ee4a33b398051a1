//! The places of mail: in which mailbox, in which order, and in which row of `mail` it lies.
//!
//! Always true: mail waits or is in hand as long as it has a row of `place`; rows are in the order of delivery within a mailbox.
//! What a mail counts for and when it expires stands here too, so that the mail itself is read where it is delivered alone.
//! Neighbours: [`mails`](super::mails) has the mail, [`queue`](super::queue) puts it there.

use rusqlite::{Connection, OptionalExtension, params};

use crate::mail::HIGHEST_PRIORITY;
use crate::moment::Moment;

use super::mails::Stored;
use super::trouble::Outcome;
use super::words::{column, count, moment_column, moment_of};

/// What stands of a mail in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The number of its row.
    pub(super) mail: i64,
    pub(super) size: u64,
    pub(super) expires_at: Option<Moment>,
}

/// Gives a mail its place; it lies in the row of that number.
pub(super) fn insert(connection: &Connection, mailbox: i64, stored: &Stored, number: i64) -> Outcome<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO place(mailbox, rank, position, mail, size, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![
        mailbox,
        stored.rank,
        column(stored.position),
        number,
        column(stored.mail.size_bytes()),
        stored.mail.expires_at.map(moment_column)
    ])?;
    Ok(())
}

/// A mail has no place any more.
pub(super) fn remove(connection: &Connection, mailbox: i64, rank: u8, position: u64) -> Outcome<()> {
    connection
        .prepare_cached("DELETE FROM place WHERE mailbox = ?1 AND rank = ?2 AND position = ?3")?
        .execute(params![mailbox, rank, column(position)])?;
    Ok(())
}

/// What stands of the mail at that place.
pub(super) fn find(
    connection: &Connection,
    mailbox: i64,
    rank: u8,
    position: u64,
) -> Outcome<Option<Placed>> {
    let mut statement = connection.prepare_cached(
        "SELECT mail, size, expires_at FROM place WHERE mailbox = ?1 AND rank = ?2 AND position = ?3",
    )?;
    let placed = statement.query_row(params![mailbox, rank, column(position)], |row| {
        // What is no number is damaged, and put right once the mail is read.
        let expires_at = row.get_ref(2)?.as_i64_or_null().unwrap_or(None);
        let (mail, size) = (row.get(0).unwrap_or(0), row.get(1).map_or(0, count));
        Ok(Placed { mail, size, expires_at: expires_at.map(moment_of) })
    });
    Ok(placed.optional()?)
}

/// How many mails a mailbox has, and what they count for.
pub(super) fn tally(connection: &Connection, mailbox: i64) -> Outcome<(u64, u64)> {
    let mut statement =
        connection.prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM place WHERE mailbox = ?1")?;
    Ok(statement.query_row([mailbox], |row| Ok((count(row.get(0)?), count(row.get(1)?))))?)
}

/// The rows in which the mail of a mailbox lies; where a place is damaged and names another's row, that is none of them.
pub(super) fn rows(connection: &Connection, mailbox: i64) -> Outcome<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT place.mail FROM place CROSS JOIN mail ON number = place.mail WHERE place.mailbox = ?1 \
         AND mail.mailbox = place.mailbox AND mail.rank = place.rank AND mail.position = place.position",
    )?;
    let rows = statement.query_map([mailbox], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes the places of a mailbox that no mail can have.
pub(super) fn remove_what_cannot_be(connection: &Connection, mailbox: i64) -> Outcome<()> {
    connection
        .prepare_cached(
            "DELETE FROM place WHERE mailbox = ?1 AND (typeof(rank) <> 'integer' OR rank NOT BETWEEN 0 AND ?2 \
             OR typeof(position) <> 'integer' OR position < 0)",
        )?
        .execute(params![mailbox, HIGHEST_PRIORITY])?;
    Ok(())
}

/// What a mail says of its place holds, whatever stood there.
pub(super) fn put_right(connection: &Connection, mailbox: i64, stored: &Stored, number: i64) -> Outcome<()> {
    remove(connection, mailbox, stored.rank, stored.position)?;
    insert(connection, mailbox, stored, number)
}
