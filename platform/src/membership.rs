//! The nodes that have joined this one: who they are, and their links.
//!
//! Always true: a name belongs to at most one node; of two links between the same two nodes both sides keep the same
//! one. Whether a node is suspect is told by when it was last heard, so nothing here needs a timer. Neighbours:
//! [`node`] is a row of the table, [`hosted`] has the agents that live on the nodes; [`joining`](crate::joining) brings
//! nodes in and attends to their links, [`directory`](crate::directory) looks agents up.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use folkmoot_codecs::joining::KnownNode;
use folkmoot_codecs::{Endpoint, Principal};
use folkmoot_gateway::name::short;
use tokio::sync::watch;

use crate::container::Hall;
use crate::link::Link;
use crate::link_time;
use crate::peer::Destination;
use crate::remotes::Held;
use crate::tables::Tables;

mod hosted;
mod node;

pub(crate) use hosted::Found;
use node::Node;
pub use node::{JoinedNode, NodeState};

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

/// A node that came over a link: who it says that it is, and the way to it that uses the link.
pub(crate) struct Arrival<'a> {
    pub(crate) known: KnownNode,
    pub(crate) link: &'a Arc<Link>,
    pub(crate) dialed: bool,
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
        // Whoever begins to watch now looks at what has changed only after that.
        let is_watched = self.changes.receiver_count() > 0;
        self.changes.send_if_modified(|changes| {
            *changes += 1;
            is_watched
        });
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

    /// How that node is to be thought of; `None` where it is not known.
    pub(crate) fn state(&self, node: &str, tables: &Tables) -> Option<NodeState> {
        self.nodes().get(node).map(|node| node.state(link_time::now(), tables))
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
