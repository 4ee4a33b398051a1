//! Messages that are written here: a header that their reader knows, and a body.
//!
//! Always true: a client up to 0.4 is sent no field that it does not know, for it reads none. A request is written with the
//! fields that all releases know: what is missing then is taken by newer ones for their own protocol. Neighbours:
//! [`message`](super::message) reads headers, [`body`](super::body) has the bodies.

use serde::Serialize;

use super::entity::{EntityId, Number};
use super::message::{Dialect, Direction};

/// What of Academy's protocol the messages that are written here speak.
pub(crate) const PROTOCOL_VERSION: &str = "1.1";
/// The release of Academy whose messages these are like.
const ACADEMY_VERSION: &str = "1.0.0";

/// Who writes to whom, about what.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) src: EntityId,
    pub(crate) dest: EntityId,
    /// Names the request.
    pub(crate) tag: u128,
    /// By what the requester knows which of its handles asked.
    pub(crate) label: Option<u128>,
    pub(crate) direction: Direction,
    /// What its reader reads.
    pub(crate) dialect: Dialect,
}

impl Envelope {
    /// The text of the message.
    pub(crate) fn write<B: Serialize>(self, body: &B) -> String {
        #[derive(Serialize)]
        struct Message<'a, B> {
            header: Fields,
            body: &'a B,
        }
        #[derive(Serialize)]
        struct Fields {
            src: EntityId,
            dest: EntityId,
            tag: Number,
            label: Option<Number>,
            kind: Direction,
            #[serde(skip_serializing_if = "Option::is_none")]
            protocol_version: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            academy_version: Option<&'static str>,
        }
        let Envelope { src, dest, tag, label, direction, dialect } = self;
        let header = Fields {
            src,
            dest,
            tag: Number(tag),
            label: label.map(Number),
            kind: direction,
            protocol_version: (dialect != Dialect::Old).then_some(PROTOCOL_VERSION),
            academy_version: (dialect == Dialect::New).then_some(ACADEMY_VERSION),
        };
        // Structs of texts and numbers always have a JSON.
        serde_json::to_string(&Message { header, body }).unwrap_or_default()
    }
}
