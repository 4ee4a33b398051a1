//! The way back: where a turn's answer goes, typed within a process, encoded towards a link.
//!
//! Always true: an answer is given at most once. Neighbours: generated code finishes replies; a link's
//! [`ReplySink`] encodes them in one pass into its own buffer.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use folkmoot_codecs::{CallError, Codec, Limits, RawId, encode_exception, encode_result};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::host::PlainPeer;
use crate::panics::{Panic, guard};
use crate::shared::AgentShared;

/// How an encoded reply is written.
#[derive(Clone, Copy, Debug)]
pub struct ReplyFormat<'a> {
    /// The link's codec.
    pub codec: Codec,
    /// The request's id, as it came.
    pub id: &'a RawId,
    /// Whether the peer understands exceptions with a code and data.
    pub rich: bool,
    /// The bounds of a frame.
    pub limits: &'a Limits,
}

/// Takes one encoded reply. Implemented by links.
pub trait ReplySink: Send {
    /// Lets `write` append one whole frame, then sends it.
    fn finish(self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut));
    /// Ready when nobody waits for the reply any more.
    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    /// Whether nobody waits for the reply any more.
    fn is_cancelled(&self) -> bool;
    /// Whether the way to whoever waited is gone, without a word from them: they may ask again on another.
    fn is_lost(&self) -> bool {
        false
    }
    /// Whether the call wants no reply: then an error is told by [`failed`](ReplySink::failed), and nothing is sent.
    fn is_one_way(&self) -> bool {
        false
    }
    /// The peer that waits for the reply, where it said no Hello.
    fn plain_peer(&self) -> Option<Arc<dyn PlainPeer>> {
        None
    }
    /// Takes note of a one-way call's error, which nobody else learns of.
    fn failed(&self, _error: &dyn fmt::Display) {}
}

/// Where the answer to one call goes.
pub struct ReplyTo<T, E>(Way<T, E>);

enum Way<T, E> {
    Typed(oneshot::Sender<Result<T, CallError<E>>>),
    Encoded(Box<dyn ReplySink>),
    /// A one-way call to that agent, where it is known: an error is told to the log.
    Nowhere(Option<Arc<AgentShared>>),
}

impl<T, E> fmt::Debug for ReplyTo<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Way::Typed(_) => "ReplyTo(typed)",
            Way::Encoded(_) => "ReplyTo(encoded)",
            Way::Nowhere(_) => "ReplyTo(nowhere)",
        })
    }
}

impl<T, E> ReplyTo<T, E> {
    /// To a caller in this process.
    pub(crate) fn typed(sender: oneshot::Sender<Result<T, CallError<E>>>) -> ReplyTo<T, E> {
        ReplyTo(Way::Typed(sender))
    }

    /// To a link; `None` for a one-way call.
    #[doc(hidden)]
    pub fn encoded(sink: Option<Box<dyn ReplySink>>) -> ReplyTo<T, E> {
        ReplyTo(sink.map_or(Way::Nowhere(None), Way::Encoded))
    }

    /// To nobody: the way back of a one-way call to `target`.
    pub(crate) fn nowhere(target: Option<Arc<AgentShared>>) -> ReplyTo<T, E> {
        ReplyTo(Way::Nowhere(target))
    }

    /// Whether nobody waits for the answer any more.
    #[doc(hidden)]
    pub fn is_cancelled(&self) -> bool {
        match &self.0 {
            Way::Typed(sender) => sender.is_closed(),
            Way::Encoded(sink) => sink.is_cancelled(),
            Way::Nowhere(_) => false,
        }
    }

    pub(crate) fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Way::Typed(sender) => sender.poll_closed(cx),
            Way::Encoded(sink) => sink.poll_cancelled(cx),
            Way::Nowhere(_) => Poll::Pending,
        }
    }
}

impl<T: Serialize, E: Serialize + fmt::Display + 'static> ReplyTo<T, E> {
    /// Answers; an answer that cannot be encoded becomes an exception that says so.
    pub(crate) fn send(self, answer: Result<T, CallError<E>>) {
        match self.0 {
            // A caller that went away has no use for the answer.
            Way::Typed(sender) => drop(sender.send(answer)),
            Way::Encoded(sink) => {
                if let Err(error) = &answer
                    && sink.is_one_way()
                {
                    // Words of the user's error: what they panic with is nobody's.
                    guard(|| sink.failed(error)).ok();
                }
                sink.finish(&mut |format, out| write_reply(format, out, &answer));
            }
            Way::Nowhere(Some(agent)) => {
                if let Err(error) = &answer {
                    guard(|| agent.one_way_failed(error)).ok();
                }
            }
            Way::Nowhere(None) => {}
        }
    }

    /// Answers without having run.
    #[doc(hidden)]
    pub fn refuse(self, error: CallError) {
        self.send(Err(error.widen()));
    }

    /// Answers with what a method returned, or with its panic, which is passed on.
    #[doc(hidden)]
    pub fn finish<R: Outcome<T, E>>(self, outcome: Result<R, Panic>, agent: &str) -> Option<Panic> {
        match outcome {
            Ok(returned) => {
                self.send(returned.into_result().map_err(CallError::Agent));
                None
            }
            Err(panic) => {
                self.send(Err(CallError::AgentPanicked {
                    agent: agent.to_owned(),
                    text: panic.text().to_owned(),
                }));
                Some(panic)
            }
        }
    }
}

fn write_reply<T: Serialize, E: Serialize + fmt::Display + 'static>(
    format: ReplyFormat<'_>,
    out: &mut BytesMut,
    answer: &Result<T, CallError<E>>,
) {
    let ReplyFormat { codec, id, rich, limits } = format;
    let before = out.len();
    // Encoders are the user's code, and the frames of others stand in the same buffer.
    let written = guard(|| match answer {
        Err(error) => {
            encode_exception(codec, out, id, error, rich, limits);
            Ok(())
        }
        Ok(value) => encode_result(codec, out, id, value, limits),
    });
    let reason = match written {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("an encoder panicked: {}", panic.text()),
    };
    out.truncate(before);
    let error: CallError = CallError::BadReply { reason };
    encode_exception(codec, out, id, &error, rich, limits);
}

/// What a method may return: a value, or a result with the method's own error.
pub trait Outcome<T, E> {
    /// The value or the method's own error.
    fn into_result(self) -> Result<T, E>;
}

/// Wraps the value of a method that cannot fail.
#[doc(hidden)]
#[derive(Debug)]
pub struct Plain<T>(pub T);

impl<T> Outcome<T, folkmoot_codecs::Never> for Plain<T> {
    fn into_result(self) -> Result<T, folkmoot_codecs::Never> {
        Ok(self.0)
    }
}

impl<T, E> Outcome<T, E> for Result<T, E> {
    fn into_result(self) -> Result<T, E> {
        self
    }
}

/// Names the two halves of a `Result`, also behind an alias with one parameter.
#[doc(hidden)]
pub trait ResultParts {
    /// The value.
    type Ok;
    /// The error.
    type Err;
}

impl<T, E> ResultParts for Result<T, E> {
    type Ok = T;
    type Err = E;
}
