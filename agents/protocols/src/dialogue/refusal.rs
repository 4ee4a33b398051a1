//! Why a message is not a dialogue's next: a reason with a code, which a peer's mistake is answered with and counted
//! by.
//!
//! Always true: whatever is refused has changed nothing. Texts quote what peers wrote only in part, and escaped.
//! Neighbours: [`super::dialogues`] refuses; [`super::error_reply`] makes the answer.

use std::time::Duration;

/// Why a message was refused, whether it came or was to be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has no sender or no receiver.
    #[error("the message has no {field}: whoever hands it over fills it in")]
    NoAddress {
        /// Which one: `sender` or `to`.
        field: &'static str,
    },
    /// It is for someone else.
    #[error("the message is for {to}, not for {address}")]
    NotForUs {
        /// For whom it is.
        to: String,
        /// Whose dialogues these are.
        address: String,
    },
    /// It was to be sent in another's name.
    #[error("the message is from {sender}, so {address} cannot send it")]
    NotFromUs {
        /// From whom it is.
        sender: String,
        /// Whose dialogues these are.
        address: String,
    },
    /// An agent with itself.
    #[error("{address} would speak with itself: a dialogue has two sides, call your own methods instead")]
    WithOneself {
        /// Whose dialogues these are.
        address: String,
    },
    /// An address is longer than is taken.
    #[error("an address of {bytes} bytes: at most {limit} are taken (`Limits::address_bytes`)")]
    AddressTooLong {
        /// How long it is.
        bytes: usize,
        /// [`super::Limits::address_bytes`].
        limit: usize,
    },
    /// It names no dialogue.
    #[error("the message has no starter's reference, so it belongs to no dialogue")]
    NoReference,
    /// A reference is longer than is taken.
    #[error("a reference of {bytes} bytes: at most {limit} are taken (`Limits::reference_bytes`)")]
    ReferenceTooLong {
        /// How long it is.
        bytes: usize,
        /// [`super::Limits::reference_bytes`].
        limit: usize,
    },
    /// There is no such dialogue.
    #[error("there is no dialogue {reference} with {peer}: it was never begun here, or is forgotten")]
    UnknownDialogue {
        /// Both references.
        reference: String,
        /// With whom.
        peer: String,
    },
    /// The starter names a responder's reference that nobody has given yet.
    #[error(
        "the responder has given no reference yet, so the message must leave it empty; this one has {found}"
    )]
    ReferenceAhead {
        /// What stands there.
        found: String,
    },
    /// The responder's reference is another than the dialogue's.
    #[error("the responder's reference of this dialogue is {expected}, not {found}")]
    OtherReference {
        /// The dialogue's.
        expected: String,
        /// The message's.
        found: String,
    },
    /// Another dialogue bears this starter's reference.
    #[error("there is a dialogue {reference} with {peer} already: begin another with a new reference")]
    ReferenceTaken {
        /// The starter's reference.
        reference: String,
        /// With whom.
        peer: String,
    },
    /// Its number is not the next of its side.
    #[error("the next message of its side has the number {expected}, not {found}{}", gap(*expected, *found))]
    OtherNumber {
        /// The next number.
        expected: i32,
        /// The message's.
        found: i32,
    },
    /// Its number was used for another message.
    #[error("the number {number} was used for another message of this dialogue: the next is {expected}")]
    NumberUsed {
        /// The message's.
        number: i32,
        /// The next number.
        expected: i32,
    },
    /// All numbers of a side are used.
    #[error("all {} numbers of its side are used: begin a new dialogue", i32::MAX)]
    NumbersUsedUp,
    /// A first message answers something.
    #[error("a first message answers nothing: its target is 0, not {found}")]
    FirstHasTarget {
        /// The message's target.
        found: i32,
    },
    /// A later message answers nothing.
    #[error("the message answers nothing: only a first message has the target 0")]
    NoTarget,
    /// It answers what has not been said.
    #[error("the message answers {target}, which nobody has said in this dialogue")]
    UnknownTarget {
        /// The message's target.
        target: i32,
    },
    /// It answers what was said too long ago.
    #[error(
        "the message answers {target}, which is forgotten: the last {limit} messages can be answered (`Limits::messages`)"
    )]
    ForgottenTarget {
        /// The message's target.
        target: i32,
        /// [`super::Limits::messages`].
        limit: usize,
    },
    /// The protocol has no such performative.
    #[error("{protocol} has no performative of number {number}")]
    UnknownPerformative {
        /// Its number, from 0.
        number: u16,
        /// Whose rules they are.
        protocol: String,
    },
    /// A dialogue does not begin so.
    #[error("a dialogue of {protocol} does not begin with {performative}, but with {expected}")]
    NotInitial {
        /// What was said.
        performative: String,
        /// What may be.
        expected: String,
        /// Whose rules they are.
        protocol: String,
    },
    /// It does not answer what it is said to answer.
    #[error("{performative} does not answer {to}; {expected}")]
    NoAnswer {
        /// What was said.
        performative: String,
        /// In answer to what.
        to: String,
        /// What may be, as a clause.
        expected: String,
    },
    /// Its side's role may not say it.
    #[error("a {role} does not say {performative}")]
    NotItsRole {
        /// The speaker's role.
        role: String,
        /// What was said.
        performative: String,
    },
    /// The program's own rule refused it.
    #[error("refused by the agent's own validation: {reason}")]
    Invalid {
        /// What that said.
        reason: String,
    },
    /// The dialogue has ended.
    #[error("the dialogue has ended with {ended}: begin a new one")]
    Ended {
        /// How.
        ended: String,
    },
    /// The dialogue was given up because nobody spoke.
    #[error("the dialogue was given up after {silence:?} of silence: begin a new one")]
    TimedOut {
        /// The dialogue's time-out.
        silence: Duration,
    },
    /// The dialogue is gone.
    #[error("there is no such dialogue any more: it ended and was forgotten")]
    Gone,
    /// There are too many dialogues.
    #[error("{limit} dialogues are open, and no more are taken (`Limits::open`)")]
    TooManyOpen {
        /// [`super::Limits::open`].
        limit: usize,
    },
    /// There are too many dialogues with one peer.
    #[error("{limit} dialogues with {peer} are open, and no more are taken (`Limits::open_per_peer`)")]
    TooManyWithPeer {
        /// With whom.
        peer: String,
        /// [`super::Limits::open_per_peer`].
        limit: usize,
    },
    /// There are too many dialogues with peers who have proven nothing.
    #[error(
        "{limit} dialogues are open with peers who have proven nothing about themselves, and no more are taken \
         (`Limits::open_unproven`): prove who you are, or come again later"
    )]
    TooManyUnproven {
        /// [`super::Limits::open_unproven`].
        limit: usize,
    },
    /// The source of references gave none, or one that is used.
    #[error("no new reference could be made: the source of random bytes gives none, or always the same")]
    NoNonce,
}

/// What a number beyond the next one means.
fn gap(expected: i32, found: i32) -> &'static str {
    match found.unsigned_abs() > expected.unsigned_abs() && (found > 0) == (expected > 0) {
        true => ": a message before it is missing, which must be sent again first",
        false => "",
    }
}

/// What a peer wrote, so that it can stand in a log.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 80;
    let escaped: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() { format!("{escaped}..") } else { escaped }
}

impl Refusal {
    /// A word for counters and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::NoAddress { .. } => "no_address",
            Refusal::NotForUs { .. } => "not_for_us",
            Refusal::NotFromUs { .. } => "not_from_us",
            Refusal::WithOneself { .. } => "with_oneself",
            Refusal::AddressTooLong { .. } => "address_too_long",
            Refusal::NoReference => "no_reference",
            Refusal::ReferenceTooLong { .. } => "reference_too_long",
            Refusal::UnknownDialogue { .. } => "unknown_dialogue",
            Refusal::ReferenceAhead { .. } => "reference_ahead",
            Refusal::OtherReference { .. } => "other_reference",
            Refusal::ReferenceTaken { .. } => "reference_taken",
            Refusal::OtherNumber { .. } => "other_number",
            Refusal::NumberUsed { .. } => "number_used",
            Refusal::NumbersUsedUp => "numbers_used_up",
            Refusal::FirstHasTarget { .. } => "first_has_target",
            Refusal::NoTarget => "no_target",
            Refusal::UnknownTarget { .. } => "unknown_target",
            Refusal::ForgottenTarget { .. } => "forgotten_target",
            Refusal::UnknownPerformative { .. } => "unknown_performative",
            Refusal::NotInitial { .. } => "not_initial",
            Refusal::NoAnswer { .. } => "no_answer",
            Refusal::NotItsRole { .. } => "not_its_role",
            Refusal::Invalid { .. } => "invalid",
            Refusal::Ended { .. } => "ended",
            Refusal::TimedOut { .. } => "timed_out",
            Refusal::Gone => "gone",
            Refusal::TooManyOpen { .. } => "too_many_open",
            Refusal::TooManyWithPeer { .. } => "too_many_with_peer",
            Refusal::TooManyUnproven { .. } => "too_many_unproven",
            Refusal::NoNonce => "no_nonce",
        }
    }
}
