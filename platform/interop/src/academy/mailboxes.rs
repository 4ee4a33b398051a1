//! Mailboxes over HTTP: create, status, terminate, signs of life, figures, and who is there.
//!
//! Neighbours: [`door`](super::door) has the routes, [`answers`](super::answers) writes what comes of them.

use std::sync::Arc;

use axum::response::Response;
use folkmoot::exchange::limits::{MAX_PAGE, MAX_TEXT_BYTES};
use folkmoot::exchange::{ExchangeError, MailboxId, MailboxState, Query, Registration, Role, Uuid};

use super::answers::{Refused, done, json};
use super::door::Asked;

/// Most agents that one answer names: 37 bytes each.
const MOST_FOUND: usize = 250_000;

/// `POST /mailbox`: one that is there keeps its mail, one that was terminated stays so.
pub(crate) async fn create(asked: Asked) -> Result<Response, Refused> {
    let Asked { door, who, fields, .. } = asked;
    let mailbox = fields.mailbox()?;
    let types = fields.agent.as_deref().filter(|_| mailbox.role == Role::Agent).unwrap_or_default();
    let lineage = types.split(',').filter(|name| !name.is_empty());
    door.exchange.register(&who.asker, Registration::new(mailbox).lineage(lineage)).await?;
    tracing::debug!(%mailbox, "registered");
    Ok(done())
}

/// `GET /mailbox`.
pub(crate) async fn status(asked: Asked) -> Result<Response, Refused> {
    let status = asked.door.exchange.status(&asked.who.asker, asked.fields.mailbox()?).await?;
    // Whether an agent gives signs of life is asked by another route.
    Ok(json(match status.state {
        MailboxState::Missing => r#"{"status": "MISSING"}"#,
        MailboxState::Active | MailboxState::Inactive => r#"{"status": "ACTIVE"}"#,
        MailboxState::Terminated => r#"{"status": "TERMINATED"}"#,
    }))
}

/// The mailbox of a durable agent of Folkmoot's, shared or not, is for others to send to: what ends it is a request, which the
/// gate's rules judge, and its mail is the agent's.
pub(crate) fn not_an_agents_own(mailbox: MailboxId) -> Result<(), Refused> {
    match mailbox.is_derived() {
        true => Err(Refused::Forbidden),
        false => Ok(()),
    }
}

/// `DELETE /mailbox`: also of one that is not there, or was terminated before.
pub(crate) async fn terminate(asked: Asked) -> Result<Response, Refused> {
    let mailbox = asked.fields.mailbox()?;
    not_an_agents_own(mailbox)?;
    // Whoever may not end it is told so, and nothing of its mail is touched.
    if asked.door.exchange.status(&asked.who.asker, mailbox).await?.state != MailboxState::Missing {
        asked.door.held.ends(mailbox).await;
    }
    let terminated = asked.door.exchange.terminate(&asked.who.asker, mailbox).await?;
    asked.door.dialects.forget(mailbox);
    tracing::debug!(%mailbox, answered = terminated.answered, "terminated");
    Ok(done())
}

/// `POST /mailbox/heartbeat`.
pub(crate) async fn heartbeat(asked: Asked) -> Result<Response, Refused> {
    let mailbox = asked.fields.mailbox()?;
    not_an_agents_own(mailbox)?;
    asked.door.exchange.heartbeat(&asked.who.asker, mailbox).await?;
    Ok(done())
}

/// `GET /mailbox/heartbeat`.
pub(crate) async fn heartbeat_age(asked: Asked) -> Result<Response, Refused> {
    let mailbox = asked.fields.mailbox()?;
    let status = asked.door.exchange.status(&asked.who.asker, mailbox).await?;
    match status.state {
        MailboxState::Missing => Err(ExchangeError::NoSuchMailbox { mailbox }.into()),
        MailboxState::Terminated => Err(ExchangeError::MailboxTerminated { mailbox }.into()),
        MailboxState::Active | MailboxState::Inactive => Ok(json(match status.heartbeat_age {
            Some(age) => format!(r#"{{"heartbeat": {}}}"#, age.as_secs_f64()),
            None => r#"{"heartbeat": null}"#.to_owned(),
        })),
    }
}

/// `GET /mailbox/stats`.
pub(crate) async fn stats(asked: Asked) -> Result<Response, Refused> {
    let stats = asked.door.exchange.stats(&asked.who.asker, asked.fields.mailbox()?).await?;
    let queued = stats.ready.saturating_add(stats.delayed);
    let (outgoing, completed) = (stats.requests_out, stats.answered);
    let incoming = completed.saturating_add(stats.pending_requests);
    let in_progress = stats.pending_requests.saturating_sub(queued);
    Ok(json(format!(
        r#"{{"incoming": {incoming}, "outgoing": {outgoing}, "completed": {completed}, "in_progress": {in_progress}, "queued": {queued}}}"#
    )))
}

/// `GET /discover`: in the order of registration.
pub(crate) async fn discover(asked: Asked) -> Result<Response, Refused> {
    let (agent, with_subtypes) = asked.fields.into_type()?;
    // No type has no name, or one that is so long; whoever looks for one finds nobody.
    if agent.is_empty() || agent.len() > MAX_TEXT_BYTES {
        return Ok(json(r#"{"agent_ids": ""}"#));
    }
    let agent: Arc<str> = agent.into();
    let mut query = match with_subtypes {
        true => Query::of_subtypes(agent),
        false => Query::of_type(agent),
    };
    let mut ids = String::new();
    let mut count = 0;
    loop {
        let page = asked.door.exchange.discover(&asked.who.asker, query.clone()).await?;
        for found in &page {
            let comma = if ids.is_empty() { "" } else { "," };
            ids.push_str(comma);
            ids.push_str(&Uuid(found.id.uuid).to_string());
        }
        count += page.len();
        match page.last() {
            Some(_) if count > MOST_FOUND => return Err(Refused::TooMany { limit: MOST_FOUND }),
            Some(last) if page.len() >= MAX_PAGE => query = query.after(last),
            _ => return Ok(json(format!(r#"{{"agent_ids": "{ids}"}}"#))),
        }
    }
}
