//! Why mail was not taken, or a mailbox could not be used.
//!
//! Always true: what is refused has changed nothing. Neighbours: [`OwnMailbox`](super::OwnMailbox) and the container's
//! host give these; of its dead letters the exchange tells in a mail ([`read_answer`](super::read_answer)).

use std::fmt;

use serde::Deserialize;

/// Why a request is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeathCause {
    /// Its time was over.
    Expired,
    /// Its last delivery was not acknowledged in time: its receiver has gone, or takes too long.
    LeaseOver,
    /// Its receiver refused it: it has no handler for it, cannot read it, or the handler failed or panicked as often as it may.
    Refused,
    /// Somebody purged the mailbox before it was delivered.
    Purged,
    /// An exchange of a later version has another word.
    Other,
}

/// What became of a request that nobody will answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Why it is dead.
    pub cause: DeathCause,
    /// What its receiver said, where it refused; else the cause as a sentence.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u32,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Death { cause, reason, attempts } = self;
        match cause {
            DeathCause::Refused => write!(f, "it was refused at delivery {attempts}, {reason}"),
            _ => f.write_str(reason),
        }
    }
}

impl Death {
    /// Reads what the exchange tells.
    pub(super) fn of(told: Told) -> Death {
        let Told { cause, reason, attempts } = told;
        let cause = match cause.as_str() {
            "expired" => DeathCause::Expired,
            "lease-over" => DeathCause::LeaseOver,
            "refused" => DeathCause::Refused,
            "purged" => DeathCause::Purged,
            _ => DeathCause::Other,
        };
        Death { cause, reason, attempts }
    }
}

/// The body of such a mail.
#[derive(Deserialize)]
pub(super) struct Told {
    cause: String,
    reason: String,
    attempts: u32,
}

/// Why an exchange, or the gate before it, refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// The container has no exchange.
    #[error("the container has no exchange; give its builder one, such as `.exchange(\"memory:\")`")]
    NoExchange,
    /// The agent has no mailbox of its own.
    #[error("agent \"{agent}\" has no mailbox; spawn it with `.durable()`")]
    NotDurable {
        /// Its name.
        agent: String,
    },
    /// Nobody has a mailbox by that address.
    #[error("there is no mailbox \"{to}\": {hint}")]
    NoSuchMailbox {
        /// The address.
        to: String,
        /// What to do.
        hint: String,
    },
    /// The mailbox is over, for ever.
    #[error("mailbox \"{to}\" was terminated")]
    Terminated {
        /// The address.
        to: String,
    },
    /// The gate refused; the reason.
    #[error("the gate refused the mail: {0}")]
    Denied(String),
    /// The mailbox, or the exchange, is full for now.
    #[error("{0}")]
    Full(String),
    /// The mail cannot be taken as it is: it is too large, too late, or its id was used for another one.
    #[error("{0}")]
    Invalid(String),
    /// The mailbox belongs to another owner now, or nobody can say: what this one has not had kept is not kept.
    #[error("the mailbox has another owner now: {0}")]
    NotTheOwner(String),
    /// What was to be replaced is not what was read.
    #[error("{0}")]
    Revision(String),
    /// A request was not handled and never will be: it is a dead letter, or gone.
    #[error("\"{to}\" will not answer, for the request is a dead letter: {death}")]
    DeadLetter {
        /// Who was asked.
        to: String,
        /// Why.
        death: Death,
    },
    /// A request was not answered in time; it stays where it is, and may be answered later.
    #[error("\"{to}\" did not answer within {after:?}; the request waits on in its mailbox")]
    NoAnswer {
        /// Who was asked.
        to: String,
        /// The time that it had.
        after: std::time::Duration,
    },
    /// An answer came that is not what was asked for.
    #[error("what \"{to}\" answered cannot be read: {reason}")]
    BadAnswer {
        /// Who was asked.
        to: String,
        /// Why.
        reason: String,
    },
    /// The exchange failed, or is out of reach.
    #[error("{0}")]
    Failed(String),
}

impl MailError {
    /// Whether the same may go well a while later.
    pub fn is_passing(&self) -> bool {
        matches!(self, MailError::Full(_) | MailError::Failed(_))
    }
}
