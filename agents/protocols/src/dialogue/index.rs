//! Places in a table, found by a hash of what is in them.
//!
//! The hash is keyed, for peers choose their addresses and references. Each entry keeps its hash, so that growing does
//! not look at what is in the table. Neighbours: [`super::table`] and [`super::peers`].

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

/// Which place something is at.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: RandomState,
    entries: HashTable<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    place: u32,
}

/// Spreads a hash over the bits that the table looks at.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Index {
    pub(super) fn hash(&self, key: impl Hash) -> u32 {
        let hash = self.keys.hash_one(key);
        (hash ^ (hash >> 32)) as u32
    }

    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let found = self.entries.find(spread(hash), |entry| entry.hash == hash && is_it(entry.place));
        found.map(|entry| entry.place)
    }

    /// Enters a place that is not there yet.
    pub(super) fn enter(&mut self, hash: u32, place: u32) {
        self.entries.insert_unique(spread(hash), Entry { hash, place }, |entry| spread(entry.hash));
    }

    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        if let Ok(entry) = self.entries.find_entry(spread(hash), |entry| entry.place == place) {
            entry.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
