//! Protocols: which messages two agents may exchange, in which order, and their bytes, as AEA defines them.
//!
//! A [`Specification`] is what an author writes; a [`Protocol`] is one made ready, by which a [`Message`] is written to
//! bytes and read from them. Nothing here knows agents, links or time: what needs an instant is given one.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod body;
mod checking;
pub mod custom_type;
pub mod dialogue;
pub mod difference;
pub mod envelope;
pub mod finding;
mod graph;
mod json_schema;
pub mod message;
pub mod neutral;
mod proto_schema;
pub mod protocol;
mod reading;
pub mod rust;
mod shipped;
pub mod specification;
pub mod trace;
pub mod typed;
pub mod value;
pub mod wire;
mod yaml;

pub use body::{Body, BodyError, Contents};
pub use dialogue::Dialogues;
pub use envelope::{Envelope, EnvelopeError};
pub use finding::{Finding, Findings};
pub use message::{DialogueReference, Message, Place};
pub use neutral::{Neutral, NeutralError};
pub use protocol::{Protocol, ProtocolError};
pub use specification::Specification;
pub use trace::Trace;
pub use value::Value;
pub use wire::{DecodeError, Fault, Reading};
