//! `folkmoot protocol diff`: what changed between two specifications.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use folkmoot::Result;
use folkmoot::protocols::difference::{Change, Effect};

use super::spec;
use crate::print;

/// The arguments of `folkmoot protocol diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A specification, or the name of one that comes with Folkmoot
    one: PathBuf,
    /// A later one
    other: PathBuf,
}

/// Prints a line for each change.
///
/// # Errors
/// One of the specifications has mistakes.
pub(crate) fn run(diff: &Diff) -> Result<ExitCode> {
    let (one, other) = (spec::specification(&diff.one)?, spec::specification(&diff.other)?);
    let changes = one.difference(&other).map_err(|findings| findings.to_string())?;
    let lines: Vec<String> = changes.iter().map(Change::to_string).collect();
    print(&lines.join("\n"))?;
    let breaks = changes.iter().any(|change| change.effect == Effect::Wire);
    Ok(if breaks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
