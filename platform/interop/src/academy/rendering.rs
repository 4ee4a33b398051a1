//! A delivery as Academy's clients read it.
//!
//! Always true: what came as a message goes as the same bytes; what the exchange says itself becomes a message; what is
//! neither becomes a dead letter with its reason, for no client could read it. Neighbours: [`message`](super::message)
//! writes messages, [`sending`](super::sending) took them.

use std::borrow::Cow;
use std::sync::Arc;

use folkmoot::exchange::mail::{DEAD_LETTER, MAILBOX_TERMINATED};
use folkmoot::exchange::{DeathNotice, Delivery, Mail, Refusal, Tracking};

use super::answering::of_dead;
use super::door::Door;
use super::envelope::Envelope;
use super::message::{Direction, Header, Terminated};
use super::sending::KIND;
use super::stream::Listening;

/// The text of a delivery's message; `None` where it has none, and then it was refused.
pub(crate) fn render<'a>(
    door: &Arc<Door>,
    listening: &Listening,
    delivery: &'a Delivery,
) -> Option<Cow<'a, str>> {
    let mail = &delivery.mail;
    if mail.kind.as_ref() == MAILBOX_TERMINATED {
        return Some(Cow::Owned(terminated(door, listening, mail)?));
    }
    if mail.kind.as_ref() == DEAD_LETTER {
        return Some(Cow::Owned(dead(door, listening, mail)?));
    }
    let text = std::str::from_utf8(&mail.body).ok();
    if let Some(text) = text.filter(|text| mail.kind.starts_with(KIND) || Header::read(text).is_ok()) {
        return Some(Cow::Borrowed(text));
    }
    tracing::warn!(mailbox = %listening.mailbox, kind = %mail.kind, "a mail that is no message of Academy's becomes a dead letter");
    let (exchange, receipt) = (door.exchange.clone(), delivery.receipt);
    let asker = listening.who.asker.clone();
    tokio::spawn(async move {
        let refusal = Refusal::never("a client of Academy's received it, and it is no message of Academy's");
        if let Err(error) = exchange.refuse(&asker, &receipt, refusal).await {
            tracing::warn!(mailbox = %receipt.mailbox, %error, "a mail was not refused");
        }
    });
    None
}

/// The exchange says that the mailbox of a request was terminated.
fn terminated(door: &Door, listening: &Listening, mail: &Mail) -> Option<String> {
    let Tracking::Response { tag, label } = mail.tracking else { return None };
    let mailbox = mail.from?.into();
    let requester = listening.mailbox.into();
    let dialect = listening.dialect.unwrap_or_else(|| door.dialects.of(listening.mailbox));
    Some(Terminated { mailbox, requester, tag, label }.write(dialect))
}

/// The exchange says that a request became a dead letter: the client reads that as an exception of who was asked.
fn dead(door: &Door, listening: &Listening, mail: &Mail) -> Option<String> {
    let Tracking::Response { tag, label } = mail.tracking else { return None };
    let notice = DeathNotice::read(&mail.body)?;
    let dialect = listening.dialect.unwrap_or_else(|| door.dialects.of(listening.mailbox));
    let (src, dest) = (mail.from?.into(), listening.mailbox.into());
    let direction = Direction::Response;
    Some(Envelope { src, dest, tag, label, direction, dialect }.write(&of_dead(&notice, dialect)))
}
