//! What agents keep: bytes under a key, with a revision.
//!
//! Always true: a state is handed over with the checksum it was written with, or as damaged. Neighbours:
//! [`sending`](super::sending) writes states in steps, [`readers`](super::readers) reads them.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use crate::step::{State, StatePage, StateQuery};

use super::sum::sum_of;
use super::trouble::{Outcome, Trouble};
use super::words::{column, count};

fn sum(key: &str, revision: i64, bytes: &[u8]) -> u32 {
    sum_of(&[key.as_bytes(), &revision.to_le_bytes(), bytes])
}

/// The revision of the state under `key`; 0 where there is none.
pub(super) fn revision(connection: &Connection, key: &str) -> Outcome<u64> {
    let mut statement = connection.prepare_cached("SELECT revision FROM state WHERE key = ?1")?;
    let revision: Option<i64> = statement.query_row([key], |row| row.get(0)).optional()?;
    Ok(revision.map_or(0, count))
}

/// The state under `key`.
pub(super) fn read(connection: &Connection, key: &str) -> Outcome<Option<State>> {
    let mut statement = connection.prepare_cached("SELECT revision, bytes, sum FROM state WHERE key = ?1")?;
    let found: Option<(i64, Vec<u8>, i64)> =
        statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    found.map(|(revision, bytes, its_sum)| state(key, revision, bytes, its_sum)).transpose()
}

/// What a row says, if that is what was written.
fn state(key: &str, revision: i64, bytes: Vec<u8>, its_sum: i64) -> Outcome<State> {
    match its_sum == i64::from(sum(key, revision, &bytes)) {
        true => Ok(State { revision: count(revision), bytes: Bytes::from(bytes) }),
        false => Err(Trouble::Damaged(format!(
            "the state {key:?}; other states can be used, restore this one from a backup or forget it"
        ))),
    }
}

/// Those that are looked for, by key.
pub(super) fn list(connection: &Connection, query: &StateQuery) -> Outcome<Vec<(Arc<str>, State)>> {
    let from = "SELECT key, revision, bytes, sum FROM state WHERE key";
    let (sql, begin) = match query.begin() {
        Bound::Excluded(after) => (format!("{from} > ?1 ORDER BY key"), after),
        Bound::Included(first) => (format!("{from} >= ?1 ORDER BY key"), first),
        Bound::Unbounded => (format!("{from} >= ?1 ORDER BY key"), ""),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([begin])?;
    let mut page = StatePage::new(query.max);
    while !page.is_full()
        && let Some(row) = rows.next()?
    {
        let key: String = row.get(0)?;
        if !key.starts_with(&*query.prefix) {
            break;
        }
        let state = state(&key, row.get(1)?, row.get(2)?, row.get(3)?)?;
        page.push(key.into(), state);
    }
    Ok(page.into_states())
}

pub(super) fn write(connection: &Connection, key: &str, revision: u64, bytes: &[u8]) -> Outcome<()> {
    let revision = column(revision);
    connection
        .prepare_cached("INSERT OR REPLACE INTO state(key, revision, bytes, sum) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key, revision, bytes, sum(key, revision, bytes)])?;
    Ok(())
}

pub(super) fn forget(connection: &Connection, key: &str) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM state WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// Whether a row of key, revision, bytes and checksum is what was written.
pub(super) fn is_whole(row: &rusqlite::Row<'_>) -> bool {
    let whole = || -> rusqlite::Result<bool> {
        let revision: i64 = row.get(1)?;
        let (key, bytes) = (row.get_ref(0)?.as_str()?, row.get_ref(2)?.as_blob()?);
        Ok(row.get::<_, i64>(3)? == i64::from(sum(key, revision, bytes)))
    };
    whole().unwrap_or(false)
}
