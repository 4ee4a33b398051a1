//! `folkmoot exchange check`: whether the mailboxes of a folder are as they were written.
//!
//! Neighbour: `folkmoot::exchange::sqlite` looks; here it is told.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use folkmoot::exchange::sqlite::{self, Report};
use folkmoot::{Error, Result};

/// The arguments of `folkmoot exchange check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The folder that the mail is kept in; nobody may be using it
    dir: PathBuf,
}

/// Checks; each finding is a line.
///
/// # Errors
/// Something is wrong, or cannot be read.
pub(crate) fn run(Check { dir }: &Check) -> Result<String> {
    let report = sqlite::check(dir).map_err(|error| Error::Other(Box::new(error)))?;
    let Report { findings, mailboxes, mails, dead_letters, states } = &report;
    let held = format!("{mailboxes} mailboxes, {mails} mails, {dead_letters} dead letters, {states} states");
    if findings.is_empty() {
        return Ok(format!("{}: all is well ({held})", dir.display()));
    }
    let mut out = std::io::stdout();
    for finding in findings {
        writeln!(out, "{finding}")?;
    }
    Err(format!("{}: {} findings ({held} are well)", dir.display(), findings.len()).into())
}
