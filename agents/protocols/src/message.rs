//! A message: what is said, and where it stands in its dialogue.
//!
//! Its bytes are AEA's `Message` around a `DialogueMessage` around the protocol's own message; [WIRE.md](../WIRE.md)
//! has them. What always holds: equal messages have equal bytes, and sender and receiver are not among them (an
//! envelope has these). Neighbours: [`crate::body`] has the contents, [`reading`] the way back, [`crate::envelope`]
//! what is around.

mod reading;

use std::sync::Arc;

use crate::body::{Body, Contents, FieldsOf};
use crate::protocol::{FIRST_NUMBER, Protocol};
use crate::wire::writing::{self, Count, WireType};
use crate::wire::{DecodeError, Encode, Reading, Sink};

/// A message of a protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<B = Body> {
    /// Which dialogue it belongs to.
    pub dialogue_reference: DialogueReference,
    /// Its number: 1, 2, .. of who began the dialogue, -1, -2, .. of the other.
    pub message_id: i32,
    /// The number of the message that it answers; 0 for the first.
    pub target: i32,
    /// The address of who says it, where it is known.
    pub sender: Option<String>,
    /// The address of whom it is for, where it is known.
    pub to: Option<String>,
    /// What it says.
    pub body: B,
}

/// What names a dialogue among those of two agents: a text of who began it, and one of the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogueReference {
    /// Chosen by who began.
    pub starter: String,
    /// Chosen by who answers; empty as long as nobody has.
    pub responder: String,
}

/// Where a message stands in its dialogue: what can be read of it without its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which dialogue it belongs to.
    pub dialogue_reference: DialogueReference,
    /// Its number: 1, 2, .. of who began the dialogue, -1, -2, .. of the other.
    pub message_id: i32,
    /// The number of the message that it answers; 0 for the first.
    pub target: i32,
}

impl Place {
    /// Reads it out of a message in bytes, of whatever protocol that is.
    ///
    /// # Errors
    /// What is wrong with the bytes around what the message says, and where.
    pub fn read(message: &[u8], reading: Reading) -> Result<Place, DecodeError> {
        reading::place(message, reading)
    }
}

impl<B> Message<B> {
    /// The first message of a dialogue that has no reference yet: number 1, target 0.
    pub fn new(body: B) -> Message<B> {
        let dialogue_reference = DialogueReference::default();
        Message { dialogue_reference, message_id: 1, target: 0, sender: None, to: None, body }
    }
}

impl<B: Contents> Message<B> {
    /// The message in bytes; canonical, so equal messages give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let sizes = Sizes::of(self);
        let mut bytes = Vec::with_capacity(sizes.message);
        self.write(&sizes, &mut bytes);
        bytes
    }

    /// Reads a message of a protocol. Sender and receiver are not in the bytes.
    ///
    /// # Errors
    /// What is wrong with the bytes, and where.
    pub fn decode(
        protocol: &Arc<Protocol>,
        bytes: &[u8],
        reading: Reading,
    ) -> Result<Message<B>, DecodeError> {
        reading::message(protocol, bytes, reading)
    }

    fn write<S: Sink>(&self, sizes: &Sizes, sink: &mut S) {
        writing::key(sink, 2, WireType::Bytes);
        writing::varint(sink, sizes.dialogue_message as u64);
        write_header(self, sink);
        writing::key(sink, 5, WireType::Bytes);
        writing::varint(sink, sizes.content as u64);
        writing::key(sink, FIRST_NUMBER + u32::from(self.body.performative()), WireType::Bytes);
        writing::varint(sink, sizes.fields as u64);
        self.body.write_fields(sink);
    }
}

fn write_header<B, S: Sink>(message: &Message<B>, sink: &mut S) {
    writing::int32(sink, 1, message.message_id);
    writing::field(sink, 2, &message.dialogue_reference.starter);
    writing::field(sink, 3, &message.dialogue_reference.responder);
    writing::int32(sink, 4, message.target);
}

/// How many bytes each of the messages takes that lie in one another, from the innermost outwards.
struct Sizes {
    fields: usize,
    content: usize,
    dialogue_message: usize,
    message: usize,
}

impl Sizes {
    fn of<B: Contents>(message: &Message<B>) -> Sizes {
        let around = |number: u32, inner: usize| {
            let mut count = Count(inner);
            writing::key(&mut count, number, WireType::Bytes);
            writing::varint(&mut count, inner as u64);
            count.0
        };
        let mut header = Count::default();
        write_header(message, &mut header);
        let fields = FieldsOf(&message.body).encoded_len();
        let content = around(FIRST_NUMBER + u32::from(message.body.performative()), fields);
        let dialogue_message = header.0 + around(5, content);
        Sizes { fields, content, dialogue_message, message: around(2, dialogue_message) }
    }
}
