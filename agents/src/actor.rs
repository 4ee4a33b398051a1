//! The actix actor that every agent is at run time: one type, one handler for calls, one for control.
//!
//! Its mailbox is never paused, so stop and sweep always get through; its bound is the agent's credits.
//! Neighbours: [`queue`](crate::queue) holds the turns, [`life`](crate::life) polls the actor's context.

use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Handler, Message, Running, Supervised};
use tokio::sync::oneshot;

use crate::agent::Agent;
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

impl<A: Agent> Handler<Turn<A>> for AgentActor<A> {
    type Result = ();

    fn handle(&mut self, turn: Turn<A>, _: &mut Self::Context) {
        self.core.accept(turn);
    }
}

/// What is asked of an agent beside calls.
pub(crate) enum Control {
    /// End within the grace time; tell when done.
    Stop(Duration, oneshot::Sender<()>),
    /// Throw out queued turns that nobody waits for.
    Sweep,
    /// Look around: something was left to the agent's life.
    Look,
}

impl Message for Control {
    type Result = ();
}

impl<A: Agent> Handler<Control> for AgentActor<A> {
    type Result = ();

    fn handle(&mut self, control: Control, _: &mut Self::Context) {
        match control {
            Control::Stop(grace, done) => self.core.request_stop(grace, Some(done)),
            Control::Sweep => self.core.sweep(),
            // To be polled is all it takes.
            Control::Look => {}
        }
    }
}
