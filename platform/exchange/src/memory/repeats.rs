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
    /// What came, with when, and the how manieth of all it was.
    known: HashMap<SentAs, (Came, Moment, u64)>,
    order: VecDeque<(Moment, u64, SentAs)>,
    count: u64,
}

impl Repeats {
    /// What is remembered of the mail that was sent so, when `more` others have come.
    pub(super) fn look_up(
        &self,
        sent_as: &SentAs,
        now: Moment,
        more: u64,
        bounds: &ExchangeLimits,
    ) -> Option<Came> {
        let (came, at, number) = self.known.get(sent_as)?;
        let is_over =
            *at + bounds.repeat_time <= now || number.saturating_add(bounds.repeat_ids) <= self.count + more;
        (!is_over).then_some(*came)
    }

    /// A mail came that is not known.
    pub(super) fn remember(&mut self, sent_as: SentAs, came: Came, now: Moment, bounds: &ExchangeLimits) {
        self.count += 1;
        self.known.insert(sent_as, (came, now, self.count));
        self.order.push_back((now, self.count, sent_as));
        let is_over = |(at, ..): &(Moment, u64, SentAs), count: usize| {
            *at + bounds.repeat_time <= now || count as u64 > bounds.repeat_ids
        };
        while self.order.front().is_some_and(|oldest| is_over(oldest, self.order.len())) {
            if let Some((_, number, gone)) = self.order.pop_front()
                && self.known.get(&gone).is_some_and(|(_, _, newest)| *newest == number)
            {
                self.known.remove(&gone);
            }
        }
    }
}
