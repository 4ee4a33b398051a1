//! Why a message was not said, or its answer did not come.
//!
//! Neighbour: [`speech`](super::speech) gives them.

use folkmoot_codecs::CallError;
use folkmoot_protocols::dialogue::{ErrorCode, Refusal};

/// Why a message was not said, or its answer did not come. But for [`Refusal`](DialogueError::Refusal) and
/// [`Awaited`](DialogueError::Awaited) the dialogue has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialogueError {
    /// The rules, the bounds or this agent's own validation do not allow it. Nothing was sent and nothing has changed.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The other side refused it. The dialogue is given up.
    #[error("the other side refused the message: {reason} ({})", code.name())]
    Refused {
        /// What kind of mistake it was, as AEA has it.
        code: ErrorCode,
        /// Its words.
        reason: String,
    },
    /// It could not be handed over, or nobody knows whether it was. The dialogue is given up.
    #[error("the message was not handed over: {0}")]
    Unsent(#[source] CallError),
    /// It could not be put into words for the other side. The dialogue is given up.
    #[error("the message cannot be sent: {reason}")]
    Unsendable {
        /// Why, as a sentence.
        reason: String,
    },
    /// The dialogues are to outlive the agent, and this one could not be kept. It is given up.
    #[error("the dialogue could not be kept: {0}")]
    NotKept(#[from] super::StoreError),
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
