//! Messages out of bytes.
//!
//! What always holds: strictly read, each of the messages that lie in one another has each field once and no other;
//! leniently read, they are merged as protobuf merges them. Neighbour: [`super`] writes what this reads.

use std::borrow::Cow;
use std::sync::Arc;

use super::{DialogueReference, Message, Place};
use crate::body::Contents;
use crate::protocol::Protocol;
use crate::wire::fault::Kind;
use crate::wire::reading::is_message;
use crate::wire::scalar::{int32, text};
use crate::wire::{DecodeError, Fault, Field, Fields, Payload, Reading};

pub(super) fn message<B: Contents>(
    protocol: &Arc<Protocol>,
    bytes: &[u8],
    reading: Reading,
) -> Result<Message<B>, DecodeError> {
    let dialogue_message = dialogue_message(bytes, reading)?;
    let header = Header::read(&dialogue_message, reading)?;
    let body = match reading.is_lenient() {
        false => strict_body(protocol, header.content, reading)?,
        true => lenient_body(protocol, header.content, reading)?,
    };
    let Place { dialogue_reference, message_id, target } = header.place();
    Ok(Message { dialogue_reference, message_id, target, sender: None, to: None, body })
}

pub(super) fn place(bytes: &[u8], reading: Reading) -> Result<Place, DecodeError> {
    let dialogue_message = dialogue_message(bytes, reading)?;
    Ok(Header::read(&dialogue_message, reading)?.place())
}

/// The fields of a message that lies in no other.
fn outermost(bytes: &[u8], reading: Reading) -> Fields<'_> {
    match reading.is_lenient() {
        true => Fields::up_to_stop(bytes),
        false => Fields::new(bytes),
    }
}

/// What the outermost message holds: one of a oneof, merged where it is there again.
fn dialogue_message(bytes: &[u8], reading: Reading) -> Result<Cow<'_, [u8]>, DecodeError> {
    if bytes.len() > reading.max_bytes() {
        return Err(Fault::TooLong { bytes: bytes.len(), limit: reading.max_bytes() }.into());
    }
    let mut found: Option<Cow<'_, [u8]>> = None;
    let mut fields = outermost(bytes, reading);
    while let Some(Field { number, payload }) = fields.next_field()? {
        match (number, payload) {
            (2, Payload::Bytes(bytes)) => found = Some(merged(found, number, bytes, reading)?),
            (1, Payload::Bytes(bytes)) if reading.is_lenient() => {
                if !is_message(bytes) {
                    return Err(Fault::NoDialogueMessage.into());
                }
                found = None;
            }
            (1, _) if !reading.is_lenient() => return Err(Fault::NoDialogueMessage.into()),
            _ => refuse(number, payload, (number == 2).then_some(Kind::Bytes), reading)?,
        }
    }
    match found {
        Some(found) => Ok(found),
        // AEA reads this as an empty dialogue message, which then has no performative.
        None if reading.is_lenient() => Ok(Cow::Borrowed(&[])),
        None => Err(Fault::NoDialogueMessage.into()),
    }
}

/// A message that came in parts is that of all their bytes.
fn merged<'a>(
    before: Option<Cow<'a, [u8]>>,
    number: u32,
    bytes: &'a [u8],
    reading: Reading,
) -> Result<Cow<'a, [u8]>, Fault> {
    match before {
        None => Ok(Cow::Borrowed(bytes)),
        Some(_) if !reading.is_lenient() => Err(Fault::Repeated(number)),
        Some(before) => {
            let mut whole = before.into_owned();
            whole.extend_from_slice(bytes);
            Ok(Cow::Owned(whole))
        }
    }
}

/// What is passed over leniently is refused strictly: a field that is unknown, or known and of another kind.
fn refuse(number: u32, payload: Payload<'_>, known: Option<Kind>, reading: Reading) -> Result<(), Fault> {
    match known {
        _ if reading.is_lenient() => Ok(()),
        Some(wanted) => Err(Fault::WrongKind { number, found: payload.kind(), wanted }),
        None => Err(Fault::UnknownField(number)),
    }
}

#[derive(Default)]
struct Header<'a> {
    message_id: i32,
    starter: &'a str,
    responder: &'a str,
    target: i32,
    content: &'a [u8],
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8], reading: Reading) -> Result<Header<'a>, DecodeError> {
        let mut header = Header::default();
        let mut seen = [false; 6];
        let mut fields = Fields::new(bytes);
        while let Some(Field { number, payload }) = fields.next_field()? {
            match (number, payload) {
                (1, Payload::Varint(value)) => header.message_id = int32(number, value, reading)?,
                (2, Payload::Bytes(bytes)) => header.starter = text(bytes)?,
                (3, Payload::Bytes(bytes)) => header.responder = text(bytes)?,
                (4, Payload::Varint(value)) => header.target = int32(number, value, reading)?,
                (5, Payload::Bytes(bytes)) => header.content = bytes,
                _ => {
                    let known = match number {
                        1 | 4 => Some(Kind::Varint),
                        2 | 3 | 5 => Some(Kind::Bytes),
                        _ => None,
                    };
                    refuse(number, payload, known, reading)?;
                    continue;
                }
            }
            if let Some(seen) = seen.get_mut(number as usize)
                && std::mem::replace(seen, true)
                && !reading.is_lenient()
            {
                return Err(Fault::Repeated(number).into());
            }
        }
        Ok(header)
    }

    fn place(&self) -> Place {
        let (starter, responder) = (self.starter.to_owned(), self.responder.to_owned());
        let dialogue_reference = DialogueReference { starter, responder };
        Place { dialogue_reference, message_id: self.message_id, target: self.target }
    }
}

/// The one performative and its fields.
fn strict_body<B: Contents>(
    protocol: &Arc<Protocol>,
    content: &[u8],
    reading: Reading,
) -> Result<B, DecodeError> {
    let mut fields = Fields::new(content);
    let Some(Field { number, payload }) = fields.next_field()? else {
        return Err(Fault::NoPerformative.into());
    };
    let Some(index) = protocol.index_of_number(number) else {
        return Err(Fault::UnknownPerformative(number).into());
    };
    let Payload::Bytes(bytes) = payload else {
        return Err(Fault::WrongKind { number, found: payload.kind(), wanted: Kind::Bytes }.into());
    };
    match fields.next_field()? {
        None => B::read_fields(protocol, index, bytes, reading),
        Some(next) if protocol.index_of_number(next.number).is_some() => {
            Err(Fault::SeveralPerformatives.into())
        }
        Some(next) => Err(Fault::UnknownField(next.number).into()),
    }
}

/// The last performative and its fields, merged where it is there several times in a row.
fn lenient_body<B: Contents>(
    protocol: &Arc<Protocol>,
    content: &[u8],
    reading: Reading,
) -> Result<B, DecodeError> {
    let mut found: Option<(u16, Cow<'_, [u8]>)> = None;
    let mut fields = Fields::up_to_stop(content);
    while let Some(Field { number, payload }) = fields.next_field()? {
        let (Some(index), Payload::Bytes(bytes)) = (protocol.index_of_number(number), payload) else {
            continue;
        };
        found = Some(match found.take() {
            Some((before, whole)) if before == index => (index, merged(Some(whole), number, bytes, reading)?),
            Some((before, whole)) => {
                // What is replaced had to be readable nevertheless.
                B::read_fields(protocol, before, &whole, reading)?;
                (index, Cow::Borrowed(bytes))
            }
            None => (index, Cow::Borrowed(bytes)),
        });
    }
    match found {
        Some((index, bytes)) => B::read_fields(protocol, index, &bytes, reading),
        None => Err(Fault::NoPerformative.into()),
    }
}
