//! Deliveries that were not acknowledged: leases and delays that end, mail that goes back, and how often it was delivered.
//!
//! Always true: a mail that was delivered before and waits again has a row of `attempt` and a [`Try`]; while a receiver has it
//! it has a [`Hand`] in memory and a record among the [`hands`](super::hands). [`settle`] brings a mailbox to the present first.
//! Neighbours: [`queue`](super::queue) hands mail over, [`burying`](super::burying) has what is delivered no more.

use rusqlite::{Row, params};

use crate::dead_letter::DeathCause;
use crate::delivery::{Again, Refusal};
use crate::moment::Moment;

use super::burying::{bury, expire};
use super::desk::{Desk, Hand};
use super::hands::Whereabouts;
use super::places::{self, Placed};
use super::requests;
use super::slots::Live;
use super::trouble::Outcome;
use super::words::{column, count, moment_column, moment_of};

/// Shorter pauses are none.
const MILLISECOND: std::time::Duration = std::time::Duration::from_millis(1);

/// A mail that was delivered before and waits again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Try {
    /// The number of its row.
    pub(super) mail: i64,
    pub(super) rank: u8,
    pub(super) attempts: u32,
    pub(super) delayed_until: Option<Moment>,
}

/// Reads what was delivered before of a mailbox.
pub(super) fn load_tries(desk: &Desk, live: &mut Live) -> Outcome<()> {
    let mut statement = desk.connection.prepare_cached(
        "SELECT position, mail, rank, attempts, in_hand, delayed_until FROM attempt WHERE mailbox = ?1",
    )?;
    // No pause is longer, so one that is damaged ends too.
    let latest = desk.ground.now() + desk.bounds().longest_wait;
    let mut rows = statement.query([live.number])?;
    while let Some(row) = rows.next()? {
        let position = row.get(0).map_or(0, count);
        if desk.hand(live.id(), position).is_some() {
            continue;
        }
        let tried = match read_try(row, latest) {
            Ok(tried) if places::find(&desk.connection, live.number, tried.rank, position)?.is_some() => {
                tried
            }
            _ => {
                tracing::error!(
                    mailbox = %live.id(), position,
                    "how often a stored mail was delivered is damaged: it is as if it never had been"
                );
                continue;
            }
        };
        live.tries.insert(position, tried);
        if row.get::<_, bool>(4).unwrap_or(true) {
            live.left_in_hand.push(position);
        }
    }
    Ok(())
}

/// How often a mail was delivered, from its row.
fn read_try(row: &Row<'_>, latest: Moment) -> rusqlite::Result<Try> {
    let delayed_until: Option<i64> = row.get(5)?;
    Ok(Try {
        mail: row.get(1)?,
        rank: row.get(2)?,
        attempts: row.get(3)?,
        delayed_until: delayed_until.map(|until| moment_of(until).min(latest)),
    })
}

/// Brings a mailbox to the present: ends leases, delays, lives and requests whose time is over at `now`.
pub(super) fn settle(live: &mut Live, desk: &mut Desk, now: Moment) -> Outcome<()> {
    for position in std::mem::take(&mut live.left_in_hand) {
        if let Some(tried) = live.tries.remove(&position) {
            let Try { rank, attempts, .. } = tried;
            let placed = places::find(&desk.connection, live.number, rank, position)?;
            // Its place is lost with a page that is damaged.
            let Some(Placed { mail, size, expires_at }) = placed else { continue };
            let mailbox = live.number;
            let hand = Hand {
                mailbox,
                mail,
                rank,
                attempts,
                is_written: true,
                claim: 0,
                until: now,
                size,
                expires_at,
            };
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
        requests::expire(live, desk, now)?;
    }
    Ok(())
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
    let place = (hand.rank, position);
    let is_last = hand.attempts >= live.limits.attempts;
    let pause = match refusal.again {
        Again::Untouched => {
            hand.attempts -= 1;
            None
        }
        Again::After(pause) if !is_last => Some(pause).filter(|pause| *pause >= MILLISECOND),
        Again::After(_) | Again::Never => {
            return bury(live, desk, place, hand.mail, &DeathCause::Refused(refusal.reason), now);
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

/// A mail is in hand no more, at `at`.
fn end_hold(live: &mut Live, desk: &mut Desk, position: u64, hand: Hand, at: Moment) -> Outcome<()> {
    desk.set_hand(live.id(), position, None);
    desk.change(live.id());
    let Hand { mail, rank, attempts, .. } = hand;
    live.tries.insert(position, Try { mail, rank, attempts, delayed_until: None });
    if let Some(expiry) = hand.expires_at.filter(|expiry| *expiry <= at) {
        return bury(live, desk, (rank, position), mail, &DeathCause::Expired, expiry);
    }
    if attempts >= live.limits.attempts {
        return bury(live, desk, (rank, position), mail, &DeathCause::LeaseOver, at);
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
    write(live, desk, position, hand, delayed_until)?;
    desk.note(position, hand, Whereabouts::Waits);
    if let Some(expiry) = hand.expires_at {
        live.expiring = Some(live.expiring.map_or(expiry, |at| at.min(expiry)));
    }
    if delayed_until.is_none() {
        live.is_ready_at(rank, position);
    }
    Ok(())
}

fn write(live: &Live, desk: &Desk, position: u64, hand: &Hand, delayed_until: Option<Moment>) -> Outcome<()> {
    let mut statement = desk.connection.prepare_cached(
        "INSERT OR REPLACE INTO attempt(mailbox, position, mail, rank, attempts, in_hand, delayed_until) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
    )?;
    statement.execute(params![
        live.number,
        column(position),
        hand.mail,
        hand.rank,
        hand.attempts,
        delayed_until.map(moment_column)
    ])?;
    Ok(())
}

/// A mail is gone, and how often it was delivered with it.
pub(super) fn forget(live: &Live, desk: &Desk, position: u64) -> Outcome<()> {
    desk.connection
        .prepare_cached("DELETE FROM attempt WHERE mailbox = ?1 AND position = ?2")?
        .execute(params![live.number, column(position)])?;
    Ok(())
}
