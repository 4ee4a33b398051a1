//! What happens to an agent, as its monitors are told of it, in its own process and over links.
//!
//! An [`AgentEvent`] is the second argument of `folkmoot/event`, a [`Watched`] the result of `folkmoot/monitor` and
//! `folkmoot/link` (`WIRE.md` has the paths). Always true: no cause is longer than [`MAX_CAUSE_BYTES`] on the wire.
//! Neighbour: `joining` tells which agents there are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest cause that is told to another node, in bytes: a longer one is cut.
pub const MAX_CAUSE_BYTES: usize = 1_024;

/// Something that happened to an agent that is monitored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AgentEvent {
    /// It crashed, and will be started anew.
    Crashed {
        /// The panic's text, or what else was wrong.
        cause: String,
    },
    /// It was started anew, after a crash or an end of its own, and takes turns again.
    Restarted {
        /// How often it has been started anew in all.
        restarts: u64,
    },
    /// It has ended for good: everyone is answered and its name is free. Nothing more happens to it.
    Ended {
        /// Why, such as `stopped`, or the cause of its last crash.
        cause: String,
        /// Whether it was asked to end, or wished it itself.
        in_order: bool,
    },
    /// The link to its node was lost: whether it lives is not known. This happens here alone, so no peer tells of it.
    #[serde(skip)]
    Disconnected {
        /// What became of the link.
        cause: String,
    },
    /// There is a link again, and the agent is the same one. What happened meanwhile was not seen.
    #[serde(skip)]
    Reconnected {
        /// How often it has been started anew in all: more than before where it crashed meanwhile.
        restarts: u64,
    },
    /// So many older events were not kept, for nobody took them.
    Missed {
        /// How many.
        events: u64,
    },
}

impl fmt::Display for AgentEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AgentEvent::Crashed { cause } => write!(f, "it crashed: {cause}"),
            AgentEvent::Restarted { restarts } => write!(f, "it was started anew, {restarts} times in all"),
            AgentEvent::Ended { cause, in_order: true } => write!(f, "it has ended: {cause}"),
            AgentEvent::Ended { cause, in_order: false } => write!(f, "it has ended after a crash: {cause}"),
            AgentEvent::Disconnected { cause } => write!(f, "its node is out of reach: {cause}"),
            AgentEvent::Reconnected { restarts } => {
                write!(f, "its node is in reach again; it was started anew {restarts} times in all")
            }
            AgentEvent::Missed { events } => write!(f, "{events} older events were not kept"),
        }
    }
}

impl AgentEvent {
    /// The event with a cause that is short enough for the wire, and for being kept.
    #[must_use]
    pub fn bounded(self) -> AgentEvent {
        self.cut(MAX_CAUSE_BYTES)
    }

    /// The event with a cause of at most so many bytes.
    #[must_use]
    pub fn cut(mut self, most: usize) -> AgentEvent {
        if let AgentEvent::Crashed { cause }
        | AgentEvent::Ended { cause, .. }
        | AgentEvent::Disconnected { cause } = &mut self
        {
            cut(cause, most);
        }
        self
    }
}

/// Cuts a text to `most` bytes, at the end of a character.
pub fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
}

/// The agent that is monitored from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The incarnation of its node: another one at each start.
    pub node: u64,
    /// Which agent of its node: another one at each spawn.
    pub agent: u64,
    /// How often it has been started anew.
    pub restarts: u64,
}

impl Watched {
    /// Whether both are one agent, from its spawn to its end.
    pub fn is_same(&self, other: &Watched) -> bool {
        self.node == other.node && self.agent == other.agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_cause_is_cut_between_characters() {
        let cause = "é".repeat(MAX_CAUSE_BYTES);
        let AgentEvent::Crashed { cause } = (AgentEvent::Crashed { cause }).bounded() else {
            panic!("another event")
        };
        assert_eq!(cause, "é".repeat(MAX_CAUSE_BYTES / 2));
        let mut odd = "aé".to_owned();
        cut(&mut odd, 2);
        assert_eq!(odd, "a");
    }
}
