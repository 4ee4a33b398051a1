//! The agents' time. Deadlines of calls do not run on it: they run on link time.
//!
//! Neighbours: the platform provides the clocks; [`Context::clock`](crate::Context::clock) hands one out; what one does
//! with it beside sleeping is in [`timers`](crate::timers).

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::time::Duration;

use crate::host::BoxFuture;
use crate::timestamp::Timestamp;

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
    /// Told of each container that lives by the clock, when it starts: for clocks that wait until agents have done what
    /// was due.
    fn attend(&self, _place: Weak<dyn Workplace>) {}
    /// Whether it shows the time of a simulation, in which its containers must be.
    fn is_virtual(&self) -> bool {
        false
    }
}

/// A container, as a clock sees it that is driven from outside.
pub trait Workplace: Send + Sync + 'static {
    /// Done when each worker has been through all that could go on when this was asked: how much it has worked so far,
    /// by worker. Where two answers in a row are the same, nothing can go on by itself.
    fn work(&self) -> BoxFuture<'static, Vec<u64>>;
    /// How many calls its agents have sent over links that are not answered, but for those that were set aside.
    fn calls_out(&self) -> usize;
    /// The calls over links that are not answered by now count no more.
    fn set_calls_aside(&self);
    /// Runs `future` on a worker; `false` where there is none any more.
    fn drive(&self, future: BoxFuture<'static, ()>) -> bool;
}
