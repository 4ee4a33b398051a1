//! The mail of one mailbox: what is put there, what is ready, handed over and done with.
//!
//! Always true: a mail has its place and its row from when it is put there until it is done with; while a receiver has it, it
//! has a [`Hand`] in memory. A mailbox was brought to the present before ([`attempts`]). Neighbours:
//! [`slots`](super::slots) has the mailbox, [`places`] and [`mails`] the rows.

use std::collections::HashMap;

use rusqlite::params;

use crate::dead_letter::{Peeked, Standing};
use crate::death_notice::Unheard;
use crate::delivery::{Delivery, Receipt};
use crate::error::ExchangeError;
use crate::mail::HIGHEST_PRIORITY;
use crate::moment::Moment;
use crate::store::{Claim, Claimed};

use super::attempts;
use super::desk::{Desk, Hand};
use super::hands::{HandRecord, Whereabouts};
use super::mails::{self, Broken, Stored};
use super::mending;
use super::places::{self, Placed};
use super::requests::{self, Pending};
use super::slots::Live;
use super::trouble::Outcome;
use super::words::{column, count};

/// Puts a mail at the end; its position.
pub(super) fn push(live: &mut Live, desk: &mut Desk, mut stored: Stored) -> Outcome<u64> {
    let id = live.id();
    let size = stored.mail.size_bytes();
    let tally = live.tally_mut(desk);
    tally.accepted += 1;
    tally.messages += 1;
    tally.bytes += size;
    let position = tally.accepted;
    desk.totals.bytes += size;
    stored.position = position;
    let number = desk.take_row();
    mails::write(&desk.connection, number, live.number, &stored)?;
    places::insert(&desk.connection, live.number, &stored, number)?;
    live.known.add((stored.rank, position), number);
    if let Some(expiry) = stored.mail.expires_at {
        live.expiring = Some(live.expiring.map_or(expiry, |at| at.min(expiry)));
    }
    live.is_ready_at(stored.rank, position);
    desk.keep_fresh(number, live.number, stored);
    desk.wake_one(id);
    Ok(position)
}

/// Hands over what is ready; the mailbox is settled.
pub(super) fn claim(live: &mut Live, desk: &mut Desk, now: Moment, claim: &Claim) -> Outcome<Claimed> {
    let id = live.id();
    let room = u64::from(live.limits.in_hand).saturating_sub(desk.in_hand(id));
    let wanted = claim.max.min(usize::try_from(room).unwrap_or(usize::MAX));
    let until = now + claim.lease;
    let (mut deliveries, mut has_looked) = (Vec::new(), false);
    while deliveries.len() < wanted && live.tally().messages > desk.in_hand(id) + live.delayed() {
        let Some((number, rank, position)) = next_ready(live, desk)? else {
            if !std::mem::replace(&mut has_looked, true) {
                mending::look_for_missing(live, desk)?;
                continue;
            }
            break;
        };
        live.ready_from = (rank, position + 1);
        let stored = match desk.fresh(number, live.number, (rank, position)) {
            Some(stored) => stored.clone(),
            None => match mails::read(&desk.connection, number, live.number, (rank, position))? {
                Some(Ok(stored)) => stored,
                Some(Err(Broken)) | None => {
                    mending::mend(live, desk, number, (rank, position))?;
                    continue;
                }
            },
        };
        desk.last_claim += 1;
        let tried = live.tries.remove(&position);
        let attempts = tried.map_or(0, |tried| tried.attempts) + 1;
        let hand = Hand {
            mailbox: live.number,
            mail: number,
            rank,
            attempts,
            is_written: tried.is_some(),
            claim: desk.last_claim,
            until,
            size: stored.mail.size_bytes(),
            expires_at: stored.mail.expires_at,
        };
        desk.set_hand(id, position, Some(hand));
        desk.change(id);
        desk.note(position, &hand, Whereabouts::InHand);
        let receipt = Receipt { mailbox: id, position, claim: hand.claim, epoch: claim.epoch };
        let Stored { mail, by, accepted_at, .. } = stored;
        deliveries.push(Delivery { receipt, mail, by, accepted_at, attempt: attempts, lease_until: until });
    }
    Ok(Claimed { deliveries, next: next_end(live, desk) })
}

/// The first mail that is in nobody's hand and not delayed.
fn next_ready(live: &Live, desk: &Desk) -> Outcome<Option<(i64, u8, u64)>> {
    let hands = desk.hands(live.id());
    let is_ready = |position: u64| {
        let is_delayed = live.tries.get(&position).is_some_and(|tried| tried.delayed_until.is_some());
        !is_delayed && hands.is_none_or(|hands| !hands.contains_key(&position))
    };
    if let Some(mut known) = live.known.from(live.ready_from) {
        return Ok(known.find(|(_, _, position)| is_ready(*position)));
    }
    let (rank, position) = live.ready_from;
    let mut statement = desk.connection.prepare_cached(
        "SELECT mail, rank, position FROM place WHERE mailbox = ?1 AND (rank, position) >= (?2, ?3) \
         ORDER BY rank, position",
    )?;
    let mut rows = statement.query(params![live.number, rank, column(position)])?;
    while let Some(row) = rows.next()? {
        // One that cannot be so is damaged, and is looked for when it is missed.
        let (Ok(rank), Ok(position @ 0..)) = (row.get(1), row.get(2)) else { continue };
        if is_ready(count(position)) {
            return Ok(Some((row.get(0).unwrap_or(0), rank, count(position))));
        }
    }
    Ok(None)
}

/// When a lease or a delay ends next.
fn next_end(live: &Live, desk: &Desk) -> Option<Moment> {
    let leases = desk.hands(live.id()).into_iter().flat_map(|hands| hands.values().map(|hand| hand.until));
    leases.chain(live.tries.values().filter_map(|tried| tried.delayed_until)).min()
}

/// The delivery that a receipt names, where it is in hand still.
pub(super) fn check(live: &Live, desk: &Desk, receipt: &Receipt) -> Outcome<Hand> {
    let over =
        |reason| ExchangeError::LeaseOver { mailbox: receipt.mailbox, position: receipt.position, reason };
    match desk.hand(live.id(), receipt.position) {
        Some(hand) if hand.claim == receipt.claim => Ok(hand),
        Some(_) => Err(over("its lease has ended").into()),
        None if has(live, desk, receipt.position)? => Err(over("its lease has ended").into()),
        None => Err(over("the mail is not there any more").into()),
    }
}

/// Whether a mail of that position waits.
fn has(live: &Live, desk: &Desk, position: u64) -> Outcome<bool> {
    for rank in 0..=HIGHEST_PRIORITY {
        if places::find(&desk.connection, live.number, rank, position)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A mail is done with; it was checked before.
pub(super) fn acknowledge(live: &mut Live, desk: &mut Desk, position: u64, hand: &Hand) -> Outcome<()> {
    remove(live, desk, position, hand)?;
    live.tally_mut(desk).acknowledged += 1;
    Ok(())
}

/// A mail that had left for its receiver when the process before this one ended is done with; whether it is there still.
pub(super) fn has_arrived(live: &mut Live, desk: &mut Desk, left: &HandRecord) -> Outcome<bool> {
    let HandRecord { mail, position, rank, .. } = *left;
    let placed = places::find(&desk.connection, live.number, rank, position)?;
    let Some(placed) = placed.filter(|placed| placed.mail == mail) else { return Ok(false) };
    if desk.hand(live.id(), position).is_some()
        || !mails::lies_at(&desk.connection, mail, live.number, (rank, position))?
    {
        return Ok(false);
    }
    desk.change(live.id());
    let hand = nobodys(live, rank, position, placed);
    acknowledge(live, desk, position, &hand)?;
    Ok(true)
}

/// A mail that is in nobody's hand, to be removed; how often it was delivered is forgotten.
fn nobodys(live: &mut Live, rank: u8, position: u64, placed: Placed) -> Hand {
    let Placed { mail, size, expires_at } = placed;
    let tried = live.tries.remove(&position);
    Hand {
        mailbox: live.number,
        mail,
        rank,
        attempts: tried.map_or(0, |tried| tried.attempts),
        is_written: tried.is_some(),
        claim: 0,
        until: Moment::EPOCH,
        size,
        expires_at,
    }
}

/// A mail that is in hand goes for good.
fn remove(live: &mut Live, desk: &mut Desk, position: u64, hand: &Hand) -> Outcome<()> {
    desk.set_hand(live.id(), position, None);
    if hand.is_written {
        attempts::forget(live, desk, position)?;
    }
    places::remove(&desk.connection, live.number, hand.rank, position)?;
    desk.leave_row(hand.mail)?;
    desk.totals.bytes = desk.totals.bytes.saturating_sub(hand.size);
    let tally = live.tally_mut(desk);
    tally.messages = tally.messages.saturating_sub(1);
    tally.bytes = tally.bytes.saturating_sub(hand.size);
    let is_empty = tally.messages == 0;
    live.known.remove((hand.rank, position), is_empty);
    Ok(())
}

/// How many mails can be delivered now.
pub(super) fn ready(live: &Live, desk: &Desk) -> u64 {
    live.tally().messages.saturating_sub(desk.in_hand(live.id()) + live.delayed())
}

/// The positions, ranks and rows of mail that waits or is in hand, in the order in which it was accepted.
fn rows_after(live: &Live, desk: &Desk, after: u64, max: usize) -> Outcome<Vec<(u64, u8, i64)>> {
    let mut found = Vec::new();
    for rank in 0..=HIGHEST_PRIORITY {
        let mut statement = desk.connection.prepare_cached(
            "SELECT position, mail FROM place WHERE mailbox = ?1 AND rank = ?2 AND position > ?3 \
             ORDER BY position LIMIT ?4",
        )?;
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![live.number, rank, column(after), limit], |row| {
            Ok((row.get(0).map_or(0, count), rank, row.get(1).unwrap_or(0)))
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    found.sort_unstable();
    found.truncate(max);
    Ok(found)
}

/// What waits or is in hand.
pub(super) fn peek(live: &mut Live, desk: &mut Desk, after: u64, max: usize) -> Outcome<Vec<Peeked>> {
    let mut peeked = Vec::new();
    for (position, rank, number) in rows_after(live, desk, after, max)? {
        let read = mails::read(&desk.connection, number, live.number, (rank, position))?;
        let Some(Ok(stored)) = read else { continue };
        let hand = desk.hand(live.id(), position);
        let tried = live.tries.get(&position);
        let attempts = hand.map(|hand| hand.attempts).or(tried.map(|tried| tried.attempts)).unwrap_or(0);
        let standing = match (hand, tried.and_then(|tried| tried.delayed_until)) {
            (Some(hand), _) => Standing::InHand(hand.until),
            (None, Some(until)) => Standing::Delayed(until),
            (None, None) => Standing::Ready,
        };
        let Stored { mail, by, accepted_at, .. } = stored;
        peeked.push(Peeked { position, mail, by, accepted_at, attempts, standing });
    }
    Ok(peeked)
}

/// Throws away what is in nobody's hand; how many.
pub(super) fn purge_waiting(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<u64> {
    let pending = if live.tally().pending == 0 { Vec::new() } else { requests::pending(live, desk)? };
    let pending: HashMap<u64, Pending> = pending.into_iter().map(|one| (one.position, one)).collect();
    let mut gone = 0;
    let mut after = 0;
    loop {
        let rows = rows_after(live, desk, after, crate::limits::MAX_PAGE)?;
        let Some((last, ..)) = rows.last() else { return Ok(gone) };
        after = *last;
        for (position, rank, _) in rows {
            if desk.hand(live.id(), position).is_some() {
                continue;
            }
            let mut placed = places::find(&desk.connection, live.number, rank, position)?;
            if let Some(Placed { mail, .. }) = placed
                && !mails::lies_at(&desk.connection, mail, live.number, (rank, position))?
            {
                mending::mend(live, desk, mail, (rank, position))?;
                placed = places::find(&desk.connection, live.number, rank, position)?;
            }
            let Some(Placed { mail, size, expires_at }) = placed else { continue };
            let hand = nobodys(live, rank, position, Placed { mail, size, expires_at });
            remove(live, desk, position, &hand)?;
            if let Some(Pending { requester, tag, label, .. }) = pending.get(&position) {
                let request = (position, *requester, (*tag, *label));
                desk.unheard.push(Unheard::purged(live.id(), request, hand.attempts, now));
            }
            gone += 1;
        }
    }
}
