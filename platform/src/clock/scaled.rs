//! A clock that runs at n times the speed of real time.
//!
//! Neighbours: [`real`](super::real) runs at its own; [`link_time`] is what both measure by.

use std::time::Duration;

use folkmoot_agents::{Clock, Sleep, Timestamp};

use super::ClockError;
use crate::link_time;

/// How many times as fast as real time a clock may go; the inverse is the slowest.
const MOST_SPEED: f64 = 1e9;

/// Time at n times the speed of real time, from a moment of one's choice on.
///
/// ```
/// use folkmoot::{ScaledClock, Timestamp};
///
/// let start: Timestamp = "2026-01-01T00:00:00".parse()?;
/// let clock = ScaledClock::new(start, 60.0)?; // an hour in a minute
/// # Ok::<(), folkmoot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ScaledClock {
    start: Timestamp,
    speed: f64,
    began: Duration,
}

impl ScaledClock {
    /// A clock that shows `start` now and goes `speed` times as fast as real time: a billionth of it to a billion
    /// times.
    ///
    /// # Errors
    /// `Speed`, where it is no number within these.
    pub fn new(start: Timestamp, speed: f64) -> Result<ScaledClock, ClockError> {
        // Not a number is in no range.
        if !(1.0 / MOST_SPEED..=MOST_SPEED).contains(&speed) {
            return Err(ClockError::Speed(speed));
        }
        Ok(ScaledClock { start, speed, began: link_time::elapsed() })
    }

    fn reading(&self) -> Timestamp {
        let elapsed = link_time::elapsed().saturating_sub(self.began);
        let scaled = Duration::try_from_secs_f64(elapsed.as_secs_f64() * self.speed);
        self.start + scaled.unwrap_or(Duration::MAX)
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        self.reading()
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                let left = moment.since(clock.reading());
                if left.is_zero() {
                    return;
                }
                let real = Duration::try_from_secs_f64(left.as_secs_f64() / clock.speed);
                // A sleep of no time at all would never come to the moment.
                let real = real.unwrap_or(link_time::LONGEST_SLEEP);
                link_time::sleep(real.clamp(Duration::from_nanos(1), link_time::LONGEST_SLEEP)).await;
            }
        })
    }
}
