//! What agents do with a clock beside sleeping: at a moment, every so often, for so long at most.
//!
//! Always true: what repeats goes from due time to due time, and so never drifts; what was missed is not made up for.
//! Neighbours: [`clock`](crate::clock) is the trait, [`life`](crate::life) drives `#[every]`.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::clock::{Clock, Sleep};
use crate::timestamp::Timestamp;

/// A moment that has passed, where one to come was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Date \"{moment}\" is in the past: the clock is at \"{now}\"; name a moment after that")]
pub struct InThePast {
    /// The moment that was asked for.
    pub moment: Timestamp,
    /// What the clock showed.
    pub now: Timestamp,
}

/// What was waited for did not come within its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not done within {0:?} of the container's clock")]
pub struct TimedOut(pub Duration);

/// When what is done every `period` is due again, where it was due at `due` and is looked after at `now`.
pub(crate) fn next_due(due: Timestamp, period: Duration, now: Timestamp) -> Timestamp {
    let mut next = due + period;
    if next < now {
        let behind = (now.0 - next.0).as_nanos() / period.as_nanos().max(1);
        next = next + period * u32::try_from(behind).unwrap_or(u32::MAX);
    }
    // A clock that was set back must not keep its timers waiting until it has caught up.
    next.min(now + period)
}

/// Moments that come every so often.
pub struct Ticks<'c> {
    clock: &'c (dyn Clock + 'static),
    due: Timestamp,
    period: Duration,
    sleep: Sleep,
}

impl fmt::Debug for Ticks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticks").field("due", &self.due).field("period", &self.period).finish_non_exhaustive()
    }
}

impl Ticks<'_> {
    /// Waits for the next one and says when it was due. Dropped before, nothing is lost.
    pub async fn next(&mut self) -> Timestamp {
        self.sleep.as_mut().await;
        let due = self.due;
        self.due = next_due(due, self.period, self.clock.now());
        self.sleep = self.clock.sleep_until(self.due);
        due
    }
}

impl dyn Clock {
    /// Runs `work` at `moment`; dropped before, it never runs.
    ///
    /// # Errors
    /// `InThePast`, at once: the moment is not after the clock's.
    pub fn at<F: Future>(
        &self,
        moment: Timestamp,
        work: F,
    ) -> Result<impl Future<Output = F::Output> + use<F>, InThePast> {
        let now = self.now();
        if moment <= now {
            return Err(InThePast { moment, now });
        }
        let sleep = self.sleep_until(moment);
        Ok(async move {
            sleep.await;
            work.await
        })
    }

    /// Moments that come every `period` from now on; the first after one period. A period of none is one nanosecond.
    pub fn every(&self, period: Duration) -> Ticks<'_> {
        let period = period.max(Duration::from_nanos(1));
        let due = self.now() + period;
        Ticks { clock: self, due, period, sleep: self.sleep_until(due) }
    }

    /// What `work` gives, where it is done within `time` of this clock. Calls have a deadline on link time beside this.
    ///
    /// # Errors
    /// `TimedOut`: it was not, and has been dropped.
    pub async fn timeout<F: Future>(&self, time: Duration, work: F) -> Result<F::Output, TimedOut> {
        let sleep = self.sleep(time);
        match select(pin!(work), sleep).await {
            Either::Left((output, _)) => Ok(output),
            Either::Right(((), _)) => Err(TimedOut(time)),
        }
    }
}
