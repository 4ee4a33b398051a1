//! Places in a table, found by a hash of what is in them.
//!
//! The hash is keyed, for peers choose their addresses and references. Always true: an entry stands in the line that its
//! hash names, or behind it with nothing but full lines between; so what is looked for nearly always takes one line of
//! the processor's cache, where a table with its marks apart takes two. Each entry keeps its hash, so that growing does
//! not look at what is in the table. Neighbours: [`super::table`] and [`super::peers`].

use std::hash::{BuildHasher, Hash, RandomState};

/// Entries of a line.
const ENTRIES: usize = 8;

/// No place.
const NONE: u32 = u32::MAX;

/// Which place something is at.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: RandomState,
    /// As many as a power of two, or none.
    lines: Vec<Line>,
    len: usize,
}

/// Entries that are looked through together. What is taken comes first.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line {
    hashes: [u32; ENTRIES],
    places: [u32; ENTRIES],
}

impl Line {
    const EMPTY: Line = Line { hashes: [0; ENTRIES], places: [NONE; ENTRIES] };

    fn is_full(&self) -> bool {
        self.places.last() != Some(&NONE)
    }

    fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        self.hashes.iter().copied().zip(self.places.iter().copied()).filter(|(_, place)| *place != NONE)
    }

    /// Enters behind those that are there, where there is room.
    fn push(&mut self, hash: u32, place: u32) {
        let free = self.hashes.iter_mut().zip(&mut self.places).find(|(_, place)| **place == NONE);
        if let Some(free) = free {
            (*free.0, *free.1) = (hash, place);
        }
    }

    /// Takes the first entry out that is meant; the last one takes its room.
    fn take(&mut self, is_meant: impl Fn(u32, u32) -> bool) -> Option<(u32, u32)> {
        let taken = self.entries().position(|(hash, place)| is_meant(hash, place))?;
        let last = self.entries().count() - 1;
        self.hashes.swap(taken, last);
        self.places.swap(taken, last);
        let place = std::mem::replace(self.places.get_mut(last)?, NONE);
        Some((*self.hashes.get(last)?, place))
    }
}

impl Index {
    pub(super) fn hash(&self, key: impl Hash) -> u32 {
        let hash = self.keys.hash_one(key);
        (hash ^ (hash >> 32)) as u32
    }

    /// Of the numbers of lines.
    fn mask(&self) -> usize {
        self.lines.len().wrapping_sub(1)
    }

    /// The lines in which something with this hash may stand, all but the last of them full.
    fn probed(&self, hash: u32) -> impl Iterator<Item = usize> {
        let full = |number: &usize| self.lines.get(*number).is_some_and(Line::is_full);
        let first = hash as usize & self.mask();
        let after = move |number: &usize| full(number).then(|| (number + 1) & self.mask());
        std::iter::successors(Some(first), after).take(self.lines.len())
    }

    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        for number in self.probed(hash) {
            let line = self.lines.get(number)?;
            for (other, place) in line.hashes.iter().zip(&line.places) {
                if *other == hash && *place != NONE && is_it(*place) {
                    return Some(*place);
                }
            }
        }
        None
    }

    /// Enters a place that is not there yet.
    pub(super) fn enter(&mut self, hash: u32, place: u32) {
        // Three in four, so that few stand behind their line.
        if (self.len + 1) * 4 > self.lines.len() * ENTRIES * 3 {
            let lines = vec![Line::EMPTY; (self.lines.len() * 2).max(1)];
            let before = std::mem::replace(&mut self.lines, lines);
            before.iter().flat_map(Line::entries).for_each(|(hash, place)| self.push(hash, place));
        }
        self.push(hash, place);
        self.len += 1;
    }

    fn push(&mut self, hash: u32, place: u32) {
        let free = self.probed(hash).last();
        if let Some(line) = free.and_then(|number| self.lines.get_mut(number)) {
            line.push(hash, place);
        }
    }

    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let is_there = |number: &usize| {
            self.lines.get(*number).is_some_and(|line| line.entries().any(|entry| entry == (hash, place)))
        };
        let Some(number) = self.probed(hash).find(is_there) else { return };
        self.take(number, |_, other| other == place);
        self.len -= 1;
    }

    /// Takes an entry out of a line. Where that was full, one that stands behind it for want of room comes back, and so
    /// on from where that stood.
    fn take(&mut self, number: usize, is_meant: impl Fn(u32, u32) -> bool) -> Option<(u32, u32)> {
        let line = self.lines.get_mut(number)?;
        let was_full = line.is_full();
        let taken = line.take(is_meant)?;
        let mask = self.mask();
        let (mut free, mut behind) = (number, number);
        let mut go_on = was_full;
        while go_on {
            behind = (behind + 1) & mask;
            if behind == free {
                break;
            }
            let line = self.lines.get_mut(behind)?;
            go_on = line.is_full();
            let away = behind.wrapping_sub(free) & mask;
            let back = line.take(|hash, _| behind.wrapping_sub(hash as usize) & mask >= away);
            if let Some((hash, place)) = back {
                self.lines.get_mut(free)?.push(hash, place);
                free = behind;
            }
        }
        Some(taken)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The same by a sorted map; hashes of few bits, so that many stand behind their line.
    #[test]
    fn what_was_entered_is_found_until_it_is_removed() {
        let mut random = fastrand::Rng::with_seed(5);
        for bits in [0, 1, 3, 5, 16, 32] {
            let (mut index, mut expected) = (Index::default(), BTreeMap::new());
            for round in 0..6_000_u32 {
                let grows = round / 1_000 % 2 == 0;
                if random.u8(..8) < if grows { 6 } else { 2 } {
                    // The highest bits too, and lines at the table's end.
                    let hash = random.u32(..=u32::MAX >> (32 - bits).min(31)).rotate_right(random.u32(..2));
                    index.enter(hash, round);
                    expected.insert(round, hash);
                } else if let Some((place, hash)) =
                    random.choice(&expected).map(|(place, hash)| (*place, *hash))
                {
                    index.remove(hash, place);
                    expected.remove(&place);
                    assert_eq!(index.find(hash, |other| other == place), None);
                }
                assert_eq!(index.len(), expected.len());
                if round % 500 == 0 {
                    for (place, hash) in &expected {
                        assert_eq!(index.find(*hash, |other| other == *place), Some(*place));
                    }
                }
            }
            let left: usize = index.lines.iter().map(|line| line.entries().count()).sum();
            assert_eq!(left, expected.len());
        }
    }

    /// Lines that are looked through, and entries that are compared, for what is entered under so many references.
    fn looked_at(entries: u32) -> (f64, f64) {
        let mut index = Index::default();
        let hash = |index: &Index, number: u32| index.hash(("peer", format!("{number:064x}")));
        for number in 0..entries {
            index.enter(hash(&index, number), number);
        }
        let (mut lines, mut compared) = (0, 0);
        for number in 0..entries {
            let its = hash(&index, number);
            let is_elsewhere = |line: &usize| {
                index.lines.get(*line).is_some_and(|line| line.entries().all(|(_, at)| at != number))
            };
            lines += 1 + index.probed(its).take_while(is_elsewhere).count();
            let is_it = |place| {
                compared += 1;
                place == number
            };
            assert_eq!(index.find(its, is_it), Some(number));
        }
        let mean = |count: usize| count as f64 / f64::from(entries);
        (mean(lines), mean(compared))
    }

    #[test]
    fn one_of_a_hundred_thousand_is_found_in_as_many_steps_as_one_of_ten() {
        // As many as 8,192 lines take before they become more, so it is as full as it gets.
        for entries in [10, 49_152, 100_000] {
            let (lines, compared) = looked_at(entries);
            assert!(lines < 1.5 && compared < 1.1, "{entries}: {lines} lines, {compared} entries");
        }
    }

    #[test]
    fn a_line_is_one_of_the_processors() {
        assert_eq!((size_of::<Line>(), align_of::<Line>()), (64, 64));
    }
}
