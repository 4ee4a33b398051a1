//! One mailbox in memory: what it was registered with, whose it is, who holds it, its mail.
//!
//! Always true: a mailbox that never had mail has no queue, for there may be a million of them. Neighbours:
//! [`queue`](super::queue), [`ledger`](super::ledger).

use std::cell::RefCell;
use std::sync::Arc;

use crate::asker::{Asker, Ownership};
use crate::death_notice::Unheard;
use crate::error::ExchangeError;
use crate::ground::Ground;
use crate::limits::{ExchangeLimits, MailboxLimits};
use crate::mailbox::{Lease, MailboxState, MailboxStats, Registration, Status};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::queue::Queue;

/// What an operation on one mailbox goes by.
pub(super) struct Setting {
    pub(super) mailbox: MailboxId,
    pub(super) limits: MailboxLimits,
    pub(super) ground: Arc<Ground>,
    /// Requests that died in this operation.
    pub(super) unheard: RefCell<Vec<Unheard>>,
}

pub(super) struct Mailbox {
    /// Its number in the order of registration.
    pub(super) number: u64,
    pub(super) registration: Registration,
    pub(super) ownership: Ownership,
    pub(super) heartbeat: Option<Moment>,
    /// The newest epoch, and who holds it until when.
    pub(super) epoch: u64,
    pub(super) owner: Option<(Arc<str>, Moment)>,
    pub(super) requests_in: u64,
    pub(super) requests_out: u64,
    pub(super) answered: u64,
    queue: Option<Box<Queue>>,
}

impl Mailbox {
    pub(super) fn new(number: u64, registration: Registration, asker: &Asker) -> Mailbox {
        Mailbox {
            number,
            registration,
            ownership: Ownership::of(asker),
            heartbeat: None,
            epoch: 0,
            owner: None,
            requests_in: 0,
            requests_out: 0,
            answered: 0,
            queue: None,
        }
    }

    pub(super) fn id(&self) -> MailboxId {
        self.registration.id
    }

    pub(super) fn setting(&self, ground: Arc<Ground>) -> Setting {
        let limits = self.registration.limits.unwrap_or(ground.bounds().mailbox);
        Setting { mailbox: self.id(), limits, ground, unheard: RefCell::default() }
    }

    /// Its mail, where it ever had some.
    pub(super) fn queue(&self) -> Option<&Queue> {
        self.queue.as_deref()
    }

    /// Its mail, as of now, where it ever had some.
    pub(super) fn settled(&mut self, now: Moment, setting: &Setting) -> Option<&mut Queue> {
        let queue = self.queue.as_deref_mut()?;
        queue.settle(now, setting);
        Some(queue)
    }

    /// Its mail; there will be some.
    pub(super) fn queue_mut(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }

    /// What its mail and dead letters count for.
    pub(super) fn held_bytes(&self) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.held_bytes())
    }

    /// Whether whoever bears `epoch`, or none, may receive now.
    pub(super) fn check_epoch(&self, epoch: Option<u64>, now: Moment) -> Result<(), ExchangeError> {
        let owner = self.owner.as_ref().filter(|(_, until)| *until > now);
        match (epoch, owner) {
            (None, None) => Ok(()),
            (Some(epoch), Some(_)) if epoch == self.epoch => Ok(()),
            (Some(epoch), _) => Err(ExchangeError::NotTheOwner { mailbox: self.id(), epoch }),
            (None, Some((holder, until))) => {
                Err(ExchangeError::Owned { mailbox: self.id(), holder: holder.clone(), until: *until })
            }
        }
    }

    /// The lease of its owner; there is one.
    pub(super) fn lease(&self, holder: Arc<str>, until: Moment) -> Lease {
        Lease { mailbox: self.id(), holder, epoch: self.epoch, until }
    }

    pub(super) fn status(&self, now: Moment, limits: &ExchangeLimits) -> Status {
        let heartbeat_age = self.heartbeat.map(|heartbeat| now.since(heartbeat));
        let state = match heartbeat_age {
            Some(age) if age < limits.inactive_after => MailboxState::Active,
            _ => MailboxState::Inactive,
        };
        Status { state, heartbeat_age }
    }

    pub(super) fn stats(&self) -> MailboxStats {
        let (requests_in, requests_out, answered) = (self.requests_in, self.requests_out, self.answered);
        let stats = MailboxStats { requests_in, requests_out, answered, ..MailboxStats::default() };
        let Some(queue) = self.queue() else { return stats };
        MailboxStats {
            ready: queue.ready_len(),
            in_hand: queue.in_hand(),
            delayed: queue.len() - queue.ready_len() - queue.in_hand(),
            bytes: queue.bytes(),
            dead_letters: queue.dead_len(),
            pending_requests: queue.pending_len(),
            accepted: queue.last_position,
            acknowledged: queue.acknowledged,
            ..stats
        }
    }
}
