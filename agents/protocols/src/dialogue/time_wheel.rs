//! When each dialogue is to be looked at: a wheel of wheels, so that filing, taking out and finding what is due cost
//! the same however many there are.
//!
//! Time is in milliseconds, and only what the caller says it is. A number is in the wheel once at most. What is filed
//! for longer than [`LONGEST`] is looked at earlier; whoever files looks again then. Neighbour: [`super::dialogues`]
//! files dialogues, and re-files those that were spoken in meanwhile, instead of moving them at each message.

use super::lists::{Links, List};

const LEVELS: usize = 6;
const BITS: u32 = 6;
const SLOTS: u64 = 1 << BITS;
/// Milliseconds that the outermost wheel spans beside its present slot: a bit more than two years.
pub(super) const LONGEST: u64 = (SLOTS - 1) << (BITS * (LEVELS as u32 - 1));

/// Numbers, filed by when they are due.
#[derive(Debug)]
pub(super) struct TimeWheel {
    links: Links,
    /// Where and for when each number is filed.
    filed: Vec<Filed>,
    levels: [Level; LEVELS],
    /// Up to when all has been taken.
    taken_to: u64,
}

#[derive(Debug, Clone, Copy)]
struct Filed {
    when: u64,
    level: u8,
    slot: u8,
    is_there: bool,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    slots: [List; SLOTS as usize],
    /// A bit for each slot that is not empty.
    occupied: u64,
}

impl TimeWheel {
    pub(super) fn new() -> TimeWheel {
        let level = Level { slots: [List::EMPTY; SLOTS as usize], occupied: 0 };
        TimeWheel { links: Links::default(), filed: Vec::new(), levels: [level; LEVELS], taken_to: 0 }
    }

    /// Says what time it is, so that an empty wheel begins there.
    pub(super) fn tell_time(&mut self, now: u64) {
        if self.levels.iter().all(|level| level.occupied == 0) {
            self.taken_to = self.taken_to.max(now);
        }
    }

    /// For when a number is filed.
    pub(super) fn when(&self, number: u32) -> Option<u64> {
        self.filed.get(number as usize).filter(|filed| filed.is_there).map(|filed| filed.when)
    }

    /// Files a number, instead of where it was filed.
    pub(super) fn file(&mut self, number: u32, when: u64) {
        self.remove(number);
        let when = when.clamp(self.taken_to + 1, self.taken_to.saturating_add(LONGEST));
        let differs = (when ^ self.taken_to) | (SLOTS - 1);
        let level = ((63 - differs.leading_zeros()) / BITS).min(LEVELS as u32 - 1);
        let slot = (when >> (level * BITS)) & (SLOTS - 1);
        if self.filed.len() <= number as usize {
            let nowhere = Filed { when: 0, level: 0, slot: 0, is_there: false };
            self.filed.resize(number as usize + 1, nowhere);
        }
        if let Some(filed) = self.filed.get_mut(number as usize) {
            *filed = Filed { when, level: level as u8, slot: slot as u8, is_there: true };
        }
        if let Some(level) = self.levels.get_mut(level as usize)
            && let Some(list) = level.slots.get_mut(slot as usize)
        {
            self.links.push(list, number);
            level.occupied |= 1 << slot;
        }
    }

    /// Takes a number out, if it is there.
    pub(super) fn remove(&mut self, number: u32) {
        let Some(filed) = self.filed.get_mut(number as usize).filter(|filed| filed.is_there) else { return };
        filed.is_there = false;
        if let Some(level) = self.levels.get_mut(usize::from(filed.level))
            && let Some(list) = level.slots.get_mut(usize::from(filed.slot))
        {
            self.links.remove(list, number);
            if list.first().is_none() {
                level.occupied &= !(1 << filed.slot);
            }
        }
    }

    /// The moment at which there is something to do next, or a moment before it.
    pub(super) fn next(&self) -> Option<u64> {
        self.next_slot().map(|(_, _, when)| when)
    }

    /// The slot that comes next: its level, its place there, and when it begins. Of those that begin together the one
    /// furthest out comes first, since what is in it may be due at any moment of it.
    fn next_slot(&self) -> Option<(usize, u64, u64)> {
        let occupied = self.levels.iter().enumerate().filter(|(_, level)| level.occupied != 0);
        let slots = occupied.map(|(number, level)| {
            let shift = BITS * number as u32;
            let present = (self.taken_to >> shift) & (SLOTS - 1);
            let slots_ahead = level.occupied.rotate_right(present as u32).trailing_zeros();
            let slot = (present + u64::from(slots_ahead)) % SLOTS;
            let turn = 1_u64 << (shift + BITS);
            let begins = (self.taken_to & !(turn - 1)) + (slot << shift);
            // Only the outermost wheel holds what comes after its turn.
            let begins = if slot < present { begins.saturating_add(turn) } else { begins };
            (number, slot, begins)
        });
        slots.min_by_key(|(level, _, begins)| (*begins, std::cmp::Reverse(*level)))
    }

    /// Takes out one number that is due by `now`.
    pub(super) fn take_due(&mut self, now: u64) -> Option<u32> {
        while let Some((level, slot, begins)) = self.next_slot() {
            if begins > now {
                break;
            }
            self.taken_to = self.taken_to.max(begins);
            let list = self.levels.get(level).and_then(|level| level.slots.get(slot as usize));
            let Some(number) = list.and_then(List::first) else { break };
            let when = self.when(number).unwrap_or_default();
            self.remove(number);
            if when <= self.taken_to {
                return Some(number);
            }
            self.file(number, when);
        }
        self.taken_to = self.taken_to.max(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The same by a sorted map, over steps of all sizes.
    #[test]
    fn what_is_due_comes_out_once_and_never_early_nor_late() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..60 {
            let (mut wheel, mut expected, mut now) = (TimeWheel::new(), BTreeMap::new(), 0_u64);
            for _ in 0..400 {
                let number = random.u32(..64);
                match random.u8(..8) {
                    0..4 => {
                        let bits = random.u32(1..36);
                        let when = now + random.u64(1..1 << bits);
                        wheel.file(number, when);
                        expected.insert(number, when);
                    }
                    4 => {
                        wheel.remove(number);
                        expected.remove(&number);
                    }
                    _ => {
                        let bits = random.u32(1..34);
                        now += random.u64(..1 << bits);
                        let earliest = expected.values().min().copied();
                        assert!(wheel.next() <= earliest, "{:?} {earliest:?}", wheel.next());
                        assert_eq!(wheel.next().is_some(), earliest.is_some());
                        let mut due = Vec::new();
                        while let Some(number) = wheel.take_due(now) {
                            due.push(number);
                        }
                        let moments: Vec<u64> =
                            due.iter().filter_map(|number| expected.get(number).copied()).collect();
                        assert!(moments.is_sorted(), "in order of time: {moments:?}");
                        due.sort_unstable();
                        let mut wanted: Vec<u32> = expected
                            .iter()
                            .filter(|(_, when)| **when <= now)
                            .map(|(number, _)| *number)
                            .collect();
                        wanted.sort_unstable();
                        assert_eq!(due, wanted);
                        expected.retain(|_, when| *when > now);
                    }
                }
                for number in 0..64 {
                    assert_eq!(wheel.when(number), expected.get(&number).copied());
                }
            }
        }
    }

    #[test]
    fn what_is_filed_for_longer_than_it_spans_is_looked_at_before() {
        let mut wheel = TimeWheel::new();
        wheel.take_due(5);
        wheel.file(3, u64::MAX);
        assert_eq!(wheel.when(3), Some(5 + LONGEST));
        assert_eq!(wheel.take_due(LONGEST), None);
        assert_eq!(wheel.take_due(5 + LONGEST), Some(3));
        assert_eq!(wheel.next(), None);
    }
}
