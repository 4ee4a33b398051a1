//! What names a dialogue: the references that both sides gave it, the other side's address, and who began it.
//!
//! The starter's reference, its address and who began are enough to tell dialogues apart; the responder's reference
//! comes with the first answer and never changes after. Neighbour: [`super::dialogues`] finds dialogues by it.

use std::fmt;

/// One of the two sides of a dialogue, as seen from the agent that keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// The agent whose dialogues these are.
    Us,
    /// The agent with whom it speaks.
    Them,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Us => Side::Them,
            Side::Them => Side::Us,
        }
    }
}

/// The name of a dialogue, as one side knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// The reference that the starter gave.
    pub starter_reference: String,
    /// The reference that the responder gave; empty as long as it has not answered.
    pub responder_reference: String,
    /// The other side's address.
    pub peer: String,
    /// Who began.
    pub started_by: Side,
}

impl Label {
    /// Whether the responder has given its reference.
    pub fn is_complete(&self) -> bool {
        !self.responder_reference.is_empty()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Label { starter_reference, responder_reference, peer, started_by } = self;
        let begun = if *started_by == Side::Us { "to" } else { "by" };
        write!(formatter, "dialogue {starter_reference}/{responder_reference} begun {begun} {peer}")
    }
}

/// How many random bytes are in a reference of ours; it is written as twice as many hexadecimal digits.
pub const NONCE_BYTES: usize = 32;

/// The text of a reference of ours.
pub(crate) fn reference(nonce: &[u8; NONCE_BYTES]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied().unwrap_or_default();
    let mut text = String::with_capacity(NONCE_BYTES * 2);
    for byte in nonce {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}
