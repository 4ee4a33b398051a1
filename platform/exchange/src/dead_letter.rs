//! Mail that nobody took, and a look at mail that waits.
//!
//! Always true: a dead letter says why it is one, and stays until it is put back into its mailbox, purged, or the oldest
//! of too many.

use std::fmt;
use std::sync::Arc;

use folkmoot_codecs::Principal;

use crate::mail::Mail;
use crate::moment::Moment;

/// Why a mail became a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeathCause {
    /// Its time was over before it was acknowledged.
    Expired,
    /// Its last attempt was not acknowledged within its lease.
    LeaseOver,
    /// It was refused: for ever, or at its last attempt.
    Refused(Arc<str>),
}

impl fmt::Display for DeathCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeathCause::Expired => f.write_str("its time was over before it was acknowledged"),
            DeathCause::LeaseOver => {
                f.write_str("it was delivered as often as allowed and not acknowledged in time")
            }
            DeathCause::Refused(reason) => write!(f, "its receiver refused it: {reason}"),
        }
    }
}

/// A mail that nobody took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The number that it had in its mailbox, by which it is requeued.
    pub position: u64,
    /// The mail.
    pub mail: Mail,
    /// Who sent it, as was proven then.
    pub by: Principal,
    /// How often it was delivered.
    pub attempts: u32,
    /// Why it is one.
    pub cause: DeathCause,
    /// Since when.
    pub died_at: Moment,
}

/// Where a mail stands that waits in its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be delivered.
    Ready,
    /// A receiver has it, until then.
    InHand(Moment),
    /// It was refused and is delivered again then.
    Delayed(Moment),
}

/// A mail that waits in its mailbox, looked at without receiving it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// Its number in its mailbox.
    pub position: u64,
    /// The mail.
    pub mail: Mail,
    /// Who sent it, as was proven then.
    pub by: Principal,
    /// When it was taken.
    pub accepted_at: Moment,
    /// How often it was delivered.
    pub attempts: u32,
    /// Where it stands.
    pub standing: Standing,
}

/// What of a mailbox is thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purge {
    /// Mail that waits; what is in hand stays with its receivers.
    Waiting,
    /// Dead letters.
    DeadLetters,
}

/// A part of a longer list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only what has a higher position.
    pub after: u64,
    /// How many at most; bounded by [`MAX_PAGE`](crate::limits::MAX_PAGE).
    pub max: usize,
}

impl Page {
    /// The first `max`.
    pub const fn first(max: usize) -> Page {
        Page { after: 0, max }
    }

    /// The same number, after `position`.
    #[must_use]
    pub const fn after(mut self, position: u64) -> Page {
        self.after = position;
        self
    }
}
