//! The mail of one mailbox: what is ready, handed over, taken back, buried.
//!
//! Always true: a mail is a row of `mail` or of `dead_letter`; one that was delivered before has a row of `attempt`, and
//! while a receiver has it also a [`Hand`] in memory. [`settle`] brings a mailbox to the present first. Neighbours:
//! [`slots`](super::slots) has the mailbox, [`mails`](super::mails) the rows.

use rusqlite::{OptionalExtension, params};

use crate::dead_letter::{DeadLetter, DeathCause, Peeked, Standing};
use crate::delivery::{Again, Delivery, Receipt, Refusal};
use crate::error::ExchangeError;
use crate::mail::{HIGHEST_PRIORITY, Mail, Tracking};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;
use crate::store::{Claim, Claimed};

use super::desk::{Desk, Hand, Word};
use super::mails::{self, Broken, Stored};
use super::slots::{Live, Try, earliest};
use super::trouble::Outcome;
use super::words::{column, count, id_bytes, moment_column, moment_of};

/// Shorter pauses are none.
const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);

/// Brings a mailbox to the present: ends leases, delays, lives and requests whose time is over at `now`.
pub(super) fn settle(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<()> {
    for position in std::mem::take(&mut live.left_in_hand) {
        if let Some(tried) = live.tries.remove(&position) {
            let size = size_of(desk, tried.mail)?;
            let expires_at = expiry_of(desk, tried.mail)?;
            let Try { mail, rank, attempts, .. } = tried;
            let hand = Hand { mail, rank, attempts, claim: 0, until: now, size, expires_at };
            end_hold(live, desk, position, hand, now)?;
        }
    }
    let id = live.id();
    if let Some(hands) = desk.hands(id) {
        let mut over: Vec<(Moment, u64, Hand)> = hands
            .iter()
            .filter(|(_, hand)| hand.until <= now)
            .map(|(position, hand)| (hand.until, *position, *hand))
            .collect();
        over.sort_unstable_by_key(|(until, position, _)| (*until, *position));
        for (until, position, hand) in over {
            end_hold(live, desk, position, hand, until)?;
        }
    }
    let ended: Vec<(u64, u8)> = live
        .tries
        .iter_mut()
        .filter(|(_, tried)| tried.delayed_until.is_some_and(|until| until <= now))
        .map(|(position, tried)| {
            tried.delayed_until = None;
            (*position, tried.rank)
        })
        .collect();
    ended.into_iter().for_each(|(position, rank)| live.is_ready_at(rank, position));
    if live.expiring.is_some_and(|at| at <= now) {
        expire(live, desk, now)?;
    }
    if live.pending_expiring.is_some_and(|at| at <= now) {
        let gone = desk
            .connection
            .prepare_cached("DELETE FROM pending WHERE mailbox = ?1 AND expires_at <= ?2")?
            .execute(params![live.number, moment_column(now)])?;
        let pending = &mut live.tally_mut(desk).pending;
        *pending = pending.saturating_sub(gone as u64);
        live.pending_expiring = earliest(&desk.connection, live, "pending")?;
    }
    Ok(())
}

/// Buries what expired and is in nobody's hand.
fn expire(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<()> {
    let id = live.id();
    let mut statement = desk.connection.prepare_cached(
        "SELECT number, position, expires_at FROM mail WHERE mailbox = ?1 AND expires_at <= ?2 \
         ORDER BY expires_at, position",
    )?;
    let rows = statement.query_map(params![live.number, moment_column(now)], |row| {
        Ok((row.get::<_, i64>(0)?, count(row.get(1)?), moment_of(row.get(2)?)))
    })?;
    let expired: Vec<_> = rows.collect::<Result<_, _>>()?;
    drop(statement);
    for (number, position, at) in expired {
        if desk.hand(id, position).is_none() {
            bury(live, desk, number, position, &DeathCause::Expired, at)?;
        }
    }
    let mut statement = desk
        .connection
        .prepare_cached("SELECT min(expires_at) FROM mail WHERE mailbox = ?1 AND expires_at > ?2")?;
    let next: Option<i64> =
        statement.query_row(params![live.number, moment_column(now)], |row| row.get(0))?;
    live.expiring = next.map(moment_of);
    Ok(())
}

/// A mail is in hand no more, at `at`.
fn end_hold(live: &mut Live, desk: &mut Desk, position: u64, hand: Hand, at: Moment) -> Outcome<()> {
    desk.set_hand(live.id(), position, None);
    desk.change(live.id());
    let Hand { mail, rank, attempts, .. } = hand;
    live.tries.insert(position, Try { mail, rank, attempts, delayed_until: None });
    if let Some(expiry) = hand.expires_at.filter(|expiry| *expiry <= at) {
        return bury(live, desk, mail, position, &DeathCause::Expired, expiry);
    }
    if attempts >= live.limits.attempts {
        return bury(live, desk, mail, position, &DeathCause::LeaseOver, at);
    }
    lay_back(live, desk, position, &hand, None)
}

/// A mail waits again, after a while or at once.
fn lay_back(
    live: &mut Live,
    desk: &mut Desk,
    position: u64,
    hand: &Hand,
    delayed_until: Option<Moment>,
) -> Outcome<()> {
    desk.change(live.id());
    let Hand { mail, rank, attempts, .. } = *hand;
    live.tries.insert(position, Try { mail, rank, attempts, delayed_until });
    write_attempt(live, desk, position, hand, false, delayed_until)?;
    if let Some(expiry) = hand.expires_at {
        live.expiring = Some(live.expiring.map_or(expiry, |at| at.min(expiry)));
    }
    if delayed_until.is_none() {
        live.is_ready_at(rank, position);
    }
    Ok(())
}

fn write_attempt(
    live: &Live,
    desk: &Desk,
    position: u64,
    hand: &Hand,
    in_hand: bool,
    delayed_until: Option<Moment>,
) -> Outcome<()> {
    let mut statement = desk.connection.prepare_cached(
        "INSERT OR REPLACE INTO attempt(mailbox, position, mail, rank, attempts, in_hand, delayed_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        live.number,
        column(position),
        hand.mail,
        hand.rank,
        hand.attempts,
        in_hand,
        delayed_until.map(moment_column)
    ])?;
    Ok(())
}

fn forget_attempt(live: &Live, desk: &Desk, position: u64) -> Outcome<()> {
    desk.connection
        .prepare_cached("DELETE FROM attempt WHERE mailbox = ?1 AND position = ?2")?
        .execute(params![live.number, column(position)])?;
    Ok(())
}

/// What a mail counts for.
fn size_of(desk: &Desk, number: i64) -> Outcome<u64> {
    let mut statement = desk
        .connection
        .prepare_cached("SELECT octet_length(body) + octet_length(kind) FROM mail WHERE number = ?1")?;
    let size: Option<i64> = statement.query_row([number], |row| row.get(0)).optional()?.flatten();
    Ok(count(size.unwrap_or(0)) + crate::mail::MAIL_OVERHEAD_BYTES)
}

fn expiry_of(desk: &Desk, number: i64) -> Outcome<Option<Moment>> {
    let mut statement = desk.connection.prepare_cached("SELECT expires_at FROM mail WHERE number = ?1")?;
    let expiry: Option<i64> = statement.query_row([number], |row| row.get(0)).optional()?.flatten();
    Ok(expiry.map(moment_of))
}

/// Makes a dead letter of a mail, wherever it stands.
fn bury(
    live: &mut Live,
    desk: &mut Desk,
    number: i64,
    position: u64,
    cause: &DeathCause,
    died_at: Moment,
) -> Outcome<()> {
    let hand = desk.set_hand(live.id(), position, None);
    let tried = live.tries.remove(&position);
    let attempts = hand.map(|hand| hand.attempts).or(tried.map(|tried| tried.attempts));
    if attempts.is_some() {
        forget_attempt(live, desk, position)?;
    }
    let attempts = attempts.unwrap_or(0);
    let Some(Ok(Stored { mail, by, .. })) = mails::read(&desk.connection, number)? else {
        return set_aside(live, desk, number, position);
    };
    let size = mail.size_bytes();
    mails::bury(&desk.connection, number, attempts, cause, died_at)?;
    desk.forget_fresh(number);
    let letter = DeadLetter { position, mail, by, attempts, cause: cause.clone(), died_at };
    desk.tell(Word::Died(live.id(), letter));
    let tally = live.tally_mut(desk);
    tally.messages = tally.messages.saturating_sub(1);
    tally.bytes = tally.bytes.saturating_sub(size);
    tally.dead_letters += 1;
    tally.dead_bytes += size;
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
    let number = mails::insert(&desk.connection, live.number, &stored)?;
    if let Some(expiry) = stored.mail.expires_at {
        live.expiring = Some(live.expiring.map_or(expiry, |at| at.min(expiry)));
    }
    live.is_ready_at(stored.rank, position);
    desk.keep_fresh(number, stored);
    desk.wake_one(id);
    Ok(position)
}

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

/// Hands over what is ready; the mailbox is settled.
pub(super) fn claim(live: &mut Live, desk: &mut Desk, now: Moment, claim: &Claim) -> Outcome<Claimed> {
    let id = live.id();
    let room = u64::from(live.limits.in_hand).saturating_sub(desk.in_hand(id));
    let wanted = claim.max.min(usize::try_from(room).unwrap_or(usize::MAX));
    let until = now + claim.lease;
    let mut deliveries = Vec::new();
    while deliveries.len() < wanted && live.tally().messages > desk.in_hand(id) + live.delayed() {
        let Some((number, rank, position)) = next_ready(live, desk)? else {
            tell_of_missing(live, desk);
            break;
        };
        live.ready_from = (rank, position + 1);
        let stored = match desk.fresh(number) {
            Some(stored) => stored.clone(),
            None => match mails::read(&desk.connection, number)? {
                Some(Ok(stored)) => stored,
                Some(Err(Broken)) | None => {
                    set_aside(live, desk, number, position)?;
                    continue;
                }
            },
        };
        desk.last_claim += 1;
        let attempts = live.tries.remove(&position).map_or(0, |tried| tried.attempts) + 1;
        let hand = Hand {
            mail: number,
            rank,
            attempts,
            claim: desk.last_claim,
            until,
            size: stored.mail.size_bytes(),
            expires_at: stored.mail.expires_at,
        };
        desk.set_hand(id, position, Some(hand));
        desk.change(id);
        write_attempt(live, desk, position, &hand, true, None)?;
        let receipt = Receipt { mailbox: id, position, claim: hand.claim, epoch: claim.epoch };
        let Stored { mail, by, accepted_at, .. } = stored;
        deliveries.push(Delivery { receipt, mail, by, accepted_at, attempt: attempts, lease_until: until });
    }
    Ok(Claimed { deliveries, next: next_end(live, desk) })
}

/// The first mail that is in nobody's hand and not delayed.
fn next_ready(live: &Live, desk: &Desk) -> Outcome<Option<(i64, u8, u64)>> {
    let (rank, position) = live.ready_from;
    let mut statement = desk.connection.prepare_cached(
        "SELECT number, rank, position FROM mail WHERE mailbox = ?1 AND (rank, position) >= (?2, ?3) \
         ORDER BY rank, position",
    )?;
    let mut rows = statement.query(params![live.number, rank, column(position)])?;
    while let Some(row) = rows.next()? {
        let position = count(row.get(2)?);
        let is_delayed = live.tries.get(&position).is_some_and(|tried| tried.delayed_until.is_some());
        if !is_delayed && desk.hand(live.id(), position).is_none() {
            return Ok(Some((row.get(0)?, row.get(1)?, position)));
        }
    }
    Ok(None)
}

/// When a lease or a delay ends next.
fn next_end(live: &Live, desk: &Desk) -> Option<Moment> {
    let leases = desk.hands(live.id()).into_iter().flat_map(|hands| hands.values().map(|hand| hand.until));
    leases.chain(live.tries.values().filter_map(|tried| tried.delayed_until)).min()
}

/// A row is not what was written: it is kept for the tools, and its mailbox goes on without it.
fn set_aside(live: &mut Live, desk: &mut Desk, number: i64, position: u64) -> Outcome<()> {
    tracing::error!(
        mailbox = %live.id(), position,
        "a stored mail is damaged and was set aside, others are delivered; \
         `folkmoot exchange check` tells more once the exchange is stopped"
    );
    if live.tries.remove(&position).is_some() {
        forget_attempt(live, desk, position)?;
    }
    mails::set_aside(&desk.connection, number)?;
    retally(live, desk)
}

/// Counts the mail of a mailbox anew.
fn retally(live: &mut Live, desk: &mut Desk) -> Outcome<()> {
    let mut statement = desk.connection.prepare_cached(
        "SELECT count(*), coalesce(sum(octet_length(body) + octet_length(kind)), 0) FROM mail WHERE mailbox = ?1",
    )?;
    let (messages, bytes): (i64, i64) =
        statement.query_row([live.number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    drop(statement);
    let (messages, bytes) =
        (count(messages), count(bytes) + count(messages) * crate::mail::MAIL_OVERHEAD_BYTES);
    let before = live.tally().bytes;
    let tally = live.tally_mut(desk);
    (tally.messages, tally.bytes) = (messages, bytes);
    desk.totals.bytes = (desk.totals.bytes + bytes).saturating_sub(before);
    Ok(())
}

/// A mailbox has less mail than its tally says: an index or a page of the database is damaged.
fn tell_of_missing(live: &Live, desk: &Desk) {
    tracing::error!(
        mailbox = %live.id(), messages = live.tally().messages, in_hand = desk.in_hand(live.id()),
        "a mailbox has less mail than it took; stop the exchange and run `folkmoot exchange check`"
    );
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
        let mut statement = desk
            .connection
            .prepare_cached("SELECT 1 FROM mail WHERE mailbox = ?1 AND rank = ?2 AND position = ?3")?;
        if statement.exists(params![live.number, rank, column(position)])? {
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

/// A mail that is in hand goes for good.
fn remove(live: &mut Live, desk: &mut Desk, position: u64, hand: &Hand) -> Outcome<()> {
    desk.set_hand(live.id(), position, None);
    forget_attempt(live, desk, position)?;
    mails::remove(&desk.connection, hand.mail)?;
    desk.forget_fresh(hand.mail);
    desk.totals.bytes = desk.totals.bytes.saturating_sub(hand.size);
    let tally = live.tally_mut(desk);
    tally.messages = tally.messages.saturating_sub(1);
    tally.bytes = tally.bytes.saturating_sub(hand.size);
    Ok(())
}

/// How many mails can be delivered now.
pub(super) fn ready(live: &Live, desk: &Desk) -> u64 {
    live.tally().messages.saturating_sub(desk.in_hand(live.id()) + live.delayed())
}

/// A mail goes back; it was checked before.
pub(super) fn refuse(
    live: &mut Live,
    desk: &mut Desk,
    position: u64,
    mut hand: Hand,
    refusal: Refusal,
    now: Moment,
) -> Outcome<()> {
    let is_last = hand.attempts >= live.limits.attempts;
    let pause = match refusal.again {
        Again::Untouched => {
            hand.attempts -= 1;
            None
        }
        Again::After(pause) if !is_last => Some(pause).filter(|pause| *pause >= MILLISECOND),
        Again::After(_) | Again::Never => {
            return bury(live, desk, hand.mail, position, &DeathCause::Refused(refusal.reason), now);
        }
    };
    desk.set_hand(live.id(), position, None);
    lay_back(live, desk, position, &hand, pause.map(|pause| now + pause))?;
    // One that expired in hand is a dead letter now.
    settle(live, desk, now)
}

/// Takes back what is in hand.
pub(super) fn take_back(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<()> {
    let hands: Vec<(u64, Hand)> =
        desk.hands(live.id()).into_iter().flatten().map(|(position, hand)| (*position, *hand)).collect();
    for (position, hand) in hands {
        end_hold(live, desk, position, hand, now)?;
    }
    Ok(())
}

/// The numbers of the rows of mail that waits or is in hand, in the order in which it was accepted.
fn rows_after(live: &Live, desk: &Desk, after: u64, max: usize) -> Outcome<Vec<(u64, i64)>> {
    let mut found = Vec::new();
    for rank in 0..=HIGHEST_PRIORITY {
        let mut statement = desk.connection.prepare_cached(
            "SELECT position, number FROM mail WHERE mailbox = ?1 AND rank = ?2 AND position > ?3 \
             ORDER BY position LIMIT ?4",
        )?;
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![live.number, rank, column(after), limit], |row| {
            Ok((count(row.get(0)?), row.get(1)?))
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
    for (position, number) in rows_after(live, desk, after, max)? {
        let Some(Ok(stored)) = mails::read(&desk.connection, number)? else { continue };
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
pub(super) fn purge_waiting(live: &mut Live, desk: &mut Desk) -> Outcome<u64> {
    let mut gone = 0;
    let mut after = 0;
    loop {
        let rows = rows_after(live, desk, after, crate::limits::MAX_PAGE)?;
        let Some((last, _)) = rows.last() else { return Ok(gone) };
        after = *last;
        for (position, number) in rows {
            if desk.hand(live.id(), position).is_some() {
                continue;
            }
            let size = size_of(desk, number)?;
            let tried = live.tries.remove(&position);
            let hand = Hand {
                mail: number,
                rank: 0,
                attempts: tried.map_or(0, |tried| tried.attempts),
                claim: 0,
                until: Moment::EPOCH,
                size,
                expires_at: None,
            };
            remove(live, desk, position, &hand)?;
            gone += 1;
        }
    }
}

/// A request that is not answered.
pub(super) struct Pending {
    pub(super) requester: MailboxId,
    pub(super) tag: u128,
    pub(super) label: Option<u128>,
}

/// The requests that are not answered, in the order in which they came.
pub(super) fn pending(live: &Live, desk: &Desk) -> Outcome<Vec<Pending>> {
    let mut statement = desk
        .connection
        .prepare_cached("SELECT requester, tag, label FROM pending WHERE mailbox = ?1 ORDER BY position")?;
    let mut rows = statement.query([live.number])?;
    let mut pending = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = |at: usize| row.get_ref(at)?.as_blob_or_null().map_err(rusqlite::Error::from);
        let requester = bytes(0)?.and_then(super::words::id_of);
        let tag = bytes(1)?.and_then(super::words::number_of);
        let label = bytes(2)?.and_then(super::words::number_of);
        if let (Some(requester), Some(tag)) = (requester, tag) {
            pending.push(Pending { requester, tag, label });
        }
    }
    Ok(pending)
}
