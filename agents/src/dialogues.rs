//! The dialogues that an agent is in: its messages on their way in and out, and who waits for an answer.
//!
//! A message is a call of the method that is named as its protocol, `fetchai/fipa:1.0.0`, with the message's envelope
//! as its argument; so each passes the gate, and a rule names the protocol. Always true: a message is taken in as it
//! arrives, whatever turn runs, and answered at once, so that nobody waits for a turn of the other side; what is
//! accepted goes to whoever awaits it, else to the handler of its performative, else it is kept for who asks for it.
//! What is refused has changed nothing and is answered with the reason, as an `error` of AEA's protocol `default`.
//!
//! Neighbours: [`desk`] keeps the dialogues in one protocol, [`incoming`] takes messages in and [`judging`] says
//! whether, [`mailed`] and [`posting`] do so by mail, [`unspoken`] answers what is of no protocol that the agent speaks,
//! [`speech`] sends them;
//! the rules are those of `folkmoot_protocols`.

mod alarm;
mod at_mailbox;
mod desk;
mod ended;
mod error;
pub(crate) mod incoming;
mod judging;
mod kept;
mod listener;
mod mailed;
mod notice;
mod posting;
mod room;
mod speech;
mod unspoken;
mod view;
mod way;

pub use at_mailbox::MailboxDialogues;
pub use ended::{Cause, ENDS_WAITING, Ended};
#[doc(hidden)]
pub use ended::{HearsEnds, ended_protocol, next_end};
pub use error::{DialogueError, ReplyError};
pub use folkmoot_protocols::dialogue::Limits;
pub use folkmoot_protocols::typed::{AnyRole, Dialogue, Heard, Said};
pub use kept::{DialogueStore, MemoryDialogues, StoreError, Stored};
#[doc(hidden)]
pub use notice::Handled;
pub use notice::NOTICES_AT_END;
pub(crate) use speech::answer;
pub use speech::{Reply, Speech};
pub use view::Dialogues;

pub(crate) use alarm::Desks;
pub use desk::UNREAD_MESSAGES;
pub(crate) use desk::{Desk, Outliving};
pub(crate) use kept::Keeping;
#[doc(hidden)]
pub use listener::Tell;
#[doc(hidden)]
pub use mailed::take_mailed;
#[doc(hidden)]
pub use unspoken::denied_message;
pub(crate) use unspoken::{may_be_protocol, refuse_unspoken_call, refuse_unspoken_mail};
pub use way::OtherSide;
