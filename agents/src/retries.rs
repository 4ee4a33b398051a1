//! How often the idempotent calls of one container may be made again, and the keys that they bear.
//!
//! Always true: however many calls fail, retries are at most a share of all idempotent calls, and a few a second on top
//! of that: they never multiply the load on those who are in trouble. Neighbours: [`attempts`](crate::attempts) asks
//! here before each retry, the platform sets the limits.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::chance;
use crate::deadlines::LinkInstant;

/// One retry, in the unit that they are saved in.
const ONE_RETRY: u64 = 1_000;

/// How many retries there may be.
#[derive(Clone, Copy, Debug)]
pub struct RetryLimits {
    /// Retries for a hundred idempotent calls.
    pub percent: u32,
    /// Retries a second on top of that.
    pub per_second: u32,
    /// Most that are saved for later, and what is there at the start.
    pub max_saved: u32,
}

/// The budget of a container's retries: saved by calls and by time, spent by retries.
#[derive(Debug)]
pub struct Retries {
    limits: RetryLimits,
    /// In thousandths of a retry.
    saved: AtomicU64,
    /// Up to when time has been counted, in milliseconds of link time.
    counted_until: AtomicU64,
    closed: AtomicBool,
}

/// Why there is no retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRetry {
    /// The budget is spent.
    Spent,
    /// The container was shut down.
    Closed,
}

impl Retries {
    /// A full budget, from `now` on.
    pub fn new(limits: RetryLimits, now: LinkInstant) -> Retries {
        Retries {
            limits,
            saved: AtomicU64::new(u64::from(limits.max_saved) * ONE_RETRY),
            counted_until: AtomicU64::new(now.0),
            closed: AtomicBool::new(false),
        }
    }

    /// No retries any more: the container is shut down.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// An idempotent call is made for the first time.
    pub(crate) fn note_call(&self) {
        self.save(u64::from(self.limits.percent) * ONE_RETRY / 100);
    }

    /// Takes a retry out of the budget.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn take(&self, now: LinkInstant) -> Result<(), NoRetry> {
        if self.closed.load(Ordering::Acquire) {
            return Err(NoRetry::Closed);
        }
        self.count_time(now);
        let spend = |saved: u64| saved.checked_sub(ONE_RETRY);
        let taken = self.saved.fetch_update(Ordering::AcqRel, Ordering::Acquire, spend);
        taken.map(drop).map_err(|_| NoRetry::Spent)
    }

    fn save(&self, thousandths: u64) {
        let most = u64::from(self.limits.max_saved) * ONE_RETRY;
        // A full budget, as it mostly is, costs a look.
        let save = |saved: u64| (saved < most).then(|| saved.saturating_add(thousandths).min(most));
        self.saved.fetch_update(Ordering::AcqRel, Ordering::Acquire, save).ok();
    }

    fn count_time(&self, now: LinkInstant) {
        let until = LinkInstant(self.counted_until.fetch_max(now.0, Ordering::AcqRel));
        // A millisecond of one retry a second is a thousandth of a retry.
        self.save(now.since(until).saturating_mul(self.limits.per_second.into()));
    }
}

/// Names an idempotent call, whichever attempt it is: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey(u128);

impl CallKey {
    /// A key that nobody can guess. `None` where the system gives no random bits: the call then goes without.
    pub(crate) fn random() -> Option<CallKey> {
        let mut bytes = [0; 16];
        match chance::fill(&mut bytes) {
            Ok(()) => Some(CallKey(u128::from_le_bytes(bytes))),
            Err(error) => {
                tracing::warn!(%error, "no random bits: an idempotent call goes without a key, and may run twice");
                None
            }
        }
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever knows it may ask for the reply.
        f.write_str("CallKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(retries: &Retries, now: u64) -> usize {
        (0..1000).take_while(|_| retries.take(LinkInstant(now)).is_ok()).count()
    }

    #[test]
    fn retries_are_a_share_of_the_calls_and_a_few_a_second() {
        let limits = RetryLimits { percent: 10, per_second: 2, max_saved: 5 };
        let retries = Retries::new(limits, LinkInstant(1_000));
        assert_eq!(taken(&retries, 1_000), 5, "what is there at the start");
        (0..39).for_each(|_| retries.note_call());
        assert_eq!(taken(&retries, 1_000), 3);
        retries.note_call();
        assert_eq!(taken(&retries, 1_000), 1, "what was over is not lost");
        assert_eq!(taken(&retries, 1_499), 0);
        assert_eq!(taken(&retries, 1_500), 1);
        (0..50).for_each(|_| retries.note_call());
        assert_eq!(taken(&retries, 60_000), 5, "no more is saved");
    }

    #[test]
    fn looks_in_quick_succession_lose_no_time() {
        let limits = RetryLimits { percent: 0, per_second: 3, max_saved: 1 };
        let retries = Retries::new(limits, LinkInstant(0));
        let taken = (0..10_000).filter(|now| retries.take(LinkInstant(*now)).is_ok()).count();
        assert_eq!(taken, 30, "one at the start, then one each third of a second");
    }

    #[test]
    fn a_budget_of_nothing_and_a_closed_one_give_nothing() {
        let none = RetryLimits { percent: 0, per_second: 0, max_saved: 0 };
        let retries = Retries::new(none, LinkInstant(0));
        retries.note_call();
        assert_eq!(retries.take(LinkInstant(u64::MAX)), Err(NoRetry::Spent));
        retries.close();
        assert_eq!(retries.take(LinkInstant(u64::MAX)), Err(NoRetry::Closed));
    }

    #[test]
    fn keys_are_32_digits_and_never_the_same() {
        let keys: std::collections::HashSet<String> =
            (0..1000).filter_map(|_| CallKey::random()).map(|key| key.to_string()).collect();
        assert_eq!(keys.len(), 1000);
        assert!(keys.iter().all(|key| key.len() == 32));
    }
}
