//! The agents here that a peer monitors over one link, or has linked to its own: the half that tells.
//!
//! Always true: a peer watches only what a rule lets it reach, and no more than `max_monitors` at once; what it does
//! not take in time waits here, at most [`MAX_EVENTS`](folkmoot_agents::monitor::MAX_EVENTS) for each monitor; when the
//! link ends, nothing is left, and what was linked over it crashes. Neighbours: [`monitors`](crate::monitors) is the
//! other half; the [`link_task`](crate::link_task) lets go what waits.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use folkmoot_agents::host::LocalAgent;
use folkmoot_agents::linked::cause_of_crash;
use folkmoot_agents::monitor::EventQueue;
use folkmoot_agents::watching::{End, Tie, Watch, Watcher};
use folkmoot_codecs::monitoring::Watched;
use folkmoot_codecs::{AgentEvent, ArgumentList, Arguments, CallError};
use folkmoot_gateway::name::short;

use crate::in_order::in_order;
use crate::inbound::{CRASH, LINK, MONITOR, UNMONITOR, may_reach};
use crate::link::Link;
use crate::one_line::one_line;

/// All that the peer of one link watches.
#[derive(Default)]
pub(crate) struct WatchedAgents {
    inner: Mutex<Inner>,
    /// Whether events wait for the peer to take what was sent before.
    waits: AtomicBool,
}

#[derive(Default)]
struct Inner {
    by_number: HashMap<u64, Watching>,
    /// Those of which events wait.
    waiting: VecDeque<u64>,
    closed: bool,
}

/// One agent that is watched.
#[derive(Default)]
struct Watching {
    events: EventQueue,
    /// Kept until the peer wants no more: dropped, the agent tells no more.
    watches: Vec<Watch>,
    /// Where it is linked.
    linked: Option<LinkedAgent>,
}

/// An agent here that is linked to one of the peer's.
struct LinkedAgent {
    end: End,
    /// The other one, as its node calls it.
    other: String,
}

impl Watching {
    /// What is linked crashes.
    fn crash(self, cause: impl FnOnce(&str) -> String) {
        if let Some(LinkedAgent { end, other }) = &self.linked {
            // The crash that is on its way finds the link standing.
            self.watches.iter().for_each(Watch::keep);
            end.crash(cause(other));
        }
    }
}

impl WatchedAgents {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inner().by_number.is_empty()
    }

    /// Takes a place for the peer's `number`, before the agent may have anything to tell.
    fn reserve(&self, link: &Link, path: &str, number: u64) -> Result<(), CallError> {
        let limit = link.tables.limits.max_monitors;
        let mut inner = self.inner();
        if inner.closed {
            return Err(CallError::Cancelled);
        }
        let count = inner.by_number.len();
        match inner.by_number.entry(number) {
            Entry::Occupied(_) => {
                let reason = format!("{number} is the number of another one on this link");
                Err(CallError::BadArguments { method: path.to_owned(), path: "number".to_owned(), reason })
            }
            Entry::Vacant(_) if count >= limit => {
                link.tables.counters.overloads.increment(1);
                let queue = format!("monitors (max_monitors) of {}", link.peer_address);
                Err(CallError::Overloaded { queue, limit })
            }
            Entry::Vacant(vacant) => {
                vacant.insert(Watching::default());
                Ok(())
            }
        }
    }

    /// Fills the place. Where it was given up meanwhile, so is what it was to hold.
    fn fill(&self, number: u64, watches: Vec<Watch>, linked: Option<LinkedAgent>) {
        let mut inner = self.inner();
        if let Some(watching) = inner.by_number.get_mut(&number) {
            watching.watches = watches;
            watching.linked = linked;
        } else {
            drop(inner);
            drop((watches, linked));
        }
    }

    fn remove(&self, number: u64) -> Option<Watching> {
        self.inner().by_number.remove(&number)
    }

    /// Something happened to an agent: the peer is told at once, where it takes what it is sent.
    fn tell(&self, link: &Link, number: u64, event: AgentEvent) {
        let event = event.cut(link.max_cause_bytes());
        let mut inner = self.inner();
        let has_room = link.outbox.waiting_small() <= link.tables.limits.outbox_high_water_bytes;
        let Some(watching) = inner.by_number.get_mut(&number) else { return };
        if has_room && watching.events.is_empty() {
            link.tell_event(number, &event);
            let ended = matches!(event, AgentEvent::Ended { .. }).then(|| inner.by_number.remove(&number));
            drop(inner);
            return drop(ended);
        }
        if watching.events.is_empty() {
            inner.waiting.push_back(number);
        }
        if let Some(watching) = inner.by_number.get_mut(&number)
            && watching.events.push(event)
        {
            link.tables.counters.missed_events.increment(1);
            tracing::debug!(peer = %link.peer_address, number, "the peer takes events too slowly, and an old one was not kept");
        }
        self.waits.store(true, Ordering::Release);
        drop(inner);
        link.outbox.wake();
    }

    /// Sends the events that wait, as long as there is room. Says whether there were any.
    pub(crate) fn tell_what_waits(&self, link: &Link) -> bool {
        if !self.waits.load(Ordering::Acquire) {
            return false;
        }
        let (mut told, mut ended) = (false, Vec::new());
        let mut inner = self.inner();
        while link.outbox.waiting_small() <= link.tables.limits.outbox_high_water_bytes
            && let Some(number) = inner.waiting.pop_front()
        {
            let Some(watching) = inner.by_number.get_mut(&number) else { continue };
            let mut is_over = false;
            while let Some(event) = watching.events.pop() {
                is_over |= matches!(event, AgentEvent::Ended { .. });
                link.tell_event(number, &event);
                told = true;
            }
            if is_over {
                ended.extend(inner.by_number.remove(&number));
            }
        }
        self.waits.store(!inner.waiting.is_empty(), Ordering::Release);
        drop(inner);
        told
    }

    /// The link has ended: nothing is watched any more, and what is linked crashes.
    pub(crate) fn close(&self, link: &Link, cause: &str) {
        let watched = {
            let mut inner = self.inner();
            inner.closed = true;
            inner.waiting.clear();
            std::mem::take(&mut inner.by_number)
        };
        if !watched.is_empty() {
            tracing::debug!(peer = %link.peer_address, agents = watched.len(), "nothing is watched over the link any more");
        }
        for watching in in_order(watched) {
            watching.crash(|other| lost(other, cause));
        }
    }
}

/// The sentence with which an agent crashes whose linked one is out of reach.
pub(crate) fn lost(agent: &str, cause: &str) -> String {
    format!("the linked agent {agent} was lost: {cause}")
}

/// Tells the peer of one agent.
struct LinkWatcher {
    link: Weak<Link>,
    number: u64,
    /// Of one that is linked the crashes are told by the link.
    is_linked: bool,
}

impl LinkWatcher {
    fn pass(&self, event: AgentEvent) {
        if let Some(link) = self.link.upgrade() {
            link.watched.tell(&link, self.number, event);
        }
    }
}

impl Watcher for LinkWatcher {
    fn tell(&self, event: AgentEvent) {
        if !self.is_linked || matches!(event, AgentEvent::Ended { in_order: true, .. }) {
            self.pass(event);
        }
    }
}

impl Tie for LinkWatcher {
    fn broken(&self, cause: &str) {
        self.pass(AgentEvent::Crashed { cause: cause.to_owned() });
    }
}

/// The agent of that name, for a peer that may know of it.
fn agent(link: &Link, name: &str) -> Result<Arc<dyn LocalAgent>, CallError> {
    may_reach(link, name)?;
    link.tables.agent(name).map(|entry| entry.agent).ok_or_else(|| CallError::NoSuchAgent {
        agent: short(name).into_owned(),
        nearest: link.tables.nearest_for(&link.peer, name),
    })
}

fn told(link: &Link, agent: &dyn LocalAgent) -> Watched {
    let shared = agent.shared();
    let node = link.tables.membership.own().incarnation;
    Watched { node, agent: shared.id().number(), restarts: u64::from(shared.restarts()) }
}

/// The peer wants to be told what happens to an agent.
pub(crate) fn monitor(link: &Arc<Link>, arguments: &Arguments<'_>) -> Result<Watched, CallError> {
    let (name, number) = <(String, u64)>::decode(arguments, MONITOR, &["agent", "number"])?;
    let agent = agent(link, &name)?;
    link.watched.reserve(link, MONITOR, number)?;
    let watcher = LinkWatcher { link: Arc::downgrade(link), number, is_linked: false };
    let watch = agent.shared().watch(Arc::new(watcher)).inspect_err(|_| drop(link.watched.remove(number)))?;
    link.watched.fill(number, vec![watch], None);
    Ok(told(link, &*agent))
}

/// The peer links an agent to one of its own.
pub(crate) fn link(link: &Arc<Link>, arguments: &Arguments<'_>) -> Result<Watched, CallError> {
    let names = ["agent", "number", "other"];
    let (name, number, other) = <(String, u64, String)>::decode(arguments, LINK, &names)?;
    let agent = agent(link, &name)?;
    if !link.tables.gate.may_call(&link.peer, &name, "*") {
        link.tables.counters.denials.increment(1);
        let reason = format!(
            "no rule lets {} call every method (\"*\") of agent {name:?}, as one must who links it: a link lets it crash",
            link.peer
        );
        tracing::info!(node = link.tables.principal.node_name(), %reason, "denied");
        return Err(CallError::Denied { reason });
    }
    link.watched.reserve(link, LINK, number)?;
    let watcher = Arc::new(LinkWatcher { link: Arc::downgrade(link), number, is_linked: true });
    let end = End::of(agent.clone());
    let watches = || Ok(vec![agent.shared().watch(watcher.clone())?, end.tie(watcher.clone())?]);
    let watches = watches().inspect_err(|_: &CallError| drop(link.watched.remove(number)))?;
    let joined = link.tables.membership.node_of(link).map(|node| node.name);
    let node = joined.unwrap_or_else(|| link.peer.node_name().to_owned());
    let other = format!("{node}/{}", one_line(&short(&other)));
    link.watched.fill(number, watches, Some(LinkedAgent { end, other }));
    Ok(told(link, &*agent))
}

/// The peer wants no more of it.
pub(crate) fn unmonitor(link: &Link, arguments: &Arguments<'_>) -> Result<(), CallError> {
    let (number,) = <(u64,)>::decode(arguments, UNMONITOR, &["number"])?;
    // It may have met the agent's end on the way.
    drop(link.watched.remove(number));
    Ok(())
}

/// The peer's agent crashed that is linked to one here.
pub(crate) fn crash(link: &Link, arguments: &Arguments<'_>) -> Result<(), CallError> {
    let (number, cause) = <(u64, String)>::decode(arguments, CRASH, &["number", "cause"])?;
    if let Some(watching) = link.watched.remove(number) {
        watching.crash(|other| cause_of_crash(other, &one_line(&cause)));
    }
    Ok(())
}
