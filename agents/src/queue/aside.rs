//! What seldom happens to an agent: a crash, a wish that it end, futures beside its turns. It costs an idle agent
//! nothing.
//!
//! Always true: what is left here from outside of the life's poll wakes the life. Neighbour: [`life`](crate::life)
//! takes it up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Core;
use crate::actor::Control;
use crate::host::Order;
use crate::interface::{Agent, LocalFuture};
use crate::local::proxy_through;
use crate::neighbours;
use crate::panics::let_go;
use crate::proxy::{Door, Proxy};
use crate::proxy_serde::Reader;
use crate::shared::Status;
use crate::watching::End;

/// A request to end the agent.
pub(crate) struct StopRequest {
    pub(crate) grace: Duration,
    /// Told when the agent has ended.
    pub(crate) done: Vec<oneshot::Sender<()>>,
    /// Whether nobody but the agent itself wishes it.
    pub(crate) own: bool,
}

/// What the agent's life has to see to, or has to tell.
#[derive(Default)]
pub(super) struct Aside {
    crash: Option<String>,
    last_crash: Option<String>,
    stop: Option<StopRequest>,
    /// One follows when the one before is done, or the agent crashed meanwhile: at most a few.
    orders: VecDeque<Order>,
    spawned: Vec<LocalFuture<()>>,
}

impl<A: Agent> Core<A> {
    fn with_aside<R>(&self, change: impl FnOnce(&mut Aside) -> R) -> R {
        change(self.aside.borrow_mut().get_or_insert_default())
    }

    fn has_aside(&self, look: impl FnOnce(&Aside) -> bool) -> bool {
        self.aside.borrow().as_deref().is_some_and(look)
    }

    pub(crate) fn set_door(&self, door: Arc<Door<A>>) {
        // Set once, when the agent is made.
        self.door.set(door).ok();
    }

    /// Takes the agent out of its worker's neighbours.
    pub(crate) fn leave(&self) {
        if let Some(door) = self.door.get() {
            neighbours::leave(door.place);
        }
    }

    /// One end of a link between this agent and another.
    pub(crate) fn link_end(&self) -> Option<End> {
        self.door.get().map(|door| End::of(door.clone()))
    }

    /// A proxy to the agent, speaking for itself.
    pub(crate) fn own_proxy(&self) -> Proxy<A> {
        match self.door.get() {
            Some(door) => {
                let caller = self.host.principal().with_agent(self.shared.name().clone());
                proxy_through(door, &self.host, caller)
            }
            // Set before the agent's first poll and kept as long as it lives.
            None => unreachable!("an agent without door"),
        }
    }

    /// Who reads what this agent is given.
    pub(super) fn reader(&self) -> Option<Reader> {
        self.door.get().map(|door| door.reader())
    }

    /// Lets the agent's life look around, where something was left to it from outside of its poll.
    pub(super) fn wake(&self) {
        if !self.polled.get()
            && let Some(door) = self.door.get()
        {
            door.control(Control::Look);
        }
    }

    pub(crate) fn set_polled(&self, polled: bool) {
        self.polled.set(polled);
    }

    pub(crate) fn last_crash(&self) -> Option<String> {
        self.aside.borrow().as_ref().and_then(|aside| aside.last_crash.clone())
    }

    pub(super) fn set_last_crash(&self, cause: Option<String>) {
        if cause.is_some() || self.has_aside(|aside| aside.last_crash.is_some()) {
            self.with_aside(|aside| aside.last_crash = cause);
        }
    }

    pub(crate) fn spawn(&self, future: LocalFuture<()>) {
        if self.shared.status() == Status::Stopped {
            // Nobody will poll it any more.
            return let_go(&self.shared, future);
        }
        self.with_aside(|aside| aside.spawned.push(future));
        self.wake();
    }

    pub(crate) fn has_spawned(&self) -> bool {
        self.has_aside(|aside| !aside.spawned.is_empty())
    }

    pub(crate) fn take_spawned(&self) -> Vec<LocalFuture<()>> {
        match &mut *self.aside.borrow_mut() {
            Some(aside) => std::mem::take(&mut aside.spawned),
            None => Vec::new(),
        }
    }

    pub(crate) fn request_stop(&self, grace: Duration, done: Option<oneshot::Sender<()>>) {
        self.with_aside(|aside| {
            let own = done.is_none();
            let request = aside.stop.get_or_insert(StopRequest { grace, done: Vec::new(), own });
            request.grace = request.grace.min(grace);
            request.own &= own;
            request.done.extend(done);
        });
        self.wake();
    }

    pub(crate) fn wants_stop(&self) -> bool {
        self.has_aside(|aside| aside.stop.is_some())
    }

    pub(crate) fn take_stop(&self) -> Option<StopRequest> {
        self.aside.borrow_mut().as_mut().and_then(|aside| aside.stop.take())
    }

    pub(crate) fn leave_order(&self, order: Order) {
        self.with_aside(|aside| aside.orders.push_back(order));
    }

    pub(crate) fn has_orders(&self) -> bool {
        self.has_aside(|aside| !aside.orders.is_empty())
    }

    pub(crate) fn take_order(&self) -> Option<Order> {
        self.aside.borrow_mut().as_mut().and_then(|aside| aside.orders.pop_front())
    }

    /// Notes that a turn, a hook or a loop panicked or failed.
    pub(crate) fn note_crash(&self, cause: String) {
        self.with_aside(|aside| {
            aside.crash.get_or_insert(cause);
        });
    }

    /// The agent at the other end of a link crashed, or was lost.
    pub(crate) fn crash_by_link(&self, cause: String, number: u64) {
        // A link of an earlier life, or one that was given up meanwhile, is no link any more.
        if self.shared.has_tie(number) {
            self.shared.counters().link_crashes.increment(1);
            self.note_crash(cause);
        }
    }

    pub(super) fn has_crashed(&self) -> bool {
        self.has_aside(|aside| aside.crash.is_some())
    }

    pub(crate) fn take_crash(&self) -> Option<String> {
        self.aside.borrow_mut().as_mut().and_then(|aside| aside.crash.take())
    }

    /// Whether the agent's life has anything to see to.
    pub(super) fn has_left_something(&self) -> bool {
        self.has_aside(|aside| aside.crash.is_some() || aside.stop.is_some() || !aside.spawned.is_empty())
    }
}
