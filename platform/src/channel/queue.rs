//! The requests of a channel's peer that wait to be taken.
//!
//! Always true: no more wait than may be in hand, and no more bytes than a frame may have, save one request; one too many
//! is refused at once. The reading never stops for them, or two ends that wait for each other's answers would wait for
//! ever. Neighbours: the link's task puts in ([`take`]), [`Channel::recv`](super::Channel::recv) takes out.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use folkmoot_codecs::{PlainTypes, RawId};
use tokio::sync::Notify;

use super::Request;
use crate::inbound::way_back;
use crate::inbound::{self, InHand};
use crate::limits::LinkLimits;
use crate::link::Link;

/// What waits.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    came: Notify,
    most_bytes: usize,
    /// Whether both ends know values of special types.
    has_types: AtomicBool,
    /// Whether the peer asks nothing more: it has closed its half, or is gone.
    peer_closed: AtomicBool,
    /// Told when it has.
    closed: Notify,
}

#[derive(Default)]
struct Waiting {
    requests: VecDeque<Request>,
    bytes: usize,
    ended: bool,
}

impl Queue {
    pub(crate) fn new(limits: &LinkLimits, types: &PlainTypes) -> Arc<Queue> {
        let most_bytes = limits.frame.max_frame_bytes as usize;
        let has_types = AtomicBool::new(!types.is_empty());
        Arc::new(Queue {
            waiting: Mutex::default(),
            came: Notify::new(),
            most_bytes,
            has_types,
            peer_closed: AtomicBool::new(false),
            closed: Notify::new(),
        })
    }

    /// Nothing more comes from the peer.
    pub(crate) fn note_peer_closed(&self) {
        self.peer_closed.store(true, Ordering::Release);
        self.closed.notify_waiters();
    }

    /// Waits until nothing more comes from the peer.
    pub(super) async fn peer_closed(&self) {
        let mut closed = pin!(self.closed.notified());
        // Before the look, or what comes between the two would be missed.
        closed.as_mut().enable();
        if !self.peer_closed.load(Ordering::Acquire) {
            closed.await;
        }
    }

    /// Whether a map with the key `__type__` is more than a map.
    pub(crate) fn has_types(&self) -> bool {
        self.has_types.load(Ordering::Relaxed)
    }

    /// Services are called over the channel, and are values themselves.
    pub(super) fn carries_services(&self) {
        self.has_types.store(true, Ordering::Relaxed);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        self.waiting().bytes <= self.most_bytes
    }

    fn push(&self, request: Request) {
        let mut waiting = self.waiting();
        if waiting.ended {
            // Dropped behind the lock: it answers, for which it looks at the link.
            drop(waiting);
            return drop(request);
        }
        waiting.bytes += request.len();
        waiting.requests.push_back(request);
        drop(waiting);
        self.came.notify_one();
    }

    /// The next request; `None` once the channel has ended.
    pub(super) async fn next(&self) -> Option<Request> {
        loop {
            if let Some(next) = self.look() {
                return next;
            }
            self.came.notified().await;
        }
    }

    /// The next request, or the end; `None` where neither has come.
    fn look(&self) -> Option<Option<Request>> {
        let mut waiting = self.waiting();
        let next = waiting.requests.pop_front();
        waiting.bytes -= next.as_ref().map_or(0, Request::len);
        if waiting.ended || next.is_some() && !waiting.requests.is_empty() {
            // Another one may wait for what is there besides.
            self.came.notify_one();
        }
        if next.is_none() && !waiting.ended {
            return None;
        }
        Some(next)
    }

    /// The channel has ended: what waits can be answered no more.
    pub(crate) fn close(&self) {
        self.note_peer_closed();
        let mut waiting = self.waiting();
        waiting.ended = true;
        waiting.bytes = 0;
        let requests = std::mem::take(&mut waiting.requests);
        drop(waiting);
        self.came.notify_one();
        drop(requests);
    }
}

/// Takes a request of the peer's in, or refuses it.
pub(crate) fn take(link: &Arc<Link>, queue: &Arc<Queue>, id: RawId, content: Bytes) {
    let limits = &link.tables.limits;
    let refuse = |what: &str, limit: usize| {
        let full = (format!("{what} of {}", link.peer_address), limit);
        inbound::refuse_overloaded(link, &id, ("", ""), false, full);
    };
    if !queue.has_room() {
        return refuse("bytes of waiting requests", limits.frame.max_frame_bytes as usize);
    }
    let Some(in_hand) = InHand::take(link, &id) else {
        return refuse("requests in hand", limits.max_requests_in_hand);
    };
    queue.push(Request::new(link.clone(), way_back::of_channel(id, in_hand), content));
}
