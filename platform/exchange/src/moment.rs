//! A moment as the exchange's clock tells it, and the clock itself.
//!
//! Always true: leases, expiry, delays and heartbeats are judged by the clock that the exchange was given, and by no
//! other. Nothing in this crate reads a clock of the machine. Neighbour: [`engine`](crate::engine) asks it.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use futures_util::future::BoxFuture;

/// A moment of an exchange's clock, in milliseconds since the UNIX epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The beginning of 1970.
    pub const EPOCH: Moment = Moment(0);

    /// A moment that never comes.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// The moment so many milliseconds after the UNIX epoch.
    pub const fn from_millis(millis: u64) -> Moment {
        Moment(millis)
    }

    /// Milliseconds since the UNIX epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; none if it lies before.
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} s after 1970", self.0 / 1000, self.0 % 1000)
    }
}

/// The time that an exchange lives by.
///
/// It must not go backwards: an exchange would take up leases that are over.
pub trait ExchangeClock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Moment;

    /// Ends at `moment`, at once where it has passed.
    fn sleep_until(&self, moment: Moment) -> BoxFuture<'static, ()>;
}
