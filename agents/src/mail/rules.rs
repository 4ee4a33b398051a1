//! How an agent treats the mail in its mailbox.
//!
//! Neighbour: [`inbox`](super::inbox) keeps to it; whoever spawns an agent sets it.

use std::time::Duration;

/// How an agent treats its mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailRules {
    /// Mails that it has in hand at once: queued for their handlers, being handled, or being acknowledged. With 1 each
    /// mail is done with before the next is begun, also where it is tried again.
    pub in_hand: usize,
    /// The pause before a mail that failed is tried for the second time; it doubles with each attempt.
    pub first_pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// The attempt from which on a mail that crashes its agent is a dead letter.
    pub crashes: u32,
}

impl Default for MailRules {
    fn default() -> MailRules {
        MailRules {
            in_hand: 16,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(30),
            crashes: 3,
        }
    }
}

impl MailRules {
    /// The pause after a failed attempt, of which the first is 1: between half of its length and the whole.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let whole = self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause);
        whole.div_f64(2.0) + whole.div_f64(2.0).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_with_jitter_below() {
        let rules = MailRules::default();
        for (attempt, whole) in [(1, 100), (2, 200), (5, 1600), (9, 25_600), (10, 30_000), (u32::MAX, 30_000)]
        {
            let pause = rules.pause(attempt);
            let whole = Duration::from_millis(whole);
            assert!(pause <= whole && pause >= whole / 2, "{attempt}: {pause:?}");
        }
    }
}
