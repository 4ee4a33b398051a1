//! The clock that agents live by when nobody drives it: the wall clock.
//!
//! Neighbours: `agents` holds the trait; [`link_time`](crate::link_time) is the other time of a container.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use folkmoot_agents::{Clock, Sleep, Timestamp};

use crate::sim::virtual_time;

/// The machine's wall clock, in UTC. In a simulation there is no machine: it shows virtual time there.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that reads the machine's time")]
    fn now(&self) -> Timestamp {
        if let Some(elapsed) = virtual_time::elapsed() {
            return virtual_time::EPOCH + elapsed;
        }
        Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO))
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        crate::link_time::sleep(moment.0.saturating_sub(self.now().0))
    }
}
