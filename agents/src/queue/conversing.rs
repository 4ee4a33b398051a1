//! What of an agent's dialogues lies at its queue: messages that are taken in before turns are queued, and the desks.
//!
//! Always true: a message is taken in as it arrives, whatever turn runs; its handler's turn is queued like any other.
//! Neighbour: [`dialogues`](crate::dialogues) has the rest.

use std::rc::Rc;
use std::task::Context as TaskContext;

use folkmoot_codecs::CallError;
use folkmoot_protocols::typed::Conversed;

use super::{Core, Waiting};
use crate::context::{Context, Scope};
use crate::dialogues::incoming::{Pending, Sealed, Taken};
use crate::dialogues::{Desk, Desks, Outliving};
use crate::interface::Agent;
use crate::turn::Turn;

impl<A: Agent> Core<A> {
    /// Takes a message in. Gives what is to be queued, if anything is.
    pub(super) fn take_in(self: &Rc<Self>, turn: Turn<A>) -> Option<Turn<A>> {
        let Turn { mut permit, request } = turn;
        let taken = {
            let scope = Scope { core: self, origin: Some(&permit.head().origin), outbox: None };
            A::take_in(request, &scope)
        };
        match taken {
            Taken::Call(request) => Some(Turn { permit, request }),
            Taken::Done => None,
            Taken::Handle(request) => {
                permit.answered();
                Some(Turn { permit, request })
            }
            Taken::Later(Pending(pending)) => {
                permit.answered();
                let core = self.clone();
                self.spawn(Box::pin(async move {
                    if let Some(request) = pending.await {
                        let info = A::method_of(&request);
                        core.admit(Turn { permit, request }, info);
                    }
                }));
                None
            }
        }
    }

    /// Takes a message in of a protocol that the agent has no handlers for.
    pub(crate) fn accept_message(self: &Rc<Self>, message: Box<Sealed>) {
        if self.takes_nothing_in() {
            return message.refuse(self.shared.stopped_error(false));
        }
        if !message.permit.opens(&self.shared, message.protocol) {
            let reason = "the permit was not given by this container's gate for this message".to_owned();
            return message.refuse(CallError::Denied { reason });
        }
        let Some(mut message) = self.hold_sealed(message) else { return };
        message.permit.answered();
        let taken = match &*self.desks.borrow() {
            Some(desks) => desks.take_in(message),
            None => Err(message),
        };
        match taken {
            Ok(None) => {}
            Ok(Some(later)) => self.spawn(later),
            Err(message) => message.refuse_unspoken(&self.shared),
        }
    }

    /// The agent's dialogues in a protocol.
    pub(crate) fn desk<P: Conversed>(&self) -> Rc<Desk<P>> {
        self.shared.listen(P::ID);
        let mut desks = self.desks.borrow_mut();
        let desks = desks.get_or_insert_with(|| Box::new(Desks::default()));
        let hears_ends = A::hears_ends(P::ID);
        desks.find_or_add(|keeping, limits| {
            let outliving = Outliving { keeping, inbox: self.inbox() };
            Desk::new(self.host.clone(), self.shared.clone(), outliving, limits, hears_ends)
        })
    }

    /// Whether dialogues in a protocol were kept that nobody has taken back.
    pub(super) fn has_untaken_dialogues(&self, protocol: &str) -> bool {
        self.desks.borrow().as_ref().is_some_and(|desks| desks.keep_untaken(protocol))
    }

    /// The messages that waited for their handlers' turns are let go; kept dialogues have them still.
    pub(super) fn no_message_is_queued(&self) {
        if let Some(desks) = &*self.desks.borrow() {
            desks.nothing_is_queued();
        }
    }

    /// The dialogues end with the agent's life, but for those that outlive it.
    pub(crate) fn end_dialogues(&self, reason: &str) {
        if let Some(desks) = &*self.desks.borrow() {
            desks.end_life(reason);
        }
        if self.end_is_queued.replace(false) {
            self.queue.borrow_mut().waiting.retain(|waiting| !matches!(waiting, Waiting::End(_)));
        }
    }

    /// Whether there are dialogues that ended of which the agent has not been told.
    pub(super) fn has_ends(&self) -> bool {
        self.desks.borrow().as_ref().is_some_and(|desks| desks.have_ends())
    }

    /// Queues a turn that tells the agent of a dialogue that has ended, unless one waits. Says whether it did.
    pub(crate) fn queue_end(self: &Rc<Self>) -> bool {
        if self.end_is_queued.get() || !self.has_ends() {
            return false;
        }
        let Some(request) = A::next_end(&Context::of_agent(self)) else { return false };
        self.end_is_queued.set(true);
        self.queue.borrow_mut().waiting.push_back(Waiting::End(request));
        true
    }

    /// Gives up the dialogues that are due. Says whether there is more to do at once.
    pub(crate) fn poll_dialogues(&self, cx: &mut TaskContext<'_>) -> bool {
        match &mut *self.desks.borrow_mut() {
            Some(desks) => desks.poll(&**self.host.clock(), cx),
            None => false,
        }
    }
}
