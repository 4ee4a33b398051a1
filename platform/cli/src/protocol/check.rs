//! `folkmoot protocol check`: all that is wrong in specifications, a line each, as compilers tell it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use folkmoot::Result;
use folkmoot::protocols::finding::{Finding, Severity};
use folkmoot::protocols::{Findings, Specification};
use serde_json::{Value, json};

use super::spec;
use crate::print;

/// The arguments of `folkmoot protocol check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Specifications in YAML, or names of those that come with Folkmoot
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Refuses what AEA refuses, no more: the rest are warnings
    #[arg(long)]
    lenient: bool,
    /// How findings are told
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How findings are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line each: file:line:column: error|warning[code]: text
    Text,
    /// A list for tools
    Json,
}

/// Checks each file and tells what was found.
///
/// # Errors
/// A file cannot be read. The others are checked all the same.
pub(crate) fn run(check: &Check) -> Result<ExitCode> {
    let (mut findings, mut unread) = (Vec::new(), Vec::new());
    for file in &check.files {
        match check.file(file) {
            Ok(found) => findings.extend(found),
            Err(error) => unread.push(error.to_string()),
        }
    }
    print(&match check.output {
        Output::Text => findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        Output::Json => Value::from_iter(findings.iter().map(to_json)).to_string(),
    })?;
    if !unread.is_empty() {
        return Err(unread.join("; ").into());
    }
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Check {
    fn file(&self, file: &Path) -> Result<Findings> {
        let text = spec::text(file)?;
        let read = if self.lenient { Specification::read_lenient(text) } else { Specification::read(text) };
        let (Ok((_, findings)) | Err(findings)) = read;
        Ok(findings.in_file(file))
    }
}

fn to_json(finding: &Finding) -> Value {
    json!({
        "file": finding.file.as_ref().map(|file| file.display().to_string()),
        "line": finding.place.line,
        "column": finding.place.column,
        "severity": finding.severity.to_string(),
        "code": finding.code,
        "text": finding.text,
        "hint": finding.hint,
    })
}
