//! `folkmoot protocol generate`: the source of a protocol's types.
//!
//! What always holds: a file that differs is not written over unless that is asked for, and then nothing is written. Neighbour:
//! the macro `protocol!` makes the same types where they are used.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use folkmoot::Result;
use folkmoot::protocols::rust::RustOptions;

use super::spec;
use crate::print;

/// The arguments of `folkmoot protocol generate`.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// A specification: a file in YAML, or the name of one that comes with Folkmoot
    #[arg(value_name = "FILE")]
    spec: PathBuf,
    /// The language of the source
    #[arg(long, value_enum)]
    lang: Language,
    /// The folder into which it is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Writes over a file that differs
    #[arg(long)]
    force: bool,
}

/// The language of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// A module of Rust, for programs that depend on folkmoot
    Rust,
    /// The protobuf schema, as AEA has it
    Proto,
}

/// Writes the source and tells its file.
///
/// # Errors
/// The specification has mistakes, or the file cannot be written or is another.
pub(crate) fn run(generate: &Generate) -> Result<ExitCode> {
    let specification = spec::specification(&generate.spec)?;
    let (file, source) = match generate.lang {
        Language::Rust => {
            let text = String::from_utf8(spec::text(&generate.spec)?)
                .map_err(|_| format!("{} is not UTF-8; save it as that", generate.spec.display()))?;
            let source = specification.rust(&RustOptions::within(&text));
            let source = source.map_err(|error| format!("{}: {error}", generate.spec.display()))?;
            let module = specification.rust_module();
            (format!("{}.rs", module.trim_start_matches("r#")), source)
        }
        Language::Proto => (format!("{}.proto", specification.name), specification.proto_schema()),
    };
    let path = generate.out.join(file);
    let told = match write(&path, &source, generate.force)? {
        true => "wrote",
        false => "is as it was:",
    };
    print(&format!("{told} {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file, unless it holds that already.
fn write(path: &Path, source: &str, force: bool) -> Result<bool> {
    match std::fs::read(path) {
        Ok(found) if found == source.as_bytes() => return Ok(false),
        Ok(_) if !force => {
            return Err(format!(
                "{} is another; move it away, or write over it with --force",
                path.display()
            )
            .into());
        }
        _ => {}
    }
    let cannot = |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    std::fs::write(path, source).map_err(cannot)?;
    Ok(true)
}
