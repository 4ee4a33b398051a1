//! The task that is a link: one future reads frames and writes what waits, in as few system calls as it can.
//!
//! Always true: a peer's bytes never panic it; it stops reading while the peer does not take its replies; whatever
//! ends it closes the [`Link`]. Neighbours: frames go to [`inbound`](crate::inbound), replies to the link.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use folkmoot_agents::Sleep;
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::{FrameDecoder, Message, MessageError};
use folkmoot_transports::{ByteStream, explain_io};
use tokio::io::AsyncWrite;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::codec::Decoder;
use tokio_util::io::poll_read_buf;

use crate::inbound;
use crate::link::{Link, slice};
use crate::link_time;

/// Space made for each read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Reads in one poll before the worker is yielded.
const READS_PER_POLL: usize = 16;
/// A write buffer that has grown beyond this is not kept, in bytes.
const KEPT_BUFFER_BYTES: usize = 1024 * 1024;

/// The bytes of one link.
pub(crate) struct LinkTask {
    link: Arc<Link>,
    stream: Box<dyn ByteStream>,
    decoder: FrameDecoder,
    reading: BytesMut,
    writing: BytesMut,
    unflushed: bool,
    /// Runs out if the first frame does not come.
    first_frame: Option<Sleep>,
    /// Runs out if the peer takes no bytes.
    stall: Option<Sleep>,
    /// Set when the peer has closed its half: what is in hand may still be answered until then.
    leaving: Option<(Sleep, String)>,
    /// The place among the unproven connections, given back with the first frame.
    place: Option<OwnedSemaphorePermit>,
}

impl LinkTask {
    /// A link that we opened: what the peer answers to our Hello is waited for elsewhere.
    pub(crate) fn dialed(link: Arc<Link>, stream: Box<dyn ByteStream>) -> LinkTask {
        let mut task = LinkTask::accepted(link, stream, BytesMut::new(), None);
        task.first_frame = None;
        task
    }

    /// A link that was opened by a peer, of which `read` bytes have come.
    pub(crate) fn accepted(
        link: Arc<Link>,
        stream: Box<dyn ByteStream>,
        read: BytesMut,
        place: Option<OwnedSemaphorePermit>,
    ) -> LinkTask {
        let limits = &link.tables.limits;
        LinkTask {
            decoder: FrameDecoder::new(limits.frame),
            first_frame: Some(link_time::sleep(limits.handshake_time)),
            stream,
            reading: read,
            writing: BytesMut::new(),
            unflushed: false,
            stall: None,
            leaving: None,
            place,
            link,
        }
    }

    /// Moves bytes until the link ends.
    pub(crate) async fn run(mut self) {
        let link = self.link.clone();
        let cause = std::future::poll_fn(|cx| self.poll_link(cx)).await;
        tracing::info!(peer = %link.peer_address, principal = %link.peer, %cause, "the link ended");
        link.close(&cause);
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        if let Err(cause) = self.take_frames() {
            return Poll::Ready(self.say_farewell(cause, cx));
        }
        for _ in 0..READS_PER_POLL {
            if let Poll::Ready(Err(cause)) = self.poll_write(cx) {
                return Poll::Ready(cause);
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cause)) => return Poll::Ready(self.say_farewell(cause, cx)),
                Poll::Pending => return self.poll_timers(cx),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes all that waits. Pending where the peer takes no more now.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            if self.writing.is_empty() {
                if self.writing.capacity() > KEPT_BUFFER_BYTES {
                    self.writing = BytesMut::new();
                }
                if !self.link.outbox.take(&mut self.writing, cx) {
                    break;
                }
                self.link.tables.counters.frames_out.increment(self.link.outbox.take_frames());
                self.link.tables.counters.bytes_out.increment(self.writing.len() as u64);
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.writing) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err("the peer takes no bytes".to_owned())),
                Poll::Ready(Ok(n)) => {
                    self.writing.advance(n);
                    self.unflushed = true;
                    self.stall = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(explain_io(&error))),
                Poll::Pending => {
                    let stall_time = self.link.tables.limits.write_stall_time;
                    self.stall.get_or_insert_with(|| link_time::sleep(stall_time));
                    return Poll::Pending;
                }
            }
        }
        if self.unflushed {
            match ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                Ok(()) => self.unflushed = false,
                Err(error) => return Poll::Ready(Err(explain_io(&error))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and handles the frames that are whole. Pending where nothing comes, or nothing may.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.leaving.is_some() {
            return Poll::Pending;
        }
        if self.link.outbox.waiting() + self.writing.len() > self.link.tables.limits.outbox_high_water_bytes {
            return Poll::Pending;
        }
        self.reading.reserve(READ_BYTES);
        match ready!(poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.reading)) {
            Ok(0) => self.peer_closed(),
            Ok(n) => {
                self.link.tables.counters.bytes_in.increment(n as u64);
                Poll::Ready(self.take_frames())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(explain_io(&error))),
        }
    }

    fn peer_closed(&mut self) -> Poll<Result<(), String>> {
        let cause = if self.reading.is_empty() {
            "the peer closed the link".to_owned()
        } else {
            format!("the peer closed the link inside a frame, {} bytes of which had come", self.reading.len())
        };
        if self.link.in_hand.load(Ordering::Acquire) == 0 {
            return Poll::Ready(Err(cause));
        }
        // It may still read: a client that sends its last request and shuts down its half.
        self.link.fail_pending(&cause);
        self.leaving = Some((link_time::sleep(self.link.tables.limits.handshake_time), cause));
        Poll::Ready(Ok(()))
    }

    fn take_frames(&mut self) -> Result<(), String> {
        loop {
            match self.decoder.decode(&mut self.reading) {
                Ok(None) => return Ok(()),
                Ok(Some(payload)) => {
                    self.first_frame = None;
                    self.place = None;
                    self.link.tables.counters.frames_in.increment(1);
                    self.take_frame(&payload)?;
                }
                Err(error) => {
                    self.link.tables.counters.bad_frames.increment(1);
                    return Err(error.to_string());
                }
            }
        }
    }

    fn take_frame(&mut self, payload: &bytes::Bytes) -> Result<(), String> {
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
                inbound::refuse_bad_request(link, &id, reason);
                Ok(())
            }
            Err(error) => {
                link.tables.counters.bad_frames.increment(1);
                Err(error.to_string())
            }
        }
    }

    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        if let Some(cause) = self.link.end() {
            return Poll::Ready(cause.to_owned());
        }
        if self.leaving.is_none()
            && let Some(cause) = self.link.leaving()
        {
            self.leaving = Some((link_time::sleep(self.link.tables.limits.handshake_time), cause));
        }
        if self.first_frame.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            self.link.tables.counters.links_refused.increment(1);
            let time = self.link.tables.limits.handshake_time;
            return Poll::Ready(format!("the peer sent no frame within {time:?}"));
        }
        if self.stall.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            let time = self.link.tables.limits.write_stall_time;
            return Poll::Ready(format!("the peer took none of the bytes waiting for it within {time:?}"));
        }
        if let Some((sleep, cause)) = &mut self.leaving {
            let done = self.link.in_hand.load(Ordering::Acquire) == 0 && self.writing.is_empty();
            if done || sleep.as_mut().poll(cx).is_ready() {
                return Poll::Ready(std::mem::take(cause));
            }
        }
        Poll::Pending
    }

    /// The link ends on our side: a peer that understands is told why, if it takes the bytes at once.
    fn say_farewell(&mut self, cause: String, cx: &mut Context<'_>) -> String {
        if self.link.is_rich() {
            let mut positional = BytesMut::new();
            if self.link.codec.encode(&(&cause,), &mut positional).is_ok() {
                self.link.tell(u64::MAX >> 1, inbound::GOODBYE, &positional);
            }
        }
        // Best effort: the link is ending for another reason already.
        drop(self.poll_write(cx));
        drop(Pin::new(&mut self.stream).poll_shutdown(cx));
        cause
    }
}
