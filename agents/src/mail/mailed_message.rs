//! A message of a protocol that came by mail, until it has been judged.
//!
//! Always true: whatever comes of it, it is acknowledged or goes back; what follows from it is part of the step that
//! acknowledges it. Neighbours: the agent's [`queue`](crate::queue) makes them, [`dialogues`](crate::dialogues) judge them.

use std::fmt;
use std::rc::Rc;

use folkmoot_protocols::typed::Conversed;

use super::delivery::Delivery;
use super::error::MailError;
use super::inbox::{Failure, Inbox};
use super::outgoing::Outgoing;
use super::own_mailbox::Step;

/// How often it is tried, where keeping it fails for reasons that pass.
const ATTEMPTS: u32 = 5;

/// A mail that is a message of a protocol.
pub struct MailedMessage {
    inbox: Rc<Inbox>,
    delivery: Box<Delivery>,
    is_over: bool,
}

impl fmt::Debug for MailedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailedMessage").field("kind", &self.delivery.kind).finish_non_exhaustive()
    }
}

impl MailedMessage {
    pub(crate) fn new(inbox: Rc<Inbox>, delivery: Delivery) -> MailedMessage {
        MailedMessage { inbox, delivery: Box::new(delivery), is_over: false }
    }

    /// Whether it is a message of that protocol.
    pub fn is_of<P: Conversed>(&self) -> bool {
        *self.delivery.kind == *P::ID
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The step that acknowledges it.
    pub(crate) fn acknowledging(&self, send: Vec<Outgoing>) -> Step {
        Step { acknowledge: vec![self.delivery.id], send, ..Step::default() }
    }

    /// Acknowledges it, and sends what answers it.
    ///
    /// # Errors
    /// Why nothing of it was done.
    pub(crate) async fn acknowledge(&mut self, send: Vec<Outgoing>) -> Result<(), MailError> {
        let outcome = self.inbox.mailbox().commit(self.acknowledging(send)).await;
        outcome.map(|_| self.is_acknowledged())
    }

    /// A step was done that acknowledged it.
    pub(crate) fn is_acknowledged(&mut self) {
        self.is_over = true;
        self.inbox.note_acknowledged();
    }

    /// Waits for a while after a failed attempt to keep it; says whether there is to be another one.
    pub(crate) async fn may_try_again(&self, attempt: u32, error: &MailError) -> bool {
        if !error.is_passing() || attempt >= ATTEMPTS {
            return false;
        }
        self.inbox.rest(attempt).await;
        true
    }

    /// It goes back, to come again or to be a dead letter.
    pub(crate) async fn give_back(mut self, failure: Failure, reason: String) {
        self.is_over = true;
        self.inbox.refuse((*self.delivery).clone(), failure, reason).await;
    }
}

impl Drop for MailedMessage {
    fn drop(&mut self) {
        if !self.is_over {
            let (inbox, delivery) = (self.inbox.clone(), (*self.delivery).clone());
            let reason = "it was not taken in before the agent ended".to_owned();
            self.inbox.begin(Box::pin(async move {
                inbox.refuse(delivery, Failure::CutOff, reason).await;
            }));
        }
    }
}
