//! What a container knows: its agents by name, its gate, its name and its times. Read from every worker.
//!
//! Always true: a name belongs to at most one agent. Neighbours: the [`router`](crate::router) looks agents up
//! here, [`spawning`](crate::spawning) puts them in, [`supervision`](crate::supervision) takes them out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use folkmoot_agents::Clock;
use folkmoot_agents::chain::AgentId;
use folkmoot_agents::counters::Counters;
use folkmoot_agents::deadlines::SharedDeadlines;
use folkmoot_agents::host::LocalAgent;
use folkmoot_agents::retries::{Retries, RetryLimits};
use folkmoot_agents::shared::Home;
use folkmoot_agents::watching::Watchers;
use folkmoot_codecs::joining::{AgentListing, KnownNode};
use folkmoot_codecs::{Endpoint, PlainTypes, Principal};
use folkmoot_gateway::Gate;
use folkmoot_transports::SslCerts;

use tokio::sync::{Semaphore, broadcast, oneshot};

use crate::certified::CertifiedLinks;
use crate::exchange_door::repeats::Repeats;
use crate::interpreter::Interpreter;
use crate::kept_replies::KeptReplies;
use crate::limits::LinkLimits;
use crate::link_events::OpenLinks;
use crate::link_time;
use crate::membership::Membership;
use crate::tree::Trunk;

/// The shared facts of one container.
pub(crate) struct Tables {
    pub(crate) gate: Gate,
    pub(crate) principal: Principal,
    /// What the agents here have in common.
    pub(crate) home: Arc<Home>,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    /// Where others reach it.
    pub(crate) advertised: Endpoint,
    pub(crate) limits: LinkLimits,
    pub(crate) default_deadline: Duration,
    pub(crate) default_deadline_ms: u64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    /// What other nodes asked of the exchange lately.
    pub(crate) exchange_repeats: Repeats,
    pub(crate) shared_deadlines: Arc<SharedDeadlines>,
    pub(crate) certified: CertifiedLinks,
    pub(crate) membership: Membership,
    /// How often idempotent calls may be made again from here.
    pub(crate) retries: Retries,
    pub(crate) kept_replies: Arc<KeptReplies>,
    /// Places for threads that handle heavy messages.
    pub(crate) heavy: Arc<Semaphore>,
    /// The child containers.
    pub(crate) trunk: Trunk,
    /// Links that are open, in either direction.
    pub(crate) open_links: AtomicUsize,
    /// Those of them that a program is told of.
    pub(crate) told_links: OpenLinks,
    /// When a link that leaves last moved bytes, in milliseconds of link time.
    pub(crate) last_farewell: AtomicU64,
    /// The special types of values that plain peers know.
    pub(crate) plain_types: Arc<PlainTypes>,
    /// Hosts whose agents are answered whoever speaks for them.
    pub(crate) answered_hosts: Vec<String>,
    /// How mail of other platforms is read and answered.
    pub(crate) interpreters: Arc<[Arc<dyn Interpreter>]>,
    agents: RwLock<Agents>,
    changes: broadcast::Sender<Change>,
}

/// An agent came to live here, or ended.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Came(AgentListing),
    Went(Arc<str>),
}

/// Names that are numbers from here on are names like any other: nobody counts that far.
const MOST_NUMBERED: u64 = 1 << 53;

/// Changes that may wait for those who tell other nodes of them; who is further behind tells of all agents anew.
const CHANGES_KEPT: usize = 1024;

#[derive(Default)]
struct Agents {
    by_name: HashMap<Arc<str>, Entry>,
    /// Of those agents that have any.
    capabilities: HashMap<Arc<str>, Vec<String>>,
    /// Above each number that was given, or that an agent bore.
    next_number: u64,
    closed: bool,
}

/// One agent and its worker.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) agent: Arc<dyn LocalAgent>,
    pub(crate) worker: usize,
}

/// Why an agent was not entered.
pub(crate) enum NotEntered {
    NameTaken,
    ShutDown,
}

/// All that a container's tables are made of.
pub(crate) struct Facts {
    pub(crate) gate: Gate,
    pub(crate) principal: Principal,
    pub(crate) endpoint: Endpoint,
    pub(crate) advertised: Endpoint,
    pub(crate) limits: LinkLimits,
    pub(crate) default_deadline: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shared_deadlines: Arc<SharedDeadlines>,
    pub(crate) certs: Option<SslCerts>,
    pub(crate) cluster: String,
    pub(crate) plain_types: PlainTypes,
    pub(crate) answered_hosts: Vec<String>,
    pub(crate) interpreters: Vec<Arc<dyn Interpreter>>,
}

impl Tables {
    pub(crate) fn new(facts: Facts) -> Tables {
        let counters = Arc::new(Counters::new(facts.principal.node_name()));
        let Facts {
            gate,
            principal,
            endpoint,
            advertised,
            limits,
            default_deadline,
            clock,
            shared_deadlines,
            certs,
            cluster,
            plain_types,
            answered_hosts,
            interpreters,
        } = facts;
        let (name, url) = (principal.node_name().to_owned(), advertised.to_string());
        let membership = Membership::new(KnownNode { name, url, incarnation: fastrand::u64(..) }, cluster);
        let agents = RwLock::default();
        let retries = RetryLimits {
            percent: limits.retry_percent,
            per_second: limits.retries_per_second,
            max_saved: limits.max_saved_retries,
        };
        let kept_replies = KeptReplies::new(&limits, counters.clone());
        let home = Home {
            node: principal.node_name().into(),
            gate: gate.id(),
            counters: counters.clone(),
            watchers: Watchers::default(),
        };
        Tables {
            gate,
            home: Arc::new(home),
            principal,
            endpoint,
            advertised,
            limits,
            default_deadline,
            default_deadline_ms: u64::try_from(default_deadline.as_millis()).unwrap_or(u64::MAX),
            clock,
            counters,
            shared_deadlines,
            certified: CertifiedLinks::new(certs),
            membership,
            retries: Retries::new(retries, link_time::now()),
            kept_replies,
            exchange_repeats: Repeats::default(),
            heavy: Arc::new(Semaphore::new(heavy_places())),
            trunk: Trunk::default(),
            told_links: OpenLinks::new(),
            open_links: AtomicUsize::new(0),
            last_farewell: AtomicU64::new(0),
            agents,
            plain_types: Arc::new(plain_types),
            answered_hosts,
            interpreters: interpreters.into(),
            changes: broadcast::Sender::new(CHANGES_KEPT),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Agents> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Agents> {
        self.agents.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn agent(&self, name: &str) -> Option<Entry> {
        self.read().by_name.get(name).cloned()
    }

    /// The name here that looks most like `wrong`.
    pub(crate) fn nearest(&self, wrong: &str) -> Option<String> {
        folkmoot_agents::nearest(wrong, self.read().by_name.keys().map(|name| &**name))
    }

    /// The same, among the names that `principal` may know of.
    pub(crate) fn nearest_for(&self, principal: &Principal, wrong: &str) -> Option<String> {
        let agents = self.read();
        let known = agents.by_name.keys().filter(|name| self.gate.may_reach(principal, name));
        folkmoot_agents::nearest(wrong, known.map(|name| &**name))
    }

    /// A name for an agent that was given none. It is never given again.
    pub(crate) fn next_number(&self) -> String {
        let mut agents = self.write();
        let number = agents.next_number;
        agents.next_number += 1;
        number.to_string()
    }

    pub(crate) fn enter(&self, entry: Entry, capabilities: Vec<String>) -> Result<(), NotEntered> {
        let mut agents = self.write();
        let agents = &mut *agents;
        let name = entry.agent.shared().name().clone();
        if agents.closed {
            return Err(NotEntered::ShutDown);
        }
        match agents.by_name.entry(name) {
            std::collections::hash_map::Entry::Occupied(_) => Err(NotEntered::NameTaken),
            std::collections::hash_map::Entry::Vacant(vacant) => {
                if let Some(number) = as_number(vacant.key()) {
                    agents.next_number = agents.next_number.max(number + 1);
                }
                if self.changes.receiver_count() > 0 {
                    let listing = listing(&*entry.agent, capabilities.clone());
                    // Those who listened have gone meanwhile.
                    self.changes.send(Change::Came(listing)).ok();
                }
                if !capabilities.is_empty() {
                    agents.capabilities.insert(vacant.key().clone(), capabilities);
                }
                vacant.insert(entry);
                self.counters.agents.increment(1);
                self.membership.changed();
                Ok(())
            }
        }
    }

    /// Takes an agent out, if it is still the one of that name.
    pub(crate) fn remove(&self, id: AgentId, name: &str) {
        let mut agents = self.write();
        if agents.by_name.get(name).is_some_and(|entry| entry.agent.shared().id() == id) {
            if let Some((name, _)) = agents.by_name.remove_entry(name) {
                agents.capabilities.remove(&name);
                // Nobody may listen.
                self.changes.send(Change::Went(name)).ok();
            }
            self.counters.agents.decrement(1);
            self.membership.changed();
        }
    }

    /// Takes no more agents; returns those that live.
    pub(crate) fn close(&self) -> Vec<Arc<dyn LocalAgent>> {
        self.write().closed = true;
        self.list()
    }

    /// All agents, by name.
    pub(crate) fn list(&self) -> Vec<Arc<dyn LocalAgent>> {
        let mut all: Vec<_> = self.read().by_name.values().map(|entry| entry.agent.clone()).collect();
        all.sort_by(|a, b| a.shared().name().cmp(b.shared().name()));
        all
    }

    /// The agents as other nodes are told of them.
    pub(crate) fn listings(&self) -> Vec<AgentListing> {
        let agents = self.read();
        let capabilities = |name: &str| agents.capabilities.get(name).cloned().unwrap_or_default();
        let all = agents.by_name.iter();
        let mut all: Vec<AgentListing> =
            all.map(|(name, entry)| listing(&*entry.agent, capabilities(name))).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The names of the agents whose type and capabilities are `wanted`.
    pub(crate) fn names_of(&self, wanted: impl Fn(&str, &[String]) -> bool) -> Vec<String> {
        let agents = self.read();
        let capabilities = |name: &str| agents.capabilities.get(name).map_or(&[][..], Vec::as_slice);
        let is_wanted =
            |(name, entry): &(&Arc<str>, &Entry)| wanted(entry.agent.agent_type(), capabilities(name));
        let mut names: Vec<String> =
            agents.by_name.iter().filter(is_wanted).map(|(name, _)| name.to_string()).collect();
        names.sort();
        names
    }

    /// Suspends or resumes all agents, in whatever child container. Gives those that were asked.
    pub(crate) fn set_suspended(&self, suspended: bool) -> Vec<(Arc<dyn LocalAgent>, oneshot::Receiver<()>)> {
        // First what later ones begin with, that none comes in between.
        self.trunk.set_suspended(suspended);
        for branch in self.trunk.branches() {
            drop(branch.set_suspended(suspended));
        }
        let ask = |agent: Arc<dyn LocalAgent>| {
            let done = if suspended { agent.suspend() } else { agent.resume() };
            (agent, done)
        };
        self.list().into_iter().map(ask).collect()
    }

    /// Told of each agent that comes or goes.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Whether the container is being shut down.
    pub(crate) fn is_closed(&self) -> bool {
        self.read().closed
    }

    /// Lets all agents that have calls in hand throw out those that nobody waits for any more.
    pub(crate) fn sweep(&self) {
        let is_busy = |entry: &&Entry| entry.agent.shared().in_hand() > 0;
        let mut busy: Vec<_> =
            self.read().by_name.values().filter(is_busy).map(|entry| entry.agent.clone()).collect();
        busy.sort_by(|a, b| a.shared().name().cmp(b.shared().name()));
        busy.iter().for_each(|agent| agent.sweep());
    }

    /// The full name of the agent with that id.
    pub(crate) fn name_of(&self, id: AgentId) -> Option<String> {
        let agents = self.read();
        let mut all = agents.by_name.values();
        all.find(|entry| entry.agent.shared().id() == id)
            .map(|entry| entry.agent.shared().full_name().to_string())
    }
}

/// How many heavy messages may be handled at once: they keep a core busy each.
fn heavy_places() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}

/// The number that a name is, written as numbers are given.
fn as_number(name: &str) -> Option<u64> {
    let number: u64 = name.parse().ok()?;
    (number < MOST_NUMBERED && number.to_string() == name).then_some(number)
}

/// An agent as other nodes are told of it.
fn listing(agent: &dyn LocalAgent, capabilities: Vec<String>) -> AgentListing {
    let (name, agent_type) = (agent.shared().name().to_string(), agent.agent_type().to_owned());
    AgentListing { name, agent_type, capabilities, capacity: Some(agent.shared().capacity()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_number_where_it_could_have_been_given_as_one() {
        for (name, number) in [
            ("0", Some(0)),
            ("17", Some(17)),
            ("9007199254740991", Some(MOST_NUMBERED - 1)),
            ("9007199254740992", None),
            ("18446744073709551615", None),
            ("99999999999999999999", None),
            ("007", None),
            ("+7", None),
            ("-1", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(as_number(name), number, "{name}");
        }
    }
}
