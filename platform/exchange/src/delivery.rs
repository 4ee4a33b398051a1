//! What a receiver gets, and what it says of it afterwards.
//!
//! Always true: a [`Receipt`] is good until its lease is over and for one delivery alone; what was delivered again has
//! another one. Neighbours: [`Exchange::recv`](crate::Exchange::recv) gives deliveries,
//! [`Exchange::acknowledge`](crate::Exchange::acknowledge) and [`Exchange::refuse`](crate::Exchange::refuse) end them.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_codecs::Principal;

use crate::mail::Mail;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

/// How long a delivery may be kept without a word, unless told otherwise.
pub const USUAL_LEASE: Duration = Duration::from_secs(30);

/// How a receiver receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recv {
    /// How long to wait for mail; zero looks once. Waiting is bounded by
    /// [`ExchangeLimits::longest_wait`](crate::ExchangeLimits).
    pub wait: Duration,
    /// How long each delivery may be kept without a word before it is delivered again.
    pub lease: Duration,
    /// How many deliveries at most; what is there is given at once, nobody waits for more.
    pub max: usize,
    /// The epoch under which the receiver owns the mailbox; needed where someone does.
    pub epoch: Option<u64>,
}

impl Recv {
    /// One delivery at most, waiting for it up to `wait`, with the usual lease.
    pub const fn within(wait: Duration) -> Recv {
        Recv { wait, lease: USUAL_LEASE, max: 1, epoch: None }
    }

    /// What is there now, one delivery at most.
    pub const fn now() -> Recv {
        Recv::within(Duration::ZERO)
    }

    /// The same, with another lease.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Recv {
        self.lease = lease;
        self
    }

    /// The same, with so many deliveries at most.
    #[must_use]
    pub const fn at_most(mut self, max: usize) -> Recv {
        self.max = max;
        self
    }

    /// The same, as the owner of that epoch.
    #[must_use]
    pub const fn as_owner(mut self, epoch: u64) -> Recv {
        self.epoch = Some(epoch);
        self
    }
}

/// Names one delivery of one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Where the mail lies.
    pub mailbox: MailboxId,
    /// The mail's number in its mailbox.
    pub position: u64,
    /// Which delivery: a number that the exchange gives once, not again after it was started anew.
    pub claim: u64,
    /// The epoch of the owner that received it, where the mailbox has one.
    pub epoch: Option<u64>,
}

/// A mail, delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// By which it is acknowledged.
    pub receipt: Receipt,
    /// The mail.
    pub mail: Mail,
    /// Who sent it, as was proven then.
    pub by: Principal,
    /// When it was taken by the mailbox.
    pub accepted_at: Moment,
    /// The how manieth delivery of this mail it is; the first is 1.
    pub attempt: u32,
    /// Until then it is the receiver's.
    pub lease_until: Moment,
}

/// When a mail that was not acknowledged is delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// At once, and the attempt does not count: nobody has looked at it.
    Untouched,
    /// After a while; a dead letter if this was the last attempt. Other mail is delivered meanwhile.
    After(Duration),
    /// Never: it becomes a dead letter.
    Never,
}

/// Why a mail is not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// When it is delivered again.
    pub again: Again,
    /// Why, as a sentence; told of the dead letter. Longer ones are cut at
    /// [`MAX_REASON_BYTES`](crate::limits::MAX_REASON_BYTES).
    pub reason: Arc<str>,
}

impl Refusal {
    /// Deliver it again at once: nobody has looked at it.
    pub fn untouched() -> Refusal {
        Refusal { again: Again::Untouched, reason: "nobody looked at it".into() }
    }

    /// Deliver it again after `pause`.
    pub fn after(pause: Duration, reason: impl Into<Arc<str>>) -> Refusal {
        Refusal { again: Again::After(pause), reason: reason.into() }
    }

    /// Make it a dead letter.
    pub fn never(reason: impl Into<Arc<str>>) -> Refusal {
        Refusal { again: Again::Never, reason: reason.into() }
    }
}
