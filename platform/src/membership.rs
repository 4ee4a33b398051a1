//! The nodes that have joined this one: who they are, their links, the agents that they say live with them.
//!
//! Always true: a name belongs to at most one node; of two links between the same two nodes both sides keep the same one;
//! agents are believed where a rule lets their node host them. Whether a node is suspect is told by when it was last
//! heard, so nothing here needs a timer. Neighbours: [`joining`](crate::joining) brings nodes in and attends to their
//! links, [`directory`](crate::directory) looks agents up.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::host::Credits;
use folkmoot_codecs::joining::{AgentListing, AgentNews, KnownNode, MAX_AGENTS_TOLD};
use folkmoot_codecs::{Endpoint, Principal};
use folkmoot_gateway::name::{self, short};
use tokio::sync::watch;

use crate::container::Hall;
use crate::link::Link;
use crate::link_time;
use crate::peer::Destination;
use crate::remotes::Held;
use crate::tables::Tables;

/// Most agents that are kept of one node.
const MAX_AGENTS_OF_A_NODE: usize = 250_000;

/// How a node that has joined is to be thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeState {
    /// It was heard a moment ago.
    Joined,
    /// Nothing came from it for a while, or its link broke: it may come back at once.
    Suspect,
    /// Nothing came from it for long. Calls still try to reach it.
    Unreachable,
    /// It said goodbye.
    Left,
}

impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NodeState::Joined => "joined",
            NodeState::Suspect => "suspect",
            NodeState::Unreachable => "unreachable",
            NodeState::Left => "left",
        })
    }
}

/// A node that has joined, as it is known at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinedNode {
    /// Its name: as proven, or as it says where nothing can be proven.
    pub name: String,
    /// Where it is reached.
    pub url: String,
    /// How it is to be thought of.
    pub state: NodeState,
    /// How often a link to it was made: each begins another epoch.
    pub epoch: u64,
    /// How many agents live there.
    pub agents: usize,
}

/// Tells when something has changed among the nodes that have joined, and their agents.
#[derive(Debug)]
pub struct NodeChanges(watch::Receiver<u64>);

impl NodeChanges {
    pub(crate) fn new(changes: watch::Receiver<u64>) -> NodeChanges {
        NodeChanges(changes)
    }

    /// Waits for a change since the last time; several at once are one. After the container's end there are none.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The table of nodes of one container.
pub(crate) struct Membership {
    own: KnownNode,
    cluster: String,
    nodes: Mutex<BTreeMap<String, Node>>,
    /// Where someone keeps a link to.
    kept: Mutex<HashSet<Destination>>,
    hall: OnceLock<Weak<Hall>>,
    /// Counts changes, for those who wait for one.
    changes: watch::Sender<u64>,
}

struct Node {
    known: KnownNode,
    epoch: u64,
    link: Arc<Link>,
    /// Whether we opened the link.
    dialed: bool,
    left: bool,
    way: Arc<Held>,
    agents: BTreeMap<String, Listed>,
}

/// An agent that a node told of.
struct Listed {
    listing: AgentListing,
    /// Where the node told how many calls the agent takes.
    credits: Option<Arc<Credits>>,
}

impl Listed {
    fn new(listing: AgentListing) -> Listed {
        let credits = listing.capacity.map(|capacity| Arc::new(Credits::of(capacity)));
        Listed { listing, credits }
    }
}

/// A node that came over a link: who it says that it is, and the way to it that uses the link.
pub(crate) struct Arrival<'a> {
    pub(crate) known: KnownNode,
    pub(crate) link: &'a Arc<Link>,
    pub(crate) dialed: bool,
}

/// What a name leads to among the nodes that have joined.
pub(crate) enum Found {
    Nowhere,
    /// The node, the way to it, and what it told of how many calls the agent takes.
    At(String, Arc<Held>, Option<Arc<Credits>>),
    Several(Vec<String>),
}

/// How a node is, for those who wait for it.
pub(crate) enum Presence {
    Unknown,
    /// It said goodbye.
    Left,
    Here {
        incarnation: u64,
        way: Arc<Held>,
        /// Where there is one.
        link: Option<Arc<Link>>,
    },
}

impl Node {
    fn is_connected(&self) -> bool {
        self.link.is_open()
    }

    /// Whether who is sought at `to` is this node. One that dialed us says where it is reached: it must have proven to
    /// be who is found there, or bear the name that is expected.
    fn is_reached_at(&self, to: &Destination) -> bool {
        let way = self.way.to();
        let is_it = match &to.expected_peer {
            Some(expected) => *expected == self.known.name,
            None => self.dialed || self.link.is_proven_for(&to.endpoint),
        };
        way.endpoint == to.endpoint && way.codec == to.codec && is_it
    }

    fn as_known(&self, now: LinkInstant, tables: &Tables) -> JoinedNode {
        JoinedNode {
            name: self.known.name.clone(),
            url: self.known.url.clone(),
            state: self.state(now, tables),
            epoch: self.epoch,
            agents: self.agents.len(),
        }
    }

    /// The way to an agent there.
    fn hosting(&self, agent: &str) -> Found {
        let credits = self.agents.get(agent).and_then(|agent| agent.credits.clone());
        Found::At(self.known.name.clone(), self.way.clone(), credits)
    }

    /// How long nothing has come from it.
    fn silence(&self, now: LinkInstant) -> Duration {
        Duration::from_millis(now.since(self.link.heard()))
    }

    fn state(&self, now: LinkInstant, tables: &Tables) -> NodeState {
        let (limits, silence) = (&tables.limits, self.silence(now));
        if self.left {
            NodeState::Left
        } else if silence >= limits.unreachable_time {
            NodeState::Unreachable
        } else if silence >= limits.suspect_time || !self.is_connected() {
            NodeState::Suspect
        } else {
            NodeState::Joined
        }
    }
}

impl Membership {
    pub(crate) fn new(own: KnownNode, cluster: String) -> Membership {
        let (nodes, kept, hall) = (Mutex::default(), Mutex::default(), OnceLock::new());
        Membership { own, cluster, nodes, kept, hall, changes: watch::Sender::new(0) }
    }

    /// The container whose table this is; set when it starts.
    pub(crate) fn set_hall(&self, hall: &Arc<Hall>) {
        self.hall.set(Arc::downgrade(hall)).ok();
    }

    pub(crate) fn hall(&self) -> Option<Arc<Hall>> {
        self.hall.get().and_then(Weak::upgrade)
    }

    fn kept(&self) -> MutexGuard<'_, HashSet<Destination>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether nobody keeps a link there yet, and no more than `most` are kept.
    pub(crate) fn begin_to_keep(&self, to: &Destination, most: usize) -> bool {
        let mut kept = self.kept();
        kept.len() < most && kept.insert(to.clone())
    }

    pub(crate) fn end_to_keep(&self, to: &Destination) {
        self.kept().remove(to);
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who watch.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Told of each change.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// How many changes there were.
    pub(crate) fn version(&self) -> u64 {
        *self.changes.borrow()
    }

    pub(crate) fn own(&self) -> &KnownNode {
        &self.own
    }

    pub(crate) fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Whether a node may join under the name that it gives, over that link.
    ///
    /// # Errors
    /// Why not, as a sentence for both sides.
    pub(crate) fn check(&self, arrival: &Arrival<'_>) -> Result<(), String> {
        let Arrival { known, link, .. } = arrival;
        let tables = &link.tables;
        known.check()?;
        if link.peer.is_node() && link.peer.node_name() != known.name {
            return Err(format!(
                "the node proved to be {}, and calls itself \"{}\"",
                link.peer,
                short(&known.name)
            ));
        }
        if link.incarnation().is_some_and(|told| told != known.incarnation) {
            return Err(format!("\"{}\" told of another incarnation in its Hello", short(&known.name)));
        }
        if known.name == self.own.name && known.incarnation == self.own.incarnation {
            return Err(format!("\"{}\" is this node itself, which need not join itself", self.own.name));
        }
        if known.name == self.own.name {
            return Err(format!(
                "\"{}\" is this node's own name; each node needs one of its own",
                short(&known.name)
            ));
        }
        let nodes = self.nodes();
        let other = nodes.iter().find(|(name, node)| Arc::ptr_eq(&node.link, link) && **name != known.name);
        if let Some((other, _)) = other {
            return Err(format!(
                "this link is that of the node \"{}\"; each node opens a link of its own",
                short(other)
            ));
        }
        match nodes.get(&known.name) {
            Some(node) if node.known.incarnation != known.incarnation => {
                let now = link_time::now();
                match node.state(now, tables) {
                    // It may be the same node, started anew.
                    NodeState::Suspect | NodeState::Unreachable | NodeState::Left => Ok(()),
                    NodeState::Joined => Err(format!(
                        "a node named \"{}\" has joined already, from {}; each node needs a name of its own",
                        short(&known.name),
                        node.known.url
                    )),
                }
            }
            Some(_) => Ok(()),
            None if is_full(&nodes, tables) => {
                let most = tables.limits.max_joined_nodes;
                Err(format!("{most} nodes (max_joined_nodes) have joined already"))
            }
            None => Ok(()),
        }
    }

    /// Whether, of the links between this node and that one, the new one is to be kept.
    pub(crate) fn is_kept(&self, arrival: &Arrival<'_>) -> bool {
        let nodes = self.nodes();
        let Some(node) = nodes.get(&arrival.known.name) else { return true };
        // Both sides come to the same: the one is kept that the node with the lesser name dialed.
        let ours_is_kept = self.own.name < arrival.known.name;
        !node.is_connected()
            || node.known.incarnation != arrival.known.incarnation
            || node.dialed == arrival.dialed
            || arrival.dialed == ours_is_kept
    }

    /// Enters a node whose link is kept; its agents are told of anew over it. Says whether it came back after its link
    /// broke.
    pub(crate) fn enter(&self, arrival: &Arrival<'_>, way: Arc<Held>) -> bool {
        let Arrival { known, link, dialed } = arrival;
        let mut nodes = self.nodes();
        let old = nodes.remove(&known.name);
        let epoch = old.as_ref().map_or(0, |node| node.epoch) + 1;
        let is_back = old.as_ref().is_some_and(|node| !node.left && !node.is_connected());
        let agents = old.map(|node| node.agents).unwrap_or_default();
        let node = Node {
            known: known.clone(),
            epoch,
            link: (*link).clone(),
            dialed: *dialed,
            left: false,
            way,
            agents,
        };
        nodes.insert(known.name.clone(), node);
        if nodes.len() > link.tables.limits.max_joined_nodes {
            // Those that are gone give their places up.
            let now = link_time::now();
            nodes.retain(|_, node| {
                !matches!(node.state(now, &link.tables), NodeState::Left | NodeState::Unreachable)
            });
        }
        drop(nodes);
        tracing::info!(node = %known.name, url = %known.url, epoch, "a node has joined");
        self.changed();
        is_back
    }

    /// Whether a link to the node is open.
    pub(crate) fn is_connected(&self, name: &str) -> bool {
        self.nodes().get(name).is_some_and(Node::is_connected)
    }

    /// Whether the node said goodbye, or is not known.
    pub(crate) fn has_left(&self, name: &str) -> bool {
        self.nodes().get(name).is_none_or(|node| node.left)
    }

    /// The way to a node that has joined and is reached as `to` says.
    pub(crate) fn way_of(&self, to: &Destination) -> Option<Destination> {
        let nodes = self.nodes();
        let found = nodes.values().find(|node| !node.left && node.is_reached_at(to));
        found.map(|node| node.way.to().clone())
    }

    /// Where the node says that it is reached.
    pub(crate) fn endpoint_of(&self, name: &str) -> Option<Endpoint> {
        self.nodes().get(name)?.known.url.parse().ok()
    }

    /// Whether the link is the one that is kept to its node.
    pub(crate) fn keeps(&self, link: &Arc<Link>) -> bool {
        self.nodes().values().any(|node| Arc::ptr_eq(&node.link, link))
    }

    /// The node to which that link is kept.
    pub(crate) fn node_of(&self, link: &Arc<Link>) -> Option<KnownNode> {
        let nodes = self.nodes();
        nodes.values().find(|node| Arc::ptr_eq(&node.link, link)).map(|node| node.known.clone())
    }

    /// The node of that incarnation, where it has proven, or not, to be `peer`.
    pub(crate) fn node_behind(&self, peer: &Principal, incarnation: u64) -> Option<KnownNode> {
        let nodes = self.nodes();
        let is_it = |node: &&Node| node.known.incarnation == incarnation && node.link.peer == *peer;
        nodes.values().find(is_it).map(|node| node.known.clone())
    }

    /// How the node of that name is now, and how it is reached.
    pub(crate) fn presence(&self, name: &str) -> Presence {
        match self.nodes().get(name) {
            None => Presence::Unknown,
            Some(node) if node.left => Presence::Left,
            Some(node) => Presence::Here {
                incarnation: node.known.incarnation,
                way: node.way.clone(),
                link: node.is_connected().then(|| node.link.clone()),
            },
        }
    }

    /// The peer of that link said goodbye.
    pub(crate) fn said_goodbye(&self, link: &Arc<Link>) {
        let mut nodes = self.nodes();
        let Some(node) = nodes.values_mut().find(|node| Arc::ptr_eq(&node.link, link)) else { return };
        node.left = true;
        node.agents.clear();
        tracing::info!(node = %node.known.name, "a node has left");
        drop(nodes);
        self.changed();
    }

    /// The link has ended; its node may come back.
    pub(crate) fn link_ended(&self, link: &Arc<Link>) {
        let nodes = self.nodes();
        let node = nodes.values().find(|node| Arc::ptr_eq(&node.link, link) && !node.left);
        if let Some(node) = node {
            let cause = link.end().unwrap_or_default();
            tracing::warn!(node = %node.known.name, %cause, "the link to a node broke");
        }
        drop(nodes);
        self.changed();
    }

    /// What the node of that link tells of its agents.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(crate) fn learn(&self, link: &Arc<Link>, news: AgentNews) -> Result<(), String> {
        if news.added.len() > MAX_AGENTS_TOLD {
            return Err(format!("more than {MAX_AGENTS_TOLD} agents in one message"));
        }
        let gate = &link.tables.gate;
        let (mut refused, mut too_many) = (Vec::new(), 0_u64);
        let mut nodes = self.nodes();
        let Some(node) = nodes.values_mut().find(|node| Arc::ptr_eq(&node.link, link)) else {
            return Err("agents of a node that has not joined over this link".to_owned());
        };
        if news.whole {
            node.agents.clear();
        }
        for listing in news.added {
            let is_fit = name::check_agent(&listing.name).is_ok() && listing.is_bounded();
            if !is_fit || !gate.may_host(&link.peer, &listing.name) {
                refused.push(listing.name);
            } else if node.agents.len() < MAX_AGENTS_OF_A_NODE || node.agents.contains_key(&listing.name) {
                node.agents.insert(listing.name.clone(), Listed::new(listing));
            } else {
                too_many += 1;
            }
        }
        for name in news.removed {
            node.agents.remove(&name);
        }
        let name = node.known.name.clone();
        drop(nodes);
        if let Some(first) = refused.first() {
            link.tables.counters.hostings_refused.increment(refused.len() as u64);
            let first = short(first);
            tracing::warn!(node = %name, agents = refused.len(), %first, "a node lists agents that no rule lets it host");
        }
        if too_many > 0 {
            link.tables.counters.hostings_refused.increment(too_many);
            let most = MAX_AGENTS_OF_A_NODE;
            tracing::warn!(node = %name, agents = too_many, most, "a node lists more agents than are kept of one");
        }
        self.changed();
        Ok(())
    }

    /// The nodes, by name.
    pub(crate) fn list(&self, tables: &Tables) -> Vec<JoinedNode> {
        let now = link_time::now();
        self.nodes().values().map(|node| node.as_known(now, tables)).collect()
    }

    /// The node of that name.
    pub(crate) fn joined(&self, name: &str, tables: &Tables) -> Option<JoinedNode> {
        self.nodes().get(name).map(|node| node.as_known(link_time::now(), tables))
    }

    /// The node that is reached at `to`, where a link to it is open.
    pub(crate) fn joined_at(&self, to: &Destination, tables: &Tables) -> Option<JoinedNode> {
        let nodes = self.nodes();
        let at = nodes.values().find(|node| node.is_connected() && node.is_reached_at(to));
        at.map(|node| node.as_known(link_time::now(), tables))
    }

    /// The nodes that are here, as others are told of them.
    pub(crate) fn told_of(&self) -> Vec<KnownNode> {
        let nodes = self.nodes();
        nodes.values().filter(|node| !node.left).map(|node| node.known.clone()).collect()
    }

    /// The name of an agent elsewhere that looks most like `wrong`.
    pub(crate) fn nearest(&self, wrong: &str) -> Option<String> {
        let nodes = self.nodes();
        let names = nodes.values().flat_map(|node| node.agents.keys());
        folkmoot_agents::nearest(wrong, names.map(String::as_str))
    }

    /// The agents that live on other nodes and are `wanted`, with their nodes.
    pub(crate) fn agents(&self, wanted: impl Fn(&AgentListing) -> bool) -> Vec<(String, AgentListing)> {
        let nodes = self.nodes();
        let of = |node: &Node| {
            let name = node.known.name.clone();
            let wanted = node.agents.values().map(|agent| &agent.listing).filter(|agent| wanted(agent));
            wanted.map(|agent| (name.clone(), agent.clone())).collect::<Vec<_>>()
        };
        nodes.values().flat_map(of).collect()
    }

    /// Where the agent of that name lives.
    pub(crate) fn find(&self, name: &str) -> Found {
        let nodes = self.nodes();
        let mut hosts = nodes.values().filter(|node| node.agents.contains_key(name));
        match (hosts.next(), hosts.next()) {
            (None, _) => Found::Nowhere,
            (Some(node), None) => node.hosting(name),
            (Some(first), Some(second)) => {
                let all = [first, second].into_iter().chain(hosts);
                Found::Several(all.map(|node| node.known.name.clone()).collect())
            }
        }
    }

    /// The same, on that node alone.
    pub(crate) fn find_on(&self, node: &str, name: &str) -> Found {
        match self.nodes().get(node) {
            Some(node) if node.agents.contains_key(name) => node.hosting(name),
            _ => Found::Nowhere,
        }
    }

    /// How that node is to be thought of; `None` where it is not known.
    pub(crate) fn state(&self, node: &str, tables: &Tables) -> Option<NodeState> {
        self.nodes().get(node).map(|node| node.state(link_time::now(), tables))
    }

    /// The agents on other nodes that are `wanted`: node, agent, and the way there.
    pub(crate) fn ways(&self, wanted: impl Fn(&AgentListing) -> bool) -> Vec<(String, String, Arc<Held>)> {
        let nodes = self.nodes();
        let of = |node: &Node| {
            let wanted = node.agents.values().map(|agent| &agent.listing).filter(|agent| wanted(agent));
            let found = wanted.map(|agent| (node.known.name.clone(), agent.name.clone(), node.way.clone()));
            found.collect::<Vec<_>>()
        };
        nodes.values().flat_map(of).collect()
    }

    /// Forgets all nodes.
    pub(crate) fn close(&self) {
        let nodes = std::mem::take(&mut *self.nodes());
        drop(nodes);
        self.changed();
    }
}

/// Whether as many nodes are here, this one among them, as may join.
fn is_full(nodes: &BTreeMap<String, Node>, tables: &Tables) -> bool {
    let now = link_time::now();
    let is_here = |node: &&Node| !matches!(node.state(now, tables), NodeState::Left | NodeState::Unreachable);
    nodes.values().filter(is_here).count() + 1 >= tables.limits.max_joined_nodes
}

#[cfg(test)]
mod tests {
    use folkmoot_codecs::Codec;

    use super::*;

    #[test]
    fn no_more_links_are_kept_than_may_be_and_an_end_makes_room() {
        let own = KnownNode { name: "own".into(), url: "tcp://127.0.0.1:1".into(), incarnation: 1 };
        let membership = Membership::new(own, "test".into());
        let to = |port: u16| Destination {
            endpoint: format!("tcp://127.0.0.1:{port}").parse().unwrap(),
            expected_peer: None,
            codec: Codec::MsgPack,
        };
        assert!(membership.begin_to_keep(&to(1), 2) && membership.begin_to_keep(&to(2), 2));
        assert!(!membership.begin_to_keep(&to(3), 2), "one too many");
        assert!(!membership.begin_to_keep(&to(1), 9), "kept already");
        membership.end_to_keep(&to(1));
        assert!(membership.begin_to_keep(&to(3), 2));
    }
}
