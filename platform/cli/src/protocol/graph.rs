//! `folkmoot protocol graph`: the course of a dialogue as a picture.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use folkmoot::Result;

use super::spec;
use crate::print;

/// The arguments of `folkmoot protocol graph`.
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// A specification, or the name of one that comes with Folkmoot
    #[arg(value_name = "FILE")]
    spec: PathBuf,
}

/// Prints a state chart in Mermaid's language.
///
/// # Errors
/// The specification has mistakes, or no rules for dialogues.
pub(crate) fn run(graph: &Graph) -> Result<ExitCode> {
    let chart = spec::specification(&graph.spec)?.graph();
    let chart = chart.ok_or_else(|| format!("{} has no rules for dialogues", graph.spec.display()))?;
    print(chart.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
