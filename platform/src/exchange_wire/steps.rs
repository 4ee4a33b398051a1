//! Steps and states on the wire.

use std::sync::Arc;

use folkmoot_exchange as exchange;
use serde::{Deserialize, Serialize};

use super::texts::Id;
use super::{Accepted, Blob, Fence, Posting, Receipt};

/// What is done all or not at all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fence: Option<Fence>,
    #[serde(default)]
    pub(crate) acknowledge: Vec<Receipt>,
    #[serde(default)]
    pub(crate) states: Vec<Put>,
    #[serde(default)]
    pub(crate) send: Vec<Posting>,
}

/// A state to be written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Put {
    pub(crate) key: String,
    pub(crate) expected: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<Blob>,
}

impl From<&exchange::Step> for Step {
    fn from(step: &exchange::Step) -> Step {
        let put = |put: &exchange::StatePut| Put {
            key: put.key.to_string(),
            expected: put.expected,
            bytes: put.bytes.clone().map(Blob),
        };
        Step {
            fence: step.fence.map(|fence| Fence { mailbox: Id(fence.mailbox), epoch: fence.epoch }),
            acknowledge: step.acknowledge.iter().copied().map(Receipt::from).collect(),
            states: step.states.iter().map(put).collect(),
            send: step.send.iter().map(|posting| posting.message().into()).collect(),
        }
    }
}

/// What a step did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Committed {
    revisions: Vec<u64>,
    accepted: Vec<Option<Accepted>>,
}

impl From<exchange::Committed> for Committed {
    fn from(exchange::Committed { revisions, accepted }: exchange::Committed) -> Committed {
        Committed { revisions, accepted: accepted.into_iter().map(|one| one.map(Into::into)).collect() }
    }
}

impl From<Committed> for exchange::Committed {
    fn from(Committed { revisions, accepted }: Committed) -> exchange::Committed {
        let accepted = accepted.into_iter().map(|one| one.map(Into::into)).collect();
        exchange::Committed { revisions, accepted }
    }
}

/// What is kept under a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    revision: u64,
    bytes: Blob,
}

/// What is kept under one of several keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Keyed {
    pub(crate) key: String,
    revision: u64,
    bytes: Blob,
}

impl From<(Arc<str>, exchange::State)> for Keyed {
    fn from((key, exchange::State { revision, bytes }): (Arc<str>, exchange::State)) -> Keyed {
        Keyed { key: key.to_string(), revision, bytes: Blob(bytes) }
    }
}

impl From<Keyed> for (Arc<str>, exchange::State) {
    fn from(Keyed { key, revision, bytes }: Keyed) -> (Arc<str>, exchange::State) {
        (key.into(), exchange::State { revision, bytes: bytes.0 })
    }
}

impl From<exchange::State> for State {
    fn from(exchange::State { revision, bytes }: exchange::State) -> State {
        State { revision, bytes: Blob(bytes) }
    }
}

impl From<State> for exchange::State {
    fn from(State { revision, bytes }: State) -> exchange::State {
        exchange::State { revision, bytes: bytes.0 }
    }
}
