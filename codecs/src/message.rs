//! Messages: `[kind, id, content]` or `[kind, id, content, headers]`, cut out of a frame's payload.
//!
//! What always holds: one pass over the whole payload checks it against the limits, and nothing is copied but ids,
//! escaped paths and headers; what comes out is well-formed and may be handed to serde. There are three kinds, for
//! ever: request, result, exception. Neighbours: `frame` finds the payload, `envelope` writes the same, `arguments`
//! reads a request's arguments.

use std::borrow::Cow;

use crate::arguments::Arguments;
use crate::codec::Codec;
use crate::codec_error::DecodeError;
use crate::headers::Headers;
use crate::limits::Limits;
use crate::piece::Piece;
use crate::raw_id::RawId;
use crate::scan::cbor::CborReader;
use crate::scan::json::JsonReader;
use crate::scan::msgpack::MsgPackReader;
use crate::scan::{self, Budget, Open, Reader, Token};

mod request;

/// The number of the kind "request".
pub const REQUEST: u64 = 0;
/// The number of the kind "result".
pub const RESULT: u64 = 1;
/// The number of the kind "exception".
pub const EXCEPTION: u64 = 2;

/// A message, borrowed from the payload it came in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A call.
    Request {
        /// To be echoed in the answer.
        id: RawId,
        /// What is called, without a leading slash: `agents/<name>/<method>`, or `folkmoot/...` for the container.
        path: Cow<'a, str>,
        /// The arguments, still encoded.
        arguments: Arguments<'a>,
        /// What travels beside the call; empty from a plain peer.
        headers: Headers,
    },
    /// A request of a channel, whose content is whatever its two ends have agreed upon; [`Message::decode_open`] gives
    /// it.
    Open {
        /// To be echoed in the answer.
        id: RawId,
        /// What is asked: one value, scanned, still encoded.
        content: &'a [u8],
    },
    /// The answer to a call that went well.
    Result {
        /// The request's number.
        id: u64,
        /// The result: one value, scanned, still encoded.
        content: &'a [u8],
    },
    /// The answer to a call that failed.
    Exception {
        /// The request's number.
        id: u64,
        /// What went wrong: one value, scanned, still encoded; for [`crate::CallError::from_exception`].
        content: &'a [u8],
    },
}

/// What the first bytes of a payload tell of its message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MessageHead<'a> {
    /// A call.
    Request {
        /// Its id.
        id: RawId,
        /// What is called.
        path: Cow<'a, str>,
    },
    /// The answer to a call.
    Answer,
}

/// Bytes in which the head of a message is sought.
const HEAD_BYTES: usize = 8 * 1024;

/// A payload that is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The peer does not speak our wire, or beyond the limits: the link must be closed.
    #[error("no message: {reason}")]
    Garbage {
        /// What is wrong, and where.
        reason: String,
    },
    /// A request whose id is known but whose content is not `[path, [arguments], {keyword arguments}]`, or whose
    /// headers are wrong: answered with an exception; the link goes on.
    #[error("bad request: {reason}")]
    BadRequest {
        /// To be echoed in the answer.
        id: RawId,
        /// What is wrong.
        reason: String,
    },
}

impl From<DecodeError> for MessageError {
    fn from(error: DecodeError) -> MessageError {
        MessageError::Garbage { reason: error.to_string() }
    }
}

impl Message<'_> {
    /// Cuts a frame's payload, as [`Codec::open`] gives it, into the parts of its message.
    ///
    /// # Errors
    /// [`MessageError::BadRequest`] can be answered; after [`MessageError::Garbage`] the link must be closed.
    pub fn decode<'a>(codec: Codec, payload: &'a [u8], limits: &Limits) -> Result<Message<'a>, MessageError> {
        match codec {
            Codec::Json => Envelope::open(codec, JsonReader::new(payload)?, limits)?.message(),
            Codec::MsgPack | Codec::MsgPackBlosc => {
                Envelope::open(codec, MsgPackReader::new(payload), limits)?.message()
            }
            Codec::Cbor => Envelope::open(codec, CborReader::new(payload), limits)?.message(),
        }
    }

    /// The same, where a request may have any content: it is left as it came.
    ///
    /// # Errors
    /// [`MessageError::Garbage`]: the link must be closed.
    pub fn decode_open<'a>(
        codec: Codec,
        payload: &'a [u8],
        limits: &Limits,
    ) -> Result<Message<'a>, MessageError> {
        let message = match codec {
            Codec::Json => Envelope::open(codec, JsonReader::new(payload)?, limits)?.open_message(),
            Codec::MsgPack | Codec::MsgPackBlosc => {
                Envelope::open(codec, MsgPackReader::new(payload), limits)?.open_message()
            }
            Codec::Cbor => Envelope::open(codec, CborReader::new(payload), limits)?.open_message(),
        };
        Ok(message?)
    }

    /// Takes the content of a [`Message::Open`] apart that is a call: `[path, [arguments], {keyword arguments}]`.
    ///
    /// # Errors
    /// Why it is none, as a sentence.
    pub fn decode_call<'a>(
        codec: Codec,
        content: &'a [u8],
        limits: &Limits,
    ) -> Result<(Cow<'a, str>, Arguments<'a>), String> {
        let (list, budget) = (Open::of(0), Budget::new(limits));
        match codec {
            Codec::Json => {
                let reader = JsonReader::new(content).map_err(|error| error.to_string())?;
                Envelope { codec, reader, budget, list }.call()
            }
            Codec::MsgPack | Codec::MsgPackBlosc => {
                Envelope { codec, reader: MsgPackReader::new(content), budget, list }.call()
            }
            Codec::Cbor => Envelope { codec, reader: CborReader::new(content), budget, list }.call(),
        }
    }

    /// Looks at the first bytes of an opened payload alone, in a time that does not grow with the payload. `None` where
    /// they do not tell: [`Message::decode`] says what is wrong, if anything is.
    pub fn head(codec: Codec, payload: &[u8]) -> Option<MessageHead<'_>> {
        let first = payload.get(..HEAD_BYTES).unwrap_or(payload);
        let limits = &Limits::DEFAULT;
        match codec {
            Codec::Json => {
                // Between two characters: a text that is cut inside of one is none.
                let first = first.get(..Piece::cut(codec, payload, first.len()))?;
                Envelope::open(codec, JsonReader::new(first).ok()?, limits).ok()?.head()
            }
            Codec::MsgPack | Codec::MsgPackBlosc => {
                Envelope::open(codec, MsgPackReader::new(first), limits).ok()?.head()
            }
            Codec::Cbor => Envelope::open(codec, CborReader::new(first), limits).ok()?.head(),
        }
    }
}

/// The outer list of a message, being read.
struct Envelope<R> {
    codec: Codec,
    reader: R,
    budget: Budget,
    list: Open,
}

impl<'a, R: Reader<'a>> Envelope<R> {
    // Always, here and below: with the second user that looks at heads alone, each message would pay for calls.
    #[inline(always)]
    fn open(codec: Codec, mut reader: R, limits: &Limits) -> Result<Envelope<R>, DecodeError> {
        let mut budget = Budget::new(limits);
        budget.node(0)?;
        let list = match reader.token()? {
            Token::List(list) => list,
            other => return Err(DecodeError::at(0, format_args!("expected a list, found {}", other.kind()))),
        };
        budget.enter(&list, reader.position())?;
        Ok(Envelope { codec, reader, budget, list })
    }

    /// Moves to the next element, which must be there.
    #[inline]
    fn next(&mut self, name: &str) -> Result<(), DecodeError> {
        if self.reader.more_items(&mut self.list)? {
            Ok(())
        } else {
            Err(DecodeError::at(self.reader.position(), format_args!("the {name} is missing")))
        }
    }

    #[inline]
    fn slice(&mut self) -> Result<&'a [u8], DecodeError> {
        scan::slice(&mut self.reader, &mut self.budget)
    }

    /// The kind of the message.
    #[inline(always)]
    fn kind(&mut self) -> Result<u64, DecodeError> {
        self.next("kind")?;
        let at = self.reader.position();
        self.budget.node(at)?;
        match self.reader.token()?.as_u64() {
            Some(kind @ (REQUEST | RESULT | EXCEPTION)) => Ok(kind),
            _ => Err(DecodeError::at(at, "the kind is neither 0 (request), 1 (result) nor 2 (exception)")),
        }
    }

    /// The id of an answer: the number of our request.
    #[inline]
    fn answered(&mut self) -> Result<u64, DecodeError> {
        self.next("id")?;
        let at = self.reader.position();
        self.budget.node(at)?;
        self.reader
            .token()?
            .as_u64()
            .ok_or_else(|| DecodeError::at(at, "the id of an answer is no request's number"))
    }

    /// The fourth element, if there is one, still encoded.
    #[inline]
    fn headers(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        if !self.reader.more_items(&mut self.list)? {
            self.reader.end()?;
            return Ok(None);
        }
        let headers = self.slice()?;
        if self.reader.more_items(&mut self.list)? {
            return Err(DecodeError::at(self.reader.position(), "more than 4 elements"));
        }
        self.reader.end()?;
        Ok(Some(headers))
    }

    fn head(mut self) -> Option<MessageHead<'a>> {
        if self.kind().ok()? != REQUEST {
            return Some(MessageHead::Answer);
        }
        let id = self.id().ok()?;
        self.next("content").ok()?;
        let Ok(Token::List(mut content)) = self.reader.token() else { return None };
        if !self.reader.more_items(&mut content).ok()? {
            return None;
        }
        match self.reader.token() {
            Ok(Token::Text(path)) => Some(MessageHead::Request { id, path }),
            _ => None,
        }
    }

    #[inline]
    fn message(mut self) -> Result<Message<'a>, MessageError> {
        let kind = self.kind()?;
        if kind == REQUEST {
            return self.request();
        }
        Ok(self.answer(kind)?)
    }

    #[inline]
    fn answer(mut self, kind: u64) -> Result<Message<'a>, DecodeError> {
        let id = self.answered()?;
        self.next("content")?;
        let content = self.slice()?;
        self.headers()?;
        Ok(if kind == RESULT { Message::Result { id, content } } else { Message::Exception { id, content } })
    }

    fn open_message(mut self) -> Result<Message<'a>, DecodeError> {
        let kind = self.kind()?;
        if kind != REQUEST {
            return self.answer(kind);
        }
        let id = self.id()?;
        self.next("content")?;
        let content = self.slice()?;
        self.headers()?;
        Ok(Message::Open { id, content })
    }
}
