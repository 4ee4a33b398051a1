//! The clock of a simulation: virtual time, as a node sees it whose clock may be ahead or behind.
//!
//! Neighbour: [`virtual_time`] is what all clocks of a simulation show a view of.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use folkmoot_agents::{Clock, Sleep, Timestamp};

use super::ClockError;
use crate::sim::virtual_time::{self, EPOCH, VirtualTime};

/// Time that costs none: when nothing in the simulation can go on, it goes to the next moment for which somebody waits.
///
/// There is one in each simulation ([`Simulation`](crate::sim::Simulation)), and containers that start in one have it
/// unless told otherwise. It begins at 2026-01-01T00:00:00 in UTC.
#[derive(Clone)]
pub struct VirtualClock {
    time: Arc<VirtualTime>,
    /// Nanoseconds.
    ahead: Arc<AtomicI64>,
}

impl std::fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VirtualClock").field("now", &self.now().to_string()).finish_non_exhaustive()
    }
}

impl VirtualClock {
    /// The clock of the simulation that this thread runs.
    ///
    /// # Errors
    /// `NoSimulation`, where it runs none.
    pub fn here() -> Result<VirtualClock, ClockError> {
        VirtualClock::skewed(Arc::default())
    }

    pub(crate) fn skewed(ahead: Arc<AtomicI64>) -> Result<VirtualClock, ClockError> {
        Ok(VirtualClock { time: virtual_time::here().ok_or(ClockError::NoSimulation)?, ahead })
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        let true_time = EPOCH + self.time.elapsed();
        let ahead = self.ahead.load(Ordering::Relaxed);
        let skew = Duration::from_nanos(ahead.unsigned_abs());
        if ahead < 0 { Timestamp(true_time.0.saturating_sub(skew)) } else { true_time + skew }
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        self.time.sleep(moment.since(self.now()))
    }

    fn is_virtual(&self) -> bool {
        true
    }
}
