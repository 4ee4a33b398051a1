//! `folkmoot protocol decode`: bytes to JSON.
//!
//! Neighbour: [`super::encode`] is the way back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use folkmoot::Result;
use folkmoot::protocols::neutral::from_hex;
use folkmoot::protocols::{DecodeError, Envelope, Message, Neutral, Protocol, Reading};

use super::{lines, spec};

/// The arguments of `folkmoot protocol decode`.
#[derive(Debug, Args)]
pub(crate) struct Decode {
    /// The specification of the messages' protocol, or the name of one that comes with Folkmoot
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Reads envelopes, and tells what is on them too
    #[arg(long)]
    envelope: bool,
    /// Reads what AEA reads: what is missing is zero or empty, of several values the last counts
    #[arg(long)]
    lenient: bool,
    /// Lines of hexadecimal digits; without it those of the standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Answers each line with its message.
///
/// # Errors
/// The specification or the file cannot be read.
pub(crate) fn run(decode: &Decode) -> Result<ExitCode> {
    let protocol = spec::protocol(&decode.spec)?;
    let reading = if decode.lenient { Reading::LENIENT } else { Reading::STRICT };
    lines::answer(decode.file.as_deref(), "error", |_, line| {
        let bytes = from_hex(line).map_err(|error| error.to_string())?;
        let neutral = match decode.envelope {
            true => opened(&protocol, &bytes, reading),
            false => Message::decode(&protocol, &bytes, reading).map(Neutral::from),
        };
        Ok(neutral.map_err(|error| error.to_string())?.to_json())
    })
}

fn opened(
    protocol: &std::sync::Arc<Protocol>,
    bytes: &[u8],
    reading: Reading,
) -> std::result::Result<Neutral, DecodeError> {
    Neutral::from_envelope(protocol, &Envelope::decode(bytes, reading)?, reading)
}
