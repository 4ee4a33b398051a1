//! The mailboxes that were used lately, as they are stored.
//!
//! Always true: a mailbox in memory is what its rows say, but for a tally that the transaction has not staged yet;
//! what is not in memory is read. Not more than twice [`KEPT_MAILBOXES`] are kept. Neighbours:
//! [`mailbox_rows`](super::mailbox_rows) has the rows, [`queue`](super::queue) works on the mail of one mailbox,
//! [`desk`](super::desk) has what is in hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use crate::asker::{Asker, Ownership};
use crate::error::ExchangeError;
use crate::limits::{ExchangeLimits, MailboxLimits};
use crate::mailbox::{Lease, Registration};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::attempts::{Try, load_tries};
use super::desk::Desk;
use super::keyed::Keyed;
use super::known::Known;
use super::mailbox_rows::read;
use super::recounting::recount_one;
use super::tally::Tally;
use super::trouble::Outcome;
use super::words::{id_of, moment_of};

/// Mailboxes that are kept in memory; after so many that were used since, one that was not is dropped.
pub const KEPT_MAILBOXES: usize = 20_000;

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
    pub(super) known: Known,
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
    young: HashMap<MailboxId, Slot, Keyed>,
    old: HashMap<MailboxId, Slot, Keyed>,
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

    /// Its tally, to be changed; it is staged at the end of the transaction.
    pub(super) fn tally_mut(&mut self, desk: &mut Desk) -> &mut Tally {
        let id = self.id();
        desk.change(id);
        if !self.is_untallied {
            self.is_untallied = true;
            desk.untallied.push(id);
        }
        &mut self.tally
    }

    /// Its tally as it is now is the transaction's.
    pub(super) fn stage_tally(&mut self, desk: &mut Desk) {
        self.is_untallied = false;
        desk.stage_tally(self.number, Some(self.tally));
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
        known: Known::new(true),
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

/// Reads a mailbox and what belongs to it.
fn load(desk: &Desk, id: MailboxId) -> Outcome<Option<Slot>> {
    let connection = &desk.connection;
    let mut live = match read(connection, desk.ground.bounds(), id)? {
        Some(Slot::Live(live)) => live,
        other => return Ok(other),
    };
    live.tally = match desk.tallies.find(connection, live.number)? {
        Some(tally) => tally,
        None => {
            tracing::error!(
                mailbox = %id,
                "the tally of a mailbox is damaged: it was counted anew, and how much it has taken and acknowledged may be told \
                 too low"
            );
            recount_one(connection, live.number)?
        }
    };
    live.known = Known::new(live.tally.messages == 0);
    if live.tally.messages > 0 {
        load_tries(desk, &mut live)?;
        live.expiring = earliest(connection, &live, "place")?;
    }
    if live.tally.pending > 0 {
        live.pending_expiring = earliest(connection, &live, "pending")?;
    }
    Ok(Some(Slot::Live(live)))
}

/// The mailbox of that number, where it can be told.
pub(super) fn id_of_number(desk: &Desk, number: i64) -> Outcome<Option<MailboxId>> {
    let mut statement = desk.connection.prepare_cached("SELECT id FROM mailbox WHERE number = ?1")?;
    let found = statement.query_row([number], |row| Ok(row.get_ref(0)?.as_blob().ok().and_then(id_of)));
    Ok(found.optional()?.flatten())
}

/// When the first of a mailbox's rows in that table expires.
pub(super) fn earliest(connection: &Connection, live: &Live, table: &str) -> Outcome<Option<Moment>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT min(expires_at) FROM {table} WHERE mailbox = ?1 AND expires_at IS NOT NULL"
    ))?;
    // One that is damaged and no number tells nothing.
    let earliest = statement.query_row([live.number], |row| Ok(row.get_ref(0)?.as_i64_or_null().ok()))?;
    Ok(earliest.flatten().map(moment_of))
}
