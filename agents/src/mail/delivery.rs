//! A mail in the hand of the agent whose mailbox it lay in.
//!
//! Always true: it is the agent's until it is acknowledged or refused, or the mailbox is no more the agent's. Neighbour:
//! [`OwnMailbox::receive`](super::OwnMailbox::receive) gives deliveries.

use std::sync::Arc;

use bytes::Bytes;
use folkmoot_codecs::{Codec, Principal};
use folkmoot_gateway::Subject;

use super::address::MailAddress;
use crate::timestamp::Timestamp;

/// Names a delivery among those of one mailbox that are in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// Whether a mail wants an answer, or is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tracking {
    /// Neither.
    Plain,
    /// It wants an answer.
    Request {
        /// Names the request among those of its sender.
        tag: u128,
        /// What the sender knows the answer by besides the tag; goes back with it.
        label: Option<u128>,
    },
    /// It answers a request.
    Response {
        /// The request's.
        tag: u128,
        /// The request's.
        label: Option<u128>,
    },
}

/// A mail, delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By which it is acknowledged.
    pub id: DeliveryId,
    /// The name of the agent that it is delivered to.
    pub agent: Arc<str>,
    /// The mail's id, which its sender made up.
    pub mail: u128,
    /// The sender's mailbox, where it has one.
    pub from: Option<MailAddress>,
    /// Who sent it, as was proven then.
    pub by: Principal,
    /// Whether that was an agent of this container.
    pub is_inside: bool,
    /// Whether it answers what the agent asked for: then no rule is needed, for whoever was asked may answer.
    pub is_answer: bool,
    /// What it is about.
    pub kind: Arc<str>,
    /// Whether it wants an answer, or is one.
    pub tracking: Tracking,
    /// The how manieth delivery of this mail it is; the first is 1.
    pub attempt: u32,
    /// When the mailbox took it.
    pub accepted_at: Timestamp,
    /// How the body is written, where that is known.
    pub codec: Option<Codec>,
    /// The content.
    pub body: Bytes,
}

impl Subject for Delivery {
    fn principal(&self) -> &Principal {
        &self.by
    }

    fn agent(&self) -> &str {
        &self.agent
    }

    fn method(&self) -> &str {
        &self.kind
    }

    fn is_inside(&self) -> bool {
        self.is_inside || self.is_answer
    }
}
