//! Requests that are not answered yet, of one mailbox.
//!
//! Always true: as many as the mailbox's tally tells, each a row of `pending`; one that expired is none any more. Neighbours:
//! [`sending`](super::sending) asks and answers, a mailbox that is terminated answers those that are left.

use rusqlite::params;

use crate::mail::{Mail, Tracking};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

use super::desk::Desk;
use super::slots::{Live, earliest};
use super::trouble::Outcome;
use super::words::{column, count, id_bytes, moment_column};

/// Remembers a request until it is answered; its mail is in place.
pub(super) fn track(live: &mut Live, desk: &mut Desk, mail: &Mail, position: u64) -> Outcome<()> {
    let (Tracking::Request { tag, label }, Some(from)) = (mail.tracking, mail.from) else { return Ok(()) };
    let expires_at = mail.expires_at;
    settle_request(live, desk, from, tag)?;
    let mut statement = desk.connection.prepare_cached(
        "INSERT INTO pending(mailbox, requester, tag, label, position, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    statement.execute(params![
        live.number,
        id_bytes(from),
        tag.to_be_bytes(),
        label.map(u128::to_be_bytes),
        column(position),
        expires_at.map(moment_column)
    ])?;
    drop(statement);
    if let Some(expiry) = expires_at {
        live.pending_expiring = Some(live.pending_expiring.map_or(expiry, |at| at.min(expiry)));
    }
    live.tally_mut(desk).pending += 1;
    Ok(())
}

/// Forgets those whose time is over.
pub(super) fn expire(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<()> {
    let gone = desk
        .connection
        .prepare_cached("DELETE FROM pending WHERE mailbox = ?1 AND expires_at <= ?2")?
        .execute(params![live.number, moment_column(now)])?;
    let pending = &mut live.tally_mut(desk).pending;
    *pending = pending.saturating_sub(gone as u64);
    live.pending_expiring = earliest(&desk.connection, live, "pending")?;
    Ok(())
}

/// Whether that request waits for its answer.
pub(super) fn is_pending(live: &Live, desk: &Desk, from: MailboxId, tag: u128) -> Outcome<bool> {
    if live.tally().pending == 0 {
        return Ok(false);
    }
    let mut statement = desk
        .connection
        .prepare_cached("SELECT 1 FROM pending WHERE mailbox = ?1 AND requester = ?2 AND tag = ?3")?;
    Ok(statement.exists(params![live.number, id_bytes(from), tag.to_be_bytes()])?)
}

/// A request is answered; whether it was pending.
pub(super) fn settle_request(live: &mut Live, desk: &mut Desk, from: MailboxId, tag: u128) -> Outcome<bool> {
    if live.tally().pending == 0 {
        return Ok(false);
    }
    let gone = desk
        .connection
        .prepare_cached("DELETE FROM pending WHERE mailbox = ?1 AND requester = ?2 AND tag = ?3")?
        .execute(params![live.number, id_bytes(from), tag.to_be_bytes()])?;
    if gone > 0 {
        let pending = &mut live.tally_mut(desk).pending;
        *pending = pending.saturating_sub(1);
    }
    Ok(gone > 0)
}

/// A request that is not answered.
pub(super) struct Pending {
    pub(super) position: u64,
    pub(super) requester: MailboxId,
    pub(super) tag: u128,
    pub(super) label: Option<u128>,
}

/// The requests that are not answered, in the order in which they came.
pub(super) fn pending(live: &Live, desk: &Desk) -> Outcome<Vec<Pending>> {
    let mut statement = desk.connection.prepare_cached(
        "SELECT requester, tag, label, position FROM pending WHERE mailbox = ?1 ORDER BY position",
    )?;
    let mut rows = statement.query([live.number])?;
    let mut pending = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = |at: usize| row.get_ref(at).ok()?.as_blob_or_null().ok().flatten();
        let requester = bytes(0).and_then(super::words::id_of);
        let tag = bytes(1).and_then(super::words::number_of);
        let label = bytes(2).and_then(super::words::number_of);
        match (requester, tag) {
            (Some(requester), Some(tag)) => {
                let position = row.get(3).map_or(0, count);
                pending.push(Pending { position, requester, tag, label });
            }
            _ => tracing::error!(
                mailbox = %live.id(),
                "who waits for an answer of the mailbox is damaged: one of them is not told that it was terminated"
            ),
        }
    }
    Ok(pending)
}
