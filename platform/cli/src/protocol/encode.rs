//! `folkmoot protocol encode`: JSON to bytes.
//!
//! Neighbour: [`super::decode`] is the way back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use folkmoot::Result;
use folkmoot::protocols::Neutral;
use folkmoot::protocols::neutral::to_hex;

use super::{lines, spec};

/// The arguments of `folkmoot protocol encode`.
#[derive(Debug, Args)]
pub(crate) struct Encode {
    /// The specification of the messages' protocol, or the name of one that comes with Folkmoot
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Writes each message in its envelope; it must tell sender and to
    #[arg(long)]
    envelope: bool,
    /// Lines of JSON; without it those of the standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Answers each line with its bytes.
///
/// # Errors
/// The specification or the file cannot be read.
pub(crate) fn run(encode: &Encode) -> Result<ExitCode> {
    let protocol = spec::protocol(&encode.spec)?;
    lines::answer(encode.file.as_deref(), "error", |number, line| {
        let neutral = Neutral::read(&protocol, line).map_err(|error| lines::unread(number, &error))?;
        let bytes = match encode.envelope {
            true => neutral.to_envelope().map_err(|error| error.to_string())?.encode(),
            false => neutral.message.encode(),
        };
        Ok(to_hex(&bytes))
    })
}
