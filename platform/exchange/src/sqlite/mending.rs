//! What is damaged of the mail of one mailbox: a mail is set aside, a place is put right by the mail that lies there.
//!
//! A place bears no checksum, for all of it stands in the mail too. Always true: the row of another mail is not touched,
//! whatever a damaged place says, and what was accepted is delivered as long as its own row is whole. Neighbours:
//! [`queue`](super::queue) and [`burying`](super::burying) find that a mail cannot be read, [`mails`] and [`places`] have
//! the rows.

use super::attempts;
use super::desk::Desk;
use super::mailbox_rows::damaged;
use super::mails::{self, Stored};
use super::places;
use super::slots::Live;
use super::trouble::Outcome;

/// The mail at that place cannot be read, in the row of that number: its place is put right, or it is set aside.
pub(super) fn mend(
    live: &mut Live,
    desk: &mut Desk,
    number: i64,
    (rank, position): (u8, u64),
) -> Outcome<()> {
    look_first(live, desk)?;
    live.known.forget();
    if mails::lies_at(&desk.connection, number, live.number, (rank, position))? {
        return set_aside(live, desk, number, (rank, position));
    }
    // What the place says is wrong. Positions are given once, so there is no other mail of it.
    if let Some(found) = mails::look_for(&desk.connection, live.number, (rank, position))? {
        let Some(Ok(stored)) = mails::read(&desk.connection, found, live.number, (rank, position))? else {
            return set_aside(live, desk, found, (rank, position));
        };
        tell_of_place(live, position);
        places::put_right(&desk.connection, live.number, &stored, found)?;
        live.is_ready_at(rank, position);
        return Ok(());
    }
    forget_place(live, desk, (rank, position))?;
    match mails::read_anyones(&desk.connection, number)? {
        // What is free was acknowledged.
        Some(Ok((mailbox, stored))) if !desk.free_rows.has(number) => {
            tell_of_place(live, position);
            places::put_right(&desk.connection, mailbox, &stored, number)?;
            if mailbox == live.number {
                live.is_ready_at(stored.rank, stored.position);
            }
        }
        _ => tell_of_loss(live, position),
    }
    retally(live, desk)
}

/// A mailbox has less mail at its places than its tally tells of: what lies there without a place is given it again, where it is
/// certain that it was not acknowledged; then it is counted anew.
pub(super) fn look_for_missing(live: &mut Live, desk: &mut Desk) -> Outcome<()> {
    look_first(live, desk)?;
    let before = live.tally().messages;
    live.known.forget();
    places::remove_what_cannot_be(&desk.connection, live.number)?;
    if desk.free_rows.are_known() {
        for number in mails::without_a_place(&desk.connection, live.number)? {
            if desk.free_rows.has(number) {
                continue;
            }
            if let Some(Ok((_, stored))) = mails::read_anyones(&desk.connection, number)? {
                tell_of_place(live, stored.position);
                places::put_right(&desk.connection, live.number, &stored, number)?;
                live.is_ready_at(stored.rank, stored.position);
            }
        }
    }
    retally(live, desk)?;
    let messages = live.tally().messages;
    if messages < before {
        tracing::error!(
            mailbox = %live.id(), lost = before - messages,
            "a mailbox has less mail than it took; stop the exchange and run `folkmoot exchange check`"
        );
    }
    Ok(())
}

/// A mail that has not expired stands among those that have: what its place says is put right.
pub(super) fn put_right(live: &mut Live, desk: &mut Desk, number: i64, stored: &Stored) -> Outcome<()> {
    tell_of_place(live, stored.position);
    places::put_right(&desk.connection, live.number, stored, number)?;
    live.known.forget();
    live.is_ready_at(stored.rank, stored.position);
    if let Some(expiry) = stored.mail.expires_at {
        live.expiring = Some(live.expiring.map_or(expiry, |at| at.min(expiry)));
    }
    retally(live, desk)
}

/// Nothing is given up before all pages were looked at: the operation ends here, and is done again after that.
fn look_first(live: &Live, desk: &Desk) -> Outcome<()> {
    match desk.has_unseen_pages {
        true => Err(damaged(live.id(), "a mail")),
        false => Ok(()),
    }
}

fn tell_of_place(live: &Live, position: u64) {
    tracing::error!(
        mailbox = %live.id(), position,
        "the place of a stored mail was damaged and has been put right by the mail itself; \
         `folkmoot exchange check` tells more once the exchange is stopped"
    );
}

fn tell_of_loss(live: &Live, position: u64) {
    tracing::error!(
        mailbox = %live.id(), position,
        "a stored mail is lost: nothing lies at its place; restore the directory from a backup to have it"
    );
}

/// A row is not what was written: it is kept for the tools, and its mailbox goes on without it.
fn set_aside(live: &mut Live, desk: &mut Desk, number: i64, (rank, position): (u8, u64)) -> Outcome<()> {
    tracing::error!(
        mailbox = %live.id(), position,
        "a stored mail is damaged and was set aside, others are delivered; \
         `folkmoot exchange check` tells more once the exchange is stopped"
    );
    desk.forget_fresh(number);
    mails::set_aside(&desk.connection, number)?;
    forget_place(live, desk, (rank, position))?;
    retally(live, desk)
}

fn forget_place(live: &mut Live, desk: &Desk, (rank, position): (u8, u64)) -> Outcome<()> {
    if live.tries.remove(&position).is_some() {
        attempts::forget(live, desk, position)?;
    }
    places::remove(&desk.connection, live.number, rank, position)
}

/// Counts the mail of a mailbox anew.
fn retally(live: &mut Live, desk: &mut Desk) -> Outcome<()> {
    let (messages, bytes) = places::tally(&desk.connection, live.number)?;
    let before = live.tally().bytes;
    let tally = live.tally_mut(desk);
    (tally.messages, tally.bytes) = (messages, bytes);
    desk.totals.bytes = (desk.totals.bytes + bytes).saturating_sub(before);
    Ok(())
}
