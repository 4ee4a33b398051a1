//! Who asks, and what belongs to whom.
//!
//! Always true: the container may do everything; a user may use what is theirs and what is shared with a group of
//! theirs; only an owner shares. Neighbours: every operation of [`Exchange`](crate::Exchange) takes an [`Asker`],
//! every engine keeps an [`Ownership`] for each mailbox and asks it.

use std::sync::Arc;

/// Who asks an exchange for something, as the one who calls has proven it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// The container that the exchange is of, for its agents and for what its own operator does.
    Container,
    /// A user, as a front door knows them.
    User {
        /// Their name; empty where a front door knows nobody and so everyone is the same.
        name: Arc<str>,
        /// The groups that they are in.
        groups: Arc<[Arc<str>]>,
    },
}

impl Asker {
    /// A user who is in no group.
    pub fn user(name: impl Into<Arc<str>>) -> Asker {
        Asker::User { name: name.into(), groups: Arc::new([]) }
    }

    /// The same user, in `groups`; the container is in none.
    #[must_use]
    pub fn in_groups<I: Into<Arc<str>>>(self, groups: impl IntoIterator<Item = I>) -> Asker {
        match self {
            Asker::Container => Asker::Container,
            Asker::User { name, .. } => {
                Asker::User { name, groups: groups.into_iter().map(Into::into).collect() }
            }
        }
    }

    /// Whether the asker is in `group`; the container is taken to be in all.
    pub fn is_in(&self, group: &str) -> bool {
        match self {
            Asker::Container => true,
            Asker::User { groups, .. } => groups.iter().any(|in_group| **in_group == *group),
        }
    }

    /// The name under which the asker owns mailboxes; `None` is the container.
    pub fn owner_name(&self) -> Option<&Arc<str>> {
        match self {
            Asker::Container => None,
            Asker::User { name, .. } => Some(name),
        }
    }
}

/// Whose a mailbox is, and with which groups it is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// The owner's name; `None` is the container.
    pub owner: Option<Arc<str>>,
    /// The groups, in the order in which they were given it.
    pub groups: Vec<Arc<str>>,
}

impl Ownership {
    /// What `asker` registers is theirs.
    pub fn of(asker: &Asker) -> Ownership {
        Ownership { owner: asker.owner_name().cloned(), groups: Vec::new() }
    }

    /// Whether `asker` may say with whom the mailbox is shared.
    pub fn is_owner(&self, asker: &Asker) -> bool {
        match asker {
            Asker::Container => true,
            Asker::User { name, .. } => self.owner.as_ref() == Some(name),
        }
    }

    /// Whether `asker` may send to the mailbox, receive from it and terminate it.
    pub fn may_use(&self, asker: &Asker) -> bool {
        self.is_owner(asker) || self.groups.iter().any(|group| asker.is_in(group))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_for_its_owner_the_container_and_the_groups_it_is_shared_with() {
        let (ada, bob) = (Asker::user("ada"), Asker::user("bob").in_groups(["crew"]));
        let mut mailbox = Ownership::of(&ada);
        assert!(mailbox.may_use(&ada) && mailbox.is_owner(&ada) && mailbox.is_owner(&Asker::Container));
        assert!(!mailbox.may_use(&bob));
        mailbox.groups.push("crew".into());
        assert!(mailbox.may_use(&bob) && !mailbox.is_owner(&bob));
        let of_container = Ownership::of(&Asker::Container);
        assert!(!of_container.may_use(&ada) && !of_container.may_use(&Asker::user("")));
    }
}
