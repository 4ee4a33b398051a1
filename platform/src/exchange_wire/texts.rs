//! Ids as texts, and times as milliseconds.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use folkmoot_exchange::{MailboxId, Uuid};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A mailbox's id, as `agent:` or `user:` and its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) MailboxId);

/// A number of 128 bits, as a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uid(pub(crate) u128);

/// A time in whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The same, where a part of one is one: a short wait is a wait.
pub(crate) fn millis_up(time: Duration) -> u64 {
    millis(time.saturating_add(Duration::from_nanos(999_999)))
}

fn read<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        read(deserializer).map(Id)
    }
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Uuid(self.0))
    }
}

impl<'de> Deserialize<'de> for Uid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Uid, D::Error> {
        read(deserializer).map(|Uuid(number)| Uid(number))
    }
}
