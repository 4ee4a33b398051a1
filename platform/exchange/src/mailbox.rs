//! What a mailbox is registered with, and what is told of it.
//!
//! Neighbours: [`Mailbox`] is a mailbox in the hand of its user; [`limits`](crate::limits) has the bounds.

mod handle;

use std::sync::Arc;
use std::time::Duration;

use crate::limits::MailboxLimits;
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

pub use handle::Mailbox;

/// What a mailbox is registered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its id, which the one who registers makes up, at random.
    pub id: MailboxId,
    /// Its name, where it has one; several may bear the same.
    pub name: Option<Arc<str>>,
    /// The types of its agent, the most special first, such as `shop.Market, shop.Stall, Agent`; empty for users.
    pub lineage: Vec<Arc<str>>,
    /// What it can do, such as `sells-apples`.
    pub capabilities: Vec<Arc<str>>,
    /// Its bounds; `None` is those that the exchange gives.
    pub limits: Option<MailboxLimits>,
}

impl Registration {
    /// A mailbox without a name, types and capabilities.
    pub fn new(id: MailboxId) -> Registration {
        Registration { id, name: None, lineage: Vec::new(), capabilities: Vec::new(), limits: None }
    }

    /// The same, with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Registration {
        self.name = Some(name.into());
        self
    }

    /// The same, with the types of its agent, the most special first.
    #[must_use]
    pub fn lineage<I: Into<Arc<str>>>(mut self, types: impl IntoIterator<Item = I>) -> Registration {
        self.lineage = types.into_iter().map(Into::into).collect();
        self
    }

    /// The same, with what it can do.
    #[must_use]
    pub fn capabilities<I: Into<Arc<str>>>(mut self, tags: impl IntoIterator<Item = I>) -> Registration {
        self.capabilities = tags.into_iter().map(Into::into).collect();
        self
    }

    /// The same, with bounds of its own.
    #[must_use]
    pub fn limits(mut self, limits: MailboxLimits) -> Registration {
        self.limits = Some(limits);
        self
    }
}

/// What registering did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The mailbox is new.
    New,
    /// It was there, keeps its mail, and bears the name, types, capabilities and limits that were given now.
    Known,
    /// It was terminated and stays so.
    Terminated,
}

/// What state a mailbox is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxState {
    /// No such mailbox is known.
    Missing,
    /// Its agent gave a sign of life lately.
    Active,
    /// It takes mail, but its agent gave no sign of life lately.
    Inactive,
    /// It is over, for ever.
    Terminated,
}

/// How a mailbox fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its state.
    pub state: MailboxState,
    /// How long ago the last sign of life was; `None` where there was none.
    pub heartbeat_age: Option<Duration>,
}

/// What a mailbox holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxStats {
    /// Mails that can be delivered now.
    pub ready: u64,
    /// Mails that were delivered and are neither acknowledged nor refused.
    pub in_hand: u64,
    /// Mails that were refused and wait for their time.
    pub delayed: u64,
    /// What all of these count for, in bytes.
    pub bytes: u64,
    /// Dead letters that are kept.
    pub dead_letters: u64,
    /// Requests to the mailbox that are not answered.
    pub pending_requests: u64,
    /// Mails that it ever took.
    pub accepted: u64,
    /// Mails that were ever acknowledged.
    pub acknowledged: u64,
    /// Requests that it ever took.
    pub requests_in: u64,
    /// Requests that were ever sent from it.
    pub requests_out: u64,
    /// Requests to it that it ever answered.
    pub answered: u64,
}

/// What terminating did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminated {
    /// Requests that were answered with [`MAILBOX_TERMINATED`](crate::mail::MAILBOX_TERMINATED).
    pub answered: u64,
    /// Mails and dead letters that went with the mailbox.
    pub dropped: u64,
    /// Whether it was over before, or never there, and nothing was done.
    pub is_repeated: bool,
}

/// Which mailboxes are looked for: those that match in everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Their id.
    pub id: Option<MailboxId>,
    /// The type of their agent.
    pub agent_type: Option<Arc<str>>,
    /// Whether agents whose lineage holds that type are meant too, and not only those whose first type it is.
    pub with_subtypes: bool,
    /// What they can do, all of it.
    pub capabilities: Vec<Arc<str>>,
    /// Their name.
    pub name: Option<Arc<str>>,
    /// Only those that were registered after the one of that [`Found::number`].
    pub after: u64,
    /// How many at most; bounded by [`MAX_PAGE`](crate::limits::MAX_PAGE).
    pub max: usize,
}

impl Query {
    /// All mailboxes, a page of them.
    pub fn all() -> Query {
        Query { max: crate::limits::MAX_PAGE, ..Query::default() }
    }

    /// Mailboxes of agents of exactly that type.
    pub fn of_type(agent_type: impl Into<Arc<str>>) -> Query {
        Query { agent_type: Some(agent_type.into()), ..Query::all() }
    }

    /// Mailboxes of agents of that type and of types that descend from it.
    pub fn of_subtypes(agent_type: impl Into<Arc<str>>) -> Query {
        Query { with_subtypes: true, ..Query::of_type(agent_type) }
    }

    /// The mailbox of that id.
    pub fn of_id(id: MailboxId) -> Query {
        Query { id: Some(id), ..Query::all() }
    }

    /// Mailboxes of that name.
    pub fn named(name: impl Into<Arc<str>>) -> Query {
        Query { name: Some(name.into()), ..Query::all() }
    }

    /// Mailboxes of those that can do that.
    pub fn able_to(capability: impl Into<Arc<str>>) -> Query {
        Query::all().and_able_to(capability)
    }

    /// The same, of those that can do that too.
    #[must_use]
    pub fn and_able_to(mut self, capability: impl Into<Arc<str>>) -> Query {
        self.capabilities.push(capability.into());
        self
    }

    /// The next page, after `found`.
    #[must_use]
    pub fn after(mut self, found: &Found) -> Query {
        self.after = found.number;
        self
    }

    /// Whether a mailbox with that registration is looked for.
    pub fn matches(&self, mailbox: &Registration) -> bool {
        let of_type = |wanted: &Arc<str>| match self.with_subtypes {
            true => mailbox.lineage.contains(wanted),
            false => mailbox.lineage.first() == Some(wanted),
        };
        self.id.is_none_or(|id| mailbox.id == id)
            && self.agent_type.as_ref().is_none_or(of_type)
            && self.name.as_ref().is_none_or(|name| mailbox.name.as_ref() == Some(name))
            && self.capabilities.iter().all(|tag| mailbox.capabilities.contains(tag))
    }
}

/// A mailbox that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number in the order of registration.
    pub number: u64,
    /// Its id.
    pub id: MailboxId,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// The types of its agent.
    pub lineage: Vec<Arc<str>>,
    /// What it can do.
    pub capabilities: Vec<Arc<str>>,
    /// Whose it is; `None` is the container's.
    pub owner: Option<Arc<str>>,
}

/// The right of one owner to receive from a mailbox and to write its state, until it is over.
///
/// The epoch is the fence: it grows with each owner, and what bears an older one is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Who holds it, such as a node's name.
    pub holder: Arc<str>,
    /// Which lease of this mailbox it is; the first is 1.
    pub epoch: u64,
    /// Until then, unless it is renewed before.
    pub until: Moment,
}
