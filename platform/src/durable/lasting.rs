//! A trouble that lasts until somebody mends it: the log has a line when it begins, and one now and then while it lasts.
//!
//! Always true: it is told of at most once in [`TOLD_EVERY`], on link time, however often it is met. Neighbours:
//! [`claim`](super::claim) asks for what is refused, [`answers`](super::answers) receives what does not come.

use std::time::Duration;

use crate::link_time;

/// From one line of a trouble to the next.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(600);

/// Whether, and when, it was told of.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    told_at: Option<Duration>,
}

impl Lasting {
    /// A trouble that somebody else has told of this moment.
    pub(super) fn told_already() -> Lasting {
        Lasting { told_at: Some(link_time::elapsed()) }
    }

    /// It is met: whether it is to be told of now.
    pub(super) fn is_to_be_told(&mut self) -> bool {
        let now = link_time::elapsed();
        let is_due = self.told_at.is_none_or(|told_at| now.saturating_sub(told_at) >= TOLD_EVERY);
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }

    /// It is over: whether it was told of.
    pub(super) fn is_over(&mut self) -> bool {
        self.told_at.take().is_some()
    }
}
