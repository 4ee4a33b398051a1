//! Keeps the lease of a mailbox, and those of the deliveries in hand, for as long as its owner lives.
//!
//! Always true: a lease is taken to end when it would if the exchange had heard of it at once, by our own link time: rather
//! too early than two owners. When the owner leaves, what is in hand goes back and the lease is given up; one that is lost
//! is not given up any more. Neighbour: [`owned`](super::owned) is what is kept.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_exchange::{Asker, ExchangeError};

use super::owned::Owned;
use crate::link_time;

/// How often a lease is renewed within its time.
pub(super) const RENEWALS: u32 = 3;

/// The least time from one sign of life to the next.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Keeps a lease.
pub(super) async fn keep(owned: Arc<Owned>) {
    let every = owned.lease() / RENEWALS;
    let mut until = owned.taken_at + owned.lease();
    // From when it was asked for: where the answer took long, it is renewed at once.
    let mut due = owned.taken_at + every;
    let mut heartbeat_due = Duration::ZERO;
    loop {
        if link_time::elapsed() >= heartbeat_due {
            heartbeat_due = link_time::elapsed() + HEARTBEAT;
            let beat = owned.exchange().heartbeat(&Asker::Container, owned.id());
            within(every, beat).await;
        }
        let is_leaving = tokio::select! {
            biased;
            () = owned.leaving.notified() => true,
            () = link_time::sleep(due.min(until).saturating_sub(link_time::elapsed())) => false,
        };
        if is_leaving || owned.is_lost() {
            break;
        }
        let asked_at = link_time::elapsed();
        let left = until.saturating_sub(asked_at);
        due = asked_at + every;
        let renewal = owned.exchange().renew_lease(&Asker::Container, owned.id(), owned.epoch, owned.lease());
        match link_time::within(left, renewal).await {
            Some(Ok(_)) => {
                until = asked_at + owned.lease();
                extend(&owned, every).await;
            }
            Some(Err(error @ (ExchangeError::NotTheOwner { .. } | ExchangeError::NoSuchMailbox { .. }))) => {
                owned.lose(error.to_string());
            }
            // The owner learns of these by itself.
            Some(Err(ExchangeError::MailboxTerminated { .. } | ExchangeError::Closed)) => {}
            Some(Err(error)) => {
                tracing::warn!(mailbox = %owned.id(), %error, "the lease of a mailbox was not renewed; trying again");
            }
            None => {}
        }
        if link_time::elapsed() >= until {
            owned.lose("its lease could not be renewed in time, and another may have it".to_owned());
        }
        if owned.is_lost() {
            break;
        }
    }
    // Of what is lost nothing is said: who has it next takes back what was delivered.
    if !owned.is_lost() {
        let receipts = owned.held().into_iter().map(|(_, held)| held.receipt).collect();
        owned.exchange().give_back(&Asker::Container, receipts);
        let given = owned.exchange().give_up_lease(&Asker::Container, owned.id(), owned.epoch);
        within(owned.lease(), given).await;
    }
    owned.left.send_replace(true);
}

/// Keeps the deliveries that have been in hand for a while.
async fn extend(owned: &Owned, every: Duration) {
    for (id, held) in owned.held() {
        let now = link_time::elapsed();
        if now.saturating_sub(held.since) >= every {
            let extended = owned.exchange().extend(&Asker::Container, &held.receipt, owned.lease());
            if within(every, extended).await {
                owned.extended(id, now);
            }
        }
    }
}

/// Whether an operation went well within that time. Where it did not, it is tried again or its lease ends.
async fn within<T>(time: Duration, operation: impl Future<Output = Result<T, ExchangeError>>) -> bool {
    match link_time::within(time, operation).await {
        Some(Ok(_)) => true,
        Some(Err(error)) => {
            tracing::debug!(%error, "a word of a mailbox's keeper was refused");
            false
        }
        None => false,
    }
}
