//! Mailboxes on the wire: what they are registered with, how they are found, how they fare.

use std::time::Duration;

use folkmoot_exchange as exchange;
use folkmoot_exchange::{MailboxLimits, MailboxState, Moment};
use serde::{Deserialize, Serialize};

use super::texts::{Id, millis};

/// What a mailbox is registered with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Registration {
    id: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    lineage: Vec<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Limits {
    messages: u32,
    bytes: u64,
    in_hand: u32,
    attempts: u32,
    dead_letters: u32,
    pending_requests: u32,
}

impl From<exchange::Registration> for Registration {
    fn from(registration: exchange::Registration) -> Registration {
        let exchange::Registration { id, name, lineage, capabilities, limits } = registration;
        Registration {
            id: Id(id),
            name: name.map(|name| name.to_string()),
            lineage: lineage.iter().map(ToString::to_string).collect(),
            capabilities: capabilities.iter().map(ToString::to_string).collect(),
            limits: limits.map(|limits| {
                let MailboxLimits { messages, bytes, in_hand, attempts, dead_letters, pending_requests } =
                    limits;
                Limits { messages, bytes, in_hand, attempts, dead_letters, pending_requests }
            }),
        }
    }
}

impl From<Registration> for exchange::Registration {
    fn from(registration: Registration) -> exchange::Registration {
        let Registration { id, name, lineage, capabilities, limits } = registration;
        exchange::Registration {
            id: id.0,
            name: name.map(Into::into),
            lineage: lineage.into_iter().map(Into::into).collect(),
            capabilities: capabilities.into_iter().map(Into::into).collect(),
            limits: limits.map(|limits| {
                let Limits { messages, bytes, in_hand, attempts, dead_letters, pending_requests } = limits;
                MailboxLimits { messages, bytes, in_hand, attempts, dead_letters, pending_requests }
            }),
        }
    }
}

/// What registering did.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Registered {
    New,
    Known,
    Terminated,
}

impl From<exchange::Registered> for Registered {
    fn from(registered: exchange::Registered) -> Registered {
        match registered {
            exchange::Registered::New => Registered::New,
            exchange::Registered::Known => Registered::Known,
            exchange::Registered::Terminated => Registered::Terminated,
        }
    }
}

impl From<Registered> for exchange::Registered {
    fn from(registered: Registered) -> exchange::Registered {
        match registered {
            Registered::New => exchange::Registered::New,
            Registered::Known => exchange::Registered::Known,
            Registered::Terminated => exchange::Registered::Terminated,
        }
    }
}

/// Which mailboxes are looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Query {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent_type: Option<String>,
    #[serde(default)]
    with_subtypes: bool,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    after: u64,
    max: u64,
}

impl From<&exchange::Query> for Query {
    fn from(query: &exchange::Query) -> Query {
        let exchange::Query { id, agent_type, with_subtypes, capabilities, name, after, max } = query;
        Query {
            id: id.map(Id),
            agent_type: agent_type.as_ref().map(ToString::to_string),
            with_subtypes: *with_subtypes,
            capabilities: capabilities.iter().map(ToString::to_string).collect(),
            name: name.as_ref().map(ToString::to_string),
            after: *after,
            max: *max as u64,
        }
    }
}

impl From<Query> for exchange::Query {
    fn from(query: Query) -> exchange::Query {
        let Query { id, agent_type, with_subtypes, capabilities, name, after, max } = query;
        exchange::Query {
            id: id.map(|Id(id)| id),
            agent_type: agent_type.map(Into::into),
            with_subtypes,
            capabilities: capabilities.into_iter().map(Into::into).collect(),
            name: name.map(Into::into),
            after,
            max: usize::try_from(max).unwrap_or(usize::MAX),
        }
    }
}

/// A mailbox that was looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Found {
    number: u64,
    id: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default)]
    lineage: Vec<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl From<exchange::Found> for Found {
    fn from(found: exchange::Found) -> Found {
        let exchange::Found { number, id, name, lineage, capabilities, owner } = found;
        Found {
            number,
            id: Id(id),
            name: name.map(|name| name.to_string()),
            lineage: lineage.iter().map(ToString::to_string).collect(),
            capabilities: capabilities.iter().map(ToString::to_string).collect(),
            owner: owner.map(|owner| owner.to_string()),
        }
    }
}

impl From<Found> for exchange::Found {
    fn from(found: Found) -> exchange::Found {
        let Found { number, id, name, lineage, capabilities, owner } = found;
        exchange::Found {
            number,
            id: id.0,
            name: name.map(Into::into),
            lineage: lineage.into_iter().map(Into::into).collect(),
            capabilities: capabilities.into_iter().map(Into::into).collect(),
            owner: owner.map(Into::into),
        }
    }
}

/// How a mailbox fares.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heartbeat_age_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Missing,
    Active,
    Inactive,
    Terminated,
}

impl From<exchange::Status> for Status {
    fn from(status: exchange::Status) -> Status {
        let state = match status.state {
            MailboxState::Missing => State::Missing,
            MailboxState::Active => State::Active,
            MailboxState::Inactive => State::Inactive,
            MailboxState::Terminated => State::Terminated,
        };
        Status { state, heartbeat_age_ms: status.heartbeat_age.map(millis) }
    }
}

impl From<Status> for exchange::Status {
    fn from(status: Status) -> exchange::Status {
        let state = match status.state {
            State::Missing => MailboxState::Missing,
            State::Active => MailboxState::Active,
            State::Inactive => MailboxState::Inactive,
            State::Terminated => MailboxState::Terminated,
        };
        exchange::Status { state, heartbeat_age: status.heartbeat_age_ms.map(Duration::from_millis) }
    }
}

/// Structs of numbers, which have the same fields on both sides.
macro_rules! numbers {
    ($($(#[$doc:meta])* $form:ident of $theirs:ident { $($field:ident: $number:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Serialize, Deserialize)]
        pub(crate) struct $form {
            $($field: $number,)*
        }

        impl From<exchange::$theirs> for $form {
            fn from(exchange::$theirs { $($field,)* }: exchange::$theirs) -> $form {
                $form { $($field,)* }
            }
        }

        impl From<$form> for exchange::$theirs {
            fn from($form { $($field,)* }: $form) -> exchange::$theirs {
                exchange::$theirs { $($field,)* }
            }
        }
    )*};
}

numbers! {
    /// What a mailbox holds and has done.
    Stats of MailboxStats {
        ready: u64,
        in_hand: u64,
        delayed: u64,
        bytes: u64,
        dead_letters: u64,
        pending_requests: u64,
        accepted: u64,
        acknowledged: u64,
        requests_in: u64,
        requests_out: u64,
        answered: u64,
    }

    /// What terminating did.
    Terminated of Terminated {
        answered: u64,
        dropped: u64,
        is_repeated: bool,
    }
}

/// The right of one owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lease {
    mailbox: Id,
    holder: String,
    epoch: u64,
    until: u64,
}

impl From<exchange::Lease> for Lease {
    fn from(exchange::Lease { mailbox, holder, epoch, until }: exchange::Lease) -> Lease {
        Lease { mailbox: Id(mailbox), holder: holder.to_string(), epoch, until: until.as_millis() }
    }
}

impl From<Lease> for exchange::Lease {
    fn from(Lease { mailbox, holder, epoch, until }: Lease) -> exchange::Lease {
        let until = Moment::from_millis(until);
        exchange::Lease { mailbox: mailbox.0, holder: holder.into(), epoch, until }
    }
}
