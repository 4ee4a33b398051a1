//! `folkmoot trace`: compares recorded traces.
//!
//! Neighbour: [`sim`](crate::sim) records them.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use folkmoot::sim::{Difference, TraceFile};
use folkmoot::{Error, Result};

/// The verbs of `folkmoot trace`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Compares two traces: exit code 1, and the first difference, where they differ
    Diff(Diff),
}

/// The arguments of `folkmoot trace diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A recorded trace
    one: PathBuf,
    /// Another
    other: PathBuf,
}

/// Compares.
///
/// # Errors
/// Where they differ first, or why they cannot be read.
pub(crate) fn run(Verb::Diff(Diff { one, other }): Verb) -> Result<String> {
    compare(&one, &other)?;
    Ok(format!("{} and {} are the same", one.display(), other.display()))
}

/// Whether two recorded traces are the same, but for their first lines.
///
/// # Errors
/// Where they differ first, or why they cannot be read.
fn compare(one: &Path, other: &Path) -> Result<()> {
    let (first, second) = (TraceFile::open(one)?, TraceFile::open(other)?);
    let mut why = Vec::new();
    if first.seed() != second.seed() {
        why.push(format!("their seeds are {} and {}", first.seed(), second.seed()));
    }
    if first.version() != second.version() {
        let versions = (first.version(), second.version());
        why.push(format!("they were recorded by versions {} and {} of Folkmoot", versions.0, versions.1));
    }
    if first.title() != second.title() {
        why.push(format!("they are of {} and {}", first.title(), second.title()));
    }
    match first.first_difference(second)? {
        None => Ok(()),
        Some(difference) => {
            Err(differ(&format!("{} and {}", one.display(), other.display()), &difference, &why))
        }
    }
}

/// Shows a difference on standard output; gives the sentence for standard error, with what may be the reason.
pub(crate) fn differ(what: &str, difference: &Difference, why: &[String]) -> Error {
    let shown = writeln!(std::io::stdout(), "{difference}");
    // The exit code and the sentence tell that there is one.
    shown.ok();
    let line = difference.line;
    match why.is_empty() {
        true => format!("{what} differ in line {line}").into(),
        false => format!("{what} differ in line {line}; {}", why.join(", and ")).into(),
    }
}
