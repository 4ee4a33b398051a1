//! How long those who want a link have patience.
//!
//! Neighbour: [`remote`](crate::remote) asks after each attempt that failed.

use std::time::Duration;

/// How long a link is tried to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Retry {
    /// One attempt.
    #[default]
    Never,
    /// Attempts for this long.
    For(Duration),
    /// Attempts until one succeeds.
    Forever,
}

impl Retry {
    /// Whether another attempt follows one that failed so many milliseconds after the first began.
    pub(crate) fn goes_on(self, after: u64) -> bool {
        match self {
            Retry::Never => false,
            Retry::Forever => true,
            Retry::For(time) => u128::from(after) < time.as_millis(),
        }
    }

    pub(crate) fn longer(self, other: Retry) -> Retry {
        match (self, other) {
            (Retry::Forever, _) | (_, Retry::Forever) => Retry::Forever,
            (Retry::For(a), Retry::For(b)) => Retry::For(a.max(b)),
            (Retry::For(d), Retry::Never) | (Retry::Never, Retry::For(d)) => Retry::For(d),
            (Retry::Never, Retry::Never) => Retry::Never,
        }
    }
}
