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

/// A number that nobody else has, as a UUID of version 4. Where the system gives no random bits it can be guessed, and the
/// log says so.
pub fn uuid() -> u128 {
    let mut bytes = [0; 16];
    if let Err(error) = fill(&mut bytes) {
        tracing::warn!(%error, "no random bits: a number is made that can be guessed");
        fastrand::fill(&mut bytes);
    }
    let random = u128::from_be_bytes(bytes);
    // What RFC 9562 wants of the bits 48 to 51 and 64 to 65.
    random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_uuid_says_its_version_and_is_another_each_time() {
        let (one, another) = (super::uuid(), super::uuid());
        assert_ne!(one, another);
        for uuid in [one, another] {
            assert_eq!(((uuid >> 76) & 0xf, (uuid >> 62) & 0x3), (4, 2), "{uuid:032x}");
        }
    }
}
