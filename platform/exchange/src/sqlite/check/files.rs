//! What a check finds of the files as such: pages of the database that are not what was written, and files beside it that are
//! damaged.
//!
//! Always true: it is told whether the exchange puts it right by itself. Neighbour: [`pages`](crate::sqlite::pages) compares.

use std::path::Path;

use crate::error::ExchangeError;
use crate::sqlite::directory::{DATABASE, HANDS, LOG, MARK, SUMS};
use crate::sqlite::hands;
use crate::sqlite::mark::Mark;
use crate::sqlite::opening::connect_reader;
use crate::sqlite::pages::{Extent, Pages};
use crate::sqlite::trouble::of_file;
use crate::sqlite::wal;

use super::Report;

/// Looks at the files of the directory, which is held.
pub(super) fn look(directory: &Path, report: &mut Report) -> Result<(), ExchangeError> {
    let trouble = |name: &'static str| {
        move |error| of_file(&directory.join(name), "reading a file of the exchange", error)
    };
    let at = |name: &str| directory.join(name).display().to_string();
    let pages = Pages::open(directory, false).map_err(trouble(DATABASE))?;
    if !pages.has_sums() && directory.join(SUMS).exists() {
        report.find(format!(
            "{} is damaged: it does not tell whether pages are what was written; it is made anew when the exchange is opened",
            at(SUMS)
        ));
    }
    let found = pages.look(Extent::All).map_err(trouble(DATABASE))?;
    for (page, flipped) in &found.flipped {
        let what_follows = match found.other.is_empty() {
            true => "it is put right when the exchange is opened",
            false => "it is left as it is, for other pages are damaged beyond that",
        };
        report.find(format!(
            "a byte of page {page}{} of {DATABASE} flipped, its byte {}; {what_follows}",
            table_of(directory, *page),
            flipped.at
        ));
    }
    for page in &found.other {
        report.find(format!(
            "page {page}{} of {DATABASE} is not what was written: it is damaged, or another program has written it; restore the \
             directory from a backup, or delete {} to take all pages as they are",
            table_of(directory, *page),
            at(SUMS)
        ));
    }
    for page in &found.unknown {
        report.find(format!("{} is damaged: it does not tell what page {page} was", at(SUMS)));
    }
    if let Some(flipped) = wal::mending::find(&directory.join(LOG)).map_err(trouble(LOG))? {
        report.find(format!(
            "a byte of {} flipped, its byte {}; it is put right when the exchange is opened",
            at(LOG),
            flipped.at
        ));
    }
    if Mark::is_damaged(&directory.join(MARK)).map_err(trouble(MARK))? {
        report.find(format!("{} is damaged; it is written anew with the next commit", at(MARK)));
    }
    if hands::are_damaged(&directory.join(HANDS)).map_err(trouble(HANDS))? {
        report.find(format!(
            "{} is damaged: who had what in hand is not all known, and what had left for its receiver may come twice",
            at(HANDS)
        ));
    }
    Ok(())
}

/// Of which table or index a page is, where that can be told.
fn table_of(directory: &Path, page: u32) -> String {
    let name = connect_reader(directory).and_then(|connection| {
        let sql = "SELECT name FROM dbstat WHERE pageno = ?1";
        connection.query_row(sql, [page], |row| row.get::<_, String>(0))
    });
    name.map_or_else(|_| String::new(), |name| format!(" (of {name})"))
}
