//! With which groups a mailbox is shared, over HTTP.
//!
//! Neighbours: [`token_file`](super::token_file) says who is in which group; the exchange keeps who owns what.

use std::sync::Arc;

use axum::response::Response;

use super::answers::{Refused, done, json};
use super::door::Asked;

/// `POST /mailbox/share`.
pub(crate) async fn share(asked: Asked) -> Result<Response, Refused> {
    let Asked { door, who, fields, .. } = asked;
    let mailbox = fields.mailbox()?;
    door.exchange.share(&who.asker, mailbox, fields.into_group()?.into()).await?;
    Ok(done())
}

/// `DELETE /mailbox/share`: also of a group that it is not shared with.
pub(crate) async fn unshare(asked: Asked) -> Result<Response, Refused> {
    let Asked { door, who, fields, .. } = asked;
    let mailbox = fields.mailbox()?;
    door.exchange.unshare(&who.asker, mailbox, fields.into_group()?.into()).await?;
    Ok(done())
}

/// `GET /mailbox/share`.
pub(crate) async fn shares(asked: Asked) -> Result<Response, Refused> {
    let groups: Vec<Arc<str>> = asked.door.exchange.shares(&asked.who.asker, asked.fields.mailbox()?).await?;
    let groups: Vec<String> = groups.iter().map(|group| quoted(group)).collect();
    Ok(json(format!(r#"{{"group_ids": [{}]}}"#, groups.join(", "))))
}

/// A text as JSON has it.
pub(crate) fn quoted(text: &str) -> String {
    // A text always has a JSON.
    serde_json::to_string(text).unwrap_or_default()
}
