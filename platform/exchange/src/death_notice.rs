//! What the sender of a request is told when its mail is dead: nobody will answer it.
//!
//! Always true: only requests are told of, so a notice that dies itself has none; a request that was answered is not told of,
//! nor one whose sender's mailbox is over; nor one whose sender's mailbox has no room, which is counted. Notices keep to the
//! bounds of a mailbox, and go beyond that of the exchange, as all that it says itself. Neighbours: stores put notices into the mailbox of
//! the sender within the transaction in which the mail died.

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::{Codec, Value};

use crate::dead_letter::{DeadLetter, DeathCause};
use crate::mail::{DEAD_LETTER, HIGHEST_PRIORITY, Mail, MailId, Tracking};
use crate::mailbox_id::MailboxId;
use crate::moment::Moment;

/// Why a request is dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Death {
    /// It is a dead letter.
    Letter(DeathCause),
    /// It was purged before it was delivered.
    Purged,
}

impl Death {
    /// Its word in a notice.
    fn word(&self) -> &'static str {
        match self {
            Death::Letter(DeathCause::Expired) => "expired",
            Death::Letter(DeathCause::LeaseOver) => "lease-over",
            Death::Letter(DeathCause::Refused(_)) => "refused",
            Death::Purged => "purged",
        }
    }

    /// What the receiver said, or what a reader sees who does not know the word.
    fn reason(&self) -> String {
        match self {
            Death::Letter(DeathCause::Refused(reason)) => reason.to_string(),
            Death::Letter(cause) => cause.to_string(),
            Death::Purged => "it was purged before it was delivered".to_owned(),
        }
    }
}

/// What a mail of the kind [`DEAD_LETTER`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeathNotice {
    /// Why the request is dead: `expired`, `lease-over`, `refused` or `purged`.
    pub cause: String,
    /// What its receiver said, where it refused; else the cause as a sentence.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u32,
}

impl DeathNotice {
    /// Reads the body of such a mail; `None` where it is none.
    pub fn read(body: &[u8]) -> Option<DeathNotice> {
        let value: Value = Codec::MsgPack.decode(body).ok()?;
        let text = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let attempts = match value.get("attempts") {
            Some(Value::Int(attempts)) => u32::try_from(*attempts).unwrap_or(0),
            _ => 0,
        };
        Some(DeathNotice { cause: text("cause")?, reason: text("reason")?, attempts })
    }
}

/// A request whose mail died, and whose sender is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Unheard {
    /// When it died, in which mailbox, and its number there: in this order senders are told.
    pub(crate) died_at: Moment,
    pub(crate) mailbox: MailboxId,
    pub(crate) position: u64,
    pub(crate) requester: MailboxId,
    pub(crate) tag: u128,
    pub(crate) label: Option<u128>,
    /// Nobody knows any more whether it was answered.
    pub(crate) has_expired: bool,
    pub(crate) death: Death,
    pub(crate) attempts: u32,
}

impl Unheard {
    /// What a dead letter leaves to be told.
    pub(crate) fn of(mailbox: MailboxId, letter: &DeadLetter) -> Option<Unheard> {
        let DeadLetter { position, mail, attempts, cause, died_at, .. } = letter;
        let (Tracking::Request { tag, label }, Some(requester)) = (mail.tracking, mail.from) else {
            return None;
        };
        Some(Unheard {
            died_at: *died_at,
            mailbox,
            position: *position,
            requester,
            tag,
            label,
            has_expired: mail.expires_at.is_some_and(|expiry| expiry <= *died_at),
            death: Death::Letter(cause.clone()),
            attempts: *attempts,
        })
    }

    /// What a request that was purged leaves to be told: its position, its sender, its tag and label.
    pub(crate) fn purged(
        mailbox: MailboxId,
        (position, requester, (tag, label)): (u64, MailboxId, (u128, Option<u128>)),
        attempts: u32,
        now: Moment,
    ) -> Unheard {
        Unheard {
            died_at: now,
            mailbox,
            position,
            requester,
            tag,
            label,
            has_expired: false,
            death: Death::Purged,
            attempts,
        }
    }

    /// The order in which senders are told, the same on every engine.
    pub(crate) fn in_order(all: &mut [Unheard]) {
        all.sort_by_key(|unheard| (unheard.died_at, unheard.mailbox, unheard.position));
    }

    /// What the sender is told.
    pub(crate) fn notice(&self) -> Mail {
        let Unheard { mailbox, tag, label, .. } = *self;
        Mail {
            id: MailId(tag),
            from: Some(mailbox),
            kind: DEAD_LETTER.into(),
            tracking: Tracking::Response { tag, label },
            priority: HIGHEST_PRIORITY,
            expires_at: None,
            codec: Some(Codec::MsgPack),
            body: self.body(),
        }
    }

    fn body(&self) -> Bytes {
        let text = |text: &str| Value::Text(text.to_owned());
        let body = Value::Map(vec![
            (text("cause"), text(self.death.word())),
            (text("reason"), Value::Text(self.death.reason())),
            (text("attempts"), Value::Int(i64::from(self.attempts))),
        ]);
        let mut bytes = BytesMut::new();
        // MsgPack says texts and integers.
        Codec::MsgPack.encode(&body, &mut bytes).ok();
        bytes.freeze()
    }
}
