//! `folkmoot protocol`: specifications of protocols, and what they specify.
//!
//! What always holds: findings and results go to standard output; the exit code is 1 where a specification has an
//! error. Neighbours: each verb has a file here, `folkmoot::protocols` does the work.

mod check;
mod decode;
mod diff;
mod encode;
mod generate;
mod graph;
mod lines;
mod spec;
mod trace;

use std::process::ExitCode;

use clap::Subcommand;
use folkmoot::Result;
use folkmoot::protocols::Specification;

use crate::print;

/// The verbs of `folkmoot protocol`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tells all mistakes in specifications, each with its place: exit code 1 where there is an error
    Check(check::Check),
    /// Draws the course of a dialogue, as a state chart in Mermaid's language
    Graph(graph::Graph),
    /// Tells what changed between two specifications: exit code 1 where peers would not understand each other, 2 where one
    /// of them has mistakes or cannot be read
    Diff(diff::Diff),
    /// Writes the source of a protocol's types
    Generate(generate::Generate),
    /// Writes the JSON Schema of specifications, for editors
    Schema,
    /// Writes messages, a JSON object a line, as lines of hexadecimal digits
    Encode(encode::Encode),
    /// Reads messages, lines of hexadecimal digits, and writes each as JSON on a line
    Decode(decode::Decode),
    /// Replays dialogues, a message in JSON a line, and tells of each line whether it may be said there
    Trace(trace::Trace),
}

/// Does what the verb says.
///
/// # Errors
/// What kept it from being done.
pub(crate) fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Check(check) => check::run(&check),
        Verb::Graph(graph) => graph::run(&graph),
        Verb::Diff(diff) => Ok(diff::run(&diff)),
        Verb::Generate(generate) => generate::run(&generate),
        Verb::Schema => {
            print(&format!("{:#}", Specification::json_schema()))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Encode(encode) => encode::run(&encode),
        Verb::Decode(decode) => decode::run(&decode),
        Verb::Trace(trace) => trace::run(&trace),
    }
}
