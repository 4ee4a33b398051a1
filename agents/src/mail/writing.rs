//! A mail as its sender writes it.
//!
//! Always true: what it says is written down when it is made; what cannot be written is told when it is sent. Neighbours:
//! [`Context::send`](crate::Context::send) and the container send it, [`reading`](super::reading) is the other end.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::Codec;
use serde::Serialize;

use super::address::MailAddress;
use super::delivery::Tracking;
use super::error::MailError;
use super::outgoing::Outgoing;
use crate::chance;

/// A mail that is not sent yet: what it is about, what it says, and how it is to be treated.
#[derive(Clone, Debug)]
#[must_use = "a mail does nothing until it is sent"]
pub struct Mail {
    kind: Arc<str>,
    codec: Option<Codec>,
    body: Result<Bytes, String>,
    priority: Option<u8>,
    expires_in: Option<Duration>,
    id: Option<u128>,
}

impl Mail {
    /// A mail of a kind, such as `order`, that says `body`, in MsgPack.
    pub fn new<T: Serialize + ?Sized>(kind: impl Into<Arc<str>>, body: &T) -> Mail {
        Mail::written(kind, Codec::MsgPack, body)
    }

    /// The same, in another codec: JSON for those who read nothing else.
    pub fn written<T: Serialize + ?Sized>(kind: impl Into<Arc<str>>, codec: Codec, body: &T) -> Mail {
        let mut bytes = BytesMut::new();
        let codec = codec.of_values();
        let written = codec.encode(body, &mut bytes).map(|()| bytes.freeze());
        Mail::of(kind, Some(codec), written.map_err(|error| error.to_string()))
    }

    /// A mail whose body is bytes of the sender's own making.
    pub fn raw(kind: impl Into<Arc<str>>, body: impl Into<Bytes>) -> Mail {
        Mail::of(kind, None, Ok(body.into()))
    }

    fn of(kind: impl Into<Arc<str>>, codec: Option<Codec>, body: Result<Bytes, String>) -> Mail {
        Mail { kind: kind.into(), codec, body, priority: None, expires_in: None, id: None }
    }

    /// The same, with a priority of 0 to 9: what is higher is delivered first. The usual one is 4.
    pub fn priority(mut self, priority: u8) -> Mail {
        self.priority = Some(priority);
        self
    }

    /// The same, of no use after that time: it becomes a dead letter then. Mail waits for ever unless told otherwise.
    pub fn expires_in(mut self, time: Duration) -> Mail {
        self.expires_in = Some(time);
        self
    }

    /// The same, under an id of the sender's own making: a mail that is sent again under its id is taken once, for some
    /// minutes. Each has an id of its own unless told otherwise.
    pub fn id(mut self, id: u128) -> Mail {
        self.id = Some(id);
        self
    }

    /// What it is about.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The mail on its way to `to`.
    ///
    /// # Errors
    /// `Invalid` where its body could not be written.
    pub fn into_outgoing(self, to: MailAddress, tracking: Tracking) -> Result<Outgoing, MailError> {
        let Mail { kind, codec, body, priority, expires_in, id } = self;
        let body = body.map_err(|error| {
            MailError::Invalid(format!("what the mail \"{kind}\" says cannot be written: {error}"))
        })?;
        let id = id.unwrap_or_else(chance::uuid);
        Ok(Outgoing { to, name: None, id, kind, tracking, priority, expires_in, codec, body })
    }
}
