//! `folkmoot protocol decode`: bytes to JSON.
//!
//! Neighbour: [`super::encode`] is the way back.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use folkmoot::Result;
use folkmoot::protocols::neutral::from_hex;
use folkmoot::protocols::{Envelope, Fault, Message, Neutral, Protocol, Reading};

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
            false => message(&protocol, &bytes, reading),
        };
        Ok(neutral?.to_json())
    })
}

fn opened(protocol: &Arc<Protocol>, bytes: &[u8], reading: Reading) -> std::result::Result<Neutral, String> {
    let envelope = Envelope::decode(bytes, reading).map_err(|error| {
        let hint = match <Message>::decode(protocol, bytes, Reading::STRICT) {
            Ok(_) => "; these are the bytes of a message: leave --envelope out",
            Err(_) => "",
        };
        format!("{error}{hint}")
    })?;
    Neutral::from_envelope(protocol, &envelope, reading).map_err(|error| match error.fault() {
        Fault::OtherProtocol => {
            format!("{error}, {}; the specification is that of {}", envelope.protocol_id, protocol.id())
        }
        _ => error.to_string(),
    })
}

fn message(protocol: &Arc<Protocol>, bytes: &[u8], reading: Reading) -> std::result::Result<Neutral, String> {
    Message::decode(protocol, bytes, reading).map(Neutral::from).map_err(|error| {
        let hint = match Envelope::decode(bytes, Reading::STRICT) {
            Ok(_) => "; these are the bytes of an envelope: add --envelope",
            Err(_) => "",
        };
        format!("{error}{hint}")
    })
}
