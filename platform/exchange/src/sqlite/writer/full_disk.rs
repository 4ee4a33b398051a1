//! What the writer does while the disk is full: it throws the ballast off, refuses what takes room, and looks for some.
//!
//! Always true: mail is refused until the ballast is laid in again, or the database has as much room within. That room is the
//! pages that hold nothing, the rows of mail that was received since the disk was full, and those that a crash has left.
//! Neighbours: [`ballast`](crate::sqlite::ballast), [`free_rows`](crate::sqlite::free_rows).

use std::time::Duration;

use crate::error::ExchangeError;
use crate::moment::Moment;
use crate::sqlite::ballast::BALLAST_BYTES;
use crate::sqlite::trouble::{Ill, Outcome};
use crate::sqlite::words::count;

use super::{Work, Writer};

/// How often in a row a full disk has rows looked for that a crash has left, for they are room: no more than a moment's work.
const SWEEPS_AT_ONCE: usize = 16;

/// How long a full disk is left alone before it is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

impl Writer {
    /// Throws the ballast off.
    pub(super) fn lighten(&mut self, now: Moment) {
        self.full_since = Some(now);
        self.full_at_bytes = self.session.desk.totals.bytes;
        self.has_room_within = false;
        tracing::error!(
            directory = %self.directory.path().display(),
            "the disk of the exchange is full: mail is refused until there is room; it can be received and acknowledged"
        );
        if let Err(error) = self.ballast.throw_off() {
            tracing::error!(%error, "the ballast of the exchange could not be thrown off");
        }
    }

    /// While the disk is full: looks whether it is still, and refuses what takes room if so.
    pub(super) fn refuse_what_takes_room(&mut self, batch: Vec<Box<dyn Work>>) -> Vec<Box<dyn Work>> {
        let asked =
            batch.iter().map(|work| work.manner()).filter(|manner| manner.takes_room).map(|m| m.now).max();
        if let (Some(now), Some(since)) = (asked, self.full_since)
            && (since == Moment::EPOCH || now >= since + FULL_PAUSE)
        {
            match self.ballast.lay_in() {
                Ok(()) => {
                    self.full_since = None;
                    tracing::info!("the disk of the exchange has room again: mail is taken");
                    return batch;
                }
                Err(_) => self.full_since = Some(now),
            }
        }
        if asked.is_some() && (self.looks_within() || self.sweeps() && self.looks_within()) {
            return batch;
        }
        let (refused, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(|work| work.manner().takes_room);
        refused.into_iter().for_each(|work| work.fail(ExchangeError::DiskFull));
        rest
    }

    /// Whether the database has so much room that mail needs none of the disk: from the ballast's size on, until half of that
    /// is left.
    fn looks_within(&mut self) -> bool {
        let received_bytes = self.full_at_bytes.saturating_sub(self.session.desk.totals.bytes);
        let within_bytes = self.free_bytes().max(received_bytes);
        let wanted_bytes = if self.has_room_within { BALLAST_BYTES / 2 } else { BALLAST_BYTES };
        let has_room = within_bytes >= wanted_bytes as u64;
        match (self.has_room_within, has_room) {
            (false, true) => {
                tracing::info!(
                    "the disk is full still, and the exchange has room in its database: mail is taken"
                );
            }
            (true, false) => {
                tracing::error!(
                    "the exchange has no room in its database either: mail is refused until there is some"
                );
            }
            _ => {}
        }
        self.has_room_within = has_room;
        has_room
    }

    /// Bytes of the database's pages that hold nothing.
    pub(super) fn free_bytes(&self) -> u64 {
        let desk = &self.session.desk;
        let number = |pragma: &str| desk.connection.query_row(pragma, [], |row| row.get(0)).map_or(0, count);
        number("PRAGMA freelist_count") * number("PRAGMA page_size")
    }

    /// While the disk is full: removes rows that a crash has left, which nobody's commit does while mail is refused. Whether
    /// any room was found so.
    fn sweeps(&mut self) -> bool {
        let before = self.free_bytes();
        for _ in 0..SWEEPS_AT_ONCE {
            let swept = self.session.desk.free_rows.swept_to();
            if self.session.desk.free_rows.are_known() {
                break;
            }
            if let Err(trouble) = self.try_sweep() {
                self.roll_back(swept);
                match trouble.ill() {
                    Some(Ill::Failed) => self.fail_stop(trouble.tell(self.directory.path())),
                    _ => tracing::debug!(?trouble, "there was no room to look for what a crash has left"),
                }
                break;
            }
        }
        let found = self.free_bytes().saturating_sub(before);
        self.full_at_bytes += found;
        found > 0
    }

    fn try_sweep(&mut self) -> Outcome<()> {
        let desk = &mut self.session.desk;
        desk.connection.prepare_cached("BEGIN")?.execute([])?;
        desk.free_rows.sweep(&desk.connection)?;
        desk.connection.prepare_cached("COMMIT")?.execute([])?;
        // It goes to the disk with the next commit that someone waits for.
        self.is_unsynced = true;
        Ok(())
    }
}
