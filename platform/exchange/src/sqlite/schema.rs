//! The tables of an exchange in SQLite, and the version of them.
//!
//! Always true: each row that holds what someone left here bears a checksum over all of it (`sum`); texts in a list are
//! separated by a newline, which none of them holds. Neighbours: [`mailbox_rows`](super::mailbox_rows), [`mails`](super::mails)
//! and others read and write the rows, [`upgrading`](super::upgrading) makes these tables of older ones.

use rusqlite::Connection;

use crate::error::ExchangeError;

use super::trouble::{Outcome, Trouble};

/// Marks a database as one of an exchange: "FMXC".
pub(super) const APPLICATION: i64 = 0x464d_5843;

/// The version of the tables that this program reads and writes.
pub(super) const VERSION: i64 = 3;

/// The columns of a mail, in the table of those that wait and in that of dead letters.
macro_rules! mail_columns {
    () => {
        "mailbox INTEGER NOT NULL, rank INTEGER NOT NULL, position INTEGER NOT NULL, id BLOB NOT NULL, sender BLOB, \
         kind TEXT NOT NULL, tracking INTEGER NOT NULL, tag BLOB, label BLOB, expires_at INTEGER, \
         accepted_at INTEGER NOT NULL, codec TEXT, by_node TEXT NOT NULL, by_agent TEXT, body BLOB NOT NULL, \
         sum INTEGER NOT NULL"
    };
}

/// The tables that version 1 did not have, or had otherwise.
macro_rules! new_tables {
    () => {
        "CREATE TABLE change(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL, sum INTEGER NOT NULL);

         CREATE TABLE place(
             mailbox INTEGER NOT NULL, rank INTEGER NOT NULL, position INTEGER NOT NULL, mail INTEGER NOT NULL,
             size INTEGER NOT NULL, expires_at INTEGER, PRIMARY KEY (mailbox, rank, position)) WITHOUT ROWID;
         CREATE INDEX place_expiry ON place(mailbox, expires_at) WHERE expires_at IS NOT NULL;

         CREATE TABLE sent(first INTEGER PRIMARY KEY, bytes BLOB NOT NULL, sum INTEGER NOT NULL);"
    };
}
pub(super) use new_tables;

/// Times are milliseconds of the exchange's clock. `rank` is 9 less the priority, so that lower is delivered earlier.
const TABLES: &str = concat!(
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
     INSERT INTO meta VALUES ('commits', 0), ('starts', 0), ('closed', 1);

     CREATE TABLE mailbox(
         number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, name TEXT, lineage TEXT NOT NULL, capabilities TEXT NOT NULL,
         limits BLOB, owner TEXT, shares TEXT NOT NULL, terminated INTEGER, epoch INTEGER NOT NULL, holder TEXT,
         held_until INTEGER, sum INTEGER NOT NULL);
     CREATE INDEX mailbox_live ON mailbox(owner) WHERE terminated IS NULL;
     CREATE INDEX mailbox_terminated ON mailbox(terminated) WHERE terminated IS NOT NULL;

     CREATE TABLE found_by(what INTEGER NOT NULL, word TEXT NOT NULL, mailbox INTEGER NOT NULL,
         PRIMARY KEY (what, word, mailbox)) WITHOUT ROWID;

     CREATE TABLE tally(
         mailbox INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, acknowledged INTEGER NOT NULL,
         requests_in INTEGER NOT NULL, requests_out INTEGER NOT NULL, answered INTEGER NOT NULL,
         messages INTEGER NOT NULL, bytes INTEGER NOT NULL, dead_letters INTEGER NOT NULL, dead_bytes INTEGER NOT NULL,
         pending INTEGER NOT NULL, sum INTEGER NOT NULL);

     CREATE TABLE mail(number INTEGER PRIMARY KEY, ",
    mail_columns!(),
    ");

     CREATE TABLE attempt(
         mailbox INTEGER NOT NULL, position INTEGER NOT NULL, mail INTEGER NOT NULL, rank INTEGER NOT NULL,
         attempts INTEGER NOT NULL, in_hand INTEGER NOT NULL, delayed_until INTEGER,
         PRIMARY KEY (mailbox, position)) WITHOUT ROWID;

     CREATE TABLE pending(
         mailbox INTEGER NOT NULL, requester BLOB NOT NULL, tag BLOB NOT NULL, label BLOB, position INTEGER NOT NULL,
         expires_at INTEGER, PRIMARY KEY (mailbox, requester, tag)) WITHOUT ROWID;
     CREATE INDEX pending_expiry ON pending(mailbox, expires_at) WHERE expires_at IS NOT NULL;

     CREATE TABLE dead_letter(number INTEGER PRIMARY KEY, ",
    mail_columns!(),
    ", attempts INTEGER NOT NULL, cause INTEGER NOT NULL, reason TEXT, died_at INTEGER NOT NULL);
     CREATE UNIQUE INDEX dead_letter_order ON dead_letter(mailbox, position);

     CREATE TABLE state(key TEXT PRIMARY KEY, revision INTEGER NOT NULL, bytes BLOB NOT NULL, sum INTEGER NOT NULL)
         WITHOUT ROWID;

     CREATE TABLE damaged(number INTEGER PRIMARY KEY, ",
    mail_columns!(),
    ");",
    new_tables!()
);

/// The version of the tables.
pub(super) fn version(connection: &Connection) -> Outcome<i64> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Whether there are no tables.
pub(super) fn is_empty(connection: &Connection) -> Outcome<bool> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(tables == 0)
}

/// Makes the tables in an empty database, and looks whether those of another are known; their version.
///
/// # Errors
/// It is not of an exchange, or of a newer version.
pub(super) fn prepare(connection: &Connection) -> Outcome<i64> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let (application, version) = (number("PRAGMA application_id")?, version(connection)?);
    match (application, version) {
        (APPLICATION, version @ 1..=VERSION) => Ok(version),
        (0, 0) if is_empty(connection)? => {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {TABLES} PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION}; COMMIT;"
            ))?;
            Ok(VERSION)
        }
        (APPLICATION, version) => Err(Trouble::Refused(ExchangeError::Invalid {
            fault: format!(
                "the exchange's tables are of version {version}, this program knows version {VERSION}; use a newer one"
            ),
        })),
        _ => Err(Trouble::Refused(ExchangeError::Invalid {
            fault: "the database is no exchange's; choose another directory".to_owned(),
        })),
    }
}
