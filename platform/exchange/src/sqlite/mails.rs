//! Mails as rows: those that wait, dead letters, and those that are damaged.
//!
//! Always true: a row that is handed over bears the checksum it was written with; one that does not is moved to the table
//! `damaged`, for the tools, and its mailbox goes on with the next. Neighbours: [`queue`](super::queue) decides which mail
//! goes where, [`schema`](super::schema) has the tables.

use std::sync::Arc;

use bytes::Bytes;
use folkmoot_codecs::{Codec, Principal};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::dead_letter::{DeadLetter, DeathCause};
use crate::mail::{HIGHEST_PRIORITY, Mail, MailId, Tracking};
use crate::moment::Moment;

use super::sum::sum_of;
use super::trouble::Outcome;
use super::words::{column, count, id_bytes, id_of, moment_column, moment_of, number_of};

/// The columns of a mail, in the order of [`stored`] and of [`Columns`].
macro_rules! columns {
    () => {
        "mailbox, rank, position, id, sender, kind, tracking, tag, label, expires_at, accepted_at, codec, by_node, \
         by_agent, body, sum"
    };
}
pub(super) use columns;

/// How many columns a mail has.
const COLUMNS: usize = 16;

/// A mail as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) rank: u8,
    pub(super) position: u64,
    pub(super) mail: Mail,
    pub(super) by: Principal,
    pub(super) accepted_at: Moment,
}

/// A row is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The codec of that name.
fn codec(name: &[u8]) -> Option<Codec> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

/// Where a mail of that priority stands: lower is delivered earlier.
pub(super) fn rank(priority: u8) -> u8 {
    HIGHEST_PRIORITY.saturating_sub(priority)
}

/// What stands in the columns of a mail, as it is written or was read.
struct Columns<'a> {
    mailbox: i64,
    rank: i64,
    position: i64,
    id: &'a [u8],
    sender: Option<&'a [u8]>,
    kind: &'a [u8],
    tracking: i64,
    tag: Option<&'a [u8]>,
    label: Option<&'a [u8]>,
    expires_at: Option<i64>,
    accepted_at: i64,
    codec: Option<&'a [u8]>,
    by_node: &'a [u8],
    by_agent: Option<&'a [u8]>,
    body: &'a [u8],
}

impl Columns<'_> {
    fn sum(&self) -> u32 {
        let mut numbers = [0; 5 * 8];
        let there = [
            self.sender.is_some(),
            self.tag.is_some(),
            self.label.is_some(),
            self.expires_at.is_some(),
            self.codec.is_some(),
            self.by_agent.is_some(),
        ];
        let flags = there.iter().fold(0_i64, |flags, there| (flags << 1) | i64::from(*there));
        let of_fixed_size = [
            self.mailbox,
            self.rank | (self.tracking << 8) | (flags << 16),
            self.position,
            self.expires_at.unwrap_or(0),
            self.accepted_at,
        ];
        for (eight, number) in numbers.chunks_exact_mut(8).zip(of_fixed_size) {
            eight.copy_from_slice(&number.to_le_bytes());
        }
        let empty: &[u8] = &[];
        sum_of(&[
            &numbers,
            self.id,
            self.sender.unwrap_or(empty),
            self.kind,
            self.tag.unwrap_or(empty),
            self.label.unwrap_or(empty),
            self.codec.unwrap_or(empty),
            self.by_node,
            self.by_agent.unwrap_or(empty),
            self.body,
        ])
    }

    /// Those of a row, from its column `first` on; the checksum beside them.
    fn read<'a>(row: &'a Row<'_>, first: usize) -> Option<(Columns<'a>, i64)> {
        let number = |at: usize| match row.get_ref(first + at).ok()? {
            ValueRef::Integer(number) => Some(Some(number)),
            ValueRef::Null => Some(None),
            _ => None,
        };
        let bytes = |at: usize| match row.get_ref(first + at).ok()? {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Some(Some(bytes)),
            ValueRef::Null => Some(None),
            _ => None,
        };
        let columns = Columns {
            mailbox: number(0)??,
            rank: number(1)??,
            position: number(2)??,
            id: bytes(3)??,
            sender: bytes(4)?,
            kind: bytes(5)??,
            tracking: number(6)??,
            tag: bytes(7)?,
            label: bytes(8)?,
            expires_at: number(9)?,
            accepted_at: number(10)??,
            codec: bytes(11)?,
            by_node: bytes(12)??,
            by_agent: bytes(13)?,
            body: bytes(14)??,
        };
        Some((columns, number(15)??))
    }

    fn mail(&self) -> Option<Stored> {
        let number = |bytes: Option<&[u8]>| bytes.map_or(Some(None), |bytes| number_of(bytes).map(Some));
        let (tag, label) = (number(self.tag)?, number(self.label)?);
        let tracking = match (self.tracking, tag) {
            (0, None) => Tracking::Plain,
            (1, Some(tag)) => Tracking::Request { tag, label },
            (2, Some(tag)) => Tracking::Response { tag, label },
            _ => return None,
        };
        let text = |bytes| std::str::from_utf8(bytes).ok().map(Arc::<str>::from);
        let rank = u8::try_from(self.rank).ok()?;
        let by = Principal::node(text(self.by_node)?);
        let mail = Mail {
            id: MailId(number_of(self.id)?),
            from: self.sender.map_or(Some(None), |sender| id_of(sender).map(Some))?,
            kind: text(self.kind)?,
            tracking,
            priority: HIGHEST_PRIORITY.checked_sub(rank)?,
            expires_at: self.expires_at.map(moment_of),
            codec: self.codec.map_or(Some(None), |name| codec(name).map(Some))?,
            body: Bytes::copy_from_slice(self.body),
        };
        Some(Stored {
            rank,
            position: count(self.position),
            mail,
            by: match self.by_agent {
                Some(agent) => by.with_agent(text(agent)?),
                None => by,
            },
            accepted_at: moment_of(self.accepted_at),
        })
    }
}

/// Reads a mail from a row, from its column `first` on.
pub(super) fn stored(row: &Row<'_>, first: usize) -> Result<Stored, Broken> {
    let (columns, sum) = Columns::read(row, first).ok_or(Broken)?;
    if sum != i64::from(columns.sum()) {
        return Err(Broken);
    }
    columns.mail().ok_or(Broken)
}

/// Reads a dead letter from a row that begins with a mail.
pub(super) fn dead_letter(row: &Row<'_>) -> Result<DeadLetter, Broken> {
    let Stored { position, mail, by, .. } = stored(row, 0)?;
    let number = |at| row.get::<_, i64>(COLUMNS + at).map_err(|_| Broken);
    let reason: Option<String> = row.get(COLUMNS + 2).map_err(|_| Broken)?;
    let cause = match (number(1)?, reason) {
        (0, _) => DeathCause::Expired,
        (1, _) => DeathCause::LeaseOver,
        (2, Some(reason)) => DeathCause::Refused(reason.into()),
        _ => return Err(Broken),
    };
    let attempts = u32::try_from(number(0)?).map_err(|_| Broken)?;
    Ok(DeadLetter { position, mail, by, attempts, cause, died_at: moment_of(number(3)?) })
}

/// Writes a mail into the row of that number, over what lay there.
pub(super) fn write(connection: &Connection, number: i64, mailbox: i64, stored: &Stored) -> Outcome<()> {
    let Stored { rank, position, mail, by, accepted_at } = stored;
    let (id, sender) = (mail.id.0.to_be_bytes(), mail.from.map(id_bytes));
    let (tracking, tag, label) = match mail.tracking {
        Tracking::Plain => (0, None, None),
        Tracking::Request { tag, label } => (1, Some(tag), label),
        Tracking::Response { tag, label } => (2, Some(tag), label),
    };
    let (tag, label) = (tag.map(u128::to_be_bytes), label.map(u128::to_be_bytes));
    let columns = Columns {
        mailbox,
        rank: i64::from(*rank),
        position: column(*position),
        id: &id,
        sender: sender.as_ref().map(<[u8; 17]>::as_slice),
        kind: mail.kind.as_bytes(),
        tracking,
        tag: tag.as_ref().map(<[u8; 16]>::as_slice),
        label: label.as_ref().map(<[u8; 16]>::as_slice),
        expires_at: mail.expires_at.map(moment_column),
        accepted_at: moment_column(*accepted_at),
        codec: mail.codec.map(|codec| codec.name().as_bytes()),
        by_node: by.node_name().as_bytes(),
        by_agent: by.agent_name().map(str::as_bytes),
        body: &mail.body,
    };
    let sum = columns.sum();
    let mut statement = connection.prepare_cached(concat!(
        "INSERT OR REPLACE INTO mail(",
        columns!(),
        ", number) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    ))?;
    statement.execute(params![
        columns.mailbox,
        columns.rank,
        columns.position,
        columns.id,
        columns.sender,
        &*mail.kind,
        columns.tracking,
        columns.tag,
        columns.label,
        columns.expires_at,
        columns.accepted_at,
        mail.codec.map(Codec::name),
        by.node_name(),
        by.agent_name(),
        columns.body,
        sum,
        number
    ])?;
    Ok(())
}

/// The mail of that row, which must be that of the mailbox, rank and position.
pub(super) fn read(
    connection: &Connection,
    number: i64,
    mailbox: i64,
    (rank, position): (u8, u64),
) -> Outcome<Option<Result<Stored, Broken>>> {
    let mut statement =
        connection.prepare_cached(concat!("SELECT ", columns!(), " FROM mail WHERE number = ?1"))?;
    let read = |row: &Row<'_>| {
        let stored = stored(row, 0)?;
        let is_it = row.get(0) == Ok(mailbox) && (stored.rank, stored.position) == (rank, position);
        is_it.then_some(stored).ok_or(Broken)
    };
    Ok(statement.query_row([number], |row| Ok(read(row))).optional()?)
}

/// The mail of that row, whosever it is, and the number of its mailbox.
pub(super) fn read_anyones(
    connection: &Connection,
    number: i64,
) -> Outcome<Option<Result<(i64, Stored), Broken>>> {
    let mut statement =
        connection.prepare_cached(concat!("SELECT ", columns!(), " FROM mail WHERE number = ?1"))?;
    let read = |row: &Row<'_>| Ok((row.get(0).map_err(|_| Broken)?, stored(row, 0)?));
    Ok(statement.query_row([number], |row| Ok(read(row))).optional()?)
}

/// Whether the row of that number says that it is the mail of that place, be it damaged otherwise.
pub(super) fn lies_at(
    connection: &Connection,
    number: i64,
    mailbox: i64,
    (rank, position): (u8, u64),
) -> Outcome<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FROM mail WHERE number = ?1 AND mailbox = ?2 AND rank = ?3 AND position = ?4",
    )?;
    let found: i64 =
        statement.query_row(params![number, mailbox, rank, column(position)], |row| row.get(0))?;
    Ok(found > 0)
}

/// The row that says that it is the mail of that place, wherever it lies: a look at all of them.
pub(super) fn look_for(
    connection: &Connection,
    mailbox: i64,
    (rank, position): (u8, u64),
) -> Outcome<Option<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT number FROM mail WHERE mailbox = ?1 AND rank = ?2 AND position = ?3")?;
    Ok(statement.query_row(params![mailbox, rank, column(position)], |row| row.get(0)).optional()?)
}

/// The rows of a mailbox's mail that have no place: a look at all of them.
pub(super) fn without_a_place(connection: &Connection, mailbox: i64) -> Outcome<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT number FROM mail WHERE mailbox = ?1 AND NOT EXISTS (SELECT 1 FROM place \
         WHERE place.mailbox = mail.mailbox AND place.rank = mail.rank AND place.position = mail.position)",
    )?;
    let rows = statement.query_map([mailbox], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The dead letter of that position.
pub(super) fn read_dead(
    connection: &Connection,
    mailbox: i64,
    position: u64,
) -> Outcome<Option<Result<DeadLetter, Broken>>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        columns!(),
        ", attempts, cause, reason, died_at FROM dead_letter WHERE mailbox = ?1 AND position = ?2"
    ))?;
    Ok(statement.query_row([mailbox, column(position)], |row| Ok(dead_letter(row))).optional()?)
}

/// Removes a row.
pub(super) fn remove(connection: &Connection, number: i64) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM mail WHERE number = ?1")?.execute([number])?;
    Ok(())
}

/// Makes a dead letter of a mail; its row is left as it is.
pub(super) fn bury(
    connection: &Connection,
    number: i64,
    attempts: u32,
    cause: &DeathCause,
    died_at: Moment,
) -> Outcome<()> {
    let (cause, reason) = match cause {
        DeathCause::Expired => (0, None),
        DeathCause::LeaseOver => (1, None),
        DeathCause::Refused(reason) => (2, Some(&**reason)),
    };
    let mut statement = connection.prepare_cached(concat!(
        "INSERT INTO dead_letter(",
        columns!(),
        ", attempts, cause, reason, died_at) SELECT ",
        columns!(),
        ", ?2, ?3, ?4, ?5 FROM mail WHERE number = ?1"
    ))?;
    statement.execute(params![number, attempts, cause, reason, moment_column(died_at)])?;
    Ok(())
}

/// Moves a row that is broken out of the way, as it is.
pub(super) fn set_aside(connection: &Connection, number: i64) -> Outcome<()> {
    let copy = concat!(
        "INSERT OR IGNORE INTO damaged(",
        columns!(),
        ") SELECT ",
        columns!(),
        " FROM mail WHERE number = ?1"
    );
    connection.prepare_cached(copy)?.execute([number])?;
    remove(connection, number)
}
