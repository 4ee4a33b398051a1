//! The bounds of an exchange and of each mailbox in it, each with its name and its unit.
//!
//! Neighbours: [`validity`](crate::validity) refuses what is beyond a constant of these; engines keep to the rest.

use std::time::Duration;

/// Longest name of a mailbox, kind of a mail, type, capability, group, user or holder, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;

/// Longest reason of a refusal, in bytes.
pub const MAX_REASON_BYTES: usize = 1024;

/// Most types in a lineage.
pub const MAX_LINEAGE: usize = 64;

/// Most capabilities of a mailbox.
pub const MAX_CAPABILITIES: usize = 64;

/// Most groups that a mailbox is shared with.
pub const MAX_GROUPS: usize = 64;

/// Most entries in one answer: mailboxes found, mails peeked at, dead letters listed, deliveries of one recv.
pub const MAX_PAGE: usize = 1000;

/// The bytes of the states of one page, after which it ends however many were asked for; the last state may go beyond.
pub const MAX_STATES_BYTES: usize = 16 << 20;

/// Most acknowledgements, states and mails in one step.
pub const MAX_STEP: usize = 1000;

/// Longest key of a state, in bytes.
pub const MAX_STATE_KEY_BYTES: usize = 512;

/// The bounds of one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxLimits {
    /// Mails that wait or are in hand.
    pub messages: u32,
    /// What these mails count for, in bytes ([`Mail::size_bytes`](crate::Mail::size_bytes)).
    pub bytes: u64,
    /// Mails in hand at once, of all receivers together. With 1 the order holds even where mail is delivered again.
    pub in_hand: u32,
    /// Deliveries of one mail; the last one that is not acknowledged makes it a dead letter.
    pub attempts: u32,
    /// Dead letters that are kept; for one more the oldest goes.
    pub dead_letters: u32,
    /// Requests that are not answered.
    pub pending_requests: u32,
}

impl MailboxLimits {
    /// Of each as much as the exchange gives: `MailboxLimits { attempts: 3, ..MailboxLimits::MOST }` asks for less in one
    /// alone.
    pub const MOST: MailboxLimits = MailboxLimits {
        messages: u32::MAX,
        bytes: u64::MAX,
        in_hand: u32::MAX,
        attempts: u32::MAX,
        dead_letters: u32::MAX,
        pending_requests: u32::MAX,
    };

    /// The same, where an exchange gives `most`.
    pub(crate) fn where_given(self, most: &MailboxLimits) -> MailboxLimits {
        let of = |own: u32, most: u32| if own == u32::MAX { most } else { own };
        MailboxLimits {
            messages: of(self.messages, most.messages),
            bytes: if self.bytes == u64::MAX { most.bytes } else { self.bytes },
            in_hand: of(self.in_hand, most.in_hand),
            attempts: of(self.attempts, most.attempts),
            dead_letters: of(self.dead_letters, most.dead_letters),
            pending_requests: of(self.pending_requests, most.pending_requests),
        }
    }
}

impl Default for MailboxLimits {
    fn default() -> MailboxLimits {
        MailboxLimits {
            messages: 10_000,
            bytes: 64 << 20,
            in_hand: 1000,
            attempts: 10,
            dead_letters: 1000,
            pending_requests: 10_000,
        }
    }
}

/// The bounds of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeLimits {
    /// Mailboxes that live.
    pub mailboxes: u64,
    /// Mailboxes that live and are one user's; the container's own are bounded by `mailboxes` alone.
    pub mailboxes_per_user: u64,
    /// Terminated mailboxes that are remembered; for one more the oldest is forgotten, and missing from then on.
    pub terminated_mailboxes: u64,
    /// What all mails count for that wait, are in hand or are dead letters, in bytes.
    pub bytes: u64,
    /// The body of one mail, in bytes.
    pub mail_bytes: u64,
    /// What a mailbox gets that asks for no bounds of its own, and the most that one may ask for.
    pub mailbox: MailboxLimits,
    /// How long the id of a mail is remembered after it was taken, so that the same one sent again is known.
    pub repeat_time: Duration,
    /// How many ids are remembered: those of the newest mails of all mailboxes.
    pub repeat_ids: u64,
    /// Longest lease of a delivery or of an owner.
    pub longest_lease: Duration,
    /// Longest wait of a receiver, and longest pause of a refused mail.
    pub longest_wait: Duration,
    /// Receivers that wait, of all mailboxes.
    pub waiting_receivers: usize,
    /// Without a sign of life for so long an agent is inactive.
    pub inactive_after: Duration,
    /// States of agents that are kept.
    pub states: u64,
    /// One state, in bytes.
    pub state_bytes: u64,
}

impl Default for ExchangeLimits {
    fn default() -> ExchangeLimits {
        ExchangeLimits {
            mailboxes: 2_000_000,
            mailboxes_per_user: 1_000_000,
            terminated_mailboxes: 1_000_000,
            bytes: 16 << 30,
            mail_bytes: 1 << 20,
            mailbox: MailboxLimits::default(),
            repeat_time: Duration::from_secs(600),
            repeat_ids: 100_000,
            longest_lease: Duration::from_secs(12 * 3600),
            longest_wait: Duration::from_secs(24 * 3600),
            waiting_receivers: 1_000_000,
            inactive_after: Duration::from_secs(90),
            states: 2_000_000,
            state_bytes: 16 << 20,
        }
    }
}
