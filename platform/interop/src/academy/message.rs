//! Academy's messages: what the server reads of them, and those that it writes itself.
//!
//! Always true: a message is kept and forwarded as the text that came, whatever its body is; only its header is read, as
//! `academy.message.Header` is, further fields ignored. Neighbours: [`entity`](super::entity) has the ids,
//! [`stream`](super::stream) and [`routes`](super::routes) hand messages out.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::body::{Answer, codes};
use super::entity::{EntityId, Number};
use super::envelope::Envelope;
use super::object::Object;
use super::pickle;

/// Whether a message asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// It wants an answer.
    Request,
    /// It is one.
    Response,
}

/// Which messages a client reads: their shape has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Up to 0.4: nothing but the fields of that time, and errors as pickled exceptions.
    Old,
    /// 0.5: a protocol version.
    Middle,
    /// 1.0 and later.
    #[default]
    New,
}

/// The header of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) src: EntityId,
    pub(crate) dest: EntityId,
    pub(crate) tag: u128,
    pub(crate) label: Option<u128>,
    pub(crate) direction: Direction,
    /// What its sender speaks.
    pub(crate) dialect: Dialect,
    /// What its body says that it is, such as `action-request`.
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename = "a message")]
struct Message<'a> {
    #[serde(borrow)]
    header: Object<Fields<'a>>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename = "a header")]
struct Fields<'a> {
    src: EntityId,
    dest: EntityId,
    tag: Number,
    #[serde(default)]
    label: Option<Number>,
    kind: Direction,
    #[serde(default, borrow)]
    protocol_version: Option<Cow<'a, str>>,
    #[serde(default)]
    academy_version: Option<IgnoredAny>,
}

impl Header {
    /// Reads the header of a message.
    pub(crate) fn read(text: &str) -> Result<Header, serde_json::Error> {
        let Object(Message { header: Object(header), body }) = serde_json::from_str(text)?;
        let dialect = match (&header.protocol_version, header.academy_version) {
            (None, None) => Dialect::Old,
            (Some(_), None) => Dialect::Middle,
            (_, Some(_)) => Dialect::New,
        };
        Ok(Header {
            src: header.src,
            dest: header.dest,
            tag: header.tag.0,
            label: header.label.map(|label| label.0),
            direction: header.kind,
            dialect,
            kind: kind(body),
        })
    }
}

/// What a body says that it is, if anything.
fn kind(body: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        kind: String,
    }
    serde_json::from_str::<Object<Body>>(body.get()).ok().map(|Object(body)| body.kind)
}

/// Where a text can be broken into two lines and stays the same JSON: after the header, if it comes first.
pub(crate) fn place_for_a_break(text: &str) -> Option<usize> {
    #[derive(Deserialize)]
    struct Parts<'a> {
        #[serde(borrow)]
        header: &'a RawValue,
    }
    let header = serde_json::from_str::<Parts<'_>>(text).ok()?.header.get();
    let begin = (header.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    begin.checked_add(header.len()).filter(|end| text.is_char_boundary(*end))
}

/// The answer to a request whose mailbox was terminated.
pub(crate) struct Terminated {
    /// The mailbox that was terminated.
    pub(crate) mailbox: EntityId,
    /// Who had sent the request.
    pub(crate) requester: EntityId,
    /// The request's.
    pub(crate) tag: u128,
    /// The request's.
    pub(crate) label: Option<u128>,
}

impl Terminated {
    /// The answer as a client of that dialect reads it.
    pub(crate) fn write(self, dialect: Dialect) -> String {
        let Terminated { mailbox, requester, tag, label } = self;
        let answer = match dialect {
            Dialect::Old => Answer::Pickled { exception: pickle::terminated(&mailbox) },
            Dialect::Middle | Dialect::New => {
                Answer::refused(codes::MAILBOX_TERMINATED, Some(mailbox.clone()))
            }
        };
        let direction = Direction::Response;
        Envelope { src: mailbox, dest: requester, tag, label, direction, dialect }.write(&answer)
    }
}
