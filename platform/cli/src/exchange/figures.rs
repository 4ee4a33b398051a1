//! The counters of a server, kept in the process and written as Prometheus reads them.
//!
//! Always true: what is registered under the same name and labels is one number. Neighbour: [`serve`](super::serve) says
//! when they are written; the names are in `folkmoot::METRICS`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// All numbers, by their names with labels; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures(Arc<Mutex<BTreeMap<String, Figure>>>);

#[derive(Clone, Debug)]
enum Figure {
    Counter(Arc<AtomicU64>),
    /// The bits of a number with fractions.
    Gauge(Arc<AtomicU64>),
}

impl Figure {
    fn number(&self) -> f64 {
        match self {
            Figure::Counter(cell) => cell.load(Ordering::Relaxed) as f64,
            Figure::Gauge(cell) => f64::from_bits(cell.load(Ordering::Relaxed)),
        }
    }
}

impl Figures {
    /// Has all that starts from now on in this process count here.
    ///
    /// # Errors
    /// Where the process counts elsewhere already.
    pub(super) fn install() -> folkmoot::Result<Figures> {
        let figures = Figures::default();
        metrics::set_global_recorder(figures.clone())
            .map_err(|_| "the process has a recorder of metrics already; one process serves one exchange")?;
        Ok(figures)
    }

    /// Those that are not zero, a line each.
    pub(super) fn text(&self) -> String {
        let figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, number) in figures.iter().map(|(name, figure)| (name, figure.number())) {
            if number != 0.0 {
                // Writing to a string does not fail.
                writeln!(text, "{name} {number}").ok();
            }
        }
        text
    }

    fn cell(&self, key: &Key, new: fn(Arc<AtomicU64>) -> Figure) -> Arc<AtomicU64> {
        let mut figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match figures.entry(name(key)).or_insert_with(|| new(Arc::default())) {
            Figure::Counter(cell) | Figure::Gauge(cell) => cell.clone(),
        }
    }
}

/// A metric's name with its labels, as in `folkmoot_links{node="a"}`.
fn name(key: &Key) -> String {
    let labels: Vec<String> =
        key.labels().map(|label| format!("{}={:?}", label.key(), label.value())).collect();
    match labels.is_empty() {
        true => key.name().to_owned(),
        false => format!("{}{{{}}}", key.name(), labels.join(",")),
    }
}

impl Recorder for Figures {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key, Figure::Counter))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key, Figure::Gauge))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        // Folkmoot has none.
        Histogram::noop()
    }
}
