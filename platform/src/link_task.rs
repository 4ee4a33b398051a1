//! The task that is a link: one future reads frames and writes what waits, in as few system calls as it can.
//!
//! Always true: a peer's bytes never panic it; it stops reading while the peer does not take its replies; whatever
//! ends it closes the [`Link`]. Neighbours: frames go to [`inbound`](crate::inbound), replies to the link.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use folkmoot_agents::{Sleep, worked};
use folkmoot_codecs::{FrameDecoder, Piece};
use folkmoot_transports::ByteStream;
use tokio::io::AsyncWrite;

use crate::inbound;
use crate::link::Link;
use crate::link_time;
use crate::one_line::one_line;
use crate::outbox::NextPiece;
use crate::spare_buffers;
use crate::unproven::{GAVE_WAY, Place};

mod aside;
mod assembly;
mod gathering;
mod leaving;
mod opening;
mod reading;

use aside::Aside;
use assembly::Assembly;
use leaving::Leaving;
use opening::Opening;

/// Reads in one poll before the worker is yielded.
const READS_PER_POLL: usize = 16;
/// A buffer in which so much was written at once is not kept by the link, in bytes.
const KEPT_BUFFER_BYTES: usize = 64 * 1024;

/// The bytes of one link.
pub(crate) struct LinkTask {
    link: Arc<Link>,
    stream: Box<dyn ByteStream>,
    decoder: FrameDecoder,
    reading: BytesMut,
    writing: BytesMut,
    /// Whether much was to be written when writing began.
    is_writing_much: bool,
    unflushed: bool,
    /// Set while the link gathers: it does not read until then.
    gathering: Option<Sleep>,
    /// Whether frames have been handled since it read.
    has_handled: bool,
    /// Runs out if the first frame does not come.
    first_frame: Option<Sleep>,
    /// Runs out if nothing more comes of a frame that has begun.
    read_stall: Option<Sleep>,
    /// Runs out if the peer takes no bytes.
    stall: Option<Sleep>,
    /// Set when either side leaves: what is in hand may still be answered until then.
    leaving: Option<Leaving>,
    /// Whether the peer has closed its half: nothing more comes.
    is_deaf: bool,
    /// Runs out when such a peer is to be sent a sign of life again, to learn whether it is gone.
    probe: Option<Sleep>,
    /// Large payloads of the peer's that have begun to come.
    assembly: Assembly,
    /// A payload that is being opened; nothing more is read meanwhile.
    opening: Option<Opening>,
    /// Messages that wait for their turn, off the way of all others.
    aside: Aside,
    /// The place among the unproven connections, given back with the first frame.
    place: Option<Place>,
}

impl LinkTask {
    /// A link that we opened: what the peer answers to our Hello is waited for elsewhere.
    pub(crate) fn dialed(link: Arc<Link>, stream: Box<dyn ByteStream>) -> LinkTask {
        let mut task = LinkTask::accepted(link, stream, (BytesMut::new(), Duration::ZERO), None);
        task.first_frame = None;
        task
    }

    /// A link that was opened by a peer, with what has come of its first frame and the time for the rest.
    pub(crate) fn accepted(
        link: Arc<Link>,
        stream: Box<dyn ByteStream>,
        (read, frame_time): (BytesMut, Duration),
        place: Option<Place>,
    ) -> LinkTask {
        let limits = &link.tables.limits;
        LinkTask {
            decoder: FrameDecoder::new(limits.frame),
            first_frame: Some(link_time::sleep(frame_time)),
            stream,
            reading: read,
            writing: BytesMut::new(),
            is_writing_much: false,
            unflushed: false,
            gathering: None,
            has_handled: false,
            read_stall: None,
            stall: None,
            leaving: None,
            is_deaf: false,
            probe: None,
            assembly: Assembly::default(),
            opening: None,
            aside: Aside::default(),
            place,
            link,
        }
    }

    /// Moves bytes until the link ends.
    pub(crate) async fn run(mut self) {
        let link = self.link.clone();
        let cause = one_line(&std::future::poll_fn(|cx| self.poll_link(cx)).await);
        tracing::info!(peer = %link.peer_address, principal = %link.peer, %cause, "the link ended");
        link.close(&cause);
    }

    fn poll_link(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        worked::note();
        for _ in 0..READS_PER_POLL {
            let more = match self.take_frames() {
                Ok(more) => more,
                Err(cause) => return Poll::Ready(self.say_farewell(cause, cx)),
            };
            let opening = match self.poll_opening(cx) {
                Poll::Ready(Err(cause)) => return Poll::Ready(self.say_farewell(cause, cx)),
                opening => opening.is_pending(),
            };
            let busy = match self.poll_aside(cx) {
                Ok(busy) => busy,
                Err(cause) => return Poll::Ready(self.say_farewell(cause, cx)),
            };
            if let Poll::Ready(Err(error)) = self.poll_write(cx) {
                return Poll::Ready(self.last_words(&error, cx));
            }
            if busy || self.aside.can_go_on(&self.link) {
                break;
            }
            if opening {
                return self.poll_timers(cx);
            }
            if more {
                // Where it is full, the write that makes room wakes this task; else the neighbours come first.
                if self.is_full() {
                    return self.poll_timers(cx);
                }
                break;
            }
            if self.poll_gathered(cx).is_pending() {
                return self.poll_timers(cx);
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cause)) => return Poll::Ready(self.say_farewell(cause, cx)),
                Poll::Pending => {
                    self.begin_gathering(cx);
                    return self.poll_timers(cx);
                }
            }
        }
        // A peer that always has more to say keeps nothing from running out.
        if let Poll::Ready(cause) = self.poll_timers(cx) {
            return Poll::Ready(cause);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes all that waits. Pending where the peer takes no more now.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.writing.is_empty() {
                if std::mem::take(&mut self.is_writing_much) {
                    spare_buffers::give_back(std::mem::take(&mut self.writing));
                }
                let taken = self.link.outbox.take(self.link.codec, &mut self.writing, cx);
                // After the look: what comes to be told later wakes this task.
                let told = self.link.watched.tell_what_waits(&self.link);
                match taken {
                    None if told => continue,
                    None => break,
                    Some(None) => {}
                    Some(Some(piece)) => self.write_piece(piece)?,
                }
                self.link.tables.counters.frames_out.increment(self.link.outbox.take_frames());
                self.link.tables.counters.bytes_out.increment(self.writing.len() as u64);
                self.is_writing_much = self.writing.len() > KEPT_BUFFER_BYTES;
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.writing) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(n)) => {
                    self.writing.advance(n);
                    self.unflushed = true;
                    self.stall = None;
                    self.moved();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.wait_for_taker(cx),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => {
                    self.unflushed = false;
                    self.stall = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.wait_for_taker(cx),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Puts a piece behind the small frames that leave with it.
    fn write_piece(&mut self, NextPiece { id, stream, last, bytes }: NextPiece) -> io::Result<()> {
        self.link.tables.counters.pieces_out.increment(1);
        let piece = Piece { stream, last, bytes: Cow::Borrowed(&bytes) };
        let written = piece.encode(self.link.codec, &mut self.writing, id, &self.link.frame_limits());
        // Impossible, for who takes pieces takes frames that have room for them.
        written.map_err(|error| io::Error::other(format!("a piece did not encode: {error}")))
    }

    fn wait_for_taker(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let stall_time = self.link.tables.limits.write_stall_time;
        self.stall.get_or_insert_with(|| link_time::sleep(stall_time));
        // The link may be ended from elsewhere while the peer takes nothing.
        self.link.outbox.watch(cx);
        Poll::Pending
    }

    /// Nothing can be done now: looks at what runs out. Ready with the end of the link.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        if let Some(cause) = self.link.end() {
            return Poll::Ready(cause.to_owned());
        }
        let cause = ready!(self.poll_end(cx));
        Poll::Ready(self.say_farewell(cause, cx))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        if self.leaving.is_none()
            && let Some(cause) = self.link.leaving()
        {
            let limits = &self.link.tables.limits;
            let patience = limits.handshake_time.min(limits.farewell_time);
            self.leaving = Some(Leaving::new(patience, limits.farewell_time, cause));
        }
        self.poll_probe(cx);
        if self.first_frame.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            self.link.tables.counters.links_refused.increment(1);
            let time = self.link.tables.limits.handshake_time;
            return Poll::Ready(format!("the peer sent no frame within {time:?}"));
        }
        if self.place.as_mut().is_some_and(|place| Pin::new(place).poll(cx).is_ready()) {
            self.link.tables.counters.links_refused.increment(1);
            return Poll::Ready(GAVE_WAY.to_owned());
        }
        if let Poll::Ready(time) = self.poll_read_stall(cx) {
            self.link.tables.counters.bad_frames.increment(1);
            let came = self.reading.len();
            return Poll::Ready(format!("{came} bytes of a frame came and nothing more within {time:?}"));
        }
        if let Poll::Ready(cause) = self.poll_stream_stall(cx) {
            self.link.tables.counters.bad_frames.increment(1);
            return Poll::Ready(cause);
        }
        if self.stall.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            let time = self.link.tables.limits.write_stall_time;
            return Poll::Ready(format!("the peer took none of the bytes waiting for it within {time:?}"));
        }
        let answered = self.leaving.is_some() && self.is_answered();
        match &mut self.leaving {
            Some(leaving) => leaving.poll_over(cx, answered),
            None => Poll::Pending,
        }
    }

    /// Ready with the time for it where a frame began to come and stopped.
    fn poll_read_stall(&mut self, cx: &mut Context<'_>) -> Poll<Duration> {
        let time = self.link.tables.limits.read_stall_time;
        if self.reading.is_empty() || self.leaving.is_some() || self.is_full() {
            self.read_stall = None;
            return Poll::Pending;
        }
        self.read_stall.get_or_insert_with(|| link_time::sleep(time)).as_mut().poll(cx).map(|()| time)
    }

    /// The link ends on our side: a peer that understands is told why, if it takes the bytes at once.
    fn say_farewell(&mut self, cause: String, cx: &mut Context<'_>) -> String {
        if self.link.is_rich() {
            let mut positional = BytesMut::new();
            if self.link.codec.encode(&(&cause,), &mut positional).is_ok() {
                // Only a node that is shut down is not to be expected back.
                let path = if self.link.tables.is_closed() { inbound::GOODBYE } else { inbound::END };
                self.link.tell(u64::MAX >> 1, path, &positional);
            }
        }
        // Best effort: the link is ending for another reason already.
        drop(self.poll_write(cx));
        drop(Pin::new(&mut self.stream).poll_shutdown(cx));
        self.throw_away(cx);
        cause
    }
}

impl Drop for LinkTask {
    fn drop(&mut self) {
        // Its worker may have ended under it: whoever waits is told all the same.
        self.link.close("the link's task ended");
    }
}
