//! Mail: what an agent leaves in mailboxes, what it finds in its own, and what it keeps there of itself.
//!
//! An agent sees mail as it is here; where mailboxes live, and how, is behind [`OwnMailbox`] and the container's
//! [`Host`](crate::host::Host). Always true: what an agent has done with a mail, what it is afterwards and what it sends
//! because of it are one [`Step`]: kept all or not at all. Neighbours: the platform implements these over its exchange.

mod address;
mod delivery;
mod error;
#[cfg(test)]
pub(crate) mod in_memory;
mod inbox;
mod mailed_message;
mod outgoing;
mod own_mailbox;
mod reading;
mod request;
mod rules;
mod turn;
mod writing;

pub use address::MailAddress;
pub use delivery::{Delivery, DeliveryId, Tracking};
pub use error::{Death, DeathCause, MailError};
pub use inbox::{AWAITED_ANSWERS, RECEIVED_AHEAD};
pub(crate) use inbox::{Failure, InHand, Inbox, Listening, News, Taking};
#[doc(hidden)]
pub use mailed_message::MailedMessage;
pub use outgoing::Outgoing;
pub use own_mailbox::{Again, Kept, KeptUnder, OwnMailbox, Put, Step};
pub use request::{DEAD_LETTER, MailRequest, OWN_KINDS, TERMINATED, read as read_answer, reminders};
pub use rules::MailRules;
pub use turn::MAX_SENT_IN_TURN;
pub(crate) use turn::Outbox;
#[doc(hidden)]
pub use turn::{
    Answering, MailTurn, begin_mail_exclusive, begin_mail_exclusive_async, begin_mail_shared,
    begin_mail_shared_async,
};
pub use writing::Mail;
