//! The agents that joined nodes say live with them.
//!
//! Always true: an agent is believed where a rule lets its node host it, and no more are kept of a node than
//! [`MAX_AGENTS_OF_A_NODE`]. Neighbours: [`membership`](super) has the nodes, [`directory`](crate::directory) and
//! [`roll`](crate::roll) ask for agents.

use std::sync::Arc;

use folkmoot_agents::host::Credits;
use folkmoot_codecs::joining::{AgentListing, AgentNews, MAX_AGENTS_TOLD};
use folkmoot_gateway::name::{self, short};

use super::Membership;
use super::node::Node;
use crate::link::Link;
use crate::remotes::Held;

/// Most agents that are kept of one node.
const MAX_AGENTS_OF_A_NODE: usize = 250_000;

/// An agent that a node told of.
pub(super) struct Listed {
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

/// What a name leads to among the nodes that have joined.
pub(crate) enum Found {
    Nowhere,
    /// The node, the way to it, and what it told of how many calls the agent takes.
    At(String, Arc<Held>, Option<Arc<Credits>>),
    Several(Vec<String>),
}

impl Node {
    /// The way to an agent there.
    fn hosting(&self, agent: &str) -> Found {
        let credits = self.agents.get(agent).and_then(|agent| agent.credits.clone());
        Found::At(self.known.name.clone(), self.way.clone(), credits)
    }
}

impl Membership {
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
}
