//! The agents' time. Deadlines of calls do not run on it: they run on link time.
//!
//! Neighbours: the platform provides the clocks; [`Context::clock`](crate::Context::clock) hands one out.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// A moment of a clock: the time since the UNIX epoch, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub Duration);

impl Timestamp {
    /// Seconds since the UNIX epoch.
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(duration))
    }
}

/// A sleep: done when the clock has reached its moment. Dropped, it is cancelled.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The time that agents live by.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
    /// Sleeps until `moment`; done at once if it has passed.
    fn sleep_until(&self, moment: Timestamp) -> Sleep;
    /// Sleeps for `duration`.
    fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }
}
