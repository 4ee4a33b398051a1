//! What crosses Folkmoot's wire, and its bytes.
//!
//! Pure and synchronous: no sockets, no timers, no tasks. Neighbours: `transports` carries these bytes,
//! `gateway` judges by these principals, `agents` calls with these errors.
//!
//! The way in: [`FrameDecoder`] cuts a stream into payloads, [`Codec::detect`] knows the codec by the first byte,
//! [`Codec::open`] unpacks a payload, [`Message::decode`] scans it and cuts it into parts, [`ArgumentList::decode`]
//! reads the arguments as a method's types. The way out: [`encode_request`], [`encode_result`] and [`encode_exception`]
//! write whole frames. The format itself is described in `WIRE.md`, beside this crate's manifest.
//!
//! ```
//! use bytes::BytesMut;
//! use folkmoot_codecs::{ArgumentList, Codec, FrameDecoder, Limits, Message, encode_request};
//! use tokio_util::codec::Decoder;
//!
//! let (codec, limits) = (Codec::MsgPack, Limits::DEFAULT);
//! let (mut arguments, mut stream) = (BytesMut::new(), BytesMut::new());
//! (2i64, "for the road".to_owned()).encode(codec, &mut arguments)?;
//! encode_request(codec, &mut stream, 1, "agents/counter/add", &arguments, None, None, &limits)?;
//!
//! let payload = FrameDecoder::new(limits).decode(&mut stream)?.expect("a whole frame has arrived");
//! assert_eq!(payload.first().and_then(|first| Codec::detect(*first)), Some(codec));
//! let payload = codec.open(payload, &limits)?;
//! match Message::decode(codec, &payload, &limits)? {
//!     Message::Request { path, arguments, .. } => {
//!         assert_eq!(path, "agents/counter/add");
//!         let (amount, note) = <(i64, Option<String>)>::decode(&arguments, "add", &["amount", "note"])?;
//!         assert_eq!((amount, note.as_deref()), (2, Some("for the road")));
//!     }
//!     other => unreachable!("{other:?}"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod address;
pub mod arguments;
mod blosc;
pub mod call_error;
pub mod codec;
pub mod codec_error;
pub mod date;
mod decode;
mod encode;
pub mod envelope;
pub mod exception;
pub mod frame;
pub mod headers;
pub mod hello;
pub mod iso8601;
pub mod joining;
pub mod limits;
pub mod message;
pub mod monitoring;
pub mod piece;
pub mod plain_types;
pub mod principal;
pub mod raised;
pub mod raw_id;
mod scan;
pub mod socket_path;
pub mod value;

pub use address::{Address, AddressError, Endpoint};
pub use arguments::{AllArguments, ArgumentList, Arguments};
pub use call_error::{CallError, Never};
pub use codec::{Codec, UnknownCodec};
pub use codec_error::{DecodeError, EncodeError};
pub use date::{Date, DateError};
pub use envelope::{
    check_request, encode_around, encode_exception, encode_exception_raw, encode_open, encode_request,
    encode_result, encode_result_raw,
};
pub use frame::{FrameDecoder, FrameError};
pub use headers::{ChainLink, Headers};
pub use hello::Hello;
pub use limits::Limits;
pub use message::{Message, MessageError, MessageHead};
pub use monitoring::AgentEvent;
pub use piece::Piece;
pub use plain_types::{PlainTypes, Serializable};
pub use principal::Principal;
pub use raised::Exception;
pub use raw_id::RawId;
pub use socket_path::{SocketPath, SocketPathError};
pub use value::Value;
