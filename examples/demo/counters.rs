//! What a node counted, and the agent that tells it.
//!
//! The platform counts through the `metrics` facade; this is the smallest recorder that keeps the counters. Always
//! true: it is installed before the node's container starts, which takes its handles then. Neighbour:
//! [`day`](crate::day) reads the counters of all nodes when the day is over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use folkmoot::prelude::*;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Agents that were started anew after a crash.
pub(crate) const RESTARTS: &str = "folkmoot_restarts_total";
/// Links opened again after they had broken.
pub(crate) const RECONNECTS: &str = "folkmoot_reconnects_total";

/// All counters of this process, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    by_name: Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>,
}

impl Counters {
    /// Counters that the containers of this process count in from now on.
    ///
    /// # Errors
    /// Where the process has a recorder already.
    pub(crate) fn install() -> Result<Counters> {
        let counters = Counters::default();
        metrics::set_global_recorder(counters.clone()).map_err(|error| error.to_string())?;
        Ok(counters)
    }

    fn all(&self) -> BTreeMap<String, u64> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.iter().map(|(name, count)| (name.clone(), count.load(Ordering::Relaxed))).collect()
    }
}

impl Recorder for Counters {
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        Counter::from_arc(by_name.entry(key.name().to_owned()).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }

    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
}

/// Tells what its node counted.
#[derive(Agent)]
pub(crate) struct Teller {
    counters: Counters,
}

#[agent]
impl Teller {
    /// All counters of the node, by name.
    #[expose]
    fn counters(&self) -> BTreeMap<String, u64> {
        self.counters.all()
    }
}

impl Teller {
    pub(crate) fn new(counters: Counters) -> Teller {
        Teller { counters }
    }
}
