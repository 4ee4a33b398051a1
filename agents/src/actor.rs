//! The actix actor that every agent is at run time: one type, one handler.
//!
//! Its mailbox is never paused, so stop and sweep always get through; its bound is the agent's credits.
//! Neighbours: [`queue`](crate::queue) holds the turns, [`life`](crate::life) polls the actor's context.

use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Handler, Message, Running, Supervised};
use tokio::sync::oneshot;

use crate::dialogues::incoming::Sealed;
use crate::host::Order;
use crate::interface::{Agent, Interface};
use crate::queue::Core;
use crate::turn::Turn;

/// An agent as an actix actor.
pub(crate) struct AgentActor<A: Agent> {
    pub(crate) core: Rc<Core<A>>,
}

impl<A: Agent> Unpin for AgentActor<A> {}

impl<A: Agent> Actor for AgentActor<A> {
    type Context = actix::Context<Self>;

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        // The agent's life decides when it ends, not the number of its proxies.
        Running::Continue
    }
}

impl<A: Agent> Supervised for AgentActor<A> {}

/// What comes through an agent's door: one kind of message, so that an agent needs one door.
pub(crate) enum Knock<I: Interface + ?Sized> {
    Turn(Turn<I>),
    /// A message of a protocol that the agent has no handlers for, but has begun dialogues in.
    Message(Box<Sealed>),
    Control(Control),
}

impl<I: Interface + ?Sized> Message for Knock<I> {
    type Result = ();
}

impl<A: Agent> Handler<Knock<A>> for AgentActor<A> {
    type Result = ();

    #[inline]
    fn handle(&mut self, knock: Knock<A>, _: &mut Self::Context) {
        match knock {
            Knock::Turn(turn) => self.core.accept(turn),
            Knock::Message(message) => self.core.accept_message(message),
            Knock::Control(Control::Stop(grace, done)) => self.core.request_stop(grace, Some(done)),
            Knock::Control(Control::Sweep) => self.core.sweep(),
            Knock::Control(Control::Crash(cause, number)) => self.core.crash_by_link(cause, number),
            Knock::Control(Control::Suspend(done)) => self.core.suspend(done),
            Knock::Control(Control::Resume(done)) => self.core.resume(done),
            Knock::Control(Control::Order(order)) => self.core.leave_order(order),
            // To be polled is all it takes.
            Knock::Control(Control::Look) => {}
        }
    }
}

/// What is asked of an agent beside calls.
pub(crate) enum Control {
    /// End within the grace time; tell when done.
    Stop(Duration, oneshot::Sender<()>),
    /// Throw out queued turns that nobody waits for.
    Sweep,
    /// Crash, for the agent at the other end of the link of that number did, or was lost.
    Crash(String, u64),
    /// Begin no more turns; tell when that holds.
    Suspend(oneshot::Sender<()>),
    /// Begin turns again; tell when that holds.
    Resume(oneshot::Sender<()>),
    /// What the supervisor of several agents wants of this one.
    Order(Order),
    /// Look around: something was left to the agent's life.
    Look,
}
