//! Mails on the wire: as they are sent, delivered, looked at and dead.

use std::time::Duration;

use folkmoot_codecs::{Codec, Principal};
use folkmoot_exchange as exchange;
use folkmoot_exchange::{Again, DeathCause, MailId, Moment, Standing, Tracking};
use serde::{Deserialize, Serialize};

use super::texts::{Id, Uid, millis_up};
use super::{Blob, User};

/// A mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mail {
    id: Uid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Id>,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Tag>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<Tag>,
    priority: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codec: Option<String>,
    body: Blob,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Tag {
    tag: Uid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Uid>,
}

impl Tag {
    fn of(tag: u128, label: Option<u128>) -> Option<Tag> {
        Some(Tag { tag: Uid(tag), label: label.map(Uid) })
    }
}

impl From<exchange::Mail> for Mail {
    fn from(mail: exchange::Mail) -> Mail {
        let exchange::Mail { id, from, kind, tracking, priority, expires_at, codec, body } = mail;
        let (request, response) = match tracking {
            Tracking::Plain => (None, None),
            Tracking::Request { tag, label } => (Tag::of(tag, label), None),
            Tracking::Response { tag, label } => (None, Tag::of(tag, label)),
        };
        Mail {
            id: Uid(id.0),
            from: from.map(Id),
            kind: kind.to_string(),
            request,
            response,
            priority,
            expires_at: expires_at.map(Moment::as_millis),
            codec: codec.map(|codec| codec.to_string()),
            body: Blob(body),
        }
    }
}

impl From<Mail> for exchange::Mail {
    fn from(mail: Mail) -> exchange::Mail {
        let Mail { id, from, kind, request, response, priority, expires_at, codec, body } = mail;
        let tracking = match (request, response) {
            (Some(Tag { tag, label }), _) => {
                Tracking::Request { tag: tag.0, label: label.map(|label| label.0) }
            }
            (None, Some(Tag { tag, label })) => {
                Tracking::Response { tag: tag.0, label: label.map(|label| label.0) }
            }
            (None, None) => Tracking::Plain,
        };
        exchange::Mail {
            id: MailId(id.0),
            from: from.map(|from| from.0),
            kind: kind.into(),
            tracking,
            priority,
            expires_at: expires_at.map(Moment::from_millis),
            // One that is not known here says nothing to the receiver either.
            codec: codec.and_then(|codec| codec.parse::<Codec>().ok()),
            body: body.0,
        }
    }
}

/// A mail on its way to a mailbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Posting {
    pub(crate) to: Id,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The agent that sends it, as its node says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<String>,
    /// In whose name; by default its node's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<User>,
    pub(crate) mail: Mail,
}

impl From<&exchange::Posting> for Posting {
    fn from(posting: &exchange::Posting) -> Posting {
        Posting {
            to: Id(posting.to()),
            name: posting.name().map(ToString::to_string),
            agent: posting.by().agent_name().map(str::to_owned),
            user: User::of(posting.asker()),
            mail: posting.mail().clone().into(),
        }
    }
}

/// A mail was taken.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Accepted {
    position: u64,
    #[serde(default)]
    is_repeated: bool,
}

impl From<exchange::Accepted> for Accepted {
    fn from(exchange::Accepted { position, is_repeated }: exchange::Accepted) -> Accepted {
        Accepted { position, is_repeated }
    }
}

impl From<Accepted> for exchange::Accepted {
    fn from(Accepted { position, is_repeated }: Accepted) -> exchange::Accepted {
        exchange::Accepted { position, is_repeated }
    }
}

/// Names a delivery.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) mailbox: Id,
    position: u64,
    claim: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
}

impl From<exchange::Receipt> for Receipt {
    fn from(exchange::Receipt { mailbox, position, claim, epoch }: exchange::Receipt) -> Receipt {
        Receipt { mailbox: Id(mailbox), position, claim, epoch }
    }
}

impl From<Receipt> for exchange::Receipt {
    fn from(Receipt { mailbox, position, claim, epoch }: Receipt) -> exchange::Receipt {
        exchange::Receipt { mailbox: mailbox.0, position, claim, epoch }
    }
}

/// Who sent a mail, as was proven to the exchange's node.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct By {
    node: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
}

impl From<Principal> for By {
    fn from(by: Principal) -> By {
        By { node: by.node_name().to_owned(), agent: by.agent_name().map(str::to_owned) }
    }
}

impl From<By> for Principal {
    fn from(By { node, agent }: By) -> Principal {
        let node = Principal::node(node);
        match agent {
            Some(agent) => node.with_agent(agent),
            None => node,
        }
    }
}

/// A mail, delivered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    receipt: Receipt,
    mail: Mail,
    by: By,
    accepted_at: u64,
    attempt: u32,
    lease_until: u64,
}

impl From<exchange::Delivery> for Delivery {
    fn from(delivery: exchange::Delivery) -> Delivery {
        let exchange::Delivery { receipt, mail, by, accepted_at, attempt, lease_until } = delivery;
        Delivery {
            receipt: receipt.into(),
            mail: mail.into(),
            by: by.into(),
            accepted_at: accepted_at.as_millis(),
            attempt,
            lease_until: lease_until.as_millis(),
        }
    }
}

impl From<Delivery> for exchange::Delivery {
    fn from(delivery: Delivery) -> exchange::Delivery {
        let Delivery { receipt, mail, by, accepted_at, attempt, lease_until } = delivery;
        exchange::Delivery {
            receipt: receipt.into(),
            mail: mail.into(),
            by: by.into(),
            accepted_at: Moment::from_millis(accepted_at),
            attempt,
            lease_until: Moment::from_millis(lease_until),
        }
    }
}

/// Why a mail is not acknowledged, and when it comes again: never where neither is said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refusal {
    #[serde(default)]
    untouched: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    reason: String,
}

impl From<exchange::Refusal> for Refusal {
    fn from(exchange::Refusal { again, reason }: exchange::Refusal) -> Refusal {
        let (untouched, after_ms) = match again {
            Again::Untouched => (true, None),
            Again::After(pause) => (false, Some(millis_up(pause))),
            Again::Never => (false, None),
        };
        Refusal { untouched, after_ms, reason: reason.to_string() }
    }
}

impl From<Refusal> for exchange::Refusal {
    fn from(Refusal { untouched, after_ms, reason }: Refusal) -> exchange::Refusal {
        let again = match (untouched, after_ms) {
            (true, _) => Again::Untouched,
            (false, Some(pause)) => Again::After(Duration::from_millis(pause)),
            (false, None) => Again::Never,
        };
        exchange::Refusal { again, reason: reason.into() }
    }
}

/// A mail that waits, looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Peeked {
    position: u64,
    mail: Mail,
    by: By,
    accepted_at: u64,
    attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_hand_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delayed_until: Option<u64>,
}

impl From<exchange::Peeked> for Peeked {
    fn from(peeked: exchange::Peeked) -> Peeked {
        let exchange::Peeked { position, mail, by, accepted_at, attempts, standing } = peeked;
        let (in_hand_until, delayed_until) = match standing {
            Standing::Ready => (None, None),
            Standing::InHand(until) => (Some(until.as_millis()), None),
            Standing::Delayed(until) => (None, Some(until.as_millis())),
        };
        let accepted_at = accepted_at.as_millis();
        Peeked {
            position,
            mail: mail.into(),
            by: by.into(),
            accepted_at,
            attempts,
            in_hand_until,
            delayed_until,
        }
    }
}

impl From<Peeked> for exchange::Peeked {
    fn from(peeked: Peeked) -> exchange::Peeked {
        let Peeked { position, mail, by, accepted_at, attempts, in_hand_until, delayed_until } = peeked;
        let standing = match (in_hand_until, delayed_until) {
            (Some(until), _) => Standing::InHand(Moment::from_millis(until)),
            (None, Some(until)) => Standing::Delayed(Moment::from_millis(until)),
            (None, None) => Standing::Ready,
        };
        let accepted_at = Moment::from_millis(accepted_at);
        exchange::Peeked { position, mail: mail.into(), by: by.into(), accepted_at, attempts, standing }
    }
}

/// A dead letter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    position: u64,
    mail: Mail,
    by: By,
    attempts: u32,
    cause: Cause,
    died_at: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Cause {
    Expired,
    LeaseOver,
    Refused(String),
}

impl From<exchange::DeadLetter> for DeadLetter {
    fn from(letter: exchange::DeadLetter) -> DeadLetter {
        let exchange::DeadLetter { position, mail, by, attempts, cause, died_at } = letter;
        let cause = match cause {
            DeathCause::Expired => Cause::Expired,
            DeathCause::LeaseOver => Cause::LeaseOver,
            DeathCause::Refused(reason) => Cause::Refused(reason.to_string()),
        };
        let died_at = died_at.as_millis();
        DeadLetter { position, mail: mail.into(), by: by.into(), attempts, cause, died_at }
    }
}

impl From<DeadLetter> for exchange::DeadLetter {
    fn from(letter: DeadLetter) -> exchange::DeadLetter {
        let DeadLetter { position, mail, by, attempts, cause, died_at } = letter;
        let cause = match cause {
            Cause::Expired => DeathCause::Expired,
            Cause::LeaseOver => DeathCause::LeaseOver,
            Cause::Refused(reason) => DeathCause::Refused(reason.into()),
        };
        let died_at = Moment::from_millis(died_at);
        exchange::DeadLetter { position, mail: mail.into(), by: by.into(), attempts, cause, died_at }
    }
}
