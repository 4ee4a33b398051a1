//! What nodes that join tell each other: who they are, whom they know, which agents live with them.
//!
//! Each is the one argument, or the result, of a request under `folkmoot/` (`WIRE.md` has the paths). Unknown keys are
//! ignored. What a node says of others is hearsay: each proves itself when it is dialed, and agents are believed where
//! a rule lets the node host them. Neighbour: `hello` came before.

use serde::{Deserialize, Serialize};

use crate::hello::MAX_NODE_BYTES;

/// Most agents that are told of in one message.
pub const MAX_AGENTS_TOLD: usize = 1_000;
/// Longest URL of a node, in bytes.
pub const MAX_URL_BYTES: usize = 1_024;
/// Most capabilities of one agent.
pub const MAX_CAPABILITIES: usize = 16;
/// Longest name of a type or a capability, in bytes.
pub const MAX_WORD_BYTES: usize = 128;

/// A node asks to join, over the link on which it asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// The name of the system that it means to join.
    pub cluster: String,
    /// The node.
    pub node: KnownNode,
    /// The nodes that have joined there.
    #[serde(default)]
    pub others: Vec<KnownNode>,
}

/// The answer to a node that may join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinReply {
    /// Who answers.
    pub node: KnownNode,
    /// Whether this link is the one that both keep; else there is another between the two.
    pub keep: bool,
    /// The nodes that have joined here.
    pub others: Vec<KnownNode>,
}

/// A node, as it or another tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownNode {
    /// Its name.
    pub name: String,
    /// Where it is reached.
    pub url: String,
    /// Drawn anew at each start: tells a node that came back from one that was never away.
    pub incarnation: u64,
}

impl KnownNode {
    /// Whether its words can be those of a node.
    ///
    /// # Errors
    /// What cannot be, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        let is_odd = |word: &str, most: usize| {
            word.is_empty() || word.len() > most || word.chars().any(char::is_control)
        };
        if is_odd(&self.name, MAX_NODE_BYTES) {
            return Err(format!("a node's name is 1 to {MAX_NODE_BYTES} bytes without control characters"));
        }
        if is_odd(&self.url, MAX_URL_BYTES) {
            return Err(format!("a node's URL is 1 to {MAX_URL_BYTES} bytes without control characters"));
        }
        Ok(())
    }
}

/// What has changed among a node's agents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentNews {
    /// Whether all that was told before is void.
    pub whole: bool,
    /// Agents that live there now; one of a known name takes its place.
    pub added: Vec<AgentListing>,
    /// Names of agents that do not any more.
    pub removed: Vec<String>,
}

/// One agent in a node's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentListing {
    /// Its name.
    pub name: String,
    /// Its type's name.
    pub agent_type: String,
    /// What it says that it can do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Most calls that it takes at once; `None` where its node does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
}

impl AgentListing {
    /// Whether its words are of a length that is kept.
    pub fn is_bounded(&self) -> bool {
        let is_short = |word: &String| word.len() <= MAX_WORD_BYTES;
        is_short(&self.agent_type)
            && self.capabilities.len() <= MAX_CAPABILITIES
            && self.capabilities.iter().all(is_short)
    }
}
