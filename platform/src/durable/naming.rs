//! Mailboxes by the names of their agents.
//!
//! Always true: an agent's mailbox follows from its name, and from how many of that name were terminated before; the same
//! name leads to the same mailbox on every node that acts for the same owner, and to another one for every other. Neighbour: [`sending`](super::sending) asks where mail goes.

use std::sync::Arc;

use folkmoot_agents::mail::{MailAddress, MailError};
use folkmoot_exchange::{Asker, ExchangeError, Found, MailboxId, MailboxState, Query};
use folkmoot_transports::provider::sha256_hex;

use super::sending::mail_error;
use crate::mailroom::Mailroom;

/// How often a mailbox may be terminated and its agent begin another one.
pub(crate) const MAX_GENERATIONS: u32 = 1000;

/// What ids follow from, before the name and the generation. It must never change: mail lies under these ids.
const PREFIX: &str = "folkmoot durable agent";

/// The same where the owner stands between it and the rest, for agents of a group. It must never change either.
const OWNED_PREFIX: &str = "folkmoot durable agent of";

/// How many mailboxes of one name are looked at.
const LOOKED_AT: usize = 100;

/// The mailbox of a durable agent of that name: the container's, or of another owner.
pub(crate) fn derived(owner: Option<&str>, name: &str, generation: u32) -> MailboxId {
    let text = match owner {
        None => format!("{PREFIX}\0{generation}\0{name}"),
        Some(owner) => format!("{OWNED_PREFIX}\0{owner}\0{generation}\0{name}"),
    };
    let hash = sha256_hex(text.as_bytes());
    let mut first = [0; 16];
    for (byte, digits) in first.iter_mut().zip(hash.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    MailboxId::derived(first)
}

/// Whether it is the mailbox of a durable agent of that name and owner: nobody else may have it.
pub(crate) fn follows(owner: &str, name: &str, id: MailboxId) -> bool {
    (0..MAX_GENERATIONS).any(|generation| derived(Some(owner), name, generation) == id)
}

/// Whether the mailbox is the container's.
pub(crate) async fn is_containers_own(mailroom: &Mailroom, id: MailboxId) -> Result<bool, ExchangeError> {
    let found = mailroom.exchange().discover(&Asker::Container, Query::of_id(id)).await?;
    Ok(found.first().is_none_or(|found| found.owner.is_none()))
}

fn named(name: &str) -> Query {
    Query { max: LOOKED_AT, ..Query::named(name) }
}

/// Where mail to an address goes: the mailbox, and the name that rules know it by.
pub(crate) async fn find(
    mailroom: &Mailroom,
    to: &MailAddress,
) -> Result<(MailboxId, Option<Arc<str>>), MailError> {
    let text = to.as_str();
    if let Ok(id) = text.parse::<MailboxId>() {
        return Ok((id, None));
    }
    for generation in 0..MAX_GENERATIONS {
        let id = derived(mailroom.owner(), text, generation);
        let status = mailroom.exchange().status(&Asker::Container, id).await;
        match status.map_err(|error| mail_error(to, &error))?.state {
            MailboxState::Active | MailboxState::Inactive => return Ok((id, Some(text.into()))),
            MailboxState::Terminated => {}
            MailboxState::Missing => break,
        }
    }
    let found = mailroom.exchange().discover(&Asker::Container, named(text)).await;
    let (own, others): (Vec<_>, Vec<_>) =
        found.map_err(|error| mail_error(to, &error))?.into_iter().partition(|found| found.owner.is_none());
    let mut own = own.into_iter();
    match (own.next(), own.next()) {
        (Some(only), None) => Ok((only.id, Some(text.into()))),
        (None, _) => Err(MailError::NoSuchMailbox {
            to: text.to_owned(),
            hint: match others.first() {
                Some(Found { id, owner: Some(owner), .. }) => {
                    format!("{id} is named so and belongs to {owner}; write that id if it is meant")
                }
                _ => "spawn its agent with `.durable()` first, or write a mailbox's id".to_owned(),
            },
        }),
        (Some(first), Some(second)) => Err(MailError::NoSuchMailbox {
            to: text.to_owned(),
            hint: format!("several bear that name, such as {} and {}; write one's id", first.id, second.id),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_the_same_mailboxes_for_ever() {
        // Mail lies under these ids: where this fails, the mail of every agent is lost.
        let own = |name: &str, generation| derived(None, name, generation);
        assert_eq!(own("pump", 0).to_string(), "agent:b0f988e8-1160-8d49-a3e3-a4c398d21b6b");
        assert_eq!(own("pump", 1).to_string(), "agent:ac27d2de-65d4-81a1-88f1-b9d2f4655378");
        let plant = |name: &str, generation| derived(Some("group \"plant\""), name, generation);
        assert_eq!(plant("pump", 0).to_string(), "agent:670f32c4-f7ae-8701-89ff-ba7ba83a367d");
        assert!(own("pump", 0).is_derived() && plant("pump", 0).is_derived());
        assert_ne!(own("pump", 11), own("1\0pump", 1));
    }

    #[test]
    fn an_id_follows_from_the_name_of_one_owners_agent() {
        let (plant, other) = ("group \"plant\"", "group \"other\"");
        for generation in [0, 1, MAX_GENERATIONS - 1] {
            let id = derived(Some(plant), "pump", generation);
            assert!(follows(plant, "pump", id));
            assert!(!follows(other, "pump", id) && !follows(plant, "valve", id));
        }
        assert!(!follows(plant, "pump", derived(None, "pump", 0)), "that is the container's");
        assert!(!follows(plant, "pump", derived(Some(plant), "pump", MAX_GENERATIONS)));
    }
}
