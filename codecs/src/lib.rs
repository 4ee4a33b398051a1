//! What crosses Folkmoot's wire, and its bytes.
//!
//! Pure and synchronous: no sockets, no timers, no tasks. Neighbours: `transports` carries these bytes,
//! `gateway` judges by these principals, `agents` calls with these errors.
//!
//! The way in: [`FrameDecoder`] cuts a stream into payloads, [`Codec::detect`] knows the codec by the first byte,
//! [`Message::decode`] scans a payload and cuts it into parts, [`ArgumentList::decode`] reads the arguments as a
//! method's types. The way out: [`encode_request`], [`encode_result`] and [`encode_exception`] write whole frames.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod address;
pub mod arguments;
pub mod call_error;
pub mod codec;
pub mod codec_error;
mod decode;
mod encode;
pub mod envelope;
pub mod exception;
pub mod frame;
pub mod headers;
pub mod hello;
pub mod limits;
pub mod message;
pub mod principal;
pub mod raw_id;
mod scan;
pub mod value;

pub use address::{Address, AddressError, Endpoint};
pub use arguments::{ArgumentList, Arguments};
pub use call_error::{CallError, Never};
pub use codec::{Codec, UnknownCodec};
pub use codec_error::{DecodeError, EncodeError};
pub use envelope::{encode_exception, encode_request, encode_result, encode_result_raw};
pub use frame::{FrameDecoder, FrameError};
pub use headers::{ChainLink, Headers};
pub use hello::Hello;
pub use limits::Limits;
pub use message::{Message, MessageError};
pub use principal::Principal;
pub use raw_id::RawId;
pub use value::Value;
