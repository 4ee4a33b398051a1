//! A monitor: tells what happens to one agent, from when it is made until it is dropped.
//!
//! Always true: it is of one agent, from that one's spawn to its end, never of another that bears the name later; it
//! keeps at most [`MAX_EVENTS`] events and says how many it did not keep. Neighbours: [`watching`](crate::watching) is
//! the table of who is told; what is behind [`Far`](crate::host::Far) watches agents of other nodes.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use folkmoot_codecs::{AgentEvent, CallError};
use futures_util::Stream;

use crate::counters::Counters;
use crate::host::{BoxFuture, Host};
use crate::interface::Interface;
use crate::proxy::{Proxy, Target};
use crate::watching::{FarWatch, Watch, Watcher};

/// Most events that wait to be taken; of more the oldest give way.
pub const MAX_EVENTS: usize = 64;

/// Tells what happens to one agent. Made by [`Context::monitor`](crate::Context::monitor) and the container's
/// `monitor`; dropped, it ends.
///
/// It is a [`Stream`] too.
#[must_use = "a monitor ends when it is dropped"]
pub struct Monitor {
    agent: String,
    events: Arc<Events>,
    watch: Option<Arc<dyn FarWatch>>,
    /// Set while there is no link to the agent's node.
    coming_back: Option<BoxFuture<'static, Option<AgentEvent>>>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl Monitor {
    /// A monitor of the agent behind a proxy.
    #[doc(hidden)]
    pub fn of<I: Interface + ?Sized>(
        proxy: &Proxy<I>,
    ) -> impl Future<Output = Result<Monitor, CallError>> + Send + use<I> {
        let core = Proxy::renewed(proxy);
        let agent = Proxy::agent_name(proxy).to_owned();
        async move {
            let inner = &*core.0;
            let events = Arc::new(Events::new(&inner.host));
            let watch = match &inner.target {
                Target::Near(door) => NearWatch::of(door.shared().watch(events.clone())?),
                Target::Far(far) => far.clone().watch(events.clone()).await?,
            };
            Ok(Monitor { agent, events, watch: Some(watch), coming_back: None })
        }
    }

    /// The agent's name in its container.
    pub fn agent_name(&self) -> &str {
        &self.agent
    }

    /// The next event; `None` after the last. Nothing is lost where this is dropped before it is done.
    ///
    /// The last is [`Ended`](AgentEvent::Ended), or a [`Disconnected`](AgentEvent::Disconnected) after which the
    /// agent's node is not reached again.
    pub async fn next(&mut self) -> Option<AgentEvent> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<AgentEvent>> {
        if let Some(coming_back) = &mut self.coming_back {
            let found = ready!(coming_back.as_mut().poll(cx));
            self.coming_back = None;
            if !matches!(found, Some(AgentEvent::Reconnected { .. })) {
                self.watch = None;
            }
            return Poll::Ready(found);
        }
        let Some(watch) = &self.watch else { return Poll::Ready(None) };
        let event = ready!(self.events.poll_take(cx));
        match event {
            AgentEvent::Disconnected { .. } => self.coming_back = Some(watch.clone().again()),
            AgentEvent::Ended { .. } => self.watch = None,
            _ => {}
        }
        Poll::Ready(Some(event))
    }
}

impl Stream for Monitor {
    type Item = AgentEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AgentEvent>> {
        self.get_mut().poll_event(cx)
    }
}

/// Events in their order, at most [`MAX_EVENTS`] of them.
#[derive(Debug, Default)]
pub struct EventQueue {
    events: VecDeque<AgentEvent>,
    missed: u64,
}

impl EventQueue {
    /// Takes an event in. Says whether an older one gave way to it.
    pub fn push(&mut self, event: AgentEvent) -> bool {
        // What another queue on the way did not keep.
        if let AgentEvent::Missed { events } = event {
            self.missed = self.missed.saturating_add(events);
            return false;
        }
        let is_full = self.events.len() >= MAX_EVENTS;
        if is_full {
            self.events.pop_front();
            self.missed = self.missed.saturating_add(1);
        }
        self.events.push_back(event);
        is_full
    }

    /// The next event: first how many are missing before the others.
    pub fn pop(&mut self) -> Option<AgentEvent> {
        match std::mem::take(&mut self.missed) {
            0 => self.events.pop_front(),
            events => Some(AgentEvent::Missed { events }),
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.missed == 0
    }
}

/// The events of one monitor on their way to whoever awaits them.
struct Events {
    counters: Arc<Counters>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    queue: EventQueue,
    waker: Option<Waker>,
}

impl Events {
    fn new(host: &Arc<dyn Host>) -> Events {
        Events { counters: host.counters().clone(), inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_take(&self, cx: &Context<'_>) -> Poll<AgentEvent> {
        let mut inner = self.inner();
        match inner.queue.pop() {
            Some(event) => Poll::Ready(event),
            None => {
                inner.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Watcher for Events {
    fn tell(&self, event: AgentEvent) {
        let mut inner = self.inner();
        if inner.queue.push(event) {
            self.counters.missed_events.increment(1);
            tracing::debug!("a monitor takes its events too slowly, and an old one was not kept");
        }
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// An agent of this process that is being watched.
pub(crate) struct NearWatch {
    _watch: Watch,
}

impl NearWatch {
    pub(crate) fn of(watch: Watch) -> Arc<dyn FarWatch> {
        Arc::new(NearWatch { _watch: watch })
    }
}

impl FarWatch for NearWatch {
    fn again(self: Arc<Self>) -> BoxFuture<'static, Option<AgentEvent>> {
        // There is no link that could be lost.
        Box::pin(std::future::ready(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_keeps_the_newest_and_says_how_many_are_missing() {
        let mut queue = EventQueue::default();
        assert!(queue.is_empty());
        let last = MAX_EVENTS as u64 + 9;
        for restarts in 0..=last {
            assert_eq!(queue.push(AgentEvent::Restarted { restarts }), restarts >= MAX_EVENTS as u64);
        }
        assert!(!queue.push(AgentEvent::Missed { events: 5 }));
        assert_eq!(queue.pop(), Some(AgentEvent::Missed { events: 15 }));
        for restarts in 10..=last {
            assert_eq!(queue.pop(), Some(AgentEvent::Restarted { restarts }));
        }
        assert_eq!(queue.pop(), None);
    }
}
