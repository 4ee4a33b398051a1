//! The half of a link's task that reads: bytes, frames, messages, and the end of the stream.
//!
//! Always true: a peer's bytes never panic it; no more frames are handled in a row than their replies have room.
//! Neighbours: [`link_task`](super) writes and keeps the times; requests go on to [`inbound`](crate::inbound).

use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::{CallError, Codec, FrameError, Hello, Message, MessageError, MessageHead, Piece};
use folkmoot_transports::{explain_io, looks_like_http, looks_like_tls};
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use super::{Leaving, LinkTask, aside};
use crate::channel;
use crate::inbound::{self, InHand};
use crate::link::{Link, Serves, slice};
use crate::outbox::FIRST_PIECE_ID;
use crate::spare_buffers::{self, LARGE_BYTES};

/// Space made for each read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// So much of a large frame has come before it is given a spare buffer: a length alone gets nothing.
const BEGUN_BYTES: usize = 32 * 1024;
/// Frames handled in a row before the worker is yielded: their replies come to be, and are counted, meanwhile.
const FRAMES_IN_A_ROW: usize = 32;
/// Frames handled between two looks at how much waits to be written.
const FRAMES_PER_LOOK: usize = 16;

impl LinkTask {
    /// Reads once. Pending where nothing comes.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        // While it leaves, only what the peer says of large payloads on their way to it is waited for.
        if self.is_deaf || self.leaving.is_some() && !self.link.outbox.is_sending_pieces() {
            return Poll::Pending;
        }
        let most = self.make_room();
        let mut room = (&mut self.reading).limit(most);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut room)) {
            Ok(0) => Poll::Ready(self.peer_closed()),
            Ok(n) => {
                self.read_stall = None;
                self.link.hear();
                self.link.tables.counters.bytes_in.increment(n as u64);
                self.moved();
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(explain_io(&error))),
        }
    }

    /// Makes room for a read; says how much may be read. A large frame is read to its end and no further: the buffer is its
    /// own then, and free when nobody reads the frame any more.
    fn make_room(&mut self) -> usize {
        let missing = self.decoder.missing(&self.reading);
        if missing <= READ_BYTES {
            self.reading.reserve(READ_BYTES);
            return usize::MAX;
        }
        if self.reading.len() >= BEGUN_BYTES && self.reading.capacity() - self.reading.len() < missing {
            self.reading = spare_buffers::larger(std::mem::take(&mut self.reading));
        }
        self.reading.reserve(READ_BYTES);
        missing
    }

    /// The stream has ended. The peer may still read: a client that sends its last request and shuts down its half
    /// gets its reply, within the time that a call has. A node that has joined, or watches agents, does no such thing.
    fn peer_closed(&mut self) -> Result<(), String> {
        self.is_deaf = true;
        self.link.outbox.answers_no_more();
        if let Serves::Channel(queue) = &self.link.serves {
            queue.note_peer_closed();
        }
        let cause = if self.reading.is_empty() {
            "the peer closed the link".to_owned()
        } else {
            self.link.tables.counters.bad_frames.increment(1);
            format!("the peer closed the link inside a frame, {} bytes of which had come", self.reading.len())
        };
        if self.is_answered() || self.link.is_relied_on() {
            return Err(cause);
        }
        self.assembly.clear();
        self.link.leave(&cause);
        let (deadline, limits) = (self.link.tables.default_deadline, &self.link.tables.limits);
        self.leaving = Some(Leaving::new(deadline, deadline.saturating_add(limits.farewell_time), cause));
        Ok(())
    }

    /// Handles the frames that are whole. Says whether more may be there.
    pub(super) fn take_frames(&mut self) -> Result<bool, String> {
        for nth in 0..FRAMES_IN_A_ROW {
            if self.reading.is_empty() {
                return Ok(false);
            }
            if self.opening.is_some() || nth % FRAMES_PER_LOOK == 0 && self.is_full() {
                return Ok(true);
            }
            match self.decoder.decode(&mut self.reading) {
                Ok(None) => return Ok(false),
                Ok(Some(payload)) => {
                    self.first_frame = None;
                    self.place = None;
                    self.link.tables.counters.frames_in.increment(1);
                    self.has_handled = true;
                    if payload.len() >= LARGE_BYTES && self.reading.is_empty() {
                        // The buffer is the payload's alone.
                        self.reading = BytesMut::new();
                    }
                    self.take_payload(payload)?;
                }
                Err(error) => {
                    self.link.tables.counters.bad_frames.increment(1);
                    return Err(self.no_frame(&error));
                }
            }
        }
        Ok(true)
    }

    /// What is wrong where a frame's length is: often another protocol.
    fn no_frame(&self, error: &FrameError) -> String {
        if looks_like_tls(&self.reading) {
            return "the peer speaks TLS on a plain link: write tls:// in the place of tcp://, unix+tls:// in the place \
                    of unix://"
                .to_owned();
        }
        if looks_like_http(&self.reading) {
            return "the peer speaks HTTP".to_owned();
        }
        error.to_string()
    }

    /// Handles one message, or sets it aside. It may be put together of pieces.
    #[inline]
    pub(super) fn take_frame(&mut self, payload: Bytes) -> Result<(), String> {
        let payload = open(&self.link, payload)?;
        self.take_opened(payload)
    }

    /// The same for what a payload holds.
    pub(super) fn take_opened(&mut self, payload: Bytes) -> Result<(), String> {
        if !matches!(self.link.serves, Serves::Agents) {
            return self.take_open(&payload);
        }
        if payload.len() >= aside::HEAVY_BYTES && self.aside.takes_heavy(&self.link, &payload) {
            return Ok(());
        }
        self.take_here(&payload)?;
        spare_buffers::recycle(payload);
        Ok(())
    }

    /// The same for a message that is not heavy, or must be handled here.
    fn take_here(&mut self, payload: &Bytes) -> Result<(), String> {
        match decode(&self.link, payload)? {
            Some(Message::Request { id, path, arguments, headers }) => {
                if self.link.has_pieces() {
                    match &*path {
                        Piece::PATH => return self.take_piece(&id, headers.no_reply, &arguments),
                        Piece::DROP_PATH => return self.drop_stream(&arguments),
                        _ => {}
                    }
                }
                if self.aside.takes(&self.link, payload, (&id, &path), headers.no_reply) {
                    return Ok(());
                }
                inbound::request(&self.link, inbound::Request { id, path, arguments, headers }, None)
            }
            Some(answer) => take_answer(&self.link, payload, answer),
            None => Ok(()),
        }
    }

    /// Handles one message of a link that leads to no agents.
    fn take_open(&self, payload: &Bytes) -> Result<(), String> {
        let link = &self.link;
        let message = Message::decode_open(link.codec, payload, &link.tables.limits.frame);
        match (message.map_err(|error| no_message_within(link, payload, &error))?, &link.serves) {
            (Message::Open { id, content }, Serves::Channel(queue)) => {
                channel::take(link, queue, id, slice(payload, content));
                Ok(())
            }
            (Message::Open { id, .. }, Serves::Nobody(reason)) => {
                let is_hello = matches!(
                    Message::head(link.codec, payload),
                    Some(MessageHead::Request { path, .. }) if path == Hello::PATH
                );
                inbound::refuse_link(link, &id, reason, is_hello);
                Err(reason.clone())
            }
            (answer, _) => take_answer(link, payload, answer),
        }
    }

    /// Why a write failed: what the peer said before it closed tells more than the system does.
    pub(super) fn last_words(&mut self, error: &io::Error, cx: &mut Context<'_>) -> String {
        // Nothing can be written any more, so nothing that waits stands in the way of reading.
        self.link.outbox.close();
        self.writing.clear();
        if let Some(leaving) = self.leaving.as_ref().filter(|_| self.is_deaf) {
            return leaving.gone();
        }
        for _ in 0..super::READS_PER_POLL {
            self.reading.reserve(READ_BYTES);
            match poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.reading) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Err(told)) => return explain_io(&told),
                Poll::Ready(Ok(0)) | Poll::Pending => break,
            }
            if let Err(told) = self.take_frames() {
                return told;
            }
        }
        explain_io(error)
    }

    /// Reads what has come and forgets it: closed with bytes unread, the system would reset the connection, and the
    /// peer might never read our last words.
    pub(super) fn throw_away(&mut self, cx: &mut Context<'_>) {
        for _ in 0..super::READS_PER_POLL {
            self.reading.clear();
            self.reading.reserve(READ_BYTES);
            if !matches!(
                poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.reading),
                Poll::Ready(Ok(1..))
            ) {
                return;
            }
        }
    }

    /// Whether as much waits to be written, or to be handled, as may before no more requests are read.
    pub(super) fn is_full(&self) -> bool {
        self.link.outbox.waiting_small() + self.writing.len()
            > self.link.tables.limits.outbox_high_water_bytes
            || self.aside.is_full(&self.link)
    }

    /// Whether nothing of the peer's is in hand and all that waited is written.
    pub(super) fn is_answered(&self) -> bool {
        // In this order: a reply is pushed before its request leaves the hand.
        self.opening.is_none()
            && self.aside.is_empty()
            && self.link.in_hand.load(Ordering::Acquire) == 0
            && self.writing.is_empty()
            && !self.unflushed
            && self.link.outbox.waiting() == 0
            // The system would throw away what the peer has not read where its answers come to nobody.
            && !self.link.outbox.is_sending_pieces()
    }
}

/// What a frame's payload holds.
///
/// # Errors
/// Why the link must end.
#[inline]
pub(super) fn open(link: &Link, payload: Bytes) -> Result<Bytes, String> {
    if link.codec != Codec::MsgPackBlosc {
        return Ok(payload);
    }
    let first = payload.first().copied();
    link.codec.open(payload, &link.tables.limits.frame).map_err(|error| {
        link.tables.counters.bad_frames.increment(1);
        no_message(link, first, &error)
    })
}

/// What is wrong with a payload that cannot be read: often its codec.
fn no_message(link: &Link, first: Option<u8>, error: &dyn Display) -> String {
    match first.and_then(Codec::detect) {
        Some(codec) if codec != link.codec => {
            format!("a {codec} frame came on a link that began with {}", link.codec)
        }
        _ => error.to_string(),
    }
}

/// The same for an opened payload.
#[cold]
fn no_message_within(link: &Link, payload: &Bytes, error: &MessageError) -> String {
    link.tables.counters.bad_frames.increment(1);
    // Within a chunk it is not told by the first byte.
    let first = payload.first().copied().filter(|_| link.codec != Codec::MsgPackBlosc);
    no_message(link, first, error)
}

/// The message in an opened payload; `None` where it has been refused and the link goes on.
///
/// # Errors
/// Why the link must end.
#[inline]
fn decode<'a>(link: &Arc<Link>, payload: &'a Bytes) -> Result<Option<Message<'a>>, String> {
    match Message::decode(link.codec, payload, &link.tables.limits.frame) {
        Ok(message) => Ok(Some(message)),
        Err(MessageError::BadRequest { id, reason }) => {
            inbound::refuse_bad_request(link, &id, &reason);
            Ok(None)
        }
        Err(error) => Err(no_message_within(link, payload, &error)),
    }
}

#[inline]
fn take_answer(link: &Arc<Link>, payload: &Bytes, answer: Message<'_>) -> Result<(), String> {
    match answer {
        Message::Result { id, .. } if id >= FIRST_PIECE_ID && link.outbox.answered(id) => {}
        Message::Exception { id, content } if id >= FIRST_PIECE_ID && link.outbox.answered(id) => {
            let error: CallError = CallError::from_exception(link.codec, content);
            return Err(format!("the peer refused a piece of a large payload: {error}"));
        }
        Message::Result { id, content } => {
            link.reply(id, |codec| match (link.is_rich(), slice(payload, content)) {
                (true, content) => FarReply::Result { codec, content },
                (false, content) => FarReply::Plain { peer: link.clone(), codec, content },
            });
        }
        Message::Exception { id, content } => {
            link.reply(id, |codec| FarReply::Exception { codec, content: slice(payload, content) });
        }
        _ => return Err("a kind of message that this version does not know".to_owned()),
    }
    Ok(())
}

/// Handles a message that was set aside, on whatever thread.
///
/// # Errors
/// Why the link must end.
pub(super) fn take_aside(link: &Arc<Link>, payload: &Bytes, in_hand: Option<InHand>) -> Result<(), String> {
    match decode(link, payload)? {
        Some(Message::Request { id, path, arguments, headers }) => {
            inbound::request(link, inbound::Request { id, path, arguments, headers }, in_hand)
        }
        Some(answer) => take_answer(link, payload, answer),
        None => Ok(()),
    }
}
