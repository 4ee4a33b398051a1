//! What a request says: the fields of the JSON object that is its body, also of GET and DELETE.
//!
//! Always true: a body is read up to a bound, within a time, and what is no object or has a wrong field is the client's
//! mistake, told as one. Further fields are ignored. Neighbours: the handlers ask for fields by name.

use std::fmt;
use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use bytes::Bytes;
use folkmoot::Clock;
use folkmoot::exchange::MailboxId;
use serde::{Deserialize, Deserializer};

use super::answers::Refused;
use super::entity::EntityId;
use super::object::Object;

/// Longest time that a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(30);

/// A field is missing, or is not what it should be.
#[derive(Debug)]
pub(crate) enum BadField {
    /// It is not there.
    Missing(&'static str),
    /// It cannot be read.
    Wrong(&'static str, serde_json::Error),
    /// The body cannot.
    Body(serde_json::Error),
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadField::Missing(name) => write!(f, "'{name}'"),
            BadField::Wrong(name, error) => write!(f, "{name}: {error}"),
            BadField::Body(error) if error.is_data() => write!(f, "{error}"),
            BadField::Body(error) => write!(f, "the body is no JSON: {error}"),
        }
    }
}

/// How long to wait, as the request says it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Timeout {
    /// As long as the server does.
    #[default]
    Missing,
    /// Without an end: clients up to 0.3 say so.
    Null,
    /// So many seconds.
    Seconds(f64),
}

impl<'de> Deserialize<'de> for Timeout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timeout, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        Ok(seconds.map_or(Timeout::Null, Timeout::Seconds))
    }
}

/// The fields that any route has.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename = "an object")]
pub(crate) struct Fields {
    mailbox: Option<String>,
    message: Option<String>,
    pub(crate) agent: Option<String>,
    group_id: Option<String>,
    allow_subclasses: Option<bool>,
    pub(crate) timeout: Timeout,
}

impl Fields {
    /// Reads the body of a request.
    pub(crate) async fn read(body: Body, limit: usize, clock: &dyn Clock) -> Result<Fields, Refused> {
        let bytes = read_body(body, limit, clock).await?;
        let Object(fields) = serde_json::from_slice(&bytes).map_err(BadField::Body)?;
        Ok(fields)
    }

    /// The mailbox that it is about.
    pub(crate) fn mailbox(&self) -> Result<MailboxId, BadField> {
        let text = self.mailbox.as_deref().ok_or(BadField::Missing("mailbox"))?;
        EntityId::read(text).map(|id| id.mailbox).map_err(|error| BadField::Wrong("mailbox", error))
    }

    /// The text of the message.
    pub(crate) fn into_message(self) -> Result<String, BadField> {
        self.message.ok_or(BadField::Missing("message"))
    }

    /// The group.
    pub(crate) fn into_group(self) -> Result<String, BadField> {
        self.group_id.ok_or(BadField::Missing("group_id"))
    }

    /// The type of agents that is looked for, and whether those of types below it are too.
    pub(crate) fn into_type(self) -> Result<(String, bool), BadField> {
        let agent = self.agent.ok_or(BadField::Missing("agent"))?;
        let with_subtypes = self.allow_subclasses.ok_or(BadField::Missing("allow_subclasses"))?;
        Ok((agent, with_subtypes))
    }
}

async fn read_body(body: Body, limit: usize, clock: &dyn Clock) -> Result<Bytes, Refused> {
    // What is said to be too long is not read at all.
    if body.size_hint().lower() > limit as u64 {
        return Err(Refused::Body { limit });
    }
    let reading = to_bytes(body, limit);
    tokio::pin!(reading);
    let read = match futures_util::future::poll_immediate(&mut reading).await {
        Some(read) => read,
        None => tokio::select! {
            biased;
            read = &mut reading => read,
            () = clock.sleep(BODY_TIME) => return Err(Refused::SlowBody),
        },
    };
    read.map_err(|error| match is_too_long(&error) {
        true => Refused::Body { limit },
        false => Refused::CutBody,
    })
}

/// Whether it was not the connection that failed: `to_bytes` has one other way to.
fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.is::<hyper::Error>() {
            return false;
        }
        cause = error.source();
    }
    true
}
