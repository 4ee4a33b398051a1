//! A mail on its way into a mailbox.
//!
//! Neighbours: [`Step`](super::Step) bears those that leave with an acknowledgement,
//! [`Host::send_mail`](crate::host::Host) takes others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use folkmoot_codecs::Codec;

use super::address::MailAddress;
use super::delivery::Tracking;

/// A mail and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub to: MailAddress,
    /// The name by which rules know the mailbox, where it goes to an id and the sender knows that name; a wrong one is
    /// refused.
    pub name: Option<Arc<str>>,
    /// Its id: one that is sent again under the same id is taken once.
    pub id: u128,
    /// What it is about.
    pub kind: Arc<str>,
    /// Whether it wants an answer, or is one.
    pub tracking: Tracking,
    /// 0 to 9; what is higher is delivered first. `None` is the usual one.
    pub priority: Option<u8>,
    /// From when it is sent: after that it is of no use and becomes a dead letter.
    pub expires_in: Option<Duration>,
    /// How the body is written, where that is known.
    pub codec: Option<Codec>,
    /// The content.
    pub body: Bytes,
}
