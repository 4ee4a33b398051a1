//! Floor and ours take turns: A B A B, with the same work in every round.
//!
//! Always true: both sides are warm before the first round that counts, and a round of the floor is long enough for
//! the clock and for a scheduler's hiccup. Neighbour: [`bench`](crate::bench) judges what comes of it.

use std::time::Duration;

use crate::Result;

/// How much is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Rounds of each side.
    pub(crate) rounds: usize,
    /// Shortest round of the floor.
    pub(crate) round_time: Duration,
}

impl Plan {
    pub(crate) fn of_rounds(rounds: usize) -> Plan {
        Plan { rounds, round_time: Duration::from_millis(40) }
    }
}

/// One round of each side, in the unit of its bench.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) floor: f64,
    pub(crate) ours: f64,
}

/// Lets both sides do the same number of calls in turns; gives nanoseconds a call.
///
/// A side is told how many calls to make and says how long they took.
///
/// # Errors
/// Those of the sides.
pub(crate) fn nanoseconds_a_call(
    plan: &Plan,
    mut floor: impl FnMut(u64) -> Result<Duration>,
    mut ours: impl FnMut(u64) -> Result<Duration>,
) -> Result<Vec<Pair>> {
    let calls = enough_calls(plan.round_time, &mut floor)?;
    ours(calls)?;
    let each = |took: Duration| took.as_nanos() as f64 / calls as f64;
    interleaved(plan, || floor(calls).map(each), || ours(calls).map(each))
}

/// Lets both sides take turns at work that is large enough by itself.
///
/// # Errors
/// Those of the sides.
pub(crate) fn interleaved(
    plan: &Plan,
    mut floor: impl FnMut() -> Result<f64>,
    mut ours: impl FnMut() -> Result<f64>,
) -> Result<Vec<Pair>> {
    (0..plan.rounds).map(|_| Ok(Pair { floor: floor()?, ours: ours()? })).collect()
}

/// Warms a side up, and finds how many calls keep it busy for `time`.
fn enough_calls(time: Duration, side: &mut impl FnMut(u64) -> Result<Duration>) -> Result<u64> {
    let mut calls = 100;
    loop {
        let took = side(calls)?;
        if took >= time {
            return Ok(calls);
        }
        let wanted = time.as_nanos() as f64 / took.as_nanos().max(1) as f64;
        // Whole hundreds, so that tasks in flight share them evenly; never more than tenfold at once, for the
        // first rounds are cold.
        calls = ((calls as f64 * (wanted * 1.1).min(10.0)) as u64).max(calls + 100).next_multiple_of(100);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_lasts_long_enough_and_both_sides_do_the_same_in_turns() {
        let plan = Plan { rounds: 3, round_time: Duration::from_millis(30) };
        let log = std::cell::RefCell::new(Vec::new());
        let side = |name: char, each: u32| {
            let log = &log;
            move |calls: u64| {
                log.borrow_mut().push((name, calls));
                Ok(Duration::from_nanos(u64::from(each)) * u32::try_from(calls)?)
            }
        };
        let pairs = nanoseconds_a_call(&plan, side('a', 200), side('b', 500)).unwrap();
        assert_eq!(pairs, [Pair { floor: 200.0, ours: 500.0 }; 3]);
        let log = log.into_inner();
        let (_, calls) = log[log.len() - 1];
        assert!(calls * 200 >= 30_000_000 && calls % 100 == 0, "{calls} calls");
        assert_eq!(log[log.len() - 6..], [('a', calls), ('b', calls)].repeat(3));
    }
}
