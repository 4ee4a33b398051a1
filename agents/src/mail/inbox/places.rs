//! Places at an agent's inbox: among the mails in hand, among those who await answers, among those who listen for messages.
//!
//! Always true: a place is given up when it is dropped. Neighbour: [`inbox`](super) receives for those who have one.

use std::rc::Rc;

use tokio::sync::oneshot;

use super::{AWAITED_ANSWERS, Inbox};
use crate::chance;
use crate::mail::delivery::Delivery;
use crate::mail::error::MailError;

impl Inbox {
    /// A place for an answer: the tag of its request, and where the answer comes.
    ///
    /// # Errors
    /// `Full` where too many are awaited.
    pub(crate) fn await_answer(self: &Rc<Self>) -> Result<Awaited, MailError> {
        let mut state = self.state.borrow_mut();
        if state.awaited.len() >= AWAITED_ANSWERS {
            return Err(MailError::Full(format!(
                "agent \"{}\" awaits {AWAITED_ANSWERS} answers already: let it ask less at once",
                self.shared.name()
            )));
        }
        let (tell, answer) = oneshot::channel();
        let tag = chance::uuid();
        state.awaited.insert(tag, tell);
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
        Ok(Awaited { inbox: self.clone(), tag, answer })
    }

    /// A place among the mails in hand.
    pub(crate) fn take_in_hand(self: &Rc<Self>) -> InHand {
        self.state.borrow_mut().in_hand += 1;
        InHand(self.clone())
    }

    /// Somebody waits for a message that may come by mail, until what this gives is dropped: it is received then, whatever
    /// is in hand.
    pub(crate) fn listen(self: &Rc<Self>) -> Listening {
        let mut state = self.state.borrow_mut();
        state.listening += 1;
        if let Some(waker) = &state.waker {
            waker.wake_by_ref();
        }
        Listening(self.clone())
    }
}

/// A place among the mails in hand, given up when it is dropped.
pub(crate) struct InHand(Rc<Inbox>);

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.let_go();
        if let Some(waker) = &self.0.state.borrow().waker {
            waker.wake_by_ref();
        }
    }
}

/// Somebody who waits for a message that may come by mail.
pub(crate) struct Listening(Rc<Inbox>);

impl Drop for Listening {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        state.listening = state.listening.saturating_sub(1);
    }
}

/// A place for an answer, given up when it is dropped.
pub(crate) struct Awaited {
    inbox: Rc<Inbox>,
    tag: u128,
    answer: oneshot::Receiver<Delivery>,
}

impl Awaited {
    /// By which the answer is known.
    pub(crate) fn tag(&self) -> u128 {
        self.tag
    }

    /// The answer; `None` where the agent's life is over before.
    pub(crate) async fn answer(&mut self) -> Option<Delivery> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        // The inbox may be looked at just now, where an answer's waiter is let go.
        if let Ok(mut state) = self.inbox.state.try_borrow_mut() {
            state.awaited.remove(&self.tag);
        }
    }
}
