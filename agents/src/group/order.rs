//! In which order the members of a group are asked until one takes the call.
//!
//! Always true: each comes once. Neighbour: [`ask_one`](super::ask_one) asks them.

use std::collections::VecDeque;

/// How a member is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Each in turn.
    InTurn,
    /// The one that has the fewest calls in hand; each in turn among equals.
    LeastLoaded,
}

/// The members, by their places, as they are to be asked.
#[derive(Debug)]
pub(super) struct Order {
    choice: Choice,
    /// Whose turn it is.
    start: usize,
    members: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    New,
    First(usize),
    /// Most calls need no more than the first: the others are put in order when they are wanted.
    Others(VecDeque<usize>),
}

impl Order {
    /// `turn` counts the calls of the group.
    pub(super) fn new(choice: Choice, turn: usize, members: usize) -> Order {
        let start = turn.checked_rem(members).unwrap_or_default();
        Order { choice, start, members, stage: Stage::New }
    }

    /// The next member; `load` tells how much one has in hand.
    pub(super) fn next(&mut self, load: impl Fn(usize) -> usize) -> Option<usize> {
        let mut in_turn = (self.start..self.members).chain(0..self.start);
        match &mut self.stage {
            Stage::New => {
                let first = match self.choice {
                    Choice::InTurn => in_turn.next()?,
                    Choice::LeastLoaded => in_turn.min_by_key(|member| load(*member))?,
                };
                self.stage = Stage::First(first);
                Some(first)
            }
            Stage::First(first) => {
                let mut others: Vec<usize> = in_turn.filter(|member| member != first).collect();
                if self.choice == Choice::LeastLoaded {
                    others.sort_by_cached_key(|member| load(*member));
                }
                let mut others = VecDeque::from(others);
                let next = others.pop_front();
                self.stage = Stage::Others(others);
                next
            }
            Stage::Others(others) => others.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(choice: Choice, turn: usize, loads: &[usize]) -> Vec<usize> {
        let mut order = Order::new(choice, turn, loads.len());
        std::iter::from_fn(|| order.next(|member| loads[member])).collect()
    }

    #[test]
    fn each_comes_once_and_each_turn_begins_at_another() {
        assert_eq!(asked(Choice::InTurn, 0, &[9, 0, 5]), [0, 1, 2]);
        assert_eq!(asked(Choice::InTurn, 4, &[9, 0, 5]), [1, 2, 0]);
        assert!(asked(Choice::InTurn, usize::MAX, &[]).is_empty());
    }

    #[test]
    fn the_least_loaded_comes_first_and_equals_take_turns() {
        assert_eq!(asked(Choice::LeastLoaded, 0, &[9, 0, 5]), [1, 2, 0]);
        assert_eq!(asked(Choice::LeastLoaded, 0, &[1, 1, 1]), [0, 1, 2]);
        assert_eq!(asked(Choice::LeastLoaded, 1, &[1, 1, 1]), [1, 2, 0]);
        assert!(asked(Choice::LeastLoaded, 1, &[]).is_empty());
    }

    #[test]
    fn loads_that_change_on_the_way_neither_drop_nor_repeat_a_member() {
        let mut order = Order::new(Choice::LeastLoaded, 0, 3);
        let first = order.next(|member| [0, 1, 2][member]);
        let others = [order.next(|member| [7, 8, 0][member]), order.next(|_| 0), order.next(|_| 0)];
        assert_eq!((first, others), (Some(0), [Some(2), Some(1), None]));
    }
}
