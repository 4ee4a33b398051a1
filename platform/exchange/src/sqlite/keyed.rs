//! The hash of the tables in memory, whose keys are numbers and ids: a multiplication for each, under keys of the process.
//!
//! Always true: who chooses ids cannot choose which of them meet, for the keys are random and nobody is told a hash. Neighbours:
//! [`slots`](super::slots), [`desk`](super::desk) and [`sent`](super::sent) have the tables.

use std::hash::{BuildHasher, Hasher, RandomState};

/// An odd number without a pattern.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes the hashes of one table.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    keys: [u64; 2],
}

impl Default for Keyed {
    fn default() -> Keyed {
        let random = RandomState::new();
        // An odd factor loses nothing of the lowest bits.
        Keyed { keys: [random.hash_one(0_u8), random.hash_one(1_u8) | 1] }
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        let [state, key] = self.keys;
        KeyedHasher { state, key }
    }
}

/// One hash under way.
#[derive(Debug)]
pub(super) struct KeyedHasher {
    state: u64,
    key: u64,
}

/// The halves of a product, folded.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left).wrapping_mul(u128::from(right));
    (product as u64) ^ ((product >> 64) as u64)
}

impl Hasher for KeyedHasher {
    fn finish(&self) -> u64 {
        // Once more, for numbers that follow each other.
        fold(self.state, FACTOR)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_le_bytes(eight));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u64(&mut self, number: u64) {
        // Neither side is a number that is known.
        self.state = fold(self.state ^ number, self.key).rotate_left(23) ^ self.key;
    }

    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
        self.write_u64((number >> 64) as u64);
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number.cast_unsigned() as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::mailbox_id::MailboxId;

    /// How many of 4096 places of a table are taken by so many hashes, by their lowest or their highest bits.
    fn taken(hashes: impl Iterator<Item = u64>, shift: u32) -> usize {
        hashes.map(|hash| (hash >> shift) & 0xfff).collect::<HashSet<u64>>().len()
    }

    #[test]
    fn ids_that_are_alike_are_spread_over_a_table() {
        let keyed = Keyed::default();
        type Ids = fn(u128) -> MailboxId;
        let alike: [Ids; 4] = [
            MailboxId::agent,
            |number| MailboxId::user(number << 64),
            |number| MailboxId::agent(number << 116),
            |number| MailboxId::agent(number << 64 | number),
        ];
        for keyed in (0..100).map(|_| Keyed::default()) {
            for shift in [0, 52] {
                // By chance 4096 hashes take 2589 of as many places.
                for ids in alike {
                    let hashes = (0..4096).map(|number| keyed.hash_one(ids(number)));
                    let taken = taken(hashes, shift);
                    assert!(taken > 2300, "{taken} {keyed:?}");
                }
                let taken = taken((0..4096_i64).map(|number| keyed.hash_one(number)), shift);
                assert!(taken > 2300, "{taken} {keyed:?}");
            }
        }
        assert_eq!(keyed.hash_one("name"), keyed.hash_one("name"));
        assert_ne!(keyed.hash_one(MailboxId::agent(1)), keyed.hash_one(MailboxId::user(1)));
        assert_ne!(keyed.hash_one(1_u64), Keyed::default().hash_one(1_u64));
    }
}
