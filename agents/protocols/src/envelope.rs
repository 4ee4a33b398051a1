//! Envelopes: a message in bytes, whom it is from and for, and which protocol it is of.
//!
//! What always holds: sender and receiver are both addresses of agents or both ids of components, and between
//! components there is no URI. Neighbours: [`public_id`] tells the two apart, [`crate::message`] has what is inside.

pub mod public_id;

use std::sync::Arc;

use crate::body::Contents;
use crate::message::Message;
use crate::protocol::Protocol;
use crate::wire::fault::Kind;
use crate::wire::scalar::text;
use crate::wire::{DecodeError, Encode, Fault, Field, Fields, Payload, Reading, Sink, writing};

/// What travels between agents.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// Whom it is for: an agent's address, or the id of a component.
    pub to: String,
    /// Whom it is from: an agent's address, or the id of a component.
    pub sender: String,
    /// The protocol's wire form, `author/name:version`.
    pub protocol_id: String,
    /// The message in bytes.
    pub message: Vec<u8>,
    /// Its context's URI; empty where it has none.
    pub uri: String,
}

/// Why an envelope cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The message does not say whom it is for.
    #[error("the message has no receiver; set `to`")]
    NoReceiver,
    /// The message does not say whom it is from.
    #[error("the message has no sender; set `sender`")]
    NoSender,
    /// One address is an agent's and one a component's.
    #[error(
        "sender and receiver must both be addresses of agents or both ids of components, as author/name:version"
    )]
    MixedAddresses,
    /// A URI between components.
    #[error("an envelope between components has no URI; leave it out")]
    UriBetweenComponents,
}

impl Envelope {
    /// An envelope around a message, which says whom it is from and for.
    ///
    /// # Errors
    /// The message has no sender or receiver, or one is an agent's address and one a component's.
    pub fn new<B: Contents>(message: &Message<B>) -> Result<Envelope, EnvelopeError> {
        let envelope = Envelope {
            to: message.to.clone().ok_or(EnvelopeError::NoReceiver)?,
            sender: message.sender.clone().ok_or(EnvelopeError::NoSender)?,
            protocol_id: message.body.protocol().id().to_owned(),
            message: message.encode(),
            uri: String::new(),
        };
        if public_id::is_public_id(&envelope.to) != public_id::is_public_id(&envelope.sender) {
            return Err(EnvelopeError::MixedAddresses);
        }
        Ok(envelope)
    }

    /// The same with a URI as its context.
    ///
    /// # Errors
    /// It is between components.
    pub fn with_uri(self, uri: impl Into<String>) -> Result<Envelope, EnvelopeError> {
        let uri = uri.into();
        if !uri.is_empty() && self.is_between_components() {
            return Err(EnvelopeError::UriBetweenComponents);
        }
        Ok(Envelope { uri, ..self })
    }

    /// Whether it is from one component of an agent to another, rather than between agents.
    pub fn is_between_components(&self) -> bool {
        public_id::is_public_id(&self.to) && public_id::is_public_id(&self.sender)
    }

    /// The envelope in bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    /// Reads an envelope. The message in it stays bytes: [`Envelope::open`] reads it.
    ///
    /// # Errors
    /// What is wrong with the bytes, or addresses and protocol that an envelope cannot have.
    pub fn decode(bytes: &[u8], reading: Reading) -> Result<Envelope, DecodeError> {
        if bytes.len() > reading.max_bytes() {
            return Err(Fault::TooLong { bytes: bytes.len(), limit: reading.max_bytes() }.into());
        }
        let envelope = read(bytes, reading)?;
        if public_id::is_public_id(&envelope.to) != public_id::is_public_id(&envelope.sender) {
            return Err(Fault::MixedAddresses.into());
        }
        if !public_id::is_public_id(&envelope.protocol_id) {
            return Err(Fault::BadProtocolId.into());
        }
        if envelope.is_between_components() && !envelope.uri.is_empty() {
            return Err(Fault::UriBetweenComponents.into());
        }
        Ok(envelope)
    }

    /// Reads the message inside, with the envelope's sender and receiver.
    ///
    /// # Errors
    /// It is of another protocol, or what is wrong with its bytes.
    pub fn open<B: Contents>(
        &self,
        protocol: &Arc<Protocol>,
        reading: Reading,
    ) -> Result<Message<B>, DecodeError> {
        if self.protocol_id != protocol.id() {
            return Err(Fault::OtherProtocol.into());
        }
        let mut message = Message::decode(protocol, &self.message, reading)?;
        message.to = Some(self.to.clone());
        message.sender = Some(self.sender.clone());
        Ok(message)
    }
}

impl Encode for Envelope {
    fn write<S: Sink>(&self, sink: &mut S) {
        writing::field(sink, 1, &self.to);
        writing::field(sink, 2, &self.sender);
        writing::field(sink, 3, &self.protocol_id);
        writing::field(sink, 4, &self.message);
        writing::field(sink, 5, &self.uri);
    }
}

fn read(bytes: &[u8], reading: Reading) -> Result<Envelope, DecodeError> {
    let (mut texts, mut message): ([Option<&str>; 4], Option<&[u8]>) = ([None; 4], None);
    let mut fields = if reading.is_lenient() { Fields::up_to_stop(bytes) } else { Fields::new(bytes) };
    while let Some(Field { number, payload }) = fields.next_field()? {
        let known = (1..=5).contains(&number);
        let bytes = match payload {
            Payload::Bytes(bytes) if known => bytes,
            _ if reading.is_lenient() => continue,
            _ if !known => return Err(Fault::UnknownField(number).into()),
            _ => return Err(Fault::WrongKind { number, found: payload.kind(), wanted: Kind::Bytes }.into()),
        };
        let [to, sender, protocol_id, uri] = &mut texts;
        let before = match number {
            1 => to.replace(text(bytes)?).is_some(),
            2 => sender.replace(text(bytes)?).is_some(),
            3 => protocol_id.replace(text(bytes)?).is_some(),
            4 => message.replace(bytes).is_some(),
            _ => uri.replace(text(bytes)?).is_some(),
        };
        if before && !reading.is_lenient() {
            return Err(Fault::Repeated(number).into());
        }
    }
    let [to, sender, protocol_id, uri] = texts.map(|text| text.unwrap_or_default().to_owned());
    Ok(Envelope { to, sender, protocol_id, message: message.unwrap_or_default().to_vec(), uri })
}
