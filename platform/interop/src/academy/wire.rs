//! The bytes of one connection, with or without TLS, and how far those have come that were handed over to be written.
//!
//! Always true: what was handed over before a flush that ended well is in the system's hands, all of it
//! ([`Line::is_out`]). Neighbours: [`connection`](super::connection) drives a [`Wire`]; [`held`](super::held) asks its
//! [`Line`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::counts::Counts;

/// How far the bytes of a connection have come.
#[derive(Debug, Default)]
pub(crate) struct Line {
    handed: AtomicU64,
    out: AtomicU64,
    bytes_in: AtomicU64,
    has_failed: AtomicBool,
}

impl Line {
    /// Counts what is handed over to be written, in the same poll in which the writer takes it.
    pub(crate) fn hand(&self) -> u64 {
        self.handed.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Whether all of what [`Line::hand`] counted as `number` is in the system's hands.
    pub(crate) fn is_out(&self, number: u64) -> bool {
        self.out.load(Ordering::Acquire) >= number
    }

    /// What was handed over and what of it is out, as counted.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.handed.load(Ordering::Acquire), self.out.load(Ordering::Acquire))
    }

    /// Whether reading or writing has failed: the other end reset the connection, say.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    fn note<T>(&self, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(error)) = &done
            // Many close a connection under TLS without a word of TLS.
            && error.kind() != io::ErrorKind::UnexpectedEof
        {
            self.has_failed.store(true, Ordering::Release);
        }
        done
    }

    /// Bytes that have been read.
    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }
}

/// A connection as HTTP sees it.
#[derive(Debug)]
pub(crate) struct Wire {
    line: Arc<Line>,
    counts: Arc<Counts>,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Calls the same method of whichever stream it is.
macro_rules! either {
    ($wire:expr, $stream:ident => $call:expr) => {
        match &mut $wire.stream {
            Stream::Plain($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Tls($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
        }
    };
}

impl Wire {
    pub(crate) fn plain(stream: TcpStream, counts: Arc<Counts>) -> Wire {
        Wire { line: Arc::default(), counts, stream: Stream::Plain(stream) }
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>, counts: Arc<Counts>) -> Wire {
        Wire { line: Arc::default(), counts, stream: Stream::Tls(Box::new(stream)) }
    }

    /// Notes what was written.
    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.counts.counters.bytes_out.increment(*bytes as u64);
        }
        self.line.note(written)
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// The connection beneath.
    pub(crate) fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = either!(self, stream => stream.poll_read(cx, buf));
        let bytes = buf.filled().len().saturating_sub(before);
        self.line.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.counts.counters.bytes_in.increment(bytes as u64);
        self.line.note(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = either!(self, stream => stream.poll_write(cx, bytes));
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = either!(self, stream => stream.poll_write_vectored(cx, slices));
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    /// HTTP flushes when nothing is left in its own buffers, so all that was handed over is out when this is done.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let handed = self.line.handed.load(Ordering::Acquire);
        let flushed = either!(self, stream => stream.poll_flush(cx));
        if let Poll::Ready(Ok(())) = flushed {
            self.line.out.fetch_max(handed, Ordering::AcqRel);
        }
        self.line.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }
}
