//! The way back of a call that a mail asked for: its reply as JSON, and whether its sender has taken it back.
//!
//! Always true: whoever waits learns of the reply, or that there will be none. Neighbour:
//! [`interpreter`](super::interpreter) waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use folkmoot_agents::reply::{ReplyFormat, ReplySink};
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::{CallError, Codec, Exception, Limits, Message, RawId, Value};
use futures_util::task::AtomicWaker;
use tokio::sync::{Notify, oneshot};

use super::Outcome;

/// What mail is written in that other platforms read.
pub(super) const CODEC: Codec = Codec::Json;

/// Whether the sender has taken a call back.
#[derive(Debug, Default)]
pub(super) struct TakenBack {
    is_so: AtomicBool,
    /// The turn, or the queue in which it waits.
    turn: AtomicWaker,
    /// Whoever waits for the reply.
    waiter: Notify,
}

impl TakenBack {
    /// It has.
    pub(super) fn set(&self) {
        self.is_so.store(true, Ordering::Release);
        self.turn.wake();
        self.waiter.notify_one();
    }

    /// Done when it has.
    pub(super) async fn is_known(&self) {
        self.waiter.notified().await;
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_so.load(Ordering::Acquire)
    }
}

/// Takes the reply to one call.
pub(super) struct MailSink {
    tell: oneshot::Sender<Outcome>,
    taken_back: Arc<TakenBack>,
}

impl MailSink {
    /// A way back, and where the reply comes out; nothing comes where the turn vanished without one.
    pub(super) fn new(taken_back: &Arc<TakenBack>) -> (MailSink, oneshot::Receiver<Outcome>) {
        let (tell, told) = oneshot::channel();
        (MailSink { tell, taken_back: taken_back.clone() }, told)
    }
}

impl ReplySink for MailSink {
    fn finish(self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {
        let outcome = match written(write, false) {
            Ok(Ok(value)) => Outcome::Returned { value },
            Ok(Err(plain)) => {
                let exception = match CallError::<Value>::from_exception(CODEC, &plain) {
                    CallError::Remote { kind, message, .. } if !kind.is_empty() => {
                        Exception { kind, message }
                    }
                    other => Exception::new("RuntimeError", other),
                };
                // Once more, for what the sentence of an exception does not tell.
                let error = match written(write, true) {
                    Ok(Err(rich)) => CallError::from_exception(CODEC, &rich),
                    Ok(Ok(_)) => CallError::BadReply { reason: exception.to_string() },
                    Err(reason) => CallError::BadReply { reason },
                };
                Outcome::Failed { error, exception }
            }
            Err(reason) => Outcome::failed(CallError::BadReply { reason }),
        };
        // Who has taken it back has been answered.
        self.tell.send(outcome).ok();
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.taken_back.turn.register(cx.waker());
        match self.taken_back.is_set() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.taken_back.is_set()
    }
}

/// The value, or the exception, that is written.
fn written(
    write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut),
    rich: bool,
) -> Result<Result<Bytes, Bytes>, String> {
    let mut frame = BytesMut::new();
    let id = RawId::of_number(CODEC, 0);
    write(ReplyFormat { codec: CODEC, id: &id, rich, limits: &Limits::DEFAULT }, &mut frame);
    let frame = frame.freeze();
    let payload = frame.slice(frame.len().min(HEADER_BYTES)..);
    match Message::decode(CODEC, &payload, &Limits::DEFAULT) {
        Ok(Message::Result { content, .. }) => Ok(Ok(payload.slice_ref(content))),
        Ok(Message::Exception { content, .. }) => Ok(Err(payload.slice_ref(content))),
        Ok(_) => Err("the reply is no reply".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
