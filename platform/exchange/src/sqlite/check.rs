//! Looks at all that is stored in a directory, and says what is not as it was written.
//!
//! Always true: nothing is changed but what opening a database after a crash brings about; the directory is held, so
//! nobody writes meanwhile. Neighbour: `folkmoot exchange check` prints the report.

use std::path::Path;

use rusqlite::Connection;

use crate::error::ExchangeError;
use crate::limits::ExchangeLimits;

use super::directory::{DATABASE, Directory, LOG, MARK};
use super::finding;
use super::mailbox_rows::{mailbox_columns, mailbox_of_row};
use super::mails::{self, columns};
use super::mark::Mark;
use super::opening::{connect_reader, has_lost, is_broken, is_cut};
use super::schema;
use super::sent_rows;
use super::slots::Slot;
use super::states;
use super::tallies::{Changes, last_commit, read_changes};
use super::tally::{Tally, tally_of_row};
use super::trouble::{Outcome, Trouble, of_file};
use super::words::{count, moment_of};

mod files;

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
    files::look(directory, &mut report)?;
    let file_trouble = |name: &str, error| of_file(&held.file(name), "reading a file of the exchange", error);
    let broken = is_broken(directory).map_err(|error| file_trouble(LOG, error))?;
    let mark = Mark::read(&held.file(MARK)).map_err(|error| file_trouble(MARK, error))?;
    if let Err(trouble) = look(directory, mark, broken, &mut report) {
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

fn look(directory: &Path, mark: Option<Mark>, broken: Option<String>, report: &mut Report) -> Outcome<()> {
    let connection = connect_reader(directory)?;
    if schema::is_empty(&connection)? {
        report.find(format!(
            "{} is empty: nothing was ever kept in it, or it was cut; restore the directory from a backup, or remove it to begin \
             anew",
            directory.join(DATABASE).display()
        ));
        return Ok(());
    }
    let version = schema::version(&connection)?;
    if version != schema::VERSION {
        report.find(format!(
            "its tables are of version {version}, this program checks those of version {}; open the exchange with it once to \
             bring older ones up to date",
            schema::VERSION
        ));
        return Ok(());
    }
    let commits = last_commit(&connection)?;
    // Without a mark it is not known whether that was promised.
    if mark.is_none_or(|Mark(told)| told > commits) {
        broken.into_iter().for_each(|what| report.find(what));
    }
    if let Some(Mark(told)) = mark
        && told > commits
    {
        report.find(format!("the database {}", has_lost(directory, commits, told)));
    }
    pages(&connection, report)?;
    own_numbers(&connection, report)?;
    mailboxes(&connection, report)?;
    tallies(&connection, report)?;
    mail_rows(&connection, report)?;
    attempt_rows(&connection, report)?;
    pending_rows(&connection, report)?;
    sent_row_findings(&connection, report)?;
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
    let (mut words, mut is_whole) = (0, true);
    while let Some(row) = rows.next()? {
        match mailbox_of_row(row, &limits) {
            Some(Slot::Live(live)) => {
                report.mailboxes += 1;
                words += finding::rows(&live.registration);
                for word in finding::missing(connection, live.number, &live.registration)? {
                    is_whole = false;
                    report.find(format!(
                        "mailbox {} is not found by {word:?}; register it once more",
                        live.number
                    ));
                }
            }
            Some(Slot::Terminated(_)) => {}
            None => {
                is_whole = false;
                report.find(format!(
                    "mailbox {}: its row does not match its checksum; restore the directory from a backup",
                    row.get::<_, i64>(0).unwrap_or(0)
                ));
            }
        }
    }
    let entered: i64 = connection.query_row("SELECT count(*) FROM found_by", [], |row| row.get(0))?;
    if is_whole && count(entered) != words {
        report.find(format!(
            "the words by which mailboxes are found are {entered}, and should be {words}: some are damaged, and nobody is \
             found by them"
        ));
    }
    Ok(())
}

/// Whether the tallies are whole, and tell of the mail that is there.
fn tallies(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let Changes { newest: newer, damaged, .. } = read_changes(connection)?;
    for commit in damaged {
        report.find(format!(
            "what commit {commit} changed in tallies does not match its checksum; they are counted anew when the exchange is \
             opened"
        ));
    }
    let mut statement = connection.prepare("SELECT * FROM tally ORDER BY mailbox")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0).unwrap_or(0);
        match tally_of_row(row) {
            Some(_) if newer.contains_key(&number) => {}
            Some((mailbox, tally)) => tally_of(connection, mailbox, &tally, report)?,
            None => report.find(format!(
                "mailbox {number}: its tally does not match its checksum; it is counted anew when it is used"
            )),
        }
    }
    for (mailbox, tally) in newer {
        if let Some(tally) = tally {
            tally_of(connection, mailbox, &tally, report)?;
        }
    }
    Ok(())
}

fn tally_of(connection: &Connection, mailbox: i64, tally: &Tally, report: &mut Report) -> Outcome<()> {
    let mut counted = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM place WHERE mailbox = ?1), (SELECT count(*) FROM dead_letter WHERE mailbox = ?1), \
         (SELECT count(*) FROM pending WHERE mailbox = ?1)",
    )?;
    let [mails, letters, requests]: [i64; 3] =
        counted.query_row([mailbox], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))?;
    let Tally { messages, dead_letters, pending, .. } = *tally;
    if pending != count(requests) {
        report.find(format!(
            "mailbox {mailbox}: its tally tells of {pending} requests that are not answered, there are {requests}"
        ));
    }
    if (messages, dead_letters) != (count(mails), count(letters)) {
        report.find(format!(
            "mailbox {mailbox}: its tally tells of {messages} mails and {dead_letters} dead letters, there are {mails} and \
             {letters}"
        ));
    }
    Ok(())
}

/// Whether at each place lies the mail that was put there.
fn mail_rows(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection
        .prepare("SELECT mailbox, rank, position, mail, size, expires_at FROM place ORDER BY mail")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = |at: usize| row.get::<_, i64>(at).unwrap_or(0);
        let (mailbox, position) = (number(0), count(number(2)));
        let expires_at = row.get_ref(5)?.as_i64_or_null().unwrap_or(Some(0));
        let placed = (count(number(4)), expires_at.map(moment_of));
        // A rank that cannot be is no mail's.
        let rank = row.get(1).unwrap_or(u8::MAX);
        let read = mails::read(connection, number(3), mailbox, (rank, position))?;
        match read {
            Some(Ok(stored)) if (stored.mail.size_bytes(), stored.mail.expires_at) == placed => {
                report.mails += 1;
            }
            Some(_) => report.find(format!(
                "mail {position} of mailbox {mailbox} does not match its checksum or its place; its place is put right, or it \
                 is set aside, when it is to be delivered"
            )),
            None => report.find(format!(
                "mail {position} of mailbox {mailbox} does not lie where its place says; it is looked for when it is to be \
                 delivered"
            )),
        }
    }
    Ok(())
}

/// Whether what is known of earlier deliveries is of mail that waits.
fn attempt_rows(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection.prepare(
        "SELECT mailbox, position FROM attempt WHERE typeof(attempts) <> 'integer' OR attempts < 0 \
         OR in_hand NOT IN (0, 1) OR typeof(delayed_until) NOT IN ('integer', 'null') \
         OR NOT EXISTS (SELECT 1 FROM place WHERE place.mailbox = attempt.mailbox AND place.rank = attempt.rank \
         AND place.position = attempt.position AND place.mail = attempt.mail)",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let [mailbox, position] = [0, 1].map(|at| row.get::<_, i64>(at).unwrap_or(0));
        report.find(format!(
            "how often mail {position} of mailbox {mailbox} was delivered is damaged; it is as if it never had been"
        ));
    }
    Ok(())
}

/// Whether it can be read who waits for an answer.
fn pending_rows(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let mut statement = connection.prepare(
        "SELECT mailbox FROM pending WHERE typeof(requester) <> 'blob' OR octet_length(requester) <> 17 \
         OR substr(requester, 1, 1) NOT IN (x'00', x'01') OR typeof(tag) <> 'blob' OR octet_length(tag) <> 16 \
         OR label IS NOT NULL AND (typeof(label) <> 'blob' OR octet_length(label) <> 16) \
         OR typeof(expires_at) NOT IN ('integer', 'null')",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.find(format!(
            "who waits for an answer of mailbox {} is damaged; one of them is not told when it is terminated",
            row.get::<_, i64>(0).unwrap_or(0)
        ));
    }
    Ok(())
}

/// What the exchange has noted of itself.
fn own_numbers(connection: &Connection, report: &mut Report) -> Outcome<()> {
    let known: i64 = connection.query_row(
        "SELECT count(*) FROM meta WHERE name IN ('commits', 'starts', 'closed') AND typeof(value) = 'integer' \
         AND value >= 0",
        [],
        |row| row.get(0),
    )?;
    let all: i64 = connection.query_row("SELECT count(*) FROM meta", [], |row| row.get(0))?;
    if (known, all) != (3, 3) {
        report.find(
            "what the exchange has noted of itself is damaged; it is noted anew when it is opened".to_owned(),
        );
    }
    Ok(())
}

/// Whether it is known what was sent.
fn sent_row_findings(connection: &Connection, report: &mut Report) -> Outcome<()> {
    for first in sent_rows::damaged(connection)? {
        report.find(format!(
            "the mails that were sent from number {first} on do not match their checksum; one of them that is sent again is not \
             known"
        ));
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
