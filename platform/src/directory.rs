//! The directory: agents found by name, type or capability, wherever they live among the nodes that have joined.
//!
//! Always true: an agent of this container's own counts as one of them; a name on two nodes is told as such, never
//! guessed. A proxy that was looked up asks anew at each call where its agent lives, so it follows the agent through
//! restarts of its node, also to another address. Neighbour: [`membership`](crate::membership) holds what nodes told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use folkmoot_agents::Retry;
use folkmoot_agents::connect::Way;
use folkmoot_agents::host::{BoxFuture, Credit, Credits, Far, FarCall, FarReply, FarTicket, Outlook};
use folkmoot_agents::watching::{End, FarWatch, Tie, Watcher};
use folkmoot_codecs::joining::AgentListing;
use folkmoot_codecs::{CallError, Codec};
use folkmoot_gateway::name::short;

use crate::container::Hall;
use crate::link_time;
use crate::membership::{Found, NodeState};
use crate::monitoring;
use crate::remote::Remote;
use crate::remotes::Held;

/// The bits of a ticket that name the call; those above count the ways it may have gone.
const CALL_BITS: u32 = 48;

/// An agent of this node or of one that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedAgent {
    /// Its name.
    pub name: String,
    /// The name of its node.
    pub node: String,
    /// Its type's name.
    pub agent_type: String,
    /// What it says that it can do.
    pub capabilities: Vec<String>,
}

impl ListedAgent {
    fn new(node: String, listing: AgentListing) -> ListedAgent {
        let AgentListing { name, agent_type, capabilities, .. } = listing;
        ListedAgent { name, node, agent_type, capabilities }
    }
}

/// All agents, here and on joined nodes, that are `wanted`; by name.
pub(crate) fn list(hall: &Hall, wanted: impl Fn(&AgentListing) -> bool) -> Vec<ListedAgent> {
    let own = hall.tables.principal.node_name();
    let here = hall.tables.listings().into_iter().filter(|listing| wanted(listing));
    let here = here.map(|listing| (own.to_owned(), listing));
    let there = hall.tables.membership.agents(&wanted);
    let mut all: Vec<_> = here.chain(there).map(|(node, listing)| ListedAgent::new(node, listing)).collect();
    all.sort_by(|a, b| (&a.name, &a.node).cmp(&(&b.name, &b.node)));
    all
}

/// The way to the agent of that name; waits for one to come as long as `retry` says.
pub(crate) async fn look_up(hall: Arc<Hall>, name: String, retry: Retry) -> Result<Way, CallError> {
    let began = link_time::now();
    let mut changes = hall.tables.membership.watch();
    loop {
        match look(&hall, &name) {
            Err(error @ CallError::NoSuchAgent { .. }) => {
                let passed = link_time::now().since(began);
                let left = match retry {
                    Retry::Never => return Err(error),
                    Retry::For(time) if u128::from(passed) >= time.as_millis() => return Err(error),
                    Retry::For(time) => Some(time.saturating_sub(Duration::from_millis(passed))),
                    Retry::Forever => None,
                };
                if hall.tables.is_closed() {
                    return Err(error);
                }
                let changed = changes.changed();
                // Whatever came of it: the directory is looked at again.
                match left {
                    Some(left) => {
                        link_time::within(left, changed).await.map_or(Ok(()), |changed| changed).ok()
                    }
                    None => changed.await.ok(),
                };
            }
            found => return found,
        }
    }
}

fn look(hall: &Arc<Hall>, name: &str) -> Result<Way, CallError> {
    let is_here = hall.tables.agent(name).is_some();
    match (hall.tables.membership.find(name), is_here) {
        (Found::Nowhere, true) => Ok(Way::Here(name.to_owned())),
        (Found::Nowhere, false) => Err(no_such(hall, name)),
        (Found::At(_, way, _), false) => {
            Ok(Way::Far(Arc::new(NamedAgent::new(hall.clone(), name.to_owned(), None, way))))
        }
        (Found::At(node, ..), true) => Err(ambiguous(hall, name, vec![node], true)),
        (Found::Several(nodes), _) => Err(ambiguous(hall, name, nodes, is_here)),
    }
}

fn ambiguous(hall: &Hall, name: &str, mut nodes: Vec<String>, is_here: bool) -> CallError {
    nodes.extend(is_here.then(|| hall.tables.principal.node_name().to_owned()));
    nodes.sort();
    CallError::Ambiguous { agent: name.to_owned(), nodes }
}

fn no_such(hall: &Hall, name: &str) -> CallError {
    let nearest = [hall.tables.nearest(name), hall.tables.membership.nearest(name)];
    let nearest = folkmoot_agents::nearest(name, nearest.iter().flatten().map(String::as_str));
    CallError::NoSuchAgent { agent: short(name).into_owned(), nearest }
}

/// An agent by its name, wherever it lives, or on one node.
pub(crate) struct NamedAgent {
    hall: Arc<Hall>,
    name: String,
    /// The one node, where no namesake elsewhere is meant.
    node: Option<String>,
    last: Mutex<Last>,
}

/// What a node told of its agent.
struct Told {
    node: String,
    credits: Arc<Credits>,
}

/// The way that the last call went.
struct Last {
    way: Arc<Held>,
    /// Its number; calls may wait on others still.
    number: u64,
    /// All ways that calls went and that still are, with their numbers.
    ways: Vec<(u64, Weak<Remote>)>,
    /// How many ways there were: no number is given twice.
    count: u64,
}

impl Last {
    fn new(way: Arc<Held>) -> Last {
        let ways = vec![(0, way.unheld())];
        Last { way, number: 0, ways, count: 1 }
    }

    fn change_to(&mut self, way: Arc<Held>) {
        let remote = way.unheld();
        self.way = way;
        self.ways.retain(|(_, known)| known.strong_count() > 0);
        if let Some((number, _)) = self.ways.iter().find(|(_, known)| known.ptr_eq(&remote)) {
            self.number = *number;
            return;
        }
        self.number = self.count;
        self.count += 1;
        self.ways.push((self.number, remote));
    }

    fn way(&self, number: u64) -> Option<Arc<Remote>> {
        self.ways.iter().find(|(known, _)| *known == number).and_then(|(_, way)| way.upgrade())
    }
}

impl NamedAgent {
    pub(crate) fn new(hall: Arc<Hall>, name: String, node: Option<String>, way: Arc<Held>) -> NamedAgent {
        NamedAgent { hall, name, node, last: Mutex::new(Last::new(way)) }
    }

    fn find(&self) -> Found {
        let membership = &self.hall.tables.membership;
        match &self.node {
            None => membership.find(&self.name),
            Some(node) => membership.find_on(node, &self.name),
        }
    }

    /// The one node, or the one where an agent of that name lives now.
    fn present_node(&self) -> Option<String> {
        self.node.clone().or_else(|| match self.find() {
            Found::At(node, ..) => Some(node),
            _ => None,
        })
    }

    /// It is not there, whoever else bears its name.
    fn missing(&self) -> CallError {
        match &self.node {
            None => no_such(&self.hall, &self.name),
            Some(node) => {
                let agent = format!("{}/{}", short(node), short(&self.name));
                CallError::NoSuchAgent { agent, nearest: None }
            }
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present way, and which one it is.
    fn way(&self) -> Result<(Arc<Held>, u64), CallError> {
        self.way_and_credits().map(|(way, number, _)| (way, number))
    }

    /// The same, with what the agent's node told of how many calls the agent takes.
    fn way_and_credits(&self) -> Result<(Arc<Held>, u64, Option<Told>), CallError> {
        match self.find() {
            Found::At(node, way, credits) => {
                let mut last = self.last();
                if !Arc::ptr_eq(&last.way, &way) {
                    last.change_to(way.clone());
                }
                Ok((way, last.number, credits.map(|credits| Told { node, credits })))
            }
            Found::Several(nodes) => Err(ambiguous(&self.hall, &self.name, nodes, false)),
            Found::Nowhere => Err(self.missing()),
        }
    }
}

impl NamedAgent {
    /// Takes a credit of the agent, as its node told them: what would be refused there is not sent.
    fn take_credit(&self, told: &Told) -> Result<Credit, CallError> {
        told.credits.take().ok_or_else(|| {
            self.hall.tables.counters.overloads.increment(1);
            let queue = format!("turns of agent \"{}/{}\"", told.node, self.name);
            CallError::Overloaded { queue, limit: told.credits.capacity() as usize }
        })
    }
}

impl Far for NamedAgent {
    fn codec(&self) -> Codec {
        self.hall.codec
    }

    fn send(&self, mut call: FarCall) -> FarTicket {
        let way = self.way_and_credits().and_then(|(way, number, told)| {
            // A call without a reply has no end that one could know of.
            if let Some(told) = told.filter(|_| call.reply.is_some()) {
                call.credit = Some(self.take_credit(&told)?);
            }
            Ok((way, number))
        });
        match way {
            Ok((way, number)) => {
                let FarTicket(id) = way.send(crate::remote_agent::path(&self.name, &call.method), call);
                FarTicket(number << CALL_BITS | id)
            }
            Err(error) => {
                match call.reply {
                    // A caller that went away has no use for the error.
                    Some(reply) => drop(reply.send(FarReply::Failed(error))),
                    None => {
                        self.hall.tables.counters.one_way_failures.increment(1);
                        tracing::warn!(agent = %self.name, %error, "a one-way call was not sent");
                    }
                }
                FarTicket(u64::MAX)
            }
        }
    }

    fn watch(
        self: Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>> {
        Box::pin(async move { monitoring::watch(self.way()?.0, self.name.clone(), watcher).await })
    }

    fn tie(self: Arc<Self>, own: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>> {
        Box::pin(async move { monitoring::tie(self.way()?.0, self.name.clone(), own).await })
    }

    fn cancel(&self, FarTicket(ticket): FarTicket) -> Option<CallError> {
        // A call whose way is no more was told of its end.
        let way = self.last().way(ticket >> CALL_BITS)?;
        way.cancel(ticket & ((1 << CALL_BITS) - 1), &self.name)
    }

    fn agent(&self) -> &str {
        &self.name
    }

    fn url(&self) -> String {
        // As others reach it: this node may have dialed it by a name of its own.
        let advertised = self.present_node().and_then(|node| self.hall.tables.membership.endpoint_of(&node));
        let endpoint = advertised.unwrap_or_else(|| self.last().way.to().endpoint.clone());
        endpoint.agent(&self.name).to_string()
    }

    fn node(&self) -> String {
        self.present_node().unwrap_or_else(|| self.last().way.to().endpoint.to_string())
    }

    fn outlook(&self) -> Outlook {
        let tables = &self.hall.tables;
        match self.find() {
            Found::At(node, way, _) => match way.outlook() {
                Outlook::Open if tables.membership.state(&node, tables) != Some(NodeState::Joined) => {
                    Outlook::Doubtful
                }
                outlook => outlook,
            },
            Found::Several(nodes) => Outlook::Shut(ambiguous(&self.hall, &self.name, nodes, false)),
            Found::Nowhere => Outlook::Shut(self.missing()),
        }
    }
}
