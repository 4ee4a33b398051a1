//! Random numbers that nobody can guess, or that a seed gives again.
//!
//! Always true: they come from the system, but on a thread that runs a simulation from its seed. Neighbour:
//! [`retries`](crate::retries) makes the keys of calls of them. What need not be hard to guess, such as jitter, is
//! `fastrand`'s, whose numbers the same seed gives again.

use std::cell::Cell;

thread_local! {
    static IS_SEEDED: Cell<bool> = const { Cell::new(false) };
}

/// From now on all that is random on this thread follows from `seed`.
pub fn seed(seed: u64) {
    fastrand::seed(seed);
    IS_SEEDED.set(true);
}

/// Fills `bytes`.
///
/// # Errors
/// The system gives no random bits.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), getrandom::Error> {
    if IS_SEEDED.get() {
        fastrand::fill(bytes);
        return Ok(());
    }
    getrandom::fill(bytes)
}
