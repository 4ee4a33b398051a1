//! One member of a group: who it is, how a call to it would fare, how much it has in hand.
//!
//! Neighbours: the [`group`](super) holds the entries, [`order`](super::order) compares their loads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::host::{Host, Outlook};
use crate::interface::Interface;
use crate::proxy::{Proxy, Target};
use crate::shared::{AgentShared, Status};

/// A member of a group: an agent of one node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The agent's name in its container.
    pub name: String,
    /// The name of its node; where a proxy goes by a URL, where that node listens.
    pub node: String,
}

impl Member {
    pub(super) fn new(name: String, node: String) -> Member {
        Member { name, node }
    }

    pub(super) fn of<I: Interface + ?Sized>(proxy: &Proxy<I>) -> Member {
        let inner = &Proxy::core(proxy).0;
        let node = match &inner.target {
            Target::Near(_) => inner.host.principal().node_name().to_owned(),
            Target::Far(far) => far.node(),
        };
        Member::new(inner.origin.agent.to_string(), node)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.name)
    }
}

/// What a member is to calls under way.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) member: Member,
    /// Calls that this group and its clones have under way there.
    under_way: AtomicUsize,
}

/// A member and the way to it.
pub(super) struct Entry<I: Interface + ?Sized> {
    pub(super) seat: Arc<Seat>,
    pub(super) proxy: Proxy<I>,
}

impl<I: Interface + ?Sized> Clone for Entry<I> {
    fn clone(&self) -> Self {
        Entry { seat: self.seat.clone(), proxy: self.proxy.clone() }
    }
}

impl<I: Interface + ?Sized> Entry<I> {
    pub(super) fn new(member: Member, proxy: Proxy<I>) -> Entry<I> {
        Entry { seat: Arc::new(Seat { member, under_way: AtomicUsize::new(0) }), proxy }
    }

    pub(super) fn host(&self) -> &Arc<dyn Host> {
        Proxy::core(&self.proxy).host()
    }

    fn near(&self) -> Option<&Arc<AgentShared>> {
        Proxy::core(&self.proxy).0.origin.target.as_ref()
    }

    /// What the agent is doing, where it lives in this process.
    pub(super) fn status(&self) -> Option<Status> {
        self.near().map(|agent| agent.status())
    }

    /// How a call would fare that is sent now.
    pub(super) fn outlook(&self) -> Outlook {
        match &Proxy::core(&self.proxy).0.target {
            Target::Near(door) => match door.shared().status() {
                // Another may bear its name now; a call would go there.
                Status::Stopped => match self.host().find(door.shared().name()) {
                    Ok(heir) => Outlook::of(heir.shared()),
                    Err(_) => Outlook::of(door.shared()),
                },
                _ => Outlook::of(door.shared()),
            },
            Target::Far(far) => far.outlook(),
        }
    }

    /// Calls that it has in hand: all, where it lives in this process; elsewhere those of this group.
    pub(super) fn load(&self) -> usize {
        match self.near() {
            Some(agent) => agent.in_hand() as usize,
            None => self.seat.under_way.load(Ordering::Relaxed),
        }
    }
}

/// A call to a member that is under way, counted as its load.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Seat>);

impl UnderWay {
    pub(super) fn to(seat: &Arc<Seat>) -> UnderWay {
        seat.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(seat.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
