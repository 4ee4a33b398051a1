//! `folkmoot protocol trace`: dialogues replayed, judged as both ends would have.
//!
//! Always true: a line for each message, then one for each dialogue that was begun: its end state; where the
//! specification ties none to it the terminal performative; `open` where it has not ended. Neighbour: [`super::lines`].

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use folkmoot::Result;
use folkmoot::protocols::Neutral;
use folkmoot::protocols::dialogue::Rules;
use folkmoot::protocols::trace::Traced;

use super::{lines, spec};
use crate::is_read;

/// The arguments of `folkmoot protocol trace`.
#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// The specification of the messages' protocol, or the name of one that comes with Folkmoot
    #[arg(long, value_name = "FILE")]
    spec: PathBuf,
    /// Messages in order, a JSON object a line, each with sender and to; without it those of the standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Answers each line with `ok` or `refused: REASON`, and tells how the dialogues ended.
///
/// # Errors
/// The specification or the file cannot be read, or its protocol has no dialogues.
pub(crate) fn run(trace: &Trace) -> Result<ExitCode> {
    let protocol = spec::protocol(&trace.spec)?;
    let rules = Arc::new(Rules::of(protocol.specification()).map_err(|error| error.to_string())?);
    let mut replayed = folkmoot::protocols::Trace::new(rules.clone());
    let code = lines::answer(trace.file.as_deref(), "refused", |number, line| {
        let read = Neutral::read(&protocol, line).map_err(|error| lines::unread(number, &error));
        let Neutral { message, .. } = read?;
        replayed.take(&message).map_err(|refusal| refusal.to_string())?;
        Ok("ok".to_owned())
    })?;
    let dialogues: Vec<Traced> = replayed.dialogues().collect();
    let mut output = std::io::stdout().lock();
    for dialogue in &dialogues {
        let state = dialogue.ended.as_ref().map_or("open", |ended| ended.word(&rules));
        match dialogues.as_slice() {
            [_] => is_read(writeln!(output, "{state}"))?,
            _ => is_read(writeln!(
                output,
                "{} of {}: {state}",
                dialogue.label.starter_reference, dialogue.starter
            ))?,
        };
    }
    Ok(code)
}
