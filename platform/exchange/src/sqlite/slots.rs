//! The mailboxes that were used lately, as they are stored.
//!
//! Always true: a mailbox in memory is what its rows say, but for a tally that the transaction has not written yet;
//! what is not in memory is read. Not more than twice [`KEPT_MAILBOXES`] are kept. Neighbours:
//! [`queue`](super::queue) works on the mail of one, [`desk`](super::desk) has what is in hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::asker::{Asker, Ownership};
use crate::error::ExchangeError;
use crate::limits::{ExchangeLimits, MailboxLimits};
use crate::mailbox::{Lease, MailboxState, Registration};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::desk::Desk;
use super::sum::sum_of;
use super::trouble::{Outcome, Trouble};
use super::words::{column, count, id_bytes, list_column, list_of, moment_column, moment_of};

/// Mailboxes that are kept in memory; after so many that were used since, one that was not is dropped.
pub const KEPT_MAILBOXES: usize = 20_000;

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

/// A mail that was delivered before and waits again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Try {
    /// The number of its row.
    pub(super) mail: i64,
    pub(super) rank: u8,
    pub(super) attempts: u32,
    pub(super) delayed_until: Option<Moment>,
}

/// A mailbox that lives.
pub(super) struct Live {
    pub(super) number: i64,
    pub(super) registration: Registration,
    pub(super) ownership: Ownership,
    pub(super) limits: MailboxLimits,
    /// The newest epoch, and who holds it until when.
    pub(super) epoch: u64,
    pub(super) owner: Option<(Arc<str>, Moment)>,
    tally: Tally,
    is_untallied: bool,
    pub(super) tries: BTreeMap<u64, Try>,
    /// What was in hand when the exchange ended the last time; their leases ended with it.
    pub(super) left_in_hand: Vec<u64>,
    /// No mail expires before that, and no pending request.
    pub(super) expiring: Option<Moment>,
    pub(super) pending_expiring: Option<Moment>,
    /// No mail before this rank and position is ready.
    pub(super) ready_from: (u8, u64),
}

/// A mailbox, or what is left of it.
pub(super) enum Slot {
    Live(Box<Live>),
    Terminated(Ownership),
}

#[derive(Default)]
pub(super) struct Slots {
    young: HashMap<MailboxId, Slot>,
    old: HashMap<MailboxId, Slot>,
}

impl Slots {
    /// The mailbox, as it is in memory or stored.
    pub(super) fn find(&mut self, desk: &Desk, id: MailboxId) -> Outcome<Option<&mut Slot>> {
        if !self.young.contains_key(&id) {
            let slot = match self.old.remove(&id) {
                Some(slot) => Some(slot),
                None => load(desk, id)?,
            };
            match slot {
                Some(slot) => drop(self.young.insert(id, slot)),
                None => return Ok(None),
            }
        }
        Ok(self.young.get_mut(&id))
    }

    /// The mailbox, where it lives and the asker may use it.
    pub(super) fn live(&mut self, desk: &Desk, asker: &Asker, id: MailboxId) -> Outcome<&mut Live> {
        match self.find(desk, id)? {
            None => Err(ExchangeError::NoSuchMailbox { mailbox: id }.into()),
            Some(Slot::Live(live)) if live.ownership.may_use(asker) => Ok(live),
            Some(Slot::Terminated(ownership)) if ownership.may_use(asker) => {
                Err(ExchangeError::MailboxTerminated { mailbox: id }.into())
            }
            Some(_) => Err(ExchangeError::Forbidden { mailbox: id }.into()),
        }
    }

    /// The mailbox, where it lives.
    pub(super) fn anyones(&mut self, desk: &Desk, id: MailboxId) -> Outcome<Option<&mut Live>> {
        match self.find(desk, id)? {
            Some(Slot::Live(live)) => Ok(Some(live)),
            _ => Ok(None),
        }
    }

    pub(super) fn forget(&mut self, id: MailboxId) {
        self.young.remove(&id);
        self.old.remove(&id);
    }

    /// Drops what was not used for long; between transactions.
    pub(super) fn trim(&mut self) {
        if self.young.len() >= KEPT_MAILBOXES {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

impl Live {
    pub(super) fn id(&self) -> MailboxId {
        self.registration.id
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Its tally, to be changed; it is written at the end of the transaction.
    pub(super) fn tally_mut(&mut self, desk: &mut Desk) -> &mut Tally {
        let id = self.id();
        desk.change(id);
        if !self.is_untallied {
            self.is_untallied = true;
            desk.untallied.push(id);
        }
        &mut self.tally
    }

    /// Whether whoever bears `epoch`, or none, may receive now.
    pub(super) fn check_epoch(&self, epoch: Option<u64>, now: Moment) -> Outcome<()> {
        let owner = self.owner.as_ref().filter(|(_, until)| *until > now);
        match (epoch, owner) {
            (None, None) => Ok(()),
            (Some(epoch), Some(_)) if epoch == self.epoch => Ok(()),
            (Some(epoch), _) => Err(ExchangeError::NotTheOwner { mailbox: self.id(), epoch }.into()),
            (None, Some((holder, until))) => {
                let owned =
                    ExchangeError::Owned { mailbox: self.id(), holder: holder.clone(), until: *until };
                Err(owned.into())
            }
        }
    }

    /// The lease of its owner; there is one.
    pub(super) fn lease(&self, holder: Arc<str>, until: Moment) -> Lease {
        Lease { mailbox: self.id(), holder, epoch: self.epoch, until }
    }

    /// Something at that place is ready.
    pub(super) fn is_ready_at(&mut self, rank: u8, position: u64) {
        self.ready_from = self.ready_from.min((rank, position));
    }

    /// How many mails were refused and wait for their time.
    pub(super) fn delayed(&self) -> u64 {
        self.tries.values().filter(|tried| tried.delayed_until.is_some()).count() as u64
    }

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

    /// Writes its tally.
    pub(super) fn write_tally(&mut self, connection: &Connection) -> Outcome<()> {
        self.is_untallied = false;
        let columns = self.tally.columns();
        let [accepted, acknowledged, r_in, r_out, answered, messages, bytes, dead, dead_bytes, pending] =
            columns;
        let mut statement = connection.prepare_cached(
            "INSERT OR REPLACE INTO tally(mailbox, accepted, acknowledged, requests_in, requests_out, answered, messages, \
             bytes, dead_letters, dead_bytes, pending, sum) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        statement.execute(params![
            self.number,
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
            self.tally.sum(self.number)
        ])?;
        Ok(())
    }
}

impl Tally {
    fn columns(&self) -> [i64; 10] {
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
        .map(column)
    }

    fn sum(&self, mailbox: i64) -> u32 {
        let mut bytes = [0; 11 * 8];
        let numbers = std::iter::once(mailbox).chain(self.columns());
        bytes.chunks_exact_mut(8).zip(numbers).for_each(|(eight, n)| eight.copy_from_slice(&n.to_le_bytes()));
        sum_of(&[&bytes])
    }
}

/// A new mailbox, not written yet.
pub(super) fn new(number: i64, registration: Registration, asker: &Asker, usual: &ExchangeLimits) -> Live {
    Live {
        number,
        limits: registration.limits.unwrap_or(usual.mailbox),
        registration,
        ownership: Ownership::of(asker),
        epoch: 0,
        owner: None,
        tally: Tally::default(),
        is_untallied: false,
        tries: BTreeMap::new(),
        left_in_hand: Vec::new(),
        expiring: None,
        pending_expiring: None,
        ready_from: (0, 0),
    }
}

impl Slots {
    pub(super) fn enter(&mut self, live: Live) {
        self.young.insert(live.id(), Slot::Live(Box::new(live)));
    }

    /// A mailbox is over.
    pub(super) fn end(&mut self, id: MailboxId) -> Option<Box<Live>> {
        let slot = self.young.remove(&id).or_else(|| self.old.remove(&id))?;
        match slot {
            Slot::Live(live) => {
                self.young.insert(id, Slot::Terminated(live.ownership.clone()));
                Some(live)
            }
            Slot::Terminated(_) => None,
        }
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
    let mut live = new(columns.number, registration, &Asker::Container, usual);
    live.ownership = ownership;
    live.epoch = count(columns.epoch);
    live.owner = columns.holder.zip(columns.held_until).map(|(holder, at)| (holder.into(), moment_of(at)));
    Some(Slot::Live(Box::new(live)))
}

/// Reads a tally from a row that begins with the mailbox's number; `None` where the row is damaged.
pub(super) fn tally_of_row(row: &Row<'_>) -> Option<(i64, Tally)> {
    let mut numbers = [0_i64; 12];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.get(at).ok()?;
    }
    let [
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
        sum,
    ] = numbers;
    let tally = Tally {
        accepted: count(accepted),
        acknowledged: count(acknowledged),
        requests_in: count(r_in),
        requests_out: count(r_out),
        answered: count(answered),
        messages: count(messages),
        bytes: count(bytes),
        dead_letters: count(dead),
        dead_bytes: count(dead_bytes),
        pending: count(pending),
    };
    (sum == i64::from(tally.sum(mailbox))).then_some((mailbox, tally))
}

fn damaged(id: MailboxId, what: &str) -> Trouble {
    Trouble::Damaged(format!(
        "{what} of mailbox {id}; other mailboxes can be used, restore this one from a backup"
    ))
}

/// Reads the row of a mailbox.
fn read(connection: &Connection, usual: &ExchangeLimits, id: MailboxId) -> Outcome<Option<Slot>> {
    let mut statement =
        connection.prepare_cached(concat!("SELECT ", mailbox_columns!(), " FROM mailbox WHERE id = ?1"))?;
    let slot = statement.query_row([id_bytes(id)], |row| Ok(mailbox_of_row(row, usual))).optional()?;
    match slot {
        None => Ok(None),
        Some(slot) => slot.map(Some).ok_or_else(|| damaged(id, "the row")),
    }
}

/// Reads a mailbox and what belongs to it.
fn load(desk: &Desk, id: MailboxId) -> Outcome<Option<Slot>> {
    let connection = &desk.connection;
    let mut live = match read(connection, desk.ground.bounds(), id)? {
        Some(Slot::Live(live)) => live,
        other => return Ok(other),
    };
    let mut statement = connection.prepare_cached("SELECT * FROM tally WHERE mailbox = ?1")?;
    let tally = statement.query_row([live.number], |row| Ok(tally_of_row(row))).optional()?;
    live.tally = tally.flatten().ok_or_else(|| damaged(id, "the tally"))?.1;
    if live.tally.messages > 0 {
        load_tries(desk, &mut live)?;
        live.expiring = earliest(connection, &live, "mail")?;
    }
    if live.tally.pending > 0 {
        live.pending_expiring = earliest(connection, &live, "pending")?;
    }
    Ok(Some(Slot::Live(live)))
}

fn load_tries(desk: &Desk, live: &mut Live) -> Outcome<()> {
    let mut statement = desk.connection.prepare_cached(
        "SELECT position, mail, rank, attempts, in_hand, delayed_until FROM attempt WHERE mailbox = ?1",
    )?;
    let mut rows = statement.query([live.number])?;
    while let Some(row) = rows.next()? {
        let position = count(row.get(0)?);
        if desk.hand(live.id(), position).is_some() {
            continue;
        }
        let delayed_until: Option<i64> = row.get(5)?;
        let tried = Try {
            mail: row.get(1)?,
            rank: row.get(2)?,
            attempts: row.get(3)?,
            delayed_until: delayed_until.map(moment_of),
        };
        live.tries.insert(position, tried);
        if row.get::<_, bool>(4)? {
            live.left_in_hand.push(position);
        }
    }
    Ok(())
}

/// When the first of a mailbox's rows in that table expires.
pub(super) fn earliest(connection: &Connection, live: &Live, table: &str) -> Outcome<Option<Moment>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT min(expires_at) FROM {table} WHERE mailbox = ?1 AND expires_at IS NOT NULL"
    ))?;
    let earliest: Option<i64> = statement.query_row([live.number], |row| row.get(0))?;
    Ok(earliest.map(moment_of))
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
