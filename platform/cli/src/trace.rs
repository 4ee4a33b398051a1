//! `folkmoot trace`: compares recorded traces.
//!
//! Neighbour: [`sim`](crate::sim) records them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use folkmoot::Result;
use folkmoot::sim::TraceFile;

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

/// Whether two recorded traces are the same, but for the seed and the title.
///
/// # Errors
/// Where they differ first, or why they cannot be read.
pub(crate) fn compare(one: &Path, other: &Path) -> Result<()> {
    let difference = TraceFile::open(one)?.first_difference(TraceFile::open(other)?)?;
    match difference {
        None => Ok(()),
        Some(difference) => {
            Err(format!("{} and {} differ in {difference}", one.display(), other.display()).into())
        }
    }
}
