//! Who belongs to a live group: the agents of this node and of those that have joined, by type or capability.
//!
//! Always true: a roll is as new as its version, so that who looks again before anything has changed is told so at the
//! price of one look at a number; a way on it leads to one node's agent and to no namesake. Neighbours:
//! [`membership`](crate::membership) and [`tables`](crate::tables) count the changes.

use std::sync::Arc;

use folkmoot_agents::connect::Way;
use folkmoot_agents::host::{Enrolled, Roll, Wanted};

use crate::container::Hall;
use crate::directory::NamedAgent;

/// The roll; `None` where it is still as it was `seen`.
pub(crate) fn roll(hall: &Arc<Hall>, wanted: &Wanted, seen: Option<u64>) -> Option<Roll> {
    let membership = &hall.tables.membership;
    // Before the look: what changes meanwhile is looked at again.
    let version = membership.version();
    if seen == Some(version) {
        return None;
    }
    let node = hall.tables.principal.node_name();
    let own = hall.tables.names_of(|agent_type, capabilities| is_wanted(wanted, agent_type, capabilities));
    let own = own.into_iter().map(|name| Enrolled {
        name: name.clone(),
        node: node.to_owned(),
        way: Way::Here(name),
    });
    let others = membership.ways(|agent| is_wanted(wanted, &agent.agent_type, &agent.capabilities));
    let others = others.into_iter().map(|(node, name, way)| {
        let far = NamedAgent::new(hall.clone(), name.clone(), Some(node.clone()), way);
        Enrolled { name, node, way: Way::Far(Arc::new(far)) }
    });
    let mut members: Vec<_> = own.chain(others).collect();
    members.sort_by(|a, b| (&a.name, &a.node).cmp(&(&b.name, &b.node)));
    Some(Roll { version, members })
}

fn is_wanted(wanted: &Wanted, agent_type: &str, capabilities: &[String]) -> bool {
    match wanted {
        Wanted::OfType(wanted) => wanted == agent_type,
        Wanted::AbleTo(wanted) => capabilities.contains(wanted),
    }
}

/// Waits until anything has changed since that version.
pub(crate) async fn changed(hall: Arc<Hall>, seen: u64) {
    let mut changes = hall.tables.membership.watch();
    // The table lives as long as the hall, and so does the sender.
    changes.wait_for(|version| *version != seen).await.ok();
}
