//! A mail: what is left in a mailbox.
//!
//! Always true: the body is kept and handed over byte for byte, and nothing here looks into it. Neighbours: a mail goes
//! in as part of a [`Posting`](crate::Posting) and comes out in a [`Delivery`](crate::Delivery).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use folkmoot_codecs::Codec;

use crate::mailbox_id::{MailboxId, Uuid};
use crate::moment::Moment;

/// The highest priority.
pub const HIGHEST_PRIORITY: u8 = 9;

/// The priority of mail that is given none.
pub const USUAL_PRIORITY: u8 = 4;

/// The kinds that begin so are the exchange's own; nobody else sends them.
pub const OWN_KINDS: &str = "folkmoot/";

/// The kind of the answer to a request whose mailbox was terminated: without a body, from that mailbox, with the
/// request's tag and label.
pub const MAILBOX_TERMINATED: &str = "folkmoot/mailbox-terminated";

/// The kind of the answer to a request that became a dead letter, or was purged: a [`DeathNotice`](crate::DeathNotice), from
/// the mailbox in which it died, with the request's tag and label.
pub const DEAD_LETTER: &str = "folkmoot/dead-letter";

/// The sender of the exchange's own mail, in the place of a node's name.
pub const EXCHANGE_ITSELF: &str = "folkmoot/exchange";

/// What each mail counts for besides its body and its kind, in bytes, where bytes are counted.
pub const MAIL_OVERHEAD_BYTES: u64 = 256;

/// Names a mail; its sender gives it, and gives the same when it sends the same mail again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailId(pub u128);

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid(self.0).fmt(f)
    }
}

/// Whether a mail wants an answer, or is one.
///
/// The exchange remembers the requests of a mailbox until it sends the response with their tag, and answers them with
/// [`MAILBOX_TERMINATED`] if it is terminated before, and with [`DEAD_LETTER`] those that become dead letters or are purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracking {
    /// Neither.
    Plain,
    /// It wants an answer; its sender has a mailbox.
    Request {
        /// Names the request among those of its sender.
        tag: u128,
        /// What the sender knows the answer by besides the tag; comes back with it.
        label: Option<u128>,
    },
    /// It answers a request of the mailbox that it goes to.
    Response {
        /// The request's.
        tag: u128,
        /// The request's.
        label: Option<u128>,
    },
}

/// What is left in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Names it; a mail with the id of an earlier one of the same sender is taken for the same, sent again.
    pub id: MailId,
    /// The sender's mailbox, where it has one.
    pub from: Option<MailboxId>,
    /// What it is about, such as `order`: by it an agent chooses what handles it.
    pub kind: Arc<str>,
    /// Whether it wants an answer, or is one.
    pub tracking: Tracking,
    /// 0 to [`HIGHEST_PRIORITY`]; what is higher is delivered first.
    pub priority: u8,
    /// From then on it is of no use and becomes a dead letter.
    pub expires_at: Option<Moment>,
    /// How the body is written, where that is known.
    pub codec: Option<Codec>,
    /// The content.
    pub body: Bytes,
}

impl Mail {
    /// A mail of usual priority that does not expire, from nobody's mailbox.
    pub fn new(id: MailId, kind: impl Into<Arc<str>>, body: impl Into<Bytes>) -> Mail {
        Mail {
            id,
            from: None,
            kind: kind.into(),
            tracking: Tracking::Plain,
            priority: USUAL_PRIORITY,
            expires_at: None,
            codec: None,
            body: body.into(),
        }
    }

    /// The same, from a mailbox.
    #[must_use]
    pub fn from(mut self, mailbox: MailboxId) -> Mail {
        self.from = Some(mailbox);
        self
    }

    /// The same, as a request.
    #[must_use]
    pub fn request(mut self, tag: u128, label: Option<u128>) -> Mail {
        self.tracking = Tracking::Request { tag, label };
        self
    }

    /// The same, as the response to the request of that tag and label.
    #[must_use]
    pub fn response(mut self, tag: u128, label: Option<u128>) -> Mail {
        self.tracking = Tracking::Response { tag, label };
        self
    }

    /// The same, with a priority of 0 to [`HIGHEST_PRIORITY`].
    #[must_use]
    pub fn priority(mut self, priority: u8) -> Mail {
        self.priority = priority;
        self
    }

    /// The same, of no use from `moment` on.
    #[must_use]
    pub fn expires_at(mut self, moment: Moment) -> Mail {
        self.expires_at = Some(moment);
        self
    }

    /// What it counts for where bytes are counted.
    pub fn size_bytes(&self) -> u64 {
        let bytes = self.body.len().saturating_add(self.kind.len());
        u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(MAIL_OVERHEAD_BYTES)
    }

    /// Tells mails apart that claim the same id: it is the same for the same kind, tracking and body, on every machine and
    /// in every release. No secret depends on it.
    pub fn fingerprint(&self) -> u64 {
        let (what, tag, label) = match self.tracking {
            Tracking::Plain => (0, 0, None),
            Tracking::Request { tag, label } => (1, tag, label),
            Tracking::Response { tag, label } => (2, tag, label),
        };
        let mut state = mix(0, what);
        for number in [tag, label.map_or(0, |label| label ^ 1)] {
            state = number.to_le_bytes().chunks(8).fold(state, |state, eight| mix(state, number_of(eight)));
        }
        for bytes in [self.kind.as_bytes(), &self.body] {
            state = mix(state, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            state = bytes.chunks(8).fold(state, |state, eight| mix(state, number_of(eight)));
        }
        state
    }
}

/// Up to eight bytes as a number, the first the lowest.
fn number_of(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    let mut eight = [0; 8];
    eight.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(eight)
}

/// One step of the fingerprint: a product's halves, folded.
fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
    ((product as u64) ^ ((product >> 64) as u64)).rotate_left(23).wrapping_add(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_what_was_sent_and_stays_what_it_is() {
        let mail = Mail::new(MailId(1), "order", "ten apples");
        assert_eq!(mail.fingerprint(), Mail::new(MailId(2), "order", "ten apples").fingerprint());
        let others = [
            Mail::new(MailId(1), "order", "ten appleś"),
            Mail::new(MailId(1), "order", "ten apple"),
            Mail::new(MailId(1), "ordert", "en apples"),
            Mail::new(MailId(1), "order", "ten apples").request(0, None),
            Mail::new(MailId(1), "order", "ten apples").request(1, None),
            Mail::new(MailId(1), "order", "ten apples").request(1, Some(0)),
            Mail::new(MailId(1), "order", "ten apples").response(1, None),
            Mail::new(MailId(1), "order", "ten apples\0"),
        ];
        let mut prints: Vec<u64> = others.iter().map(Mail::fingerprint).collect();
        prints.push(mail.fingerprint());
        prints.sort_unstable();
        prints.dedup();
        assert_eq!(prints.len(), others.len() + 1);
    }
}
