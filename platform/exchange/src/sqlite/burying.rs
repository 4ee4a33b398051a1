//! Dead letters: mail that expired, or that was delivered too often, or that its receiver refused for good.
//!
//! Always true: a mail is a row of `mail` or of `dead_letter`; for one letter more than a mailbox keeps the oldest goes.
//! Neighbours: [`attempts`](super::attempts) tells when, [`mails`](super::mails) has the rows.

use rusqlite::params;

use crate::dead_letter::{DeadLetter, DeathCause};
use crate::death_notice::Unheard;
use crate::moment::Moment;

use super::attempts;
use super::desk::{Desk, Word};
use super::mails::{self, Stored};
use super::mending;
use super::places;
use super::slots::Live;
use super::trouble::Outcome;
use super::words::{column, count, moment_column, moment_of};

/// Buries what expired and is in nobody's hand.
pub(super) fn expire(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<()> {
    let id = live.id();
    let mut statement = desk.connection.prepare_cached(
        "SELECT mail, rank, position, expires_at FROM place WHERE mailbox = ?1 AND expires_at <= ?2 \
         ORDER BY expires_at, position",
    )?;
    let mut rows = statement.query(params![live.number, moment_column(now)])?;
    let mut expired = Vec::new();
    while let Some(row) = rows.next()? {
        // One that cannot be so is damaged, and is looked for when it is missed.
        let (Ok(rank), Ok(position @ 0..)) = (row.get(1), row.get(2)) else { continue };
        let number: i64 = row.get(0).unwrap_or(0);
        expired.push((number, (rank, count(position)), moment_of(row.get(3)?)));
    }
    drop(rows);
    drop(statement);
    for (number, place, at) in expired {
        let (_, position) = place;
        if desk.hand(id, position).is_none() {
            bury(live, desk, place, number, &DeathCause::Expired, at)?;
        }
    }
    let mut statement = desk
        .connection
        .prepare_cached("SELECT min(expires_at) FROM place WHERE mailbox = ?1 AND expires_at > ?2")?;
    let next: Option<i64> =
        statement.query_row(params![live.number, moment_column(now)], |row| row.get(0))?;
    live.expiring = next.map(moment_of);
    Ok(())
}

/// Makes a dead letter of a mail, wherever it stands.
pub(super) fn bury(
    live: &mut Live,
    desk: &mut Desk,
    (rank, position): (u8, u64),
    number: i64,
    cause: &DeathCause,
    died_at: Moment,
) -> Outcome<()> {
    let read = mails::read(&desk.connection, number, live.number, (rank, position))?;
    if let Some(Ok(stored)) = &read
        && *cause == DeathCause::Expired
        && stored.mail.expires_at.is_none_or(|expiry| expiry > died_at)
    {
        return mending::put_right(live, desk, number, stored);
    }
    let hand = desk.set_hand(live.id(), position, None);
    let tried = live.tries.remove(&position);
    let attempts = hand.map(|hand| hand.attempts).or(tried.map(|tried| tried.attempts));
    if attempts.is_some() {
        attempts::forget(live, desk, position)?;
    }
    let attempts = attempts.unwrap_or(0);
    let Some(Ok(Stored { mail, by, .. })) = read else {
        return mending::mend(live, desk, number, (rank, position));
    };
    let size = mail.size_bytes();
    mails::bury(&desk.connection, number, attempts, cause, died_at)?;
    places::remove(&desk.connection, live.number, rank, position)?;
    desk.leave_row(number)?;
    let letter = DeadLetter { position, mail, by, attempts, cause: cause.clone(), died_at };
    desk.unheard.extend(Unheard::of(live.id(), &letter));
    desk.tell(Word::Died(live.id(), letter));
    let tally = live.tally_mut(desk);
    tally.messages = tally.messages.saturating_sub(1);
    tally.bytes = tally.bytes.saturating_sub(size);
    tally.dead_letters += 1;
    tally.dead_bytes += size;
    let is_empty = tally.messages == 0;
    live.known.remove((rank, position), is_empty);
    while live.tally().dead_letters > u64::from(live.limits.dead_letters) {
        drop_oldest_letter(live, desk)?;
    }
    Ok(())
}

/// The oldest dead letter goes, for there are too many.
fn drop_oldest_letter(live: &mut Live, desk: &mut Desk) -> Outcome<()> {
    let oldest: Option<i64> = desk
        .connection
        .prepare_cached("SELECT min(position) FROM dead_letter WHERE mailbox = ?1")?
        .query_row([live.number], |row| row.get(0))?;
    let Some(position) = oldest.map(count) else {
        live.tally_mut(desk).dead_letters = 0;
        return Ok(());
    };
    let letter = mails::read_dead(&desk.connection, live.number, position)?;
    remove_letter(live, desk, position)?;
    let size = letter.as_ref().and_then(|letter| letter.as_ref().ok()).map_or(0, |l| l.mail.size_bytes());
    if let Some(Ok(letter)) = letter {
        desk.tell(Word::Lost(live.id(), letter));
    }
    take_dead_off(live, desk, size);
    Ok(())
}

pub(super) fn remove_letter(live: &Live, desk: &Desk, position: u64) -> Outcome<()> {
    desk.connection
        .prepare_cached("DELETE FROM dead_letter WHERE mailbox = ?1 AND position = ?2")?
        .execute(params![live.number, column(position)])?;
    Ok(())
}

/// A dead letter of that size is gone.
pub(super) fn take_dead_off(live: &mut Live, desk: &mut Desk, size: u64) {
    let tally = live.tally_mut(desk);
    tally.dead_letters = tally.dead_letters.saturating_sub(1);
    tally.dead_bytes = tally.dead_bytes.saturating_sub(size);
    desk.totals.bytes = desk.totals.bytes.saturating_sub(size);
}
