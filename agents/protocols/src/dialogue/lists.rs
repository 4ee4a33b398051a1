//! Lists of numbers, linked both ways, each number in one list at most: taking one out of the middle costs the same
//! however many there are.
//!
//! Neighbours: [`super::time_wheel`] and [`super::peers`] keep dialogues in such lists by their place in the table.

/// No number.
const NONE: u32 = u32::MAX;

/// The links of all the numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Links {
    links: Vec<Link>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

/// One list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl List {
    pub(super) const EMPTY: List = List { first: NONE, last: NONE };

    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }
}

impl Links {
    fn link_mut(&mut self, number: u32) -> Option<&mut Link> {
        self.links.get_mut(number as usize)
    }

    /// What stands behind a number in its list.
    pub(super) fn after(&self, number: u32) -> Option<u32> {
        self.links.get(number as usize).map(|link| link.after).filter(|after| *after != NONE)
    }

    /// Puts a number that is in no list at a list's end.
    pub(super) fn push(&mut self, list: &mut List, number: u32) {
        if self.links.len() <= number as usize {
            self.links.resize(number as usize + 1, Link { before: NONE, after: NONE });
        }
        let before = list.last;
        if let Some(link) = self.link_mut(number) {
            *link = Link { before, after: NONE };
        }
        match self.link_mut(before) {
            Some(link) => link.after = number,
            None => list.first = number,
        }
        list.last = number;
    }

    /// Takes a number out of the list that it is in.
    pub(super) fn remove(&mut self, list: &mut List, number: u32) {
        let Some(Link { before, after }) = self.links.get(number as usize).copied() else { return };
        match self.link_mut(before) {
            Some(link) => link.after = after,
            None => list.first = after,
        }
        match self.link_mut(after) {
            Some(link) => link.before = before,
            None => list.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(links: &Links, list: &List) -> Vec<u32> {
        std::iter::successors(list.first(), |number| links.after(*number)).collect()
    }

    #[test]
    fn numbers_leave_from_anywhere_and_come_back_at_the_end() {
        let (mut links, mut odd, mut even) = (Links::default(), List::EMPTY, List::EMPTY);
        for number in 0..8 {
            links.push(if number % 2 == 0 { &mut even } else { &mut odd }, number);
        }
        links.remove(&mut even, 0);
        links.remove(&mut even, 4);
        links.remove(&mut odd, 7);
        links.push(&mut even, 7);
        assert_eq!(numbers(&links, &even), [2, 6, 7]);
        assert_eq!(numbers(&links, &odd), [1, 3, 5]);
        for number in [1, 3, 5] {
            assert_eq!(odd.first(), Some(number));
            links.remove(&mut odd, number);
        }
        assert_eq!(odd, List::EMPTY);
    }
}
