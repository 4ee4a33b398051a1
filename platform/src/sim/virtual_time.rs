//! Virtual time: the clocks and the link time of the thread that runs a simulation.
//!
//! Always true: it goes on only when nothing on the thread can, and then to the next moment for which somebody waits; at
//! one moment sleepers wake in the order in which they began to sleep. Neighbours: [`link_time`](crate::link_time) and the
//! clocks ask here first, [`runner`](super::runner) lets it go on.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use folkmoot_agents::{Sleep, Timestamp, worked};

/// What the clocks of a simulation show at its beginning: 2026-01-01T00:00:00 in UTC.
pub(crate) const EPOCH: Timestamp = Timestamp(Duration::from_secs(1_767_225_600));
/// What is due then never comes: sums of times end at the longest, and whoever sleeps that long sleeps for ever.
const NEVER: Duration = Duration::from_secs(u64::MAX / 2);
/// How many of the last who woke are told of a run that does not end.
const WOKEN_KEPT: usize = 256;

thread_local! {
    static HERE: RefCell<Option<Arc<VirtualTime>>> = const { RefCell::new(None) };
}

/// The virtual time of this thread, where it runs a simulation.
pub(crate) fn here() -> Option<Arc<VirtualTime>> {
    HERE.with(|here| here.borrow().clone())
}

/// Whether this thread runs a simulation.
pub(crate) fn is_here() -> bool {
    HERE.with(|here| here.borrow().is_some())
}

/// The virtual time since the beginning, where this thread runs a simulation.
pub(crate) fn elapsed() -> Option<Duration> {
    HERE.with(|here| here.borrow().as_ref().map(|time| time.elapsed()))
}

/// This thread lives by that time from now on.
pub(super) fn enter(time: Option<Arc<VirtualTime>>) {
    HERE.with(|here| *here.borrow_mut() = time);
}

/// The time of one simulation.
pub(crate) struct VirtualTime {
    state: Mutex<State>,
}

struct State {
    now: Duration,
    next: u64,
    moments: u64,
    sleepers: BTreeMap<(Duration, u64), Sleeper>,
    woken: VecDeque<Who>,
}

struct Sleeper {
    who: Who,
    waker: Option<Waker>,
}

/// Who waits for a moment.
#[derive(Clone)]
pub(super) struct Who {
    agent: Option<Arc<str>>,
    place: &'static Location<'static>,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.agent {
            Some(agent) => write!(f, "agent {agent}"),
            // The file alone: lines change with each version.
            None => write!(f, "{}", self.place.file()),
        }
    }
}

impl VirtualTime {
    pub(super) fn new() -> Arc<VirtualTime> {
        Arc::new(VirtualTime {
            state: Mutex::new(State {
                now: Duration::ZERO,
                next: 0,
                moments: 0,
                sleepers: BTreeMap::new(),
                woken: VecDeque::new(),
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.state().now
    }

    /// A sleep of that length.
    #[track_caller]
    pub(crate) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        if duration.is_zero() {
            // Others have their turn before, so that whoever does nothing else is found to be busy.
            return Box::pin(tokio::task::yield_now());
        }
        let mut state = self.state();
        let key = (state.now.saturating_add(duration), state.next);
        state.next += 1;
        let who = Who { agent: worked::agent(), place: Location::caller() };
        state.sleepers.insert(key, Sleeper { who, waker: None });
        Box::pin(Sleeping { time: self.clone(), key })
    }

    /// How many moments have come so far.
    pub(super) fn moments(&self) -> u64 {
        self.state().moments
    }

    /// Goes to the next moment for which somebody waits and wakes all who do; `false` where nobody does.
    pub(super) fn go_on(&self) -> bool {
        let mut wakers = Vec::new();
        {
            let mut state = self.state();
            let first = state.sleepers.first_key_value().map(|((due, _), _)| *due);
            let Some(due) = first.filter(|due| *due < NEVER) else { return false };
            state.now = due;
            state.moments += 1;
            while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 == due) {
                let Sleeper { who, waker } = entry.remove();
                wakers.extend(waker);
                if state.woken.len() == WOKEN_KEPT {
                    state.woken.pop_front();
                }
                state.woken.push_back(who);
            }
        }
        worked::forget_last_agent();
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// Who was at work last at this moment, as far as is known.
    pub(super) fn last_at_work(&self) -> String {
        let agent = worked::last_agent().map(|agent| format!("agent {agent}"));
        agent.unwrap_or_else(|| self.most_woken())
    }

    /// Who has been woken most often of late, and how often.
    pub(super) fn most_woken(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let state = self.state();
        for who in &state.woken {
            *counts.entry(who.to_string()).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let told = counts.iter().take(5).map(|(who, count)| format!("{who} ({count} times)"));
        format!(
            "of the last {} sleepers that woke: {}",
            state.woken.len(),
            told.collect::<Vec<_>>().join(", ")
        )
    }
}

struct Sleeping {
    time: Arc<VirtualTime>,
    key: (Duration, u64),
}

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A waker may be the last that holds a task, and with it other sleeps: none is dropped under the lock.
        let _old;
        match self.time.state().sleepers.get_mut(&self.key) {
            Some(sleeper) => {
                _old = match &sleeper.waker {
                    Some(waker) if waker.will_wake(cx.waker()) => None,
                    _ => sleeper.waker.replace(cx.waker().clone()),
                };
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        let _sleeper = self.time.state().sleepers.remove(&self.key);
    }
}
