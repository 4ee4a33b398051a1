//! What happens in an exchange, for whoever counts: nothing is dropped without a word.
//!
//! Always true: what is lost or left lying is told twice, as a count and as a line of the log. Neighbours: stores and the
//! [`engine`](crate::engine) tell their [`Ground`], which hands the counts on.

use crate::dead_letter::DeadLetter;
use crate::death_notice::Unheard;
use crate::ground::Ground;
use crate::mailbox_id::MailboxId;

/// What can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Happening {
    /// A mail was taken.
    Accepted,
    /// A mail that had been taken came again.
    Repeated,
    /// A mail was not taken, for whatever reason.
    Refused,
    /// A mail was delivered.
    Delivered,
    /// A mail was delivered that had been before; it counts as delivered, too.
    Redelivered,
    /// A delivery was acknowledged.
    Acknowledged,
    /// A delivery was given back, to be delivered again or to become a dead letter.
    GivenBack,
    /// A word about a delivery came after its lease, or its owner's, was over.
    Late,
    /// A mail became a dead letter.
    DeadLetter,
    /// A dead letter was thrown away because there were too many.
    LetterLost,
    /// The sender of a request was told that it is dead.
    DeathTold,
    /// One was not, for its mailbox had no room.
    DeathUntold,
    /// A mailbox was terminated.
    Terminated,
    /// A mail, or dead letter, went with its mailbox or was purged.
    ThrownAway,
    /// A terminated mailbox was forgotten because there were too many.
    Forgotten,
}

impl Ground {
    /// A mail became a dead letter.
    pub fn died(&self, mailbox: MailboxId, letter: &DeadLetter) {
        self.count(Happening::DeadLetter, 1);
        let DeadLetter { position, mail, attempts, cause, .. } = letter;
        tracing::info!(%mailbox, position, kind = %mail.kind, attempts, %cause, "a mail became a dead letter");
    }

    /// A dead letter was thrown away because its mailbox had too many.
    pub fn lost(&self, mailbox: MailboxId, letter: &DeadLetter) {
        self.count(Happening::LetterLost, 1);
        let DeadLetter { position, mail, cause, .. } = letter;
        tracing::warn!(
            %mailbox, position, kind = %mail.kind, %cause,
            "there were too many dead letters, and the oldest was thrown away; look at them and purge them in time"
        );
    }

    /// The sender of a request was told that it is dead.
    pub(crate) fn told(&self, unheard: &Unheard) {
        self.count(Happening::DeathTold, 1);
        let Unheard { mailbox, requester, position, death, .. } = unheard;
        tracing::debug!(%mailbox, position, %requester, ?death, "a requester was told that its request is dead");
    }

    /// The sender of a request could not be told that it is dead.
    pub(crate) fn untold(&self, unheard: &Unheard) {
        self.count(Happening::DeathUntold, 1);
        let Unheard { mailbox, requester, position, death, .. } = unheard;
        tracing::warn!(
            %mailbox, position, %requester, ?death,
            "a requester was not told that its request is dead: its own mailbox, or the exchange, is full"
        );
    }

    /// Mail and dead letters went with their mailbox, or were purged.
    pub fn thrown_away(&self, mailbox: MailboxId, count: u64, why: &'static str) {
        if count > 0 {
            self.count(Happening::ThrownAway, count);
            tracing::info!(%mailbox, count, why, "mail was thrown away");
        }
    }

    /// A terminated mailbox was forgotten because there were too many.
    pub fn forgot(&self, mailbox: MailboxId) {
        self.count(Happening::Forgotten, 1);
        tracing::debug!(%mailbox, "a terminated mailbox was forgotten: it is missing from now on");
    }
}
