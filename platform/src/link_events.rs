//! What a program is told of its container's links: with whom one was opened, and why it ended.
//!
//! Always true: a link is told of as opened once its peer has proven itself, and as ended once after that, at the
//! latest when its container ends; who takes the events too slowly is told how many were missed. Neighbours:
//! [`link`](crate::link) tells, whoever opened it; [`listener`](crate::listener) and [`peer`](crate::peer) open links.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use folkmoot_codecs::Principal;
use tokio::sync::broadcast;

/// Events that wait for one who takes them slowly; for each further one the oldest goes.
const EVENTS_KEPT: usize = 1024;

/// The other end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkPeer {
    /// Who it is, as proven.
    pub principal: Principal,
    /// Where it is, as this machine sees it.
    pub address: String,
    /// Where it was sought; `None` where it opened the link.
    pub url: Option<String>,
    /// What its node calls itself, where that is a Folkmoot container. One that opened the link says so as the first
    /// thing after; only the principal is proven.
    pub node: Option<String>,
}

/// What happens to the links of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkEvent {
    /// A link was opened, by whichever side.
    Opened {
        /// With whom.
        peer: LinkPeer,
    },
    /// A link has ended: whoever waited on it has been told.
    Ended {
        /// With whom it was.
        peer: LinkPeer,
        /// Why, as a sentence. What a peer says of itself is in it as the peer said it.
        cause: String,
    },
    /// So many events were not kept, for they were not taken.
    Missed {
        /// How many.
        events: u64,
    },
}

/// Tells what happens to the links of a container, from when it was asked for.
#[derive(Debug)]
pub struct LinkEvents(broadcast::Receiver<LinkEvent>);

impl LinkEvents {
    /// Waits for the next event; `None` once the container was shut down.
    pub async fn next(&mut self) -> Option<LinkEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(events)) => Some(LinkEvent::Missed { events }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The links of one container that were told of.
pub(crate) struct OpenLinks {
    inner: Mutex<Inner>,
}

struct Inner {
    next: u64,
    /// By number: in the order in which they were opened.
    open: BTreeMap<u64, LinkPeer>,
    /// `None` once the container was shut down.
    events: Option<broadcast::Sender<LinkEvent>>,
}

impl Inner {
    fn tell(&self, event: LinkEvent) {
        if let Some(events) = &self.events {
            // Nobody may listen.
            events.send(event).ok();
        }
    }
}

impl OpenLinks {
    pub(crate) fn new() -> OpenLinks {
        let events = Some(broadcast::Sender::new(EVENTS_KEPT));
        OpenLinks { inner: Mutex::new(Inner { next: 0, open: BTreeMap::new(), events }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A link was opened. Gives the number by which its end is told.
    pub(crate) fn opened(&self, peer: LinkPeer) -> u64 {
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        inner.tell(LinkEvent::Opened { peer: peer.clone() });
        inner.open.insert(number, peer);
        number
    }

    /// The peer of that link has said what its node calls itself.
    pub(crate) fn named(&self, number: u64, node: String) {
        if let Some(peer) = self.inner().open.get_mut(&number) {
            peer.node = Some(node);
        }
    }

    /// That link has ended; told once.
    pub(crate) fn ended(&self, number: u64, cause: &str) {
        let mut inner = self.inner();
        if let Some(peer) = inner.open.remove(&number) {
            inner.tell(LinkEvent::Ended { peer, cause: cause.to_owned() });
        }
    }

    /// The links that are open, in the order in which they were opened.
    pub(crate) fn list(&self) -> Vec<LinkPeer> {
        self.inner().open.values().cloned().collect()
    }

    /// Whether one of those that are open is so.
    pub(crate) fn any(&self, is_it: impl Fn(&LinkPeer) -> bool) -> bool {
        self.inner().open.values().any(is_it)
    }

    /// Tells what happens from now on.
    pub(crate) fn watch(&self) -> LinkEvents {
        let inner = self.inner();
        LinkEvents(match &inner.events {
            Some(events) => events.subscribe(),
            // Its sender is gone: it tells the end.
            None => broadcast::channel(1).1,
        })
    }

    /// The container ends: links that have not ended by themselves are told of as ended, and nothing after that.
    pub(crate) fn close(&self, cause: &str) {
        let mut inner = self.inner();
        for peer in std::mem::take(&mut inner.open).into_values() {
            inner.tell(LinkEvent::Ended { peer, cause: cause.to_owned() });
        }
        inner.events = None;
    }
}
