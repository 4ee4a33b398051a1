//! Link time: deadlines, handshakes, pauses before a restart. Always real, whatever the agents' clock says; on a thread
//! that runs a simulation it is the simulation's.
//!
//! One timer a worker drives the worker's table of deadlines: it sleeps until the earliest one. Neighbours: the
//! table is in `agents` ([`deadlines`]); all sleeps of links come from here.

use std::cell::RefCell;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use folkmoot_agents::Sleep;
use folkmoot_agents::deadlines::{self, LinkInstant, LinkTimer, SharedDeadlines};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::sim::virtual_time;

const NOTHING_DUE: u64 = u64::MAX;
/// Who sleeps longer sleeps in parts.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 86_400);

/// Where link time begins: the first look at it.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(instant_now)
}

#[allow(clippy::disallowed_methods, reason = "link time is the one place that reads the monotonic clock")]
fn instant_now() -> Instant {
    Instant::now()
}

/// Link time since its beginning.
pub(crate) fn elapsed() -> Duration {
    if let Some(elapsed) = virtual_time::elapsed() {
        return elapsed;
    }
    instant_now().saturating_duration_since(origin())
}

/// The present moment of link time.
pub(crate) fn now() -> LinkInstant {
    LinkInstant(u64::try_from(elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// Sleeps on link time.
#[allow(clippy::disallowed_methods, reason = "link time is the one place that holds its timers")]
#[track_caller]
pub(crate) fn sleep(duration: Duration) -> Sleep {
    if let Some(time) = virtual_time::here() {
        return time.sleep(duration);
    }
    Box::pin(tokio::time::sleep(duration))
}

/// `future`'s output, or `None` once `duration` of link time has passed.
pub(crate) async fn within<F: Future>(duration: Duration, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = sleep(duration) => None,
    }
}

/// Drives one table of deadlines.
#[derive(Debug)]
pub(crate) struct Timer {
    earliest: AtomicU64,
    armed: Notify,
    running: AtomicBool,
}

impl Timer {
    fn new() -> Arc<Timer> {
        Arc::new(Timer {
            earliest: AtomicU64::new(NOTHING_DUE),
            armed: Notify::new(),
            running: AtomicBool::new(true),
        })
    }

    /// Sleeps until something is due and lets `expire` wake it, for ever.
    async fn run(self: Arc<Timer>, expire: impl Fn() -> Option<LinkInstant>) {
        let _running = RunningFlag(&self.running);
        loop {
            let earliest = self.earliest.load(Ordering::Acquire);
            if earliest == NOTHING_DUE {
                self.armed.notified().await;
                continue;
            }
            let due = Duration::from_millis(LinkInstant(earliest).since(now()));
            tokio::select! {
                biased;
                () = self.armed.notified() => {}
                () = sleep(due) => {
                    self.earliest.store(NOTHING_DUE, Ordering::Release);
                    if let Some(next) = expire() {
                        self.earliest.fetch_min(next.0, Ordering::AcqRel);
                    }
                }
            }
        }
    }
}

/// Lowered when the runtime that drove a timer is gone.
struct RunningFlag<'a>(&'a AtomicBool);

impl Drop for RunningFlag<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl LinkTimer for Timer {
    fn now(&self) -> LinkInstant {
        now()
    }

    fn arm(&self, earliest: LinkInstant) {
        self.earliest.fetch_min(earliest.0, Ordering::AcqRel);
        self.armed.notify_one();
    }
}

thread_local! {
    static TIMER: RefCell<Option<Arc<Timer>>> = const { RefCell::new(None) };
}

/// Gives the current worker its timer, unless it has one that runs.
pub(crate) fn install_on_worker() {
    let runs = TIMER
        .with(|timer| timer.borrow().as_ref().is_some_and(|timer| timer.running.load(Ordering::Acquire)));
    if !runs {
        let timer = Timer::new();
        TIMER.with(|slot| *slot.borrow_mut() = Some(timer.clone()));
        deadlines::install(timer.clone());
        actix::spawn(timer.run(deadlines::expire));
    }
}

/// The deadlines of threads that are no workers, driven by the current worker: by a task that is given too.
pub(crate) fn shared_deadlines() -> (Arc<SharedDeadlines>, JoinHandle<()>) {
    let timer = Timer::new();
    let shared = SharedDeadlines::new(timer.clone());
    let expired = Arc::downgrade(&shared);
    let driver = actix::spawn(timer.run(move || expired.upgrade().and_then(|shared| shared.expire())));
    (shared, driver)
}
