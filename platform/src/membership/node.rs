//! A node that has joined: its row in the table, and what others see of it.
//!
//! Always true: its state is told by when it was last heard, and by nothing else but its goodbye. Neighbours:
//! [`membership`](super) is the table, [`hosted`](super::hosted) what lives on the node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_codecs::joining::KnownNode;

use super::hosted::Listed;
use crate::link::Link;
use crate::peer::Destination;
use crate::remotes::Held;
use crate::tables::Tables;

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

/// What the table knows of one node.
pub(super) struct Node {
    pub(super) known: KnownNode,
    pub(super) epoch: u64,
    pub(super) link: Arc<Link>,
    /// Whether we opened the link.
    pub(super) dialed: bool,
    pub(super) left: bool,
    pub(super) way: Arc<Held>,
    pub(super) agents: BTreeMap<String, Listed>,
}

impl Node {
    pub(super) fn is_connected(&self) -> bool {
        self.link.is_open()
    }

    /// Whether who is sought at `to` is this node. One that dialed us says where it is reached: it must have proven to
    /// be who is found there, or bear the name that is expected.
    pub(super) fn is_reached_at(&self, to: &Destination) -> bool {
        let way = self.way.to();
        let is_it = match &to.expected_peer {
            Some(expected) => *expected == self.known.name,
            None => self.dialed || self.link.is_proven_for(&to.endpoint),
        };
        way.endpoint == to.endpoint && way.codec == to.codec && is_it
    }

    pub(super) fn as_known(&self, now: LinkInstant, tables: &Tables) -> JoinedNode {
        JoinedNode {
            name: self.known.name.clone(),
            url: self.known.url.clone(),
            state: self.state(now, tables),
            epoch: self.epoch,
            agents: self.agents.len(),
        }
    }

    /// How long nothing has come from it.
    fn silence(&self, now: LinkInstant) -> Duration {
        Duration::from_millis(now.since(self.link.heard()))
    }

    pub(super) fn state(&self, now: LinkInstant, tables: &Tables) -> NodeState {
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
