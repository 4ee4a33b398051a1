//! Which mail of a mailbox waits, where that can be told without a look at the disk.
//!
//! Always true: where all is known these are the rows of `place` of that mailbox, as the transaction has them; a mailbox is
//! known when it is empty, and no more once it holds more than [`KNOWN_MAILS`]. Neighbours: [`slots`](super::slots) has one for
//! each mailbox, [`queue`](super::queue) asks.

use std::collections::BTreeMap;

/// Mails of one mailbox that are known at once; with more of them the table is asked.
const KNOWN_MAILS: usize = 32;

#[derive(Debug)]
pub(super) struct Known {
    /// The numbers of their rows, by rank and position.
    mails: BTreeMap<(u8, u64), i64>,
    is_all: bool,
}

impl Known {
    /// What is known of a mailbox that was just read.
    pub(super) fn new(is_empty: bool) -> Known {
        Known { mails: BTreeMap::new(), is_all: is_empty }
    }

    /// A mail is put there.
    pub(super) fn add(&mut self, place: (u8, u64), number: i64) {
        if self.is_all {
            self.mails.insert(place, number);
            if self.mails.len() > KNOWN_MAILS {
                *self = Known::new(false);
            }
        }
    }

    /// A mail is taken away, which may have been the last one.
    pub(super) fn remove(&mut self, place: (u8, u64), is_empty: bool) {
        self.mails.remove(&place);
        if is_empty {
            *self = Known::new(true);
        }
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Known::new(false);
    }

    /// The mails from that place on, in order, with the numbers of their rows; `None` where not all are known.
    pub(super) fn from(&self, place: (u8, u64)) -> Option<impl Iterator<Item = (i64, u8, u64)>> {
        let mails = self.mails.range(place..);
        self.is_all.then(|| mails.map(|((rank, position), number)| (*number, *rank, *position)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(known: &Known, place: (u8, u64)) -> Option<Vec<(i64, u8, u64)>> {
        known.from(place).map(Iterator::collect)
    }

    #[test]
    fn a_mailbox_is_known_from_when_it_is_empty_until_it_holds_too_much() {
        let mut known = Known::new(false);
        known.add((4, 1), 11);
        assert_eq!(found(&known, (0, 0)), None);
        known.remove((4, 1), true);
        assert_eq!(found(&known, (0, 0)), Some(vec![]));
        known.add((4, 2), 12);
        known.add((0, 3), 13);
        assert_eq!(found(&known, (0, 0)), Some(vec![(13, 0, 3), (12, 4, 2)]));
        assert_eq!(found(&known, (0, 4)), Some(vec![(12, 4, 2)]));
        known.remove((0, 3), false);
        assert_eq!(found(&known, (0, 0)), Some(vec![(12, 4, 2)]));
        (3..40).for_each(|position| known.add((4, position), 20));
        assert_eq!(found(&known, (0, 0)), None);
    }
}
