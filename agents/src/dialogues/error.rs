//! Why a message was not said, or its answer did not come.
//!
//! Neighbour: [`speech`](super::speech) gives them.

use std::error::Error;
use std::fmt;

use folkmoot_codecs::CallError;
use folkmoot_protocols::dialogue::{ErrorCode, Refusal};

use crate::mail::MailError;

/// Why a message was not said, or its answer did not come. But for [`Refusal`](DialogueError::Refusal) and
/// [`Awaited`](DialogueError::Awaited) the dialogue has ended, unless a [`ReplyError`] gives it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// The rules, the bounds or this agent's own validation do not allow it. Nothing was sent and nothing has changed.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The other side refused it.
    #[error("the other side refused the message: {reason} ({})", code.name())]
    Refused {
        /// What kind of mistake it was, as AEA has it.
        code: ErrorCode,
        /// Its words.
        reason: String,
    },
    /// It could not be handed over, or nobody knows whether it was.
    #[error("the message was not handed over: {0}")]
    Unsent(#[source] CallError),
    /// It could not be sent by mail, or nobody knows whether it was.
    #[error("the message was not sent by mail: {0}")]
    NotMailed(#[source] MailError),
    /// It could not be put into words for the other side.
    #[error("the message cannot be sent: {reason}")]
    Unsendable {
        /// Why, as a sentence.
        reason: String,
    },
    /// The dialogues are to outlive the agent, and this one could not be kept. It is given up.
    #[error("the dialogue could not be kept: {0}")]
    NotKept(#[from] super::StoreError),
    /// The other side has given the dialogue up: its handler failed, or the agent crashed or has ended.
    #[error("the other side has given the dialogue up: {reason}")]
    GivenUp {
        /// Its words.
        reason: String,
    },
    /// The dialogue ended before the answer came.
    #[error("the dialogue has ended before an answer came: {end}")]
    Ended {
        /// How: its end state or terminal performative, `timed_out` or `abandoned`.
        end: String,
    },
    /// Something else awaits that answer already.
    #[error("this answer is awaited already: one awaits it, or a handler takes it")]
    Awaited,
}

impl DialogueError {
    /// Whether the other side has certainly not taken the message.
    pub(super) fn was_not_taken(&self) -> bool {
        match self {
            DialogueError::Refused { code, .. } => *code != ErrorCode::InvalidDialogue,
            DialogueError::Unsent(error) => !may_have_run(error),
            // An exchange that is out of reach may have taken it.
            DialogueError::NotMailed(error) => !matches!(error, MailError::Failed(_)),
            DialogueError::Refusal(_) | DialogueError::Unsendable { .. } => true,
            _ => false,
        }
    }
}

fn may_have_run(error: &CallError) -> bool {
    match error {
        CallError::NoSuchAgent { .. }
        | CallError::NoSuchMethod { .. }
        | CallError::BadArguments { .. }
        | CallError::Denied { .. }
        | CallError::Overloaded { .. }
        | CallError::Unencodable { .. } => false,
        CallError::DeadlineExceeded { may_have_run, .. }
        | CallError::AgentRestarted { may_have_run, .. }
        | CallError::AgentStopped { may_have_run, .. }
        | CallError::Disconnected { may_have_run, .. } => *may_have_run,
        _ => true,
    }
}

/// Why nothing came of what was said in a dialogue; with the dialogue, where it is as it was: to say the same again, or
/// something else.
///
/// Turned into a [`DialogueError`], as `?` does, it lets go of the dialogue, which stays open until it times out, is
/// abandoned, or the handler fails to whom it was given.
#[derive(Debug)]
pub struct ReplyError<D> {
    /// Why.
    pub cause: DialogueError,
    pub(super) dialogue: Option<D>,
}

impl<D> ReplyError<D> {
    /// The dialogue as it was before, unless it has ended.
    pub fn into_dialogue(self) -> Option<D> {
        self.dialogue
    }

    /// Whether the dialogue is as it was before.
    pub fn has_dialogue(&self) -> bool {
        self.dialogue.is_some()
    }
}

impl<D> fmt::Display for ReplyError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<D: fmt::Debug> Error for ReplyError<D> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

impl<D> From<ReplyError<D>> for DialogueError {
    fn from(error: ReplyError<D>) -> DialogueError {
        error.cause
    }
}
