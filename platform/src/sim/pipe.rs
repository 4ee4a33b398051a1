//! One connection of a simulated network: two directions of bytes, each with its delay and its faults.
//!
//! Always true: bytes come whole, once and in order, or the connection breaks; a direction holds no more than
//! [`LOCAL_BUFFER_BYTES`] that nobody has read. Neighbours: [`network`](super::network) opens and breaks connections and
//! keeps the ways; what is read here is told to the [`trace`](super::trace).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use folkmoot_agents::Sleep;
use folkmoot_transports::LOCAL_BUFFER_BYTES;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::network::{Network, Way};

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// A connection, which both of its ends hold.
pub(super) struct Line {
    pub(super) network: Arc<Network>,
    /// The dialer's end first.
    pub(super) ends: [Arc<str>; 2],
    /// By the end that writes.
    pub(super) ways: [Arc<Way>; 2],
    state: Mutex<[Direction; 2]>,
}

/// The bytes from one end to the other.
#[derive(Default)]
struct Direction {
    under_way: VecDeque<Chunk>,
    bytes: usize,
    /// When the last bytes that were written arrive.
    last_due: Duration,
    reader: Option<Waker>,
    writer: Option<Waker>,
    is_broken: bool,
    /// Whether the end that reads is gone.
    unheard: bool,
    /// The next frame does not arrive whole.
    cut_next: bool,
    /// What has been read of the frame that is under way.
    frame: Vec<u8>,
}

struct Chunk {
    due: Duration,
    /// None at all: the end.
    bytes: Bytes,
}

impl Line {
    pub(super) fn new(network: Arc<Network>, ends: [Arc<str>; 2], ways: [Arc<Way>; 2]) -> Arc<Line> {
        Arc::new(Line { network, ends, ways, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, [Direction; 2]> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is between those two.
    pub(super) fn is_between(&self, a: &str, b: &str) -> bool {
        let [dialer, keeper] = &self.ends;
        (&**dialer == a && &**keeper == b) || (&**dialer == b && &**keeper == a)
    }

    /// Lets everyone who waits here look again: a way is open now.
    pub(super) fn wake(&self) {
        let wakers: Vec<Waker> = {
            let mut state = self.state();
            state
                .iter_mut()
                .flat_map(|direction| [direction.reader.take(), direction.writer.take()])
                .flatten()
                .collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The next frame from that node breaks the connection before it has arrived whole.
    pub(super) fn cut_next(&self, from: &str) {
        let writer = usize::from(&*self.ends[0] != from);
        self.state()[writer].cut_next = true;
    }

    fn broken() -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionReset, "the simulated network cut the connection")
    }
}

/// One end of a connection.
pub(super) struct SimStream {
    line: Arc<Line>,
    /// Which of the line's ends it is.
    end: usize,
    /// Until the first bytes that are under way arrive.
    arrival: Option<(Duration, Sleep)>,
    is_over: bool,
}

impl SimStream {
    pub(super) fn both(line: &Arc<Line>) -> (SimStream, SimStream) {
        let end = |end| SimStream { line: line.clone(), end, arrival: None, is_over: false };
        (end(0), end(1))
    }

    /// Puts bytes on their way and wakes whoever waits for them.
    fn send(&self, bytes: &[u8]) {
        let now = self.line.network.elapsed();
        let travel = self.line.network.travel_time(&self.line.ways[self.end]);
        let reader = {
            let direction = &mut self.line.state()[self.end];
            direction.last_due = direction.last_due.max(now.saturating_add(travel));
            direction.bytes += bytes.len();
            let chunk = Chunk { due: direction.last_due, bytes: Bytes::copy_from_slice(bytes) };
            direction.under_way.push_back(chunk);
            direction.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let space = {
            let is_held = self.line.ways[self.end].is_held();
            let direction = &mut self.line.state()[self.end];
            if direction.is_broken {
                return Poll::Ready(Err(Line::broken()));
            }
            if direction.unheard && !is_held {
                let error = io::Error::new(io::ErrorKind::BrokenPipe, "the other end is gone");
                return Poll::Ready(Err(error));
            }
            let space = LOCAL_BUFFER_BYTES.saturating_sub(direction.bytes);
            if space == 0 {
                direction.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            space
        };
        let taken = bytes.len().min(space);
        if taken > 0 {
            self.send(&bytes[..taken]);
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_over {
            self.is_over = true;
            self.send(&[]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = self.line.clone();
        let from = 1 - self.end;
        loop {
            let now = line.network.elapsed();
            let is_held = line.ways[from].is_held();
            let mut state = line.state();
            let direction = &mut state[from];
            if direction.is_broken {
                return Poll::Ready(Err(Line::broken()));
            }
            let due = direction.under_way.front().map(|chunk| chunk.due);
            match due {
                Some(due) if !is_held && due <= now => {
                    let (writers, cut) = direction.deliver(to, &line, from);
                    if cut {
                        state.iter_mut().for_each(|direction| direction.is_broken = true);
                    }
                    drop(state);
                    if cut {
                        line.network.event(&format!("cut {} > {}", line.ends[from], line.ends[1 - from]));
                        line.wake();
                    }
                    writers.into_iter().for_each(Waker::wake);
                    return Poll::Ready(Ok(()));
                }
                Some(due) if !is_held => {
                    drop(state);
                    if self.arrival.as_ref().is_none_or(|(at, _)| *at != due) {
                        self.arrival = Some((due, line.network.sleep(due - now)));
                    }
                    let Some((_, sleep)) = &mut self.arrival else { continue };
                    ready!(sleep.as_mut().poll(cx));
                    self.arrival = None;
                }
                _ => {
                    direction.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Direction {
    /// Hands over what has arrived. Gives who waits for the space, and whether the connection breaks here.
    fn deliver(&mut self, to: &mut ReadBuf<'_>, line: &Line, from: usize) -> (Option<Waker>, bool) {
        let Some(chunk) = self.under_way.front_mut() else { return (None, false) };
        if chunk.bytes.is_empty() {
            // The end stays where it is: whoever reads on finds it again.
            return (None, false);
        }
        let mut count = chunk.bytes.len().min(to.remaining());
        let cut = self.cut_next && count > 1;
        if cut {
            let whole = match chunk.bytes.first_chunk::<LENGTH_BYTES>() {
                Some(length) if self.frame.is_empty() => u32::from_be_bytes(*length) as usize + LENGTH_BYTES,
                _ => count,
            };
            count = line.network.random_below(count.min(whole)).max(1);
        }
        to.put_slice(&chunk.bytes[..count]);
        self.frame.extend_from_slice(&chunk.bytes[..count]);
        chunk.bytes.advance(count);
        if chunk.bytes.is_empty() {
            self.under_way.pop_front();
        }
        self.bytes -= count;
        self.tell_frames(line, from);
        (self.writer.take(), cut)
    }

    /// Tells the trace of the frames that are whole now.
    fn tell_frames(&mut self, line: &Line, from: usize) {
        let mut read = 0;
        while let Some(length) = self.frame[read..].first_chunk::<LENGTH_BYTES>() {
            let length = u32::from_be_bytes(*length) as usize;
            let begin = read + LENGTH_BYTES;
            let Some(frame) = self.frame.get(begin..begin + length) else { break };
            line.network.frame(&line.ends[from], &line.ends[1 - from], frame);
            read = begin + length;
        }
        self.frame.drain(..read);
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        if !self.is_over {
            self.send(&[]);
        }
        let writer = {
            let incoming = &mut self.line.state()[1 - self.end];
            incoming.unheard = true;
            incoming.writer.take()
        };
        writer.into_iter().for_each(Waker::wake);
    }
}
