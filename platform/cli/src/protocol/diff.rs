//! `folkmoot protocol diff`: what changed between two specifications.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use folkmoot::Result;
use folkmoot::protocols::difference::{Change, Effect};

use super::spec;
use crate::{print, tell};

/// Where nobody knows whether the wire breaks.
const NOT_COMPARED: u8 = 2;

/// The arguments of `folkmoot protocol diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A specification, or the name of one that comes with Folkmoot
    one: PathBuf,
    /// A later one
    other: PathBuf,
}

/// Prints a line for each change. Where they cannot be compared, it says why.
pub(crate) fn run(diff: &Diff) -> ExitCode {
    match compare(diff) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::FAILURE,
        Err(error) => {
            tell(&error);
            ExitCode::from(NOT_COMPARED)
        }
    }
}

/// Whether the wire breaks.
///
/// # Errors
/// One of the specifications has mistakes, or cannot be read.
fn compare(diff: &Diff) -> Result<bool> {
    let (one, other) = (spec::specification(&diff.one)?, spec::specification(&diff.other)?);
    let changes = one.difference(&other).map_err(|findings| findings.to_string())?;
    let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
    print(&lines.join("\n"))?;
    Ok(changes.iter().any(|change| change.effect == Effect::Wire))
}
