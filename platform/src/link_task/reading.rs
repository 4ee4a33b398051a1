//! The half of a link's task that reads: bytes, frames, messages, and the end of the stream.
//!
//! Always true: a peer's bytes never panic it; no more frames are handled in a row than their replies have room.
//! Neighbours: [`link_task`](super) writes and keeps the times; requests go on to [`inbound`](crate::inbound).

use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::{Codec, FrameError, Message, MessageError};
use folkmoot_transports::{explain_io, looks_like_http, looks_like_tls};
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use super::LinkTask;
use crate::inbound;
use crate::link::slice;
use crate::link_time;

/// Space made for each read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Frames handled in a row before the worker is yielded: their replies come to be, and are counted, meanwhile.
const FRAMES_IN_A_ROW: usize = 32;
/// Frames handled between two looks at how much waits to be written.
const FRAMES_PER_LOOK: usize = 16;

impl LinkTask {
    /// Reads once. Pending where nothing comes.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.leaving.is_some() {
            return Poll::Pending;
        }
        self.reading.reserve(READ_BYTES);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.reading)) {
            Ok(0) => Poll::Ready(self.peer_closed()),
            Ok(n) => {
                self.read_stall = None;
                self.link.hear();
                self.link.tables.counters.bytes_in.increment(n as u64);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(explain_io(&error))),
        }
    }

    /// The stream has ended. The peer may still read: a client that sends its last request and shuts down its half
    /// gets its reply, within the time that a call has.
    fn peer_closed(&mut self) -> Result<(), String> {
        let cause = if self.reading.is_empty() {
            "the peer closed the link".to_owned()
        } else {
            self.link.tables.counters.bad_frames.increment(1);
            format!("the peer closed the link inside a frame, {} bytes of which had come", self.reading.len())
        };
        if self.is_answered() {
            return Err(cause);
        }
        self.link.leave(&cause);
        self.leaving = Some((link_time::sleep(self.link.tables.default_deadline), cause));
        Ok(())
    }

    /// Handles the frames that are whole. Says whether more may be there.
    pub(super) fn take_frames(&mut self) -> Result<bool, String> {
        for nth in 0..FRAMES_IN_A_ROW {
            if self.reading.is_empty() {
                return Ok(false);
            }
            if nth % FRAMES_PER_LOOK == 0 && self.is_full() {
                return Ok(true);
            }
            match self.decoder.decode(&mut self.reading) {
                Ok(None) => return Ok(false),
                Ok(Some(payload)) => {
                    self.first_frame = None;
                    self.place = None;
                    self.link.tables.counters.frames_in.increment(1);
                    self.take_frame(&payload)?;
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

    fn take_frame(&mut self, payload: &Bytes) -> Result<(), String> {
        let link = &self.link;
        match Message::decode(link.codec, payload, &link.tables.limits.frame) {
            Ok(Message::Request { id, path, arguments, headers }) => {
                inbound::request(link, inbound::Request { id, path, arguments, headers })
            }
            Ok(Message::Result { id, content }) => {
                link.reply(id, |codec| FarReply::Result { codec, content: slice(payload, content) });
                Ok(())
            }
            Ok(Message::Exception { id, content }) => {
                link.reply(id, |codec| FarReply::Exception { codec, content: slice(payload, content) });
                Ok(())
            }
            Ok(_) => Err("a kind of message that this version does not know".to_owned()),
            Err(MessageError::BadRequest { id, reason }) => {
                inbound::refuse_bad_request(link, &id, &reason);
                Ok(())
            }
            Err(error) => {
                link.tables.counters.bad_frames.increment(1);
                Err(match payload.first().and_then(|byte| Codec::detect(*byte)) {
                    Some(codec) if codec != link.codec => {
                        format!("a {codec} frame came on a link that began with {}", link.codec)
                    }
                    _ => error.to_string(),
                })
            }
        }
    }

    /// Why a write failed: what the peer said before it closed tells more than the system does.
    pub(super) fn last_words(&mut self, error: &io::Error, cx: &mut Context<'_>) -> String {
        // Nothing can be written any more, so nothing that waits stands in the way of reading.
        self.link.outbox.close();
        self.writing.clear();
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

    /// Whether as much waits to be written as may before no more requests are read.
    pub(super) fn is_full(&self) -> bool {
        self.link.outbox.waiting() + self.writing.len() > self.link.tables.limits.outbox_high_water_bytes
    }

    /// Whether nothing of the peer's is in hand and all that waited is written.
    pub(super) fn is_answered(&self) -> bool {
        // In this order: a reply is pushed before its request leaves the hand.
        self.link.in_hand.load(Ordering::Acquire) == 0
            && self.writing.is_empty()
            && !self.unflushed
            && self.link.outbox.waiting() == 0
    }
}
