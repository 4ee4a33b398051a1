//! Who is told what happens to an agent: its monitors, and the agents that are linked to it.
//!
//! One table for all agents of a container, so an agent that nobody watches costs nothing. Always true: whoever is
//! entered is told of everything from then on until it is taken out, or the agent has ended; what is linked to an agent
//! is told of a crash before anything of the crashed life is let go. Neighbours: [`life`](crate::life) tells,
//! [`monitor`](crate::monitor) and [`linked`](crate::linked) are told.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use folkmoot_codecs::{AgentEvent, CallError};

use crate::chain::AgentId;
use crate::host::{BoxFuture, LocalAgent};
use crate::shared::{AgentShared, Status};

/// Told of what happens to one agent. It must not wait: the agent's own thread tells it.
pub trait Watcher: Send + Sync + 'static {
    /// Something happened.
    fn tell(&self, event: AgentEvent);
}

/// What an agent's crash does to the agent at the other end of a link. Dropped, the two are linked no more.
pub trait Tie: Send + Sync + 'static {
    /// The agent at this end crashed, or ended otherwise than in order.
    fn broken(&self, cause: &str);
}

/// An agent of another node that is being watched. Dropped, it is watched no more.
pub trait FarWatch: Send + Sync + 'static {
    /// After the loss of the link: waits until the agent can be watched again, and tells what was found. `None` where
    /// that is not to be.
    fn again(self: Arc<Self>) -> BoxFuture<'static, Option<AgentEvent>>;
}

/// The table of one container.
#[derive(Default)]
pub struct Watchers {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    /// By the agent that is watched, in order of entry.
    of: HashMap<AgentId, BTreeMap<u64, Role>>,
}

enum Role {
    Monitor(Arc<dyn Watcher>),
    Tie(Arc<dyn Tie>),
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watchers").field("agents", &self.inner().of.len()).finish_non_exhaustive()
    }
}

impl Watchers {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many watch agents of this container, or are linked to them.
    pub fn count(&self) -> usize {
        self.inner().of.values().map(BTreeMap::len).sum()
    }

    fn next_number(&self) -> u64 {
        let mut inner = self.inner();
        inner.last += 1;
        inner.last
    }

    fn remove(&self, agent: AgentId, number: u64) {
        let mut inner = self.inner();
        let Some(entries) = inner.of.get_mut(&agent) else { return };
        let removed = entries.remove(&number);
        if entries.is_empty() {
            inner.of.remove(&agent);
        }
        // Outside of the lock: what goes with it may look into this table too.
        drop(inner);
        drop(removed);
    }
}

impl AgentShared {
    /// Lets `watcher` be told of what happens to this agent, until what is given is dropped.
    ///
    /// # Errors
    /// `AgentStopped` where it has ended.
    pub fn watch(self: &Arc<Self>, watcher: Arc<dyn Watcher>) -> Result<Watch, CallError> {
        let number = self.watchers().next_number();
        self.enter(number, Role::Monitor(watcher))
    }

    fn enter(self: &Arc<Self>, number: u64, role: Role) -> Result<Watch, CallError> {
        let mut inner = self.watchers().inner();
        // Under the lock: whoever ends the agent says so before it takes those who are to be told.
        if self.status() == Status::Stopped {
            drop(inner);
            return Err(self.stopped_error(false));
        }
        inner.of.entry(self.id()).or_default().insert(number, role);
        drop(inner);
        Ok(Watch { agent: self.clone(), number, kept: AtomicBool::new(false) })
    }

    /// Tells the monitors.
    pub(crate) fn tell(&self, event: impl FnOnce() -> AgentEvent) {
        let monitors: Vec<_> = match self.watchers().inner().of.get(&self.id()) {
            None => return,
            Some(entries) => entries.values().filter_map(Role::monitor).collect(),
        };
        tell_all(monitors, event);
    }

    /// The agent has ended and is out of all tables: its monitors are told, and forgotten.
    pub(crate) fn tell_end(&self, cause: &str, in_order: bool) {
        let Some(entries) = self.watchers().inner().of.remove(&self.id()) else { return };
        let monitors = entries.values().filter_map(Role::monitor).collect();
        tell_all(monitors, || AgentEvent::Ended { cause: cause.to_owned(), in_order });
    }

    /// Takes down what is linked to this agent; after that nothing is, until it is linked anew.
    pub(crate) fn break_ties(&self, cause: &str) {
        let broken = {
            let mut inner = self.watchers().inner();
            let Some(entries) = inner.of.remove(&self.id()) else { return };
            let is_tie = |role: &Role| matches!(role, Role::Tie(_));
            let (broken, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
                entries.into_iter().partition(|(_, role)| is_tie(role));
            if !left.is_empty() {
                inner.of.insert(self.id(), left);
            }
            broken
        };
        // Outside of the lock: what a crash takes down takes its own place in the table away.
        for role in broken.into_values() {
            if let Role::Tie(tie) = role {
                tie.broken(cause);
            }
        }
    }

    /// Whether the link of that number still stands.
    pub(crate) fn has_tie(&self, number: u64) -> bool {
        let inner = self.watchers().inner();
        let entry = inner.of.get(&self.id()).and_then(|entries| entries.get(&number));
        matches!(entry, Some(Role::Tie(_)))
    }
}

fn tell_all(monitors: Vec<Arc<dyn Watcher>>, event: impl FnOnce() -> AgentEvent) {
    if monitors.is_empty() {
        return;
    }
    let event = event();
    for monitor in monitors {
        monitor.tell(event.clone());
    }
}

impl Role {
    fn monitor(&self) -> Option<Arc<dyn Watcher>> {
        match self {
            Role::Monitor(watcher) => Some(watcher.clone()),
            Role::Tie(_) => None,
        }
    }
}

/// A place in the table, given up when it is dropped.
#[derive(Debug)]
pub struct Watch {
    agent: Arc<AgentShared>,
    number: u64,
    kept: AtomicBool,
}

impl Watch {
    /// Leaves the place taken until the agent crashes or ends, also when this is dropped: a crash that is on its way to
    /// the agent finds its link standing.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Release);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.kept.load(Ordering::Acquire) {
            self.agent.watchers().remove(self.agent.id(), self.number);
        }
    }
}

/// One end of a link between two agents: the agent that crashes when the other does.
#[derive(Clone, Debug)]
pub struct End {
    agent: Arc<dyn LocalAgent>,
    number: u64,
}

impl End {
    /// A new end at that agent. It is of no effect until it is [tied](End::tie).
    pub fn of(agent: Arc<dyn LocalAgent>) -> End {
        let number = agent.shared().watchers().next_number();
        End { agent, number }
    }

    /// The agent at this end.
    pub fn agent(&self) -> &Arc<AgentShared> {
        self.agent.shared()
    }

    /// From now on a crash of this end's agent breaks `tie`, once, and [`crash`](End::crash) has its effect; until what
    /// is given is dropped.
    ///
    /// # Errors
    /// `AgentStopped` where the agent has ended.
    pub fn tie(&self, tie: Arc<dyn Tie>) -> Result<Watch, CallError> {
        self.agent.shared().enter(self.number, Role::Tie(tie))
    }

    /// The agent at the other end crashed or is out of reach: this end's agent crashes too, unless the link has gone
    /// meanwhile, with that life of the agent or before.
    pub fn crash(&self, cause: String) {
        self.agent.crash(cause, self.number);
    }
}
