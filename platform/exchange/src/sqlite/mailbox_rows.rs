//! The rows of mailboxes: who has one, under which words, whose it is, and its newest owner.
//!
//! Always true: a row bears a checksum over all of it, and what does not match it is told as damage. Neighbours:
//! [`slots`](super::slots) has the mailboxes that are in use, [`finding`](super::finding) looks for them by words.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::asker::{Asker, Ownership};
use crate::error::ExchangeError;
use crate::limits::{ExchangeLimits, MailboxLimits};
use crate::mailbox::{MailboxState, Registration};
use crate::mailbox_id::MailboxId;

use super::desk::Desk;
use super::slots::{self, Live, Slot};
use super::sum::sum_of;
use super::trouble::{Outcome, Trouble};
use super::words::{column, count, id_bytes, list_column, list_of, moment_column, moment_of};

impl Live {
    fn sum(&self, terminated: Option<u64>) -> u32 {
        let limits = self.registration.limits.map(limits_bytes);
        sum_row(&RowOfMailbox {
            number: self.number,
            id: &id_bytes(self.id()),
            name: self.registration.name.as_deref(),
            lineage: &list_column(&self.registration.lineage),
            capabilities: &list_column(&self.registration.capabilities),
            limits: limits.as_ref().map(<[u8; LIMITS_BYTES]>::as_slice),
            owner: self.ownership.owner.as_deref(),
            shares: &list_column(&self.ownership.groups),
            terminated: terminated.map(column),
            epoch: column(self.epoch),
            holder: self.owner.as_ref().map(|(holder, _)| &**holder),
            held_until: self.owner.as_ref().map(|(_, until)| moment_column(*until)),
        })
    }

    /// Writes the row of the mailbox.
    pub(super) fn write(&self, desk: &mut Desk, terminated: Option<u64>) -> Outcome<()> {
        desk.change(self.id());
        let limits = self.registration.limits.map(limits_bytes);
        let mut statement = desk.connection.prepare_cached(
            "INSERT OR REPLACE INTO mailbox(number, id, name, lineage, capabilities, limits, owner, shares, terminated, \
             epoch, holder, held_until, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        statement.execute(params![
            self.number,
            id_bytes(self.id()),
            self.registration.name.as_deref(),
            list_column(&self.registration.lineage),
            list_column(&self.registration.capabilities),
            limits,
            self.ownership.owner.as_deref(),
            list_column(&self.ownership.groups),
            terminated.map(column),
            column(self.epoch),
            self.owner.as_ref().map(|(holder, _)| &**holder),
            self.owner.as_ref().map(|(_, until)| moment_column(*until)),
            self.sum(terminated)
        ])?;
        Ok(())
    }
}

/// The columns of a mailbox.
struct RowOfMailbox<'a> {
    number: i64,
    id: &'a [u8],
    name: Option<&'a str>,
    lineage: &'a str,
    capabilities: &'a str,
    limits: Option<&'a [u8]>,
    owner: Option<&'a str>,
    shares: &'a str,
    terminated: Option<i64>,
    epoch: i64,
    holder: Option<&'a str>,
    held_until: Option<i64>,
}

fn sum_row(row: &RowOfMailbox<'_>) -> u32 {
    let there = |is_some: bool| u8::from(is_some);
    let numbers = [row.number, row.terminated.unwrap_or(0), row.epoch, row.held_until.unwrap_or(0)];
    let flags = [
        there(row.name.is_some()),
        there(row.limits.is_some()),
        there(row.owner.is_some()),
        there(row.terminated.is_some()),
        there(row.holder.is_some()),
        there(row.held_until.is_some()),
    ];
    let text = |text: Option<&'_ str>| text.unwrap_or_default().as_bytes().to_vec();
    sum_of(&[
        &numbers.map(i64::to_le_bytes).concat(),
        &flags,
        row.id,
        &text(row.name),
        row.lineage.as_bytes(),
        row.capabilities.as_bytes(),
        row.limits.unwrap_or_default(),
        &text(row.owner),
        row.shares.as_bytes(),
        &text(row.holder),
    ])
}

const LIMITS_BYTES: usize = 5 * 4 + 8;

fn limits_bytes(limits: MailboxLimits) -> [u8; LIMITS_BYTES] {
    let MailboxLimits { messages, bytes, in_hand, attempts, dead_letters, pending_requests } = limits;
    let mut column = [0; LIMITS_BYTES];
    column[..8].copy_from_slice(&bytes.to_be_bytes());
    let others = [messages, in_hand, attempts, dead_letters, pending_requests];
    column[8..].chunks_exact_mut(4).zip(others).for_each(|(four, n)| four.copy_from_slice(&n.to_be_bytes()));
    column
}

fn limits_of(column: &[u8]) -> Option<MailboxLimits> {
    let (bytes, others) = column.split_at_checked(8)?;
    let mut others = others.chunks(4).map(|four| four.try_into().ok().map(u32::from_be_bytes));
    let mut next = || others.next().flatten();
    Some(MailboxLimits {
        bytes: u64::from_be_bytes(bytes.try_into().ok()?),
        messages: next()?,
        in_hand: next()?,
        attempts: next()?,
        dead_letters: next()?,
        pending_requests: next()?,
    })
}

/// The columns of a mailbox, in the order of [`mailbox_of_row`].
macro_rules! mailbox_columns {
    () => {
        "number, id, name, lineage, capabilities, limits, owner, shares, terminated, epoch, holder, held_until, sum"
    };
}
pub(super) use mailbox_columns;

/// Reads a mailbox from a row of [`mailbox_columns`]; `None` where the row is damaged.
pub(super) fn mailbox_of_row(row: &Row<'_>, usual: &ExchangeLimits) -> Option<Slot> {
    let text = |at: usize| row.get_ref(at).ok()?.as_str_or_null().ok();
    let number = |at: usize| row.get::<_, Option<i64>>(at).ok();
    let columns = RowOfMailbox {
        number: number(0)??,
        id: row.get_ref(1).ok()?.as_blob().ok()?,
        name: text(2)?,
        lineage: text(3)??,
        capabilities: text(4)??,
        limits: row.get_ref(5).ok()?.as_blob_or_null().ok()?,
        owner: text(6)?,
        shares: text(7)??,
        terminated: number(8)?,
        epoch: number(9)??,
        holder: text(10)?,
        held_until: number(11)?,
    };
    if number(12)?? != i64::from(sum_row(&columns)) {
        return None;
    }
    let ownership = Ownership { owner: columns.owner.map(Into::into), groups: list_of(columns.shares) };
    if columns.terminated.is_some() {
        return Some(Slot::Terminated(ownership));
    }
    let registration = Registration {
        id: super::words::id_of(columns.id)?,
        name: columns.name.map(Into::into),
        lineage: list_of(columns.lineage),
        capabilities: list_of(columns.capabilities),
        limits: columns.limits.map_or(Some(None), |limits| limits_of(limits).map(Some))?,
    };
    let mut live = slots::new(columns.number, registration, &Asker::Container, usual);
    live.ownership = ownership;
    live.epoch = count(columns.epoch);
    live.owner = columns.holder.zip(columns.held_until).map(|(holder, at)| (holder.into(), moment_of(at)));
    Some(Slot::Live(Box::new(live)))
}

/// Something of a mailbox is not what was written.
pub(super) fn damaged(id: MailboxId, what: &str) -> Trouble {
    Trouble::Damaged(format!(
        "{what} of mailbox {id}; other mailboxes can be used, restore this one from a backup"
    ))
}

/// Reads the row of a mailbox.
pub(super) fn read(connection: &Connection, usual: &ExchangeLimits, id: MailboxId) -> Outcome<Option<Slot>> {
    let mut statement =
        connection.prepare_cached(concat!("SELECT ", mailbox_columns!(), " FROM mailbox WHERE id = ?1"))?;
    let slot = statement.query_row([id_bytes(id)], |row| Ok(mailbox_of_row(row, usual))).optional()?;
    match slot {
        None => Ok(None),
        Some(slot) => slot.map(Some).ok_or_else(|| damaged(id, "the row")),
    }
}

/// How a mailbox stands: missing, terminated, or else inactive, for who gave a sign of life is known in memory alone.
pub(super) fn standing(
    connection: &Connection,
    usual: &ExchangeLimits,
    asker: &Asker,
    id: MailboxId,
) -> Outcome<MailboxState> {
    match read(connection, usual, id)? {
        None => Ok(MailboxState::Missing),
        Some(Slot::Terminated(ownership)) if ownership.may_use(asker) => Ok(MailboxState::Terminated),
        Some(Slot::Live(live)) if live.ownership.may_use(asker) => Ok(MailboxState::Inactive),
        Some(_) => Err(ExchangeError::Forbidden { mailbox: id }.into()),
    }
}
