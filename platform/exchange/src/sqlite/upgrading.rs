//! Makes the tables of this version of those that an older program wrote.
//!
//! Always true: all of it is one transaction, so a directory is of one version or the other; what was remembered still is.
//! Neighbour: [`schema`](super::schema) has the tables.
//!
//! Version 1 had no places: the order of mail was an index of the table `mail`. It had a row of `sent` for each mail, and wrote
//! all tallies into their table at each commit. Version 2 had no sums of pages: a program that knows no others would write pages
//! without them.

use rusqlite::Connection;

use crate::mail::MAIL_OVERHEAD_BYTES;

use super::schema::{VERSION, new_tables};
use super::sent::{SentAs, SentMail};
use super::sent_rows;
use super::trouble::Outcome;
use super::words::{count, id_of, moment_of, number_of};

/// Mails that are put into one row of `sent`.
const MAILS_OF_A_ROW: usize = 64;

/// From that version to this one.
pub(super) fn upgrade(connection: &Connection, version: i64) -> Outcome<()> {
    if version == VERSION {
        return Ok(());
    }
    tracing::info!(
        "the tables of the exchange are of version {version}, and are brought to version {VERSION}"
    );
    let transaction = connection.unchecked_transaction()?;
    if version == 1 {
        bring_places(&transaction)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version={VERSION};"))?;
    transaction.commit()?;
    Ok(())
}

/// From version 1 to version 2.
fn bring_places(transaction: &Connection) -> Outcome<()> {
    transaction.execute_batch(concat!("ALTER TABLE sent RENAME TO old_sent;", new_tables!()))?;
    transaction.execute(
        "INSERT INTO place(mailbox, rank, position, mail, size, expires_at) \
         SELECT mailbox, rank, position, number, octet_length(body) + octet_length(kind) + ?1, expires_at FROM mail \
         ORDER BY mailbox, rank, position",
        [super::words::column(MAIL_OVERHEAD_BYTES)],
    )?;
    bring_sent(transaction)?;
    transaction.execute_batch(
        "DROP INDEX mail_order; DROP INDEX mail_expiry; DROP TABLE old_sent;
         INSERT INTO meta VALUES ('closed', 1);",
    )?;
    Ok(())
}

fn bring_sent(connection: &Connection) -> Outcome<()> {
    let mut statement = connection.prepare(
        "SELECT number, mailbox, position, id, sender, fingerprint, came_at FROM old_sent ORDER BY number",
    )?;
    let mut rows = statement.query([])?;
    let (mut first, mut mails) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let number = count(row.get(0)?);
        let fingerprint: i64 = row.get(5)?;
        let Some(id) = row.get_ref(3)?.as_blob().ok().and_then(number_of) else { continue };
        let from = row.get_ref(4)?.as_blob_or_null().ok().flatten().and_then(id_of);
        let mail = SentMail {
            sent_as: SentAs { mailbox: row.get(1)?, from, id },
            position: count(row.get(2)?),
            fingerprint: fingerprint.cast_unsigned(),
            came_at: moment_of(row.get(6)?),
        };
        // Numbers within a row follow each other.
        let follows = first + mails.len() as u64 == number;
        if !mails.is_empty() && (!follows || mails.len() >= MAILS_OF_A_ROW) {
            sent_rows::write(connection, first, &mails)?;
            mails.clear();
        }
        if mails.is_empty() {
            first = number;
        }
        mails.push(mail);
    }
    if !mails.is_empty() {
        sent_rows::write(connection, first, &mails)?;
    }
    Ok(())
}
