//! Why an exchange refused, on the wire: a code, a sentence, and what the error holds.
//!
//! Always true: an error comes out as the one that went in; a code that is not known here, of a later release, becomes
//! `Failed` with its sentence. What files the exchange's node has is not told. Neighbour: `codecs/WIRE.md` has the codes.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use folkmoot_exchange::{ExchangeError, MailboxId, Moment};
use serde::{Deserialize, Serialize};

use super::texts::Id;

/// Most texts of errors that are kept for good, and the longest that is, in bytes: an exchange has a few dozen.
const MAX_LASTING_TEXTS: usize = 256;
const MAX_LASTING_BYTES: usize = 256;

/// A refused operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<Id>,
    /// Of which thing or whom the error tells: a group, a bound, a holder, a key, a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) what: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<u64>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What an exchange elsewhere told of its failure.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Told(String);

/// The same text, for good: errors of an exchange hold texts of its program. `None` where there are too many.
pub(crate) fn lasting(text: &str) -> Option<&'static str> {
    static TEXTS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let texts = texts.get_or_insert_default();
    if let Some(known) = texts.get(text) {
        return Some(known);
    }
    if texts.len() >= MAX_LASTING_TEXTS || text.len() > MAX_LASTING_BYTES {
        return None;
    }
    let kept: &'static str = Box::leak(text.into());
    texts.insert(kept);
    Some(kept)
}

impl From<&ExchangeError> for Refused {
    fn from(error: &ExchangeError) -> Refused {
        let text = error.to_string();
        let of = |code: &str| Refused { code: code.to_owned(), text: text.clone(), ..Refused::default() };
        let at = |code: &str, mailbox: &MailboxId| Refused { mailbox: Some(Id(*mailbox)), ..of(code) };
        let told = |what: &dyn ToString| Some(what.to_string());
        match error {
            ExchangeError::NoSuchMailbox { mailbox } => at("no-such-mailbox", mailbox),
            ExchangeError::MailboxTerminated { mailbox } => at("mailbox-terminated", mailbox),
            ExchangeError::Forbidden { mailbox } => at("forbidden", mailbox),
            ExchangeError::NotOwner { mailbox } => at("not-owner", mailbox),
            ExchangeError::NotInGroup { group } => Refused { what: told(group), ..of("not-in-group") },
            ExchangeError::ContainerOnly { what } => Refused { what: told(what), ..of("container-only") },
            ExchangeError::WrongGate => of("wrong-gate"),
            ExchangeError::WrongName { mailbox, judged } => {
                Refused { what: told(judged), ..at("wrong-name", mailbox) }
            }
            ExchangeError::Full { what, whose, limit, advice } => {
                let (what, whose, advice) = (told(what), told(whose), told(advice));
                Refused { what, whose, advice, limit: Some(*limit), ..of("full") }
            }
            ExchangeError::TooLarge { what, size, limit } => {
                Refused { what: told(what), size: Some(*size), limit: Some(*limit), ..of("too-large") }
            }
            ExchangeError::IdUsed { mailbox } => at("id-used", mailbox),
            ExchangeError::Expired { mailbox } => at("expired", mailbox),
            ExchangeError::LeaseOver { mailbox, position, reason } => {
                Refused { position: Some(*position), what: told(reason), ..at("lease-over", mailbox) }
            }
            ExchangeError::Owned { mailbox, holder, until } => {
                Refused { what: told(holder), until: Some(until.as_millis()), ..at("owned", mailbox) }
            }
            ExchangeError::NotTheOwner { mailbox, epoch } => {
                Refused { epoch: Some(*epoch), ..at("not-the-owner", mailbox) }
            }
            ExchangeError::Revision { key, expected, found } => {
                let (expected, found) = (Some(*expected), Some(*found));
                Refused { what: told(key), expected, found, ..of("revision") }
            }
            ExchangeError::Invalid { .. } => of("invalid"),
            ExchangeError::Closed => of("closed"),
            ExchangeError::DiskFull => of("disk-full"),
            ExchangeError::Denied { reason } => Refused { what: told(reason), ..of("denied") },
            ExchangeError::Damaged { .. } => {
                let text =
                    "what the exchange has stored is damaged; the log of its node says what".to_owned();
                Refused { text, ..of("damaged") }
            }
            ExchangeError::None => of("none"),
            _ => {
                let text = "the exchange failed; the log of its node says at what".to_owned();
                Refused { text, ..of("failed") }
            }
        }
    }
}

impl Refused {
    /// The error as it was, from the exchange at `at`.
    pub(crate) fn into_error(self, at: &str) -> ExchangeError {
        self.exact(at).unwrap_or_else(|| self.failed(at))
    }

    /// An error that is not known here.
    fn failed(&self, at: &str) -> ExchangeError {
        let what = format!("what was asked of {at}");
        ExchangeError::Failed { what, source: Arc::new(Told(self.text.clone())) }
    }

    fn exact(&self, at: &str) -> Option<ExchangeError> {
        let mailbox = || self.mailbox.map(MailboxId::from);
        let what = || self.what.as_deref();
        Some(match self.code.as_str() {
            "no-such-mailbox" => ExchangeError::NoSuchMailbox { mailbox: mailbox()? },
            "mailbox-terminated" => ExchangeError::MailboxTerminated { mailbox: mailbox()? },
            "forbidden" => ExchangeError::Forbidden { mailbox: mailbox()? },
            "not-owner" => ExchangeError::NotOwner { mailbox: mailbox()? },
            "not-in-group" => ExchangeError::NotInGroup { group: what()?.into() },
            "container-only" => ExchangeError::ContainerOnly { what: lasting(what()?)? },
            "wrong-gate" => ExchangeError::WrongGate,
            "wrong-name" => ExchangeError::WrongName { mailbox: mailbox()?, judged: what()?.into() },
            "full" => ExchangeError::Full {
                what: lasting(what()?)?,
                whose: self.whose.clone()?,
                limit: self.limit?,
                advice: lasting(self.advice.as_deref()?)?,
            },
            "too-large" => {
                ExchangeError::TooLarge { what: lasting(what()?)?, size: self.size?, limit: self.limit? }
            }
            "id-used" => ExchangeError::IdUsed { mailbox: mailbox()? },
            "expired" => ExchangeError::Expired { mailbox: mailbox()? },
            "lease-over" => ExchangeError::LeaseOver {
                mailbox: mailbox()?,
                position: self.position?,
                reason: lasting(what()?)?,
            },
            "owned" => ExchangeError::Owned {
                mailbox: mailbox()?,
                holder: what()?.into(),
                until: Moment::from_millis(self.until?),
            },
            "not-the-owner" => ExchangeError::NotTheOwner { mailbox: mailbox()?, epoch: self.epoch? },
            "revision" => {
                ExchangeError::Revision { key: what()?.into(), expected: self.expected?, found: self.found? }
            }
            "invalid" => ExchangeError::Invalid { fault: self.text.clone() },
            "closed" => ExchangeError::Unavailable {
                at: at.to_owned(),
                cause: "it was closed; its node shuts down".to_owned(),
                may_have_run: false,
            },
            "none" => ExchangeError::Unavailable {
                at: at.to_owned(),
                cause: "its node has no exchange of its own; give its builder one, such as \
                        `.exchange(\"memory:\")`, or name another node"
                    .to_owned(),
                may_have_run: false,
            },
            "disk-full" => ExchangeError::DiskFull,
            "denied" => ExchangeError::Denied { reason: what()?.to_owned() },
            "damaged" => ExchangeError::Damaged { what: format!("{at}: {}", self.text) },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use folkmoot_codecs::{CallError, Codec};

    use super::*;

    fn all() -> Vec<ExchangeError> {
        let (mailbox, until) = (MailboxId::agent(7), Moment::from_millis(9));
        vec![
            ExchangeError::NoSuchMailbox { mailbox },
            ExchangeError::MailboxTerminated { mailbox },
            ExchangeError::Forbidden { mailbox },
            ExchangeError::NotOwner { mailbox },
            ExchangeError::NotInGroup { group: "crew".into() },
            ExchangeError::ContainerOnly { what: "reading states" },
            ExchangeError::WrongGate,
            ExchangeError::WrongName { mailbox, judged: "pomp".into() },
            ExchangeError::Full { what: "messages", whose: "it".into(), limit: 3, advice: "wait" },
            ExchangeError::TooLarge { what: "a state", size: 9, limit: 8 },
            ExchangeError::IdUsed { mailbox },
            ExchangeError::Expired { mailbox },
            ExchangeError::LeaseOver { mailbox, position: 4, reason: "its lease is over" },
            ExchangeError::Owned { mailbox, holder: "north".into(), until },
            ExchangeError::NotTheOwner { mailbox, epoch: 3 },
            ExchangeError::Revision { key: "k".into(), expected: 1, found: 2 },
            ExchangeError::Invalid { fault: "an odd one".into() },
            ExchangeError::DiskFull,
            ExchangeError::Denied { reason: "no rule".into() },
        ]
    }

    #[test]
    fn every_error_crosses_as_itself_in_every_codec() {
        for error in all() {
            for codec in Codec::ALL {
                let mut out = BytesMut::new();
                codec.encode(&Refused::from(&error), &mut out).unwrap();
                let read: Refused = codec.decode(&out).unwrap();
                let back = read.into_error("tls://hub:1");
                assert_eq!(format!("{back:?}"), format!("{error:?}"), "{codec}");
                assert_eq!(back.to_string(), error.to_string());
            }
        }
    }

    #[test]
    fn what_is_not_known_here_keeps_its_sentence() {
        let later =
            Refused { code: "on-strike".into(), text: "the mail is on strike".into(), ..Refused::default() };
        let error = later.into_error("tls://hub:1");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert!(matches!(error, ExchangeError::Failed { .. }));
        assert_eq!(source.as_deref(), Some("the mail is on strike"));
        // A field that is missing, or a text of endless length, makes no error of it either.
        let odd = Refused { code: "full".into(), text: "full".into(), ..Refused::default() };
        assert!(matches!(odd.into_error("x"), ExchangeError::Failed { .. }));
        assert_eq!(lasting(&"x".repeat(257)), None);
        let texts = (0..2 * MAX_LASTING_TEXTS).filter(|n| lasting(&format!("bound {n}")).is_some()).count();
        assert!(texts < 2 * MAX_LASTING_TEXTS, "what is kept for good is bounded");
    }

    #[test]
    fn no_files_are_told_of() {
        let damaged = ExchangeError::Damaged { what: "/var/lib/folkmoot/exchange.db".into() };
        let source: Arc<dyn std::error::Error + Send + Sync> = Arc::new(Told("/var/lib".into()));
        for error in [damaged, ExchangeError::Failed { what: "opening /var/lib".into(), source }] {
            let refused = Refused::from(&error);
            assert!(!format!("{refused:?}").contains("/var"), "{refused:?}");
            let error = CallError::<Refused>::Agent(refused).to_string();
            assert!(error.contains("log of its node"), "{error}");
        }
    }
}
