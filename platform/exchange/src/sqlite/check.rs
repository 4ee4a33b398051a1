//! Looks at all that is stored in a directory, and says what is not as it was written.
//!
//! Always true: nothing is changed but what opening a database after a crash brings about; the directory is held, so
//! nobody writes meanwhile. Neighbour: `folkmoot exchange check` prints the report.

use std::path::Path;

use rusqlite::Connection;

use crate::error::ExchangeError;
use crate::limits::ExchangeLimits;

use super::directory::{DATABASE, Directory, LOG, MARK};
use super::mails::{self, columns};
use super::mark::Mark;
use super::opening::{connect_reader, go_on_without, is_broken, is_cut, meta};
use super::slots::{Slot, Tally, mailbox_columns, mailbox_of_row, tally_of_row};
use super::states;
use super::trouble::{Outcome, Trouble, of_file};
use super::words::count;

/// Findings of one kind that are told; more are counted.
const TOLD_FINDINGS: usize = 100;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, a sentence each.
    pub findings: Vec<String>,
    /// Mailboxes that live.
    pub mailboxes: u64,
    /// Mails that wait or were in hand.
    pub mails: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// States of agents.
    pub states: u64,
}

impl Report {
    fn find(&mut self, what: String) {
        match self.findings.len() {
            0..TOLD_FINDINGS => self.findings.push(what),
            TOLD_FINDINGS => self.findings.push("there is more; mend this first".to_owned()),
            _ => {}
        }
    }
}

/// Checks the exchange in `directory`.
///
/// # Errors
/// There is none, another process holds it, or its files cannot be read at all.
pub fn check(directory: &Path) -> Result<Report, ExchangeError> {
    let database = directory.join(DATABASE);
    if !database.is_file() {
        return Err(ExchangeError::Invalid {
            fault: format!("{} holds no exchange: there is no {DATABASE} in it", directory.display()),
        });
    }
    let held = Directory::hold(directory)?;
    let mut report = Report::default();
    let file_trouble = |name: &str, error| of_file(&held.file(name), "reading a file of the exchange", error);
    if let Some(what) = is_broken(directory).map_err(|error| file_trouble(LOG, error))? {
        report.find(what);
    }
    let mark = Mark::read(&held.file(MARK)).map_err(|error| file_trouble(MARK, error))?;
    if let Err(trouble) = look(directory, mark, &mut report) {
        match is_cut(directory) {
            Some(what) => report.find(what),
            None => report.find(format!("{}: {}", database.display(), describe(trouble))),
        }
    }
    Ok(report)
}

fn describe(trouble: Trouble) -> String {
    match trouble {
        Trouble::Refused(error) => error.to_string(),
        Trouble::Sql(error) => error.to_string(),
        Trouble::Damaged(what) => what,
        Trouble::Unsynced(error) => error.to_string(),
    }
}

fn look(directory: &Path, mark: Option<Mark>, report: &mut Report) -> Outcome<()> {
    let connection = connect_reader(directory)?;
    let commits = meta(&connection, "commits")?;
    if let Some(Mark(told)) = mark
        && told > commits
    {
        report.find(format!(
            "the database ends with commit {commits}, and had come to {told}: its log was cut or it is an old copy; {}",
            go_on_without(directory)
        ));
    }
    pages(&connection, report)?;
    mailboxes(&connection, report)?;
    tallies(&connection, report)?;
    mail_rows(&connection, report)?;
    letter_rows(&connection, report)?;
    state_rows(&connection, report)?;
    let aside: i64 = connection.query_row("SELECT count(*) FROM damaged", [], |row| row.get(0))?;
    if aside > 0 {
        report.find(format!(
            "{aside} damaged mails were set aside when they were to be delivered; they are rows of the table `damaged`"
        ));
    }
    Ok(())
}

/// The structure of the database, by SQLite's own check.
fn pages(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({TOLD_FINDINGS})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            report.find(format!("{DATABASE}: {line}"));
        }
    }
    Ok(())
}

fn mailboxes(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement =
        connection.prepare(concat!("SELECT ", mailbox_columns!(), " FROM mailbox ORDER BY number"))?;
    let mut rows = statement.query([])?;
    let limits = ExchangeLimits::default();
    while let Some(row) = rows.next()? {
        match mailbox_of_row(row, &limits) {
            Some(Slot::Live(_)) => report.mailboxes += 1,
            Some(Slot::Terminated(_)) => {}
            None => report.find(format!(
                "mailbox {}: its row does not match its checksum; restore the directory from a backup",
                row.get::<_, i64>(0).unwrap_or(0)
            )),
        }
    }
    Ok(())
}

/// Whether the tallies are whole, and tell of the mail that is there.
fn tallies(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT * FROM tally ORDER BY mailbox")?;
    let mut counted = connection.prepare(
        "SELECT (SELECT count(*) FROM mail WHERE mailbox = ?1), (SELECT count(*) FROM dead_letter WHERE mailbox = ?1)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some((mailbox, Tally { messages, dead_letters, .. })) = tally_of_row(row) else {
            let number = row.get::<_, i64>(0).unwrap_or(0);
            report.find(format!(
                "mailbox {number}: its tally does not match its checksum; restore it from a backup"
            ));
            continue;
        };
        let (mails, letters): (i64, i64) =
            counted.query_row([mailbox], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if (messages, dead_letters) != (count(mails), count(letters)) {
            report.find(format!(
                "mailbox {mailbox}: its tally tells of {messages} mails and {dead_letters} dead letters, there are {mails} and \
                 {letters}"
            ));
        }
    }
    Ok(())
}

fn mail_rows(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement =
        connection.prepare(concat!("SELECT ", columns!(), " FROM mail NOT INDEXED ORDER BY number"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match mails::stored(row, 0) {
            Ok(_) => report.mails += 1,
            Err(_) => report.find(format!(
                "mail {} of mailbox {} does not match its checksum; it is set aside when it is to be delivered",
                row.get::<_, i64>(2).unwrap_or(0),
                row.get::<_, i64>(0).unwrap_or(0)
            )),
        }
    }
    Ok(())
}

fn letter_rows(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection.prepare(concat!(
        "SELECT ",
        columns!(),
        ", attempts, cause, reason, died_at FROM dead_letter NOT INDEXED ORDER BY number"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match mails::dead_letter(row) {
            Ok(_) => report.dead_letters += 1,
            Err(_) => report.find(format!(
                "dead letter {} of mailbox {} does not match its checksum; purge the dead letters of that mailbox",
                row.get::<_, i64>(2).unwrap_or(0),
                row.get::<_, i64>(0).unwrap_or(0)
            )),
        }
    }
    Ok(())
}

fn state_rows(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection.prepare("SELECT key, revision, bytes, sum FROM state ORDER BY key")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match states::is_whole(row) {
            true => report.states += 1,
            false => report.find(format!(
                "state {:?} does not match its checksum; restore it from a backup",
                row.get::<_, String>(0).unwrap_or_default()
            )),
        }
    }
    Ok(())
}
