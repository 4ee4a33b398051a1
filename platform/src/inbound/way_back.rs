//! The way back of a request: what is in hand of a peer's, and where its reply goes.
//!
//! Always true: who is in hand is counted until its answer stands in the outbox; a turn that vanishes without an answer
//! is answered with what became of it. Neighbours: [`inbound`](super) takes requests in, [`cancels`](crate::cancels)
//! says which are taken back, [`outbox`](crate::outbox) takes the frames.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::BytesMut;
use folkmoot_agents::host::PlainPeer;
use folkmoot_agents::reply::{ReplyFormat, ReplySink};
use folkmoot_agents::shared::AgentShared;
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::{CallError, Never, PlainTypes, RawId, encode_exception, plain_types};

use super::answer;
use crate::link::Link;
use crate::outbox::{Name, Payload};
use crate::scratch;

/// Replies up to this size are copied into the outbox; a larger one takes its place where nothing waits. In bytes.
const SMALL_FRAME_BYTES: usize = 16 * 1024;

/// One request of the peer's, from when it was taken in until it is answered.
pub(crate) struct InHand(Arc<Link>);

impl InHand {
    /// Takes a request in, unless as many are in hand as may be.
    pub(crate) fn take(link: &Arc<Link>, id: &RawId) -> Option<InHand> {
        if link.in_hand.fetch_add(1, Ordering::AcqRel) >= link.tables.limits.max_requests_in_hand {
            link.in_hand.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        if let Some(number) = id.as_u64() {
            link.cancels.begin(number);
        }
        Some(InHand(link.clone()))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let link = &self.0;
        if link.in_hand.fetch_sub(1, Ordering::AcqRel) == 1 {
            link.cancels.clear(&link.in_hand);
            if link.is_leaving() {
                link.outbox.wake();
            }
        }
    }
}

/// The way back of a channel's request.
pub(crate) fn of_channel(id: RawId, in_hand: InHand) -> Box<dyn ReplySink> {
    of_call(id, in_hand, None, None)
}

/// The way back of a call to that agent; `one_way` are agent and method of one that wants no reply.
pub(super) fn of_call(
    id: RawId,
    in_hand: InHand,
    agent: Option<Arc<AgentShared>>,
    one_way: Option<(Box<str>, Box<str>)>,
) -> Box<dyn ReplySink> {
    let number = id.as_u64();
    Box::new(LinkSink { agent, in_hand, id, number, watched: false, one_way, done: false })
}

/// Where the reply to one request goes.
struct LinkSink {
    agent: Option<Arc<AgentShared>>,
    /// Over what it goes; given back after the answer.
    in_hand: InHand,
    id: RawId,
    number: Option<u64>,
    watched: bool,
    /// Agent and method of a call that wants no reply.
    one_way: Option<(Box<str>, Box<str>)>,
    done: bool,
}

impl ReplySink for LinkSink {
    fn finish(mut self: Box<Self>, write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut)) {
        self.done = true;
        if self.is_one_way() {
            return;
        }
        // Where the link is gone, nobody is left to be told.
        if let Some(number) = self.number.filter(|number| self.link().cancels.is_taken_back(*number)) {
            return self.link().drops_answer(number);
        }
        let limits = &self.link().frame_limits();
        let format =
            ReplyFormat { codec: self.link().codec, id: &self.id, rich: self.link().is_rich(), limits };
        // Before the lock is taken: encoders are the agents' code, and may be slow.
        let mut frame = match self.link().plain_types() {
            None => scratch::written(|frame| write(format, frame)),
            Some(types) => scratch::written(|frame| write_plain(types, &format, write, frame)),
        };
        let most = self.link().tables.limits.max_outbox_bytes;
        if self.link().cuts(frame.len() - HEADER_BYTES) {
            let name = self.number.map(Name::Answer);
            let payload = Payload { name, parts: [frame.split_off(HEADER_BYTES).freeze()].into() };
            if let Some(Err(_)) = self.link().outbox.push_large(None, payload, most) {
                self.link().outbox.push(|out, _| self.no_room(&format, out));
            }
            // A cancel that came before the answer stood there has not found it.
            if let Some(number) = self.number.filter(|number| self.link().cancels.is_taken_back(*number)) {
                self.link().take_back_answer(number);
            }
            return;
        }
        // `None`: the link is gone, and with it whoever waited.
        self.link().outbox.push(|out, waiting| match out.len() {
            _ if waiting > most => self.no_room(&format, out),
            0 if frame.len() > SMALL_FRAME_BYTES && scratch::fills(&frame) => std::mem::swap(out, &mut frame),
            _ => out.extend_from_slice(&frame),
        });
        scratch::give_back(frame);
    }

    fn poll_cancelled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.number {
            Some(number) => {
                self.watched = true;
                self.link().cancels.poll_cancelled(number, cx)
            }
            None => Poll::Pending,
        }
    }

    fn is_cancelled(&self) -> bool {
        self.number.is_some_and(|number| self.link().cancels.is_cancelled(number))
    }

    fn is_lost(&self) -> bool {
        self.number.is_none_or(|number| self.link().cancels.is_lost(number))
    }

    fn is_one_way(&self) -> bool {
        self.one_way.is_some()
    }

    fn plain_peer(&self) -> Option<Arc<dyn PlainPeer>> {
        (!self.link().is_rich()).then(|| self.link().clone() as Arc<dyn PlainPeer>)
    }

    fn failed(&self, error: &dyn Display) {
        if let Some((agent, method)) = &self.one_way {
            self.link().one_way_failed(agent, method, error);
        }
    }
}

/// Writes a reply with the special types of a plain peer: one that would break its link is answered as what it is.
fn write_plain(
    types: Arc<PlainTypes>,
    format: &ReplyFormat<'_>,
    write: &mut dyn FnMut(ReplyFormat<'_>, &mut BytesMut),
    frame: &mut BytesMut,
) {
    plain_types::within(Some(types.clone()), || write(*format, frame));
    if let Err(reason) = types.check_payload(format.codec, frame.get(HEADER_BYTES..).unwrap_or_default()) {
        frame.clear();
        let error: CallError = CallError::BadReply { reason };
        encode_exception(format.codec, frame, format.id, &error, false, format.limits);
    }
}

impl LinkSink {
    fn link(&self) -> &Arc<Link> {
        &self.in_hand.0
    }

    /// The method has run, but its peer takes nothing: a few words in the place of the reply.
    fn no_room(&self, format: &ReplyFormat<'_>, out: &mut BytesMut) {
        let tables = &self.link().tables;
        tables.counters.overloads.increment(1);
        let most = tables.limits.max_outbox_bytes;
        let reason =
            format!("it was not sent: more than {most} bytes (max_outbox_bytes) wait for this peer already");
        let error: CallError = CallError::BadReply { reason };
        encode_exception(format.codec, out, format.id, &error, format.rich, format.limits);
    }
}

impl Drop for LinkSink {
    fn drop(&mut self) {
        let taken_back = self.is_cancelled();
        let wanted = !self.done && (self.is_one_way() || !taken_back);
        if let Some(number) = self.number {
            self.link().cancels.forget(number, self.watched);
        }
        if wanted {
            // The turn vanished without an answer: its agent crashed or ended under it, or its link is gone.
            let error = match &self.agent {
                _ if taken_back => CallError::Cancelled,
                Some(agent) => agent.lost_error(),
                None => CallError::AgentRestarted { agent: String::new(), may_have_run: true },
            };
            match self.is_one_way() {
                true => self.failed(&error),
                false => answer::<(), Never>(self.link(), Some(&self.id), &Err(error)),
            }
        }
    }
}
