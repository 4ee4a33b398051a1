//! Mail that is not handled: whether it comes again, and when.
//!
//! Always true: it goes back with the reason, is counted and logged, and is a dead letter where another attempt would be of no
//! use. Where mail is handled strictly in order, all other waits for its next attempt, unless it waits itself for one that may
//! lie behind it. Neighbour: [`inbox`](super).

use std::rc::Rc;
use std::time::Duration;

use super::Inbox;
use crate::clock::Sleep;
use crate::mail::delivery::Delivery;
use crate::mail::own_mailbox::Again;

/// Why a mail is not handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Its handler returned an error.
    Refused,
    /// What its handler did was not kept.
    NotKept,
    /// The turn was dropped.
    CutOff,
    /// Its handler panicked.
    Crashed,
    /// It is not what its handler takes.
    Unreadable,
    /// It has no handler.
    Unhandled,
    /// It is a message that is not taken, and nobody can be told so.
    NotTaken,
    /// It is a message before which another one is missing.
    Early,
}

impl Inbox {
    /// A mail was not handled.
    pub(crate) fn fail(self: &Rc<Self>, delivery: Delivery, failure: Failure, reason: String) {
        let inbox = self.clone();
        self.begin(Box::pin(async move {
            inbox.refuse(delivery, failure, reason).await;
            inbox.let_go();
        }));
    }

    /// Gives a mail back that was not handled, to come again or to be a dead letter.
    pub(crate) async fn refuse(&self, delivery: Delivery, failure: Failure, reason: String) {
        let (agent, kind, attempt) = (self.shared.full_name(), &delivery.kind, delivery.attempt);
        let counters = self.shared.counters();
        let is_last = match failure {
            Failure::Unreadable | Failure::Unhandled | Failure::NotTaken => true,
            Failure::Crashed => attempt >= self.rules.crashes,
            Failure::Refused | Failure::NotKept | Failure::CutOff | Failure::Early => false,
        };
        let again = if is_last {
            match failure {
                Failure::Unhandled => counters.mails_unhandled.increment(1),
                Failure::Unreadable => counters.mails_unreadable.increment(1),
                // The dialogues count what they refuse.
                Failure::NotTaken => {}
                _ => counters.mails_crashing.increment(1),
            }
            tracing::warn!(%agent, %kind, attempt, %reason, "a mail becomes a dead letter");
            Again::Never
        } else {
            counters.mails_retried.increment(1);
            let pause = self.rules.pause(attempt);
            tracing::info!(%agent, %kind, attempt, %reason, ?pause, "a mail was not handled and is tried again");
            match failure {
                // What it waits for may lie behind it.
                Failure::Early => Again::After(pause),
                _ => self.try_again_after(pause),
            }
        };
        if let Err(error) = self.mailbox.refuse(delivery.id, again, reason).await {
            tracing::info!(%agent, %kind, attempt, %error, "a mail could not be given back, and comes again by itself");
        }
    }

    /// A while after which something that failed may go well.
    pub(crate) fn rest(&self, attempt: u32) -> Sleep {
        self.host.link_sleep(self.rules.pause(attempt))
    }

    /// When the next attempt is. Where mail is handled strictly in order, everyone waits for it.
    fn try_again_after(&self, pause: Duration) -> Again {
        if self.rules.in_hand > 1 {
            return Again::After(pause);
        }
        self.pause(pause);
        // What was received for the sake of an answer stands behind it.
        let behind = std::mem::take(&mut self.state.borrow_mut().ahead);
        for delivery in behind {
            self.say(self.mailbox.refuse(delivery.id, Again::Untouched, String::new()));
        }
        Again::After(Duration::ZERO)
    }
}
