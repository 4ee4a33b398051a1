//! Faults by chance, from the seed: what a script would do, at moments and to nodes that nobody chose.
//!
//! Always true: each fault ends again, and when chaos ends, nothing is parted or stalled and every node runs. Neighbour:
//! [`Sim`] does what is chosen here.

use std::time::Duration;

use super::network::part;
use super::{Sim, SimError};
use crate::link_time;

/// Which faults happen by chance, how often, and for how long.
#[derive(Clone, Debug)]
pub struct Chaos {
    kinds: Vec<Kind>,
    pause: Duration,
    lasts: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    Partition,
    Stall,
    Cut,
    Slow,
    Skew,
}

impl Default for Chaos {
    /// All faults, about every ten seconds, for up to five.
    fn default() -> Chaos {
        let kinds = vec![Kind::Crash, Kind::Partition, Kind::Stall, Kind::Cut, Kind::Slow, Kind::Skew];
        Chaos { kinds, pause: Duration::from_secs(10), lasts: Duration::from_secs(5) }
    }
}

impl Chaos {
    /// No crashes of nodes.
    pub fn without_crashes(mut self) -> Chaos {
        self.kinds.retain(|kind| *kind != Kind::Crash);
        self
    }

    /// No clocks that are wrong.
    pub fn without_skew(mut self) -> Chaos {
        self.kinds.retain(|kind| *kind != Kind::Skew);
        self
    }

    /// Between two faults lies up to twice this time, and this on average.
    pub fn every(mut self, pause: Duration) -> Chaos {
        self.pause = pause;
        self
    }

    /// A fault lasts up to this time.
    pub fn lasting(mut self, time: Duration) -> Chaos {
        self.lasts = time;
        self
    }
}

impl Sim {
    /// Lets faults happen by chance, one after the other, for `time`. It is awaited, or spawned beside what is tested.
    ///
    /// # Errors
    /// `NotStarted`, where a node does not come back; `Fault`, where there are no nodes to be at fault.
    pub async fn chaos(&self, chaos: &Chaos, time: Duration) -> Result<(), SimError> {
        let until = self.elapsed().saturating_add(time);
        loop {
            let pause = part(chaos.pause, 2.0 * fastrand::f64()).max(Duration::from_millis(1));
            let left = until.saturating_sub(self.elapsed());
            if left <= pause {
                link_time::sleep(left).await;
                return Ok(());
            }
            link_time::sleep(pause).await;
            let lasts = part(chaos.lasts, fastrand::f64()).min(until.saturating_sub(self.elapsed()));
            self.fault(chaos, lasts).await?;
        }
    }

    async fn fault(&self, chaos: &Chaos, lasts: Duration) -> Result<(), SimError> {
        let names = self.running();
        if names.len() + self.crashed().len() < 2 || chaos.kinds.is_empty() {
            let short = "chaos needs two nodes at least: start them with `sim.node(..)` before";
            return Err(SimError::Fault(short.to_owned()));
        }
        // A script may have nodes crash meanwhile.
        if names.len() < 2 {
            return Ok(());
        }
        let at = fastrand::usize(..names.len());
        // Another one.
        let other = (at + 1 + fastrand::usize(..names.len() - 1)) % names.len();
        let (a, b) = (names[at].as_str(), names[other].as_str());
        match chaos.kinds[fastrand::usize(..chaos.kinds.len())] {
            Kind::Crash => {
                self.crash(a).await?;
                link_time::sleep(lasts).await;
                match self.restart(a).await {
                    // Somebody else did so already.
                    Ok(_) | Err(SimError::Runs { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Kind::Partition => {
                let rest: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != a).collect();
                self.partition(&[a], &rest);
                link_time::sleep(lasts).await;
                self.heal_between(&[a], &rest);
            }
            Kind::Stall => {
                self.stall(a, b);
                link_time::sleep(lasts).await;
                self.release(a, b);
            }
            Kind::Cut => {
                self.cut(a, b);
            }
            Kind::Slow => {
                self.delay(a, b, lasts / 10, lasts / 10);
                link_time::sleep(lasts).await;
                self.usual_delay(a, b);
            }
            Kind::Skew => {
                let by = Duration::from_secs(fastrand::u64(..7_200));
                if fastrand::bool() { self.set_ahead(a, by)? } else { self.set_behind(a, by)? }
            }
        }
        Ok(())
    }
}
