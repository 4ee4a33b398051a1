//! A request of a channel's peer, and its answer.
//!
//! Always true: each request is answered once; one that is dropped unanswered is answered with an exception. Neighbour:
//! [`Channel::recv`](super::Channel::recv) gives them.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use folkmoot_agents::reply::ReplySink;
use folkmoot_codecs::{
    Arguments, CallError, Limits, Message, Value, encode_exception, encode_exception_raw, encode_result,
};
use serde::{Deserialize, Serialize};

use crate::link::Link;

/// A request that waits for its answer.
#[must_use = "a request that is dropped is answered with an exception"]
pub struct Request {
    link: Arc<Link>,
    content: Bytes,
    sink: Option<Box<dyn ReplySink>>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("bytes", &self.content.len()).finish_non_exhaustive()
    }
}

impl Request {
    pub(super) fn new(link: Arc<Link>, sink: Box<dyn ReplySink>, content: Bytes) -> Request {
        Request { link, content, sink: Some(sink) }
    }

    pub(super) fn len(&self) -> usize {
        self.content.len()
    }

    /// What is asked, as a `T`, which may borrow texts from it. [`Value`] is any content.
    ///
    /// # Errors
    /// [`CallError::BadArguments`] where it is no `T`, with the path of the wrong value; [`Request::refuse`] tells the
    /// peer so.
    pub fn content<'a, T: Deserialize<'a>>(&'a self) -> Result<T, CallError> {
        let read = self.link.with_its_types(|| self.link.codec.decode(&self.content));
        read.map_err(|error| CallError::BadArguments {
            method: "the channel".to_owned(),
            path: error.path().to_owned(),
            reason: error.reason().to_owned(),
        })
    }

    /// What is asked, whatever it is. Values of special types are the maps that they are on the wire.
    pub fn value(&self) -> Value {
        // It was scanned as it came; of that only a number out of range is left.
        self.link
            .codec
            .value(&self.content, &Limits { max_nodes: u32::MAX, ..Limits::DEFAULT })
            .unwrap_or_default()
    }

    /// The path and the arguments of a call.
    pub(crate) fn call(&self) -> Result<(Cow<'_, str>, Arguments<'_>), String> {
        Message::decode_call(
            self.link.codec,
            &self.content,
            &Limits { max_nodes: u32::MAX, ..Limits::DEFAULT },
        )
    }

    /// Reads with the types that both ends know.
    pub(crate) fn reading<T>(&self, read: impl FnOnce() -> T) -> T {
        self.link.with_its_types(read)
    }

    /// Whether the channel has ended meanwhile: an answer would reach nobody.
    pub fn is_lost(&self) -> bool {
        self.sink.as_ref().is_none_or(|sink| sink.is_lost())
    }

    /// Answers with a value. It is encoded at once and sent when the peer takes it.
    ///
    /// # Errors
    /// [`CallError::Unencodable`] where the codec cannot say the value or it does not fit a frame: the peer has got an
    /// exception then.
    pub fn reply<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), CallError> {
        let Some(sink) = self.sink.take() else { return Ok(()) };
        let mut outcome = Ok(());
        sink.finish(&mut |format, out| {
            if let Err(error) = encode_result(format.codec, out, format.id, value, format.limits) {
                let error: CallError = CallError::Unencodable { reason: error.to_string() };
                encode_exception(format.codec, out, format.id, &error, format.rich, format.limits);
                outcome = Err(error);
            }
        });
        outcome
    }

    /// Answers with an exception: the peer is told `RuntimeError: ` and the message.
    pub fn fail(self, message: impl fmt::Display) {
        self.refuse(&CallError::Agent(message.to_string()));
    }

    /// Answers with an exception that tells of this error.
    pub fn refuse<E: Serialize + fmt::Display + 'static>(mut self, error: &CallError<E>) {
        self.answer(error);
    }

    /// Answers with an exception of any content, for peers that have agreed upon another one than a text: mosaik takes
    /// `[type, message]`. Where it cannot be encoded, the exception says so.
    pub fn raise<T: Serialize + ?Sized>(mut self, content: &T) {
        let Some(sink) = self.sink.take() else { return };
        sink.finish(&mut |format, out| {
            let mut encoded = BytesMut::new();
            let written = format
                .codec
                .encode(content, &mut encoded)
                .and_then(|()| encode_exception_raw(format.codec, out, format.id, &encoded, format.limits));
            if let Err(error) = written {
                let error: CallError = CallError::Unencodable { reason: error.to_string() };
                encode_exception(format.codec, out, format.id, &error, format.rich, format.limits);
            }
        });
    }

    fn answer<E: Serialize + fmt::Display + 'static>(&mut self, error: &CallError<E>) {
        let Some(sink) = self.sink.take() else { return };
        sink.finish(&mut |format, out| {
            encode_exception(format.codec, out, format.id, error, format.rich, format.limits);
        });
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.answer(&CallError::Agent("the request was dropped without an answer".to_owned()));
    }
}
