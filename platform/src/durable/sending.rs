//! Mail on its way from an agent, or from the container, into the exchange.
//!
//! Always true: each is judged by the container's gate, as sent by an agent of its own. Neighbours: [`naming`](super::naming)
//! finds where it goes, [`Mailroom::admit`] brings it before the gate.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use folkmoot_agents::Timestamp;
use folkmoot_agents::mail::{Delivery, DeliveryId, MailAddress, MailError, Outgoing, Tracking};
use folkmoot_exchange::{
    Asker, Delivery as Delivered, ExchangeError, Mail, MailId, MailboxId, MailboxState, Posting,
    Tracking as Tracked, mail::OWN_KINDS, mail::USUAL_PRIORITY,
};
use folkmoot_gateway::Admitted;

use super::naming;
use crate::mailroom::Mailroom;
use crate::tables::Tables;

/// Who sends: an agent of the container, or the container itself; and from which mailbox.
pub(crate) struct Sender<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) agent: Option<&'a Arc<str>>,
    pub(crate) from: Option<MailboxId>,
}

/// Brings a mail before the gate.
pub(crate) async fn admitted(
    mailroom: &Mailroom,
    sender: &Sender<'_>,
    outgoing: Outgoing,
) -> Result<Admitted<Posting>, MailError> {
    let Outgoing { to, name, id, kind, tracking, priority, expires_in, codec, body } = outgoing;
    let (mailbox, found) = naming::find(mailroom, &to).await?;
    let mail = Mail {
        id: MailId(id),
        from: sender.from,
        kind,
        tracking: tracked(tracking),
        priority: priority.unwrap_or(USUAL_PRIORITY),
        expires_at: expires_in.map(|time| mailroom.now() + time),
        codec,
        body,
    };
    let own = &sender.tables.principal;
    let by = sender.agent.map_or_else(|| own.clone(), |agent| own.with_agent(agent.clone()));
    let posting = Posting::new(mailbox, mail, by, Asker::Container).from_inside();
    let posting = match found.or(name) {
        Some(name) => posting.named(name),
        None => posting,
    };
    mailroom.admit(posting).await.map_err(MailError::Denied)
}

/// Sends a mail by itself.
pub(crate) async fn send(
    mailroom: &Mailroom,
    sender: &Sender<'_>,
    outgoing: Outgoing,
) -> Result<(), MailError> {
    let to = outgoing.to.clone();
    let posting = admitted(mailroom, sender, outgoing).await?;
    mailroom.exchange().send(posting).await.map(drop).map_err(|error| mail_error(&to, &error))
}

/// Whether a mail would find a mailbox and pass the gate. What it says is not looked at.
pub(crate) async fn check(
    mailroom: &Mailroom,
    sender: &Sender<'_>,
    outgoing: Outgoing,
) -> Result<(), MailError> {
    let to = outgoing.to.clone();
    let posting = admitted(mailroom, sender, Outgoing { body: Bytes::new(), ..outgoing }).await?;
    let mailbox = posting.message().to();
    let status = mailroom.exchange().status(&Asker::Container, mailbox).await;
    match status.map_err(|error| mail_error(&to, &error))?.state {
        MailboxState::Missing => Err(mail_error(&to, &ExchangeError::NoSuchMailbox { mailbox })),
        MailboxState::Terminated => Err(mail_error(&to, &ExchangeError::MailboxTerminated { mailbox })),
        _ => Ok(()),
    }
}

fn tracked(tracking: Tracking) -> Tracked {
    match tracking {
        Tracking::Plain => Tracked::Plain,
        Tracking::Request { tag, label } => Tracked::Request { tag, label },
        Tracking::Response { tag, label } => Tracked::Response { tag, label },
    }
}

/// A delivery as agents have it; `agent` is whose it is, `is_answer` whether it answers what was asked for.
pub(crate) fn delivery(
    delivered: Delivered,
    id: DeliveryId,
    tables: &Tables,
    agent: &Arc<str>,
    is_answer: bool,
) -> Delivery {
    let Delivered { mail, by, accepted_at, attempt, .. } = delivered;
    Delivery {
        id,
        agent: agent.clone(),
        mail: mail.id.0,
        from: mail.from.map(|from| from.to_string().into()),
        is_inside: by.is_node() && by.node_name() == tables.principal.node_name(),
        by,
        // What the exchange itself says is nobody's to allow.
        is_answer: is_answer || mail.kind.starts_with(OWN_KINDS),
        kind: mail.kind,
        tracking: match mail.tracking {
            Tracked::Plain => Tracking::Plain,
            Tracked::Request { tag, label } => Tracking::Request { tag, label },
            Tracked::Response { tag, label } => Tracking::Response { tag, label },
        },
        attempt,
        accepted_at: Timestamp(Duration::from_millis(accepted_at.as_millis())),
        codec: mail.codec,
        body: mail.body,
    }
}

/// What an exchange refused, as agents learn of it. `to` is where mail was to go, or whose mailbox it is.
pub(crate) fn mail_error(to: &MailAddress, error: &ExchangeError) -> MailError {
    let told = error.to_string();
    match error {
        ExchangeError::NoSuchMailbox { .. } => MailError::NoSuchMailbox {
            to: to.as_str().to_owned(),
            hint: "nobody has registered it in this exchange".to_owned(),
        },
        ExchangeError::MailboxTerminated { .. } => MailError::Terminated { to: to.as_str().to_owned() },
        ExchangeError::Forbidden { .. }
        | ExchangeError::WrongGate
        | ExchangeError::WrongName { .. }
        | ExchangeError::Denied { .. } => MailError::Denied(told),
        ExchangeError::Full { .. } | ExchangeError::DiskFull => MailError::Full(told),
        ExchangeError::TooLarge { .. }
        | ExchangeError::IdUsed { .. }
        | ExchangeError::Expired { .. }
        | ExchangeError::Invalid { .. } => MailError::Invalid(told),
        ExchangeError::NotTheOwner { .. } | ExchangeError::Owned { .. } => MailError::NotTheOwner(told),
        ExchangeError::Revision { .. } => MailError::Revision(told),
        ExchangeError::None => MailError::NoExchange,
        _ => MailError::Failed(told),
    }
}
