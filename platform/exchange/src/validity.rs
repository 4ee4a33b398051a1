//! What cannot be, found before it comes to a store.
//!
//! Always true: a store sees texts within [`MAX_TEXT_BYTES`] without control characters, pages, steps, leases and waits
//! within their bounds, requests that have a sender. Each sentence says what to do. Neighbour:
//! [`engine`](crate::engine) asks here.

use std::collections::HashSet;
use std::time::Duration;

use crate::asker::Asker;
use crate::error::ExchangeError;
use crate::ground::Ground;
use crate::limits::{
    ExchangeLimits, MAX_CAPABILITIES, MAX_LINEAGE, MAX_PAGE, MAX_REASON_BYTES, MAX_STATE_KEY_BYTES, MAX_STEP,
    MAX_TEXT_BYTES, MailboxLimits,
};
use crate::mail::{HIGHEST_PRIORITY, Mail, OWN_KINDS, Tracking};
use crate::mailbox::{Query, Registration};
use crate::step::{StateQuery, Step};

type Checked = Result<(), ExchangeError>;

/// A text that names something.
pub(crate) fn text(what: &str, text: &str) -> Checked {
    bounded_text(what, text, MAX_TEXT_BYTES)
}

/// The key of a state.
pub(crate) fn state_key(key: &str) -> Checked {
    bounded_text("the key of a state", key, MAX_STATE_KEY_BYTES)
}

/// Which states are looked for.
pub(crate) fn state_query(query: &StateQuery) -> Checked {
    page_size(query.max)?;
    if !query.prefix.is_empty() {
        bounded_text("what keys begin with", &query.prefix, MAX_STATE_KEY_BYTES)?;
    }
    query.after.as_deref().map_or(Ok(()), state_key)
}

fn bounded_text(what: &str, text: &str, limit: usize) -> Checked {
    if text.is_empty() {
        return Err(ExchangeError::invalid(format!("{what} is empty; give it one")));
    }
    if text.len() > limit {
        return Err(ExchangeError::invalid(format!(
            "{what} is {} bytes long, the limit is {limit}",
            text.len()
        )));
    }
    match text.chars().find(|character| character.is_control()) {
        Some(character) => {
            Err(ExchangeError::invalid(format!("{what} holds {character:?}; leave out control characters")))
        }
        None => Ok(()),
    }
}

/// What a mailbox is registered with.
pub(crate) fn registration(asker: &Asker, registration: &Registration, ground: &Ground) -> Checked {
    let limits = ground.bounds();
    let follows = |owner: &str| {
        let name = registration.name.as_deref();
        name.is_some_and(|name| ground.follows(owner, name, registration.id))
    };
    if registration.id.is_derived() && asker.owner_name().is_some_and(|owner| !follows(owner)) {
        // Else a user could take the mailbox of an agent that comes later.
        return Err(ExchangeError::ContainerOnly {
            what: "registering an agent's mailbox under an id that follows from a name (a UUID of version 8)",
        });
    }
    let Registration { name, lineage, capabilities, limits: own, .. } = registration;
    name.as_ref().map_or(Ok(()), |name| text("the name of a mailbox", name))?;
    let lists = [
        ("a type", "types", lineage, MAX_LINEAGE),
        ("a capability", "capabilities", capabilities, MAX_CAPABILITIES),
    ];
    for (one, many, list, limit) in lists {
        if list.len() > limit {
            let count = list.len();
            return Err(ExchangeError::invalid(format!(
                "a mailbox has at most {limit} {many}, here are {count}"
            )));
        }
        list.iter().try_for_each(|entry| text(one, entry))?;
    }
    own.as_ref().map_or(Ok(()), |own| mailbox_limits(own, &limits.mailbox))
}

fn mailbox_limits(own: &MailboxLimits, most: &MailboxLimits) -> Checked {
    let pairs = [
        ("messages", u64::from(own.messages), u64::from(most.messages), 1),
        ("bytes", own.bytes, most.bytes, 1),
        ("in_hand", u64::from(own.in_hand), u64::from(most.in_hand), 1),
        ("attempts", u64::from(own.attempts), u64::from(most.attempts), 1),
        ("dead_letters", u64::from(own.dead_letters), u64::from(most.dead_letters), 0),
        ("pending_requests", u64::from(own.pending_requests), u64::from(most.pending_requests), 0),
    ];
    match pairs.into_iter().find(|(_, own, most, least)| own < least || own > most) {
        None => Ok(()),
        Some((name, own, most, least)) => Err(ExchangeError::invalid(format!(
            "`{name}` of a mailbox is {own}; this exchange allows {least} to {most}"
        ))),
    }
}

/// What is looked for.
pub(crate) fn query(query: &Query) -> Checked {
    page_size(query.max)?;
    query.agent_type.as_ref().map_or(Ok(()), |agent_type| text("a type", agent_type))?;
    query.name.as_ref().map_or(Ok(()), |name| text("the name of a mailbox", name))?;
    if query.capabilities.len() > MAX_CAPABILITIES {
        return Err(ExchangeError::invalid(format!(
            "ask for at most {MAX_CAPABILITIES} capabilities at once"
        )));
    }
    query.capabilities.iter().try_for_each(|tag| text("a capability", tag))
}

/// How much is asked for at once.
pub(crate) fn page_size(max: usize) -> Checked {
    match max {
        1..=MAX_PAGE => Ok(()),
        _ => Err(ExchangeError::invalid(format!("{max} entries at once; ask for 1 to {MAX_PAGE}"))),
    }
}

/// A mail that is sent.
pub(crate) fn mail(mail: &Mail, limits: &ExchangeLimits) -> Checked {
    text("the kind of a mail", &mail.kind)?;
    if mail.kind.starts_with(OWN_KINDS) {
        return Err(ExchangeError::invalid(format!(
            "kinds that begin with `{OWN_KINDS}` are the exchange's own, as {:?}; choose another",
            mail.kind
        )));
    }
    if mail.priority > HIGHEST_PRIORITY {
        return Err(ExchangeError::invalid(format!(
            "{} is no priority; they are 0 to {HIGHEST_PRIORITY}",
            mail.priority
        )));
    }
    if mail.from.is_none() && mail.tracking != Tracking::Plain {
        return Err(ExchangeError::invalid("a request and a response need the mailbox of their sender"));
    }
    let size = u64::try_from(mail.body.len()).unwrap_or(u64::MAX);
    match size > limits.mail_bytes {
        true => Err(ExchangeError::TooLarge { what: "the mail's body", size, limit: limits.mail_bytes }),
        false => Ok(()),
    }
}

/// How long something is kept.
pub(crate) fn lease(lease: Duration, limits: &ExchangeLimits) -> Checked {
    let longest = limits.longest_lease;
    match lease < Duration::from_millis(1) || lease > longest {
        true => Err(ExchangeError::invalid(format!("a lease lasts 1 ms to {longest:?}, not {lease:?}"))),
        false => Ok(()),
    }
}

/// How long someone or something waits.
pub(crate) fn wait(wait: Duration, limits: &ExchangeLimits) -> Checked {
    let longest = limits.longest_wait;
    match wait > longest {
        true => Err(ExchangeError::invalid(format!("waiting lasts at most {longest:?}, not {wait:?}"))),
        false => Ok(()),
    }
}

/// All of a step that can be judged by itself.
pub(crate) fn step(step: &Step, limits: &ExchangeLimits) -> Checked {
    let parts = step.acknowledge.len() + step.states.len() + step.send.len();
    if parts > MAX_STEP {
        return Err(ExchangeError::invalid(format!("a step has {parts} parts, the limit is {MAX_STEP}")));
    }
    let mut mails = HashSet::new();
    if !step.acknowledge.iter().all(|receipt| mails.insert((receipt.mailbox, receipt.position))) {
        return Err(ExchangeError::invalid("a step acknowledges each mail once"));
    }
    let mut keys = HashSet::new();
    if let Some(put) = step.states.iter().find(|put| !keys.insert(&put.key)) {
        return Err(ExchangeError::invalid(format!("state {:?} stands twice in a step", put.key)));
    }
    for put in &step.states {
        state_key(&put.key)?;
        let size = put.bytes.as_ref().map_or(0, bytes::Bytes::len);
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if size > limits.state_bytes {
            return Err(ExchangeError::TooLarge { what: "a state", size, limit: limits.state_bytes });
        }
    }
    step.send.iter().try_for_each(|posting| mail(posting.message().mail(), limits))
}

/// A reason, cut to what is kept of it.
pub(crate) fn short_reason(reason: &str) -> &str {
    let end = (0..=MAX_REASON_BYTES.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
    reason.get(..end.unwrap_or(0)).unwrap_or(reason)
}
