//! The network of a simulation: who listens where, how long bytes travel, and what goes wrong on their way.
//!
//! Always true: what happens here depends on the seed and on the script alone. A way that is held, by a stall or a
//! partition, loses nothing: bytes arrive when it is open again, as over TCP. Neighbours: [`pipe`](super::pipe) is a
//! connection, [`transport`](super::transport) is what containers see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use folkmoot_agents::Sleep;
use folkmoot_codecs::{Endpoint, Principal};
use folkmoot_transports::{Listener, LocalDoor, LocalPair};
use tokio::sync::Notify;

use super::SimError;
use super::pipe::{Line, SimStream};
use super::trace::Writing;
use super::virtual_time::VirtualTime;

/// What distinguishes the network's random numbers from the agents', which have the same seed.
const NETWORK_SALT: u64 = 0x006e_6574_776f_726b;

/// How long bytes travel: a time, and up to so much more by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Travel {
    pub(crate) delay: Duration,
    pub(crate) jitter: Duration,
}

/// The way from one node to another, one direction.
pub(super) struct Way {
    travel: Mutex<Travel>,
    stalled: AtomicBool,
    /// How many partitions part the two.
    parted: AtomicU32,
    opened: Notify,
}

impl Way {
    fn new(travel: Travel) -> Arc<Way> {
        Arc::new(Way {
            travel: Mutex::new(travel),
            stalled: AtomicBool::new(false),
            parted: AtomicU32::new(0),
            opened: Notify::new(),
        })
    }

    /// Whether nothing arrives.
    pub(super) fn is_held(&self) -> bool {
        self.stalled.load(Ordering::Relaxed) || self.parted.load(Ordering::Relaxed) > 0
    }

    fn travel(&self) -> MutexGuard<'_, Travel> {
        self.travel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many times a time, or the longest that there is.
pub(super) fn part(time: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(time.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// Where a node listens.
pub(super) type Door = LocalDoor<SimStream>;

/// The network of one simulation.
pub(crate) struct Network {
    time: Arc<VirtualTime>,
    trace: Mutex<Writing>,
    state: Mutex<State>,
}

struct State {
    random: fastrand::Rng,
    usual: Travel,
    doors: BTreeMap<String, Door>,
    ways: BTreeMap<(String, String), Arc<Way>>,
    lines: BTreeMap<u64, Weak<Line>>,
    dialed: u64,
    /// What nodes have ever been called.
    nodes: BTreeSet<String>,
    /// Whom faults were for, and the first that was for each.
    meant: BTreeMap<String, String>,
}

impl Network {
    pub(super) fn new(time: Arc<VirtualTime>, trace: Writing, seed: u64, usual: Travel) -> Arc<Network> {
        let state = State {
            random: fastrand::Rng::with_seed(seed ^ NETWORK_SALT),
            usual,
            doors: BTreeMap::new(),
            ways: BTreeMap::new(),
            lines: BTreeMap::new(),
            dialed: 0,
            nodes: BTreeSet::new(),
            meant: BTreeMap::new(),
        };
        Arc::new(Network { time, trace: Mutex::new(trace), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trace(&self) -> MutexGuard<'_, Writing> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }

    pub(super) fn sleep(&self, duration: Duration) -> Sleep {
        self.time.sleep(duration)
    }

    /// A line of the trace.
    pub(super) fn event(&self, event: &str) {
        let at = self.elapsed();
        self.trace().event(at, event);
    }

    /// There is a node of that name.
    pub(super) fn know(&self, name: &str) {
        self.state().nodes.insert(name.to_owned());
    }

    /// A fault, told as `event`, is for nodes of these names, which may yet come.
    pub(super) fn mean(&self, names: &[&str], event: &str) {
        let mut state = self.state();
        for name in names.iter().filter(|name| !name.is_empty()) {
            state.meant.entry((*name).to_owned()).or_insert_with(|| event.to_owned());
        }
    }

    /// A fault that was for a node which there never was.
    pub(super) fn meant_nobody(&self) -> Option<SimError> {
        let state = self.state();
        let (name, event) = state.meant.iter().find(|(name, _)| !state.nodes.contains(*name))?;
        let known = state.nodes.iter().cloned().collect::<Vec<_>>().join(", ");
        Some(SimError::MeantNobody { event: event.clone(), name: name.clone(), known })
    }

    pub(super) fn frame(&self, from: &str, to: &str, frame: &[u8]) {
        let at = self.elapsed();
        self.trace().frame(at, from, to, frame);
    }

    /// A number below `bound`, from the seed; 0 where that is the only one.
    pub(super) fn random_below(&self, bound: usize) -> usize {
        self.state().random.usize(..bound.max(1))
    }

    /// How long bytes take that leave now.
    pub(super) fn travel_time(&self, way: &Way) -> Duration {
        let Travel { delay, jitter } = *way.travel();
        if jitter.is_zero() {
            return delay;
        }
        delay.saturating_add(part(jitter, self.state().random.f64()))
    }

    pub(super) fn way(&self, from: &str, to: &str) -> Arc<Way> {
        let mut state = self.state();
        let usual = state.usual;
        state.ways.entry((from.to_owned(), to.to_owned())).or_insert_with(|| Way::new(usual)).clone()
    }

    /// Opens a door at `name`; `None` where one is open.
    pub(super) fn listen(
        &self,
        name: &str,
        endpoint: &Endpoint,
        keeper: &Principal,
    ) -> Option<Box<dyn Listener>> {
        let mut state = self.state();
        if state.doors.get(name).is_some_and(|door| !door.is_closed()) {
            return None;
        }
        state.nodes.insert(keeper.node_name().to_owned());
        let (door, listener) = Door::open(keeper.clone(), endpoint.clone());
        state.doors.insert(name.to_owned(), door);
        Some(listener)
    }

    pub(super) fn door(&self, name: &str) -> Option<Door> {
        self.state().doors.get(name).filter(|door| !door.is_closed()).cloned()
    }

    /// Travels that way once: waits while it is held, and as long as bytes take.
    pub(super) async fn travel(&self, way: &Way) {
        loop {
            while way.is_held() {
                way.opened.notified().await;
            }
            let time = self.travel_time(way);
            self.sleep(time).await;
            if !way.is_held() {
                return;
            }
        }
    }

    /// A connection between two nodes.
    pub(super) fn connect(self: &Arc<Self>, dialer: &str, keeper: &str) -> LocalPair<SimStream> {
        let ways = [self.way(dialer, keeper), self.way(keeper, dialer)];
        let line = Line::new(self.clone(), [dialer.into(), keeper.into()], ways);
        let (near, far) = SimStream::both(&line);
        let mut state = self.state();
        state.lines.retain(|_, line| line.strong_count() > 0);
        state.dialed += 1;
        let number = state.dialed;
        state.lines.insert(number, Arc::downgrade(&line));
        LocalPair { near, far, number }
    }

    fn lines(&self) -> Vec<Arc<Line>> {
        self.state().lines.values().filter_map(Weak::upgrade).collect()
    }

    /// Sets how long bytes travel from one to the other, and back.
    pub(super) fn set_travel(&self, a: &str, b: &str, travel: Travel) {
        *self.way(a, b).travel() = travel;
        *self.way(b, a).travel() = travel;
    }

    /// How long bytes travel between nodes of which nothing else is said.
    pub(super) fn usual(&self) -> Travel {
        self.state().usual
    }

    /// Nothing arrives that goes from one to the other, until it is let go.
    pub(super) fn stall(&self, from: &str, to: &str, stalled: bool) {
        let way = self.way(from, to);
        way.stalled.store(stalled, Ordering::Relaxed);
        if !stalled {
            self.open(&way);
        }
    }

    /// Nothing arrives between any of the one and any of the others.
    pub(super) fn part(&self, ones: &[&str], others: &[&str]) {
        for way in self.ways_between(ones, others) {
            way.parted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends one partition between the two sides.
    pub(super) fn unpart(&self, ones: &[&str], others: &[&str]) {
        for way in self.ways_between(ones, others) {
            let parted = way.parted.load(Ordering::Relaxed);
            way.parted.store(parted.saturating_sub(1), Ordering::Relaxed);
            if parted == 1 {
                self.open(&way);
            }
        }
    }

    /// The ways between any of the one and any of the others, both directions.
    fn ways_between(&self, ones: &[&str], others: &[&str]) -> Vec<Arc<Way>> {
        let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
        pairs.flat_map(|(one, other)| [self.way(one, other), self.way(other, one)]).collect()
    }

    /// All that was parted is together again.
    pub(super) fn heal(&self) {
        let ways: Vec<Arc<Way>> = self.state().ways.values().cloned().collect();
        for way in ways.iter().filter(|way| way.parted.swap(0, Ordering::Relaxed) > 0) {
            self.open(way);
        }
    }

    fn open(&self, way: &Way) {
        way.opened.notify_waiters();
        self.lines().iter().for_each(|line| line.wake());
    }

    /// The next frame from one to the other does not arrive whole: the connection breaks. Says how many connections that
    /// concerns.
    pub(super) fn cut(&self, from: &str, to: &str) -> usize {
        let lines = self.lines();
        let between = lines.iter().filter(|line| line.is_between(from, to));
        between.map(|line| line.cut_next(from)).count()
    }
}
