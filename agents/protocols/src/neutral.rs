//! Messages as JSON that names no protocol's types: what commands read and write, one message a line.
//!
//! `{performative, dialogue_reference: [starter, responder], message_id, target, sender, to, contents}`: sender and to may
//! be absent, and each of the contents says what it is: `{"int": 5}`, `{"list": [{"str": "a"}], "of": "pt:str"}`. What is
//! written reads back to the same message, bit by bit. Neighbours: [`reading`] and [`writing`] are the two ways,
//! [`float`] the texts of floats.

mod float;
mod hex;
mod reading;
mod words;
mod writing;

use std::sync::Arc;

pub use hex::{HexError, from_hex, to_hex};

use crate::envelope::Envelope;
use crate::message::Message;
use crate::protocol::Protocol;
use crate::wire::{DecodeError, Reading};

/// A message as JSON, with what an envelope around it has beside.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Neutral {
    /// The message, with sender and receiver where they are told.
    pub message: Message,
    /// Which protocol the writer meant, in the writer's words.
    pub spec: Option<String>,
    /// The URI of an envelope's context.
    pub uri: Option<String>,
}

/// What is wrong with a message in JSON: a sentence that names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", column.map(|column| format!("column {column}: ")).unwrap_or_default())]
pub struct NeutralError {
    reason: String,
    column: Option<usize>,
}

impl NeutralError {
    fn new(reason: impl Into<String>) -> NeutralError {
        NeutralError { reason: reason.into(), column: None }
    }

    fn at(place: &str, reason: impl std::fmt::Display) -> NeutralError {
        NeutralError::new(format!("{place}: {reason}"))
    }

    /// Of a text that is no message, or no JSON.
    fn of_json(error: &serde_json::Error) -> NeutralError {
        NeutralError { reason: words::of(error), column: Some(error.column()).filter(|column| *column > 0) }
    }

    /// In which column of the text that is, from 1 in bytes, where the text itself is no message.
    pub fn column(&self) -> Option<usize> {
        self.column
    }
}

impl Neutral {
    /// Reads one message of a protocol.
    ///
    /// # Errors
    /// It is no JSON, lacks something, has what nobody knows, or a content is of another type.
    pub fn read(protocol: &Arc<Protocol>, json: &str) -> Result<Neutral, NeutralError> {
        reading::neutral(protocol, json)
    }

    /// Reads the message in an envelope, and what is on it.
    ///
    /// # Errors
    /// The envelope is of another protocol, or what is wrong with the message's bytes.
    pub fn from_envelope(
        protocol: &Arc<Protocol>,
        envelope: &Envelope,
        reading: Reading,
    ) -> Result<Neutral, DecodeError> {
        let message = envelope.open(protocol, reading)?;
        let uri = (!envelope.uri.is_empty()).then(|| envelope.uri.clone());
        Ok(Neutral { message, spec: Some(envelope.protocol_id.clone()), uri })
    }

    /// The message on one line.
    pub fn to_json(&self) -> String {
        writing::neutral(self)
    }

    /// The envelope around the message.
    ///
    /// # Errors
    /// Sender or receiver are missing, or of two kinds; there is a URI between components.
    pub fn to_envelope(&self) -> Result<Envelope, crate::EnvelopeError> {
        Envelope::new(&self.message)?.with_uri(self.uri.clone().unwrap_or_default())
    }
}

impl From<Message> for Neutral {
    fn from(message: Message) -> Neutral {
        Neutral { message, spec: None, uri: None }
    }
}
