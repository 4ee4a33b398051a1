//! Messages of protocols that come by mail: taken in as they come, whatever turn runs, and their handlers' turns.
//!
//! Always true: a message has a place among the mails in hand from when it is received to the end of its handler's turn,
//! so no more wait than may be in hand. Neighbours: [`conversing`](super::conversing) does the same for those that come by
//! calls, [`dialogues`](crate::dialogues) judge them, [`mail`](crate::mail) has the inbox.

use std::rc::Rc;
use std::sync::Arc;

use super::{Core, Waiting};
use crate::context::Scope;
use crate::dialogues::incoming::Pending;
use crate::dialogues::may_be_protocol;
use crate::interface::{Agent, Step};
use crate::mail::{Delivery, Failure, InHand, Inbox, MailedMessage};
use crate::turn::Origin;

/// A message that was taken in and waits for its handler's turn.
pub(super) struct Heard<A: Agent> {
    pub(super) request: A::Request,
    origin: Arc<Origin>,
    place: InHand,
}

impl<A: Agent> Core<A> {
    /// Whether mail of that kind is a message of a protocol that the agent speaks.
    pub(super) fn is_message(&self, kind: &str) -> bool {
        may_be_protocol(kind)
            && (A::method_index(kind).is_some()
                || self.shared.listened(kind).is_some()
                || self.has_untaken_dialogues(kind))
    }

    /// Takes a message in.
    pub(super) fn accept_mailed(self: &Rc<Self>, inbox: &Rc<Inbox>, delivery: Delivery) {
        let place = inbox.take_in_hand();
        let origin = Arc::new(self.origin_of(&delivery));
        let message = MailedMessage::new(inbox.clone(), delivery);
        let taken = {
            let scope = Scope { core: self, origin: Some(&origin), outbox: None };
            A::take_mailed(message, &scope)
        };
        let message = match taken {
            Err(message) => message,
            Ok(Pending(pending)) => {
                // The inbox, which keeps it, is the agent's.
                let core = Rc::downgrade(self);
                return inbox.begin(Box::pin(async move {
                    if let Some(request) = pending.await
                        && let Some(core) = core.upgrade()
                    {
                        let heard = Box::new(Heard { request, origin, place });
                        core.queue.borrow_mut().waiting.push_back(Waiting::Heard(heard));
                    }
                }));
            }
        };
        let listening = match &*self.desks.borrow() {
            Some(desks) => desks.take_mailed(message),
            None => Err(message),
        };
        inbox.begin(Box::pin(async move {
            match listening {
                Ok(later) => later.await,
                Err(message) => {
                    let kind = &message.delivery().kind;
                    let reason = format!(
                        "dialogues in {kind} were kept and are not taken back: handle one of its performatives, or call \
                         `ctx.dialogues` for the protocol in `#[start]`"
                    );
                    message.give_back(Failure::Early, reason).await;
                }
            }
            drop(place);
        }));
    }

    pub(super) fn begin_heard(self: &Rc<Self>, heard: Heard<A>) {
        let Heard { request, origin, place } = heard;
        let Some(state) = self.state() else { return };
        let mode = A::method_of(&request).mode;
        let step = {
            let scope = Scope { core: self, origin: Some(&origin), outbox: None };
            A::run(&state, request, &scope)
        };
        let step = match step {
            Step::Done(panic) => Step::Done(panic),
            Step::Future(turn) => Step::Future(Box::pin(async move {
                let _place = place;
                turn.await
            })),
        };
        self.take_step(step, mode, None);
    }

    /// Who speaks by a mail.
    pub(super) fn origin_of(&self, delivery: &Delivery) -> Origin {
        Origin {
            agent: self.shared.name().clone(),
            target: Some(self.shared.clone()),
            caller: delivery.by.clone(),
            inside: delivery.is_inside,
        }
    }
}
