//! Who is speaking, as proven and never as claimed.
//!
//! `node` comes from what the transport could prove (a certificate's URI SAN, else its DNS SANs, else the
//! fingerprint of its key; over a unix socket the user whom the system names); `agent` is set by a container for
//! its own children.

use std::fmt;
use std::sync::Arc;

/// What stands before the number of a user.
const UNIX_USER: &str = "unix:uid=";

/// The proven speaker of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal {
    node: Arc<str>,
    agent: Option<Arc<str>>,
}

impl Principal {
    /// The name of a peer that proved nothing.
    pub const ANONYMOUS: &'static str = "anonymous";

    /// A node whose name the transport proved.
    pub fn node(name: impl Into<Arc<str>>) -> Principal {
        Principal { node: name.into(), agent: None }
    }

    /// A peer that proved nothing.
    pub fn anonymous() -> Principal {
        Principal::node(Principal::ANONYMOUS)
    }

    /// A peer at the other end of a unix socket, by the user that the system says it runs as: `unix:uid=1000`.
    ///
    /// No name out of a certificate looks like it: a URI has `://`, a DNS name no colon, a fingerprint begins with
    /// `sha256:`.
    pub fn unix_user(uid: u32) -> Principal {
        Principal::node(format!("{UNIX_USER}{uid}"))
    }

    /// The same node, speaking for one of its agents.
    pub fn with_agent(&self, agent: impl Into<Arc<str>>) -> Principal {
        Principal { node: self.node.clone(), agent: Some(agent.into()) }
    }

    /// The proven name of the node.
    pub fn node_name(&self) -> &str {
        &self.node
    }

    /// The agent on that node, where its container said so.
    pub fn agent_name(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// Whether a node proved its name; else the peer is a user of this machine, or nobody knows who.
    pub fn is_node(&self) -> bool {
        !self.is_anonymous() && !self.node.starts_with(UNIX_USER)
    }

    /// Whether the peer proved nothing about itself.
    pub fn is_anonymous(&self) -> bool {
        &*self.node == Principal::ANONYMOUS
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.agent {
            Some(agent) => write!(f, "{} agent {agent:?}", self.node),
            None => f.write_str(&self.node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Principal;

    #[test]
    fn principals_show_who_speaks() {
        let node = Principal::node("spiffe://demo/node/market");
        assert_eq!(node.to_string(), "spiffe://demo/node/market");
        let agent = node.with_agent("counter");
        assert_eq!(agent.to_string(), "spiffe://demo/node/market agent \"counter\"");
        assert_eq!((agent.node_name(), agent.agent_name()), (node.node_name(), Some("counter")));
        assert_ne!(agent, node);
        assert_eq!(Principal::unix_user(1000).to_string(), "unix:uid=1000");
        assert!(node.is_node() && !Principal::unix_user(1000).is_node() && !Principal::anonymous().is_node());
        assert!(Principal::anonymous().is_anonymous() && !node.is_anonymous());
    }
}
