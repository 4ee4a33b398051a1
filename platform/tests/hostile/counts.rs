//! A recorder of metrics for one container: its counters by name.
//!
//! Installed on the thread while the container starts, for that is when the handles are taken. Neighbour: `rig`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// What one container has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    cells: Arc<Mutex<HashMap<String, Arc<AtomicU64>>>>,
}

impl Counts {
    fn cell(&self, name: &str) -> Arc<AtomicU64> {
        self.cells.lock().unwrap().entry(name.to_owned()).or_default().clone()
    }

    /// What is done meanwhile; containers that start then count here for good.
    pub(crate) async fn during<F: IntoFuture>(&self, starting: F) -> F::Output {
        let _recording = metrics::set_default_local_recorder(self);
        starting.await
    }

    /// The counter of that name, without `folkmoot_` before it and `_total` behind.
    pub(crate) fn of(&self, name: &str) -> u64 {
        let full = format!("folkmoot_{name}_total");
        assert!(self.cells.lock().unwrap().contains_key(&full), "there is no counter {full}");
        self.cell(&full).load(Ordering::Relaxed)
    }

    /// The links that are open now.
    pub(crate) fn open_links(&self) -> f64 {
        self.gauge("links")
    }

    /// The gauge of that name, without `folkmoot_` before it.
    pub(crate) fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.cell(&format!("folkmoot_{name}")).load(Ordering::Relaxed))
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key.name()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key.name()))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
