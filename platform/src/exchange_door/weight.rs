//! What mails and mailboxes weigh in an answer: about as much as they become on the wire, and never less.
//!
//! Always true: a list gives at least its first entry, so whoever asks on gets to its end.

use std::sync::Arc;

use folkmoot_exchange::{DeadLetter, Delivery, ExchangeError, Found, Mail, Peeked, State};

/// What stands around the entries of an answer, in bytes.
pub(super) const AROUND_BYTES: usize = 1024;
/// What an entry weighs besides its texts and its body, in bytes: names of fields, ids, numbers.
const ENTRY_BYTES: usize = 1024;

/// Something that an answer lists.
pub(super) trait Weighs {
    /// At most so many bytes, in whatever codec.
    fn weight(&self) -> usize;
}

/// In JSON a quote is two.
fn text(text: &str) -> usize {
    2 * text.len() + 4
}

fn mail(mail: &Mail) -> usize {
    // In JSON three bytes are four.
    mail.body.len().div_ceil(3) * 4 + text(&mail.kind) + ENTRY_BYTES
}

impl Weighs for Delivery {
    fn weight(&self) -> usize {
        mail(&self.mail) + text(self.by.node_name())
    }
}

impl Weighs for Peeked {
    fn weight(&self) -> usize {
        mail(&self.mail) + text(self.by.node_name())
    }
}

impl Weighs for DeadLetter {
    fn weight(&self) -> usize {
        mail(&self.mail) + text(self.by.node_name()) + 2 * folkmoot_exchange::limits::MAX_REASON_BYTES
    }
}

impl Weighs for (Arc<str>, State) {
    fn weight(&self) -> usize {
        self.1.bytes.len().div_ceil(3) * 4 + text(&self.0) + ENTRY_BYTES
    }
}

impl Weighs for Found {
    fn weight(&self) -> usize {
        let all = self.name.iter().chain(&self.lineage).chain(&self.capabilities);
        all.map(|one| text(one)).sum::<usize>() + ENTRY_BYTES
    }
}

/// How many entries, from the first on, go into `room` bytes; one at least.
pub(super) fn fitting<T: Weighs>(entries: &[T], room: usize) -> usize {
    let mut weight = 0_usize;
    let fits = |entry: &&T| {
        weight = weight.saturating_add(entry.weight());
        weight <= room
    };
    entries.iter().take_while(fits).count().max(entries.len().min(1))
}

/// What is wrong with a delivery that goes into no frame of a link.
pub(super) fn too_heavy(delivery: &Delivery, room: usize) -> Option<ExchangeError> {
    let size = delivery.weight();
    (size > room).then_some(ExchangeError::TooLarge {
        what: "the next mail, in a frame of this link (max_frame_bytes),",
        size: size as u64,
        limit: room as u64,
    })
}
