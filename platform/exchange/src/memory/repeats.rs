//! Which mails came lately, so that one that comes again is known, in memory.
//!
//! Always true: an id is known for the time that the bounds give, and as one of the newest that they count, whatever became
//! of its mail. Neighbour: [`sending`](super::sending) asks.

use std::collections::{HashMap, VecDeque};

use crate::limits::ExchangeLimits;
use crate::mail::MailId;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

/// Where a mail went, from where, and under which id.
pub(super) type SentAs = (MailboxId, Option<MailboxId>, MailId);

/// What is remembered of a mail.
#[derive(Clone, Copy)]
pub(super) struct Came {
    pub(super) fingerprint: u64,
    pub(super) position: u64,
}

#[derive(Default)]
pub(super) struct Repeats {
    known: HashMap<SentAs, Came>,
    order: VecDeque<(Moment, SentAs)>,
}

impl Repeats {
    /// What is remembered of the mail that was sent so.
    pub(super) fn look_up(&mut self, sent_as: &SentAs, now: Moment, bounds: &ExchangeLimits) -> Option<Came> {
        let is_over = |(at, _): &(Moment, SentAs), count: usize| {
            *at + bounds.repeat_time <= now || count as u64 > bounds.repeat_ids
        };
        while self.order.front().is_some_and(|oldest| is_over(oldest, self.order.len())) {
            if let Some((_, gone)) = self.order.pop_front() {
                self.known.remove(&gone);
            }
        }
        self.known.get(sent_as).copied()
    }

    /// A mail came that is not known.
    pub(super) fn remember(&mut self, sent_as: SentAs, came: Came, now: Moment) {
        self.known.insert(sent_as, came);
        self.order.push_back((now, sent_as));
    }
}
