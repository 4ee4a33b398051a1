//! How dialogues end, for who waits in one and for who is told of all.
//!
//! Neighbours: [`desk`](super::desk) closes dialogues, [`notice`](super::notice) tells the other side.

use folkmoot_protocols::dialogue::{self, Rules, Side};

use super::DialogueError;

/// Why a dialogue is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A performative was said that ends it.
    Said {
        /// The performative, as the specification has it.
        performative: String,
        /// The end state to which that leads, where the specification tells it.
        end_state: Option<String>,
        /// Who said it.
        by: Side,
    },
    /// Nobody spoke for its time-out.
    TimedOut,
    /// This agent has given it up.
    Abandoned,
    /// What this agent said last was refused, or not handed over, or nobody knows.
    Unsent {
        /// Why, as a sentence.
        reason: String,
    },
    /// More came than waits unread.
    Unread,
    /// The other side has given it up: its handler failed, or the agent crashed or has ended.
    GivenUp {
        /// The other side's words.
        reason: String,
    },
    /// It ended so long ago that nothing is known of it.
    Forgotten,
}

impl Cause {
    /// Of an end that the rules know.
    pub(super) fn of(ended: &dialogue::Ended, rules: &Rules) -> Cause {
        match ended {
            dialogue::Ended::Said { performative, by, .. } => Cause::Said {
                performative: rules.performative_name(*performative).unwrap_or("unknown").to_owned(),
                end_state: ended.end_state(rules).map(str::to_owned),
                by: *by,
            },
            dialogue::Ended::TimedOut => Cause::TimedOut,
            _ => Cause::Abandoned,
        }
    }

    /// One word for it: the end state; where there is none, the terminal performative, or what else ended it.
    pub fn word(&self) -> &str {
        match self {
            Cause::Said { performative, end_state, .. } => end_state.as_ref().unwrap_or(performative),
            Cause::TimedOut => "timed_out",
            Cause::Abandoned => "abandoned",
            Cause::Unsent { .. } => "unsent",
            Cause::Unread => "unread",
            Cause::GivenUp { .. } => "given_up",
            Cause::Forgotten => "forgotten",
        }
    }
}

impl From<Cause> for DialogueError {
    fn from(cause: Cause) -> DialogueError {
        match cause {
            Cause::GivenUp { reason } => DialogueError::GivenUp { reason },
            other => DialogueError::Ended { end: other.word().to_owned() },
        }
    }
}
