//! Opens the database of a directory: what is cut or broken is noticed before anything is written.
//!
//! Always true: a database that has lost commits which were acknowledged is not opened as if nothing were; the error
//! says which file, and what to do. Neighbours: [`directory`](super::directory) is locked before,
//! [`schema`](super::schema) has the tables, [`check`](super::check) looks closer.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::error::ExchangeError;
use crate::ground::Ground;
use crate::moment::Moment;

use super::desk::{Desk, Totals};
use super::directory::{self, DATABASE, Directory, HANDS, LOG, MARK};
use super::free_rows::FreeRows;
use super::hands::{self, HandRecord};
use super::mark::Mark;
use super::pages::{Extent, Pages};
use super::schema;
use super::sent::Sent;
use super::tallies::{Tallies, last_commit};
use super::trouble::{Ill, Outcome, Trouble, of_file};
use super::upgrading;
use super::wal;
use super::words::{column, count};

/// How long a connection waits for another, in milliseconds: readers and checkpoints wait for each other briefly.
const BUSY_MILLIS: u64 = 5_000;

/// Statements that a connection keeps prepared.
const KEPT_STATEMENTS: usize = 160;

/// What of the log's file is kept when all of it is in the database, in bytes; it grows while a copy is made.
const LOG_BYTES: u64 = 8 << 20;

/// What each of its databases begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The highest number of a start: numbers of claims have so much room.
const LAST_START: u64 = u32::MAX as u64;

/// Memory for pages of the database, in KiB: the writer's, and each reader's.
const WRITER_CACHE_KIB: i64 = 64 << 10;
const READER_CACHE_KIB: i64 = 4 << 10;

/// What to do about what is lost.
pub(super) fn go_on_without(directory: &Path) -> String {
    format!(
        "restore the directory from a backup, or delete {} to go on with what is left",
        directory.join(MARK).display()
    )
}

/// What the header of a database file says of its size, in bytes, where it can be read.
fn told_size(path: &Path) -> Option<u64> {
    let mut header = [0; 32];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    if !header.starts_with(SQLITE) {
        return None;
    }
    let page = match u64::from(u16::from_be_bytes(header.get(16..18)?.try_into().ok()?)) {
        1 => 65536,
        page => page,
    };
    Some(page * u64::from(u32::from_be_bytes(header.get(28..32)?.try_into().ok()?)))
}

/// Whether the database file is shorter than it says itself; what to say of it then.
///
/// Pages that are in the log alone are no part of what it says.
pub(super) fn is_cut(directory: &Path) -> Option<String> {
    let path = directory.join(DATABASE);
    let size = std::fs::metadata(&path).ok()?.len();
    let told = told_size(&path)?;
    (size < told).then(|| {
        let (path, go_on) = (path.display(), "restore the directory from a backup");
        format!("{path} is cut: it has {size} bytes, and had at least {told}; {go_on}")
    })
}

/// Whether the log is broken before its end; what to say of it then.
pub(super) fn is_broken(directory: &Path) -> std::io::Result<Option<String>> {
    let path = directory.join(LOG);
    let walk = wal::walk(&path)?;
    Ok(walk.and_then(|walk| walk.broken).map(|frame| {
        let (path, go_on) = (path.display(), go_on_without(directory));
        format!("{path} is damaged at its frame {frame}, and commits behind it are lost; {go_on}")
    }))
}

/// Opens a connection that may write.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MILLIS))?;
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    steady(&connection)?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;
         PRAGMA journal_size_limit={LOG_BYTES};
         PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON; PRAGMA cache_size=-{WRITER_CACHE_KIB};"
    ))?;
    Ok(connection)
}

/// Statements are compiled once: without this SQLite compiles some again whenever other values are bound.
fn steady(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Opens a connection that only reads.
pub(super) fn connect_reader(directory: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(directory.join(DATABASE), flags)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MILLIS))?;
    steady(&connection)?;
    connection
        .execute_batch(&format!("PRAGMA cache_size=-{READER_CACHE_KIB}; PRAGMA cell_size_check=ON;"))?;
    Ok(connection)
}

/// Puts right what flipped in the log, and in the pages by which others are found; opens the files of the sums of pages.
///
/// # Errors
/// Those of the disk.
pub(super) fn mended(directory: &Directory) -> Result<Pages, ExchangeError> {
    let database = directory.file(DATABASE);
    let told = |error| of_file(&database, "using the database of the exchange", error);
    mend_log(&directory.file(LOG))
        .map_err(|error| of_file(&directory.file(LOG), "reading the log of the exchange", error))?;
    directory::make_database(&database).map_err(told)?;
    let mut pages = Pages::open(directory.path(), true).map_err(told)?;
    pages.mend(Extent::Structure).map_err(told)?;
    Ok(pages)
}

fn mend_log(log: &Path) -> std::io::Result<()> {
    if let Some(flipped) = wal::mending::find(log)? {
        wal::mending::put_right(log, flipped)?;
        tracing::error!(
            log = %log.display(), byte = flipped.at,
            "a byte of the exchange's log had flipped, and was put right; look at the disk and the memory of this machine"
        );
    }
    Ok(())
}

/// What is there when a directory is opened.
pub(super) struct Opened {
    pub(super) desk: Desk,
    /// What had left for its receivers when the exchange ended.
    pub(super) left: Vec<HandRecord>,
}

/// Opens the database of a directory that is held, begins a new life of it and reads what is kept in memory.
///
/// # Errors
/// As those of `open`.
pub(super) fn read(directory: &Directory, ground: &Arc<Ground>) -> Result<Opened, ExchangeError> {
    let connection = open(directory)?;
    let tell = |trouble: Trouble| trouble.tell(directory.path());
    let start = next_start(&connection, ground.now()).map_err(tell)?;
    let was_closed = meta(&connection, "closed").map_err(tell)? == Some(1);
    let of_hands = |error| of_file(&directory.file(HANDS), "using a file of the exchange", error);
    let (left, left_in_hand): (Vec<HandRecord>, Vec<HandRecord>) =
        hands::read(&directory.file(HANDS)).map_err(of_hands)?.into_iter().partition(HandRecord::has_left);
    begin(&connection, &left_in_hand, start).map_err(tell)?;
    let mut desk = Desk::new(connection, ground.clone(), start);
    read_desk(&mut desk, was_closed).map_err(tell)?;
    Ok(Opened { desk, left })
}

/// Opens the database of a directory that is held.
///
/// # Errors
/// `Damaged` where it has lost what was acknowledged, else those of the disk.
fn open(directory: &Directory) -> Result<Connection, ExchangeError> {
    let path = directory.path();
    let mark = Mark::read(&directory.file(MARK))
        .map_err(|error| of_file(&directory.file(MARK), "reading a file of the exchange", error))?;
    let broken = is_broken(path)
        .map_err(|error| of_file(&directory.file(LOG), "reading the log of the exchange", error))?;
    let database = directory.file(DATABASE);
    let connection = connect(&database).map_err(Trouble::from);
    let opened = connection.and_then(|connection| {
        // The log comes into the database when the writer says so alone: a log that is not whole is left as it is where the
        // database is not opened after all, and pages get their sums on the way.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        prepare(&connection, path, mark, broken)?;
        Ok(connection)
    });
    opened.map_err(|trouble| match (trouble.ill(), is_cut(path)) {
        (Some(Ill::Damaged), Some(what)) => ExchangeError::Damaged { what },
        _ => trouble.tell(path),
    })
}

/// Looks whether all is there that was promised, and makes the tables what this program knows.
///
/// What of the log cannot be read is a loss where the mark is ahead of what can. After a power failure it is not: then the end
/// of the log may be torn, and nobody was told of what stood there.
fn prepare(connection: &Connection, path: &Path, mark: Option<Mark>, broken: Option<String>) -> Outcome<()> {
    let told = mark.map_or(0, |Mark(told)| told);
    let lost = |commits: u64| {
        let cut = || format!("the database in {} {}", path.display(), has_lost(path, commits, told));
        Err(Trouble::Damaged(broken.clone().unwrap_or_else(cut)))
    };
    if told > 0 && schema::is_empty(connection)? {
        return lost(0);
    }
    let version = schema::prepare(connection)?;
    let commits = commits(connection, version)?;
    if told > commits {
        return lost(commits);
    }
    if broken.is_some() {
        tracing::warn!(
            directory = %path.display(),
            "the end of the log was torn by a crash and is left out; nothing that was promised stood there"
        );
    }
    upgrading::upgrade(connection, version)
}

/// That a database ends with another commit than the one that it had come to, and what to do.
pub(super) fn has_lost(directory: &Path, commits: u64, told: u64) -> String {
    let go_on = go_on_without(directory);
    format!(
        "ends with commit {commits}, and had come to {told}: its log was cut or it is an old copy; {go_on}"
    )
}

/// The number of the last commit in a database of that version.
pub(super) fn commits(connection: &Connection, version: i64) -> Outcome<u64> {
    match version {
        1 => Ok(meta(connection, "commits")?.unwrap_or(0)),
        _ => last_commit(connection),
    }
}

/// A number of the store about itself; `None` where it is not there or no number, which the log tells.
fn meta(connection: &Connection, name: &str) -> Outcome<Option<u64>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    let found = statement.query_row([name], |row| Ok(row.get_ref(0)?.as_i64().ok())).optional()?;
    if found.flatten().is_none() {
        tracing::error!(name, "what the exchange has noted of itself is damaged, and is noted anew");
    }
    Ok(found.flatten().map(count))
}

/// The number of the start that is made at `now`: one that was never given, also where the last one is damaged, for numbers
/// of claims follow from it.
fn next_start(connection: &Connection, now: Moment) -> Outcome<u64> {
    let last = meta(connection, "starts")?.unwrap_or(0).min(LAST_START);
    // There is less than one start in a second.
    Ok((last + 1).max(now.as_millis() / 1000).min(LAST_START))
}

/// Writes a number of the store about itself.
fn note(connection: &Connection, name: &str, value: u64) -> Outcome<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO meta(name, value) VALUES (?1, ?2)")?;
    statement.execute(params![name, column(value)])?;
    Ok(())
}

/// Begins a new life of the store: what was in hand when the last one ended, and had not left, counts as attempts, and the start
/// is counted.
fn begin(connection: &Connection, hands: &[HandRecord], start: u64) -> Outcome<()> {
    let transaction = connection.unchecked_transaction()?;
    hands::write_attempts(&transaction, hands)?;
    note(&transaction, "starts", start)?;
    note(&transaction, "closed", 0)?;
    transaction.commit()?;
    Ok(())
}

/// Ends it: nothing is left to be swept.
pub(super) fn end(desk: &mut Desk) -> Outcome<()> {
    let transaction = desk.connection.unchecked_transaction()?;
    desk.free_rows.clear(&transaction)?;
    note(&transaction, "closed", 1)?;
    transaction.commit()?;
    Ok(())
}

/// Reads what is kept in memory; `was_closed` says whether the life before this one ended well.
fn read_desk(desk: &mut Desk, was_closed: bool) -> Outcome<()> {
    let connection = &desk.connection;
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(count);
    let tallies = Tallies::load(connection)?;
    desk.totals = Totals {
        bytes: tallies.all_bytes(connection, desk.ground.bounds())?,
        live: number("SELECT count(*) FROM mailbox WHERE terminated IS NULL")?,
        terminated: number("SELECT count(*) FROM mailbox WHERE terminated IS NOT NULL")?,
        last_terminated: number(
            "SELECT coalesce(max(terminated), 0) FROM mailbox WHERE terminated IS NOT NULL",
        )?,
        states: number("SELECT count(*) FROM state")?,
    };
    let newest = number("SELECT coalesce(max(number), 0) FROM mailbox")?;
    desk.sent = Sent::load(connection)?;
    desk.tallies = tallies;
    desk.free_rows = FreeRows::load(connection, was_closed)?;
    desk.last_mailbox = column(newest).max(desk.sent.last_mailbox);
    Ok(())
}
