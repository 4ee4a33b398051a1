//! A TCP stream that can rest: the system wakes nobody for what comes until it is read again.
//!
//! What always holds: nothing is lost by a rest; what came meanwhile is read at once by the next read, and only one that
//! finds nothing has the runtime watch the socket again. Neighbour: [`tcp`](super) makes streams of this kind.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct RestingTcp(State);

#[derive(Debug)]
enum State {
    /// The runtime is told of what comes.
    Watched(TcpStream),
    /// Nobody is.
    Resting(std::net::TcpStream),
    /// It could not be given from one to the other.
    Lost,
}

impl RestingTcp {
    pub(super) fn new(stream: TcpStream) -> RestingTcp {
        RestingTcp(State::Watched(stream))
    }

    /// Rests until it is read again.
    ///
    /// # Errors
    /// Where the system refuses; the stream is of no use any more then.
    pub(crate) fn rest(&mut self) -> io::Result<()> {
        self.0 = match std::mem::replace(&mut self.0, State::Lost) {
            State::Watched(stream) => State::Resting(stream.into_std()?),
            other => other,
        };
        Ok(())
    }

    /// The stream, watched.
    fn watched(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        if !matches!(self.0, State::Watched(_)) {
            self.0 = match std::mem::replace(&mut self.0, State::Lost) {
                State::Resting(stream) => State::Watched(TcpStream::from_std(stream)?),
                other => other,
            };
        }
        match &mut self.0 {
            State::Watched(stream) => Ok(Pin::new(stream)),
            _ => Err(io::Error::other("the socket could not be watched again")),
        }
    }
}

/// What came of asking the system at once; `None` where it would have to be waited for.
fn at_once<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        match ask() {
            Ok(done) => return Ok(Some(done)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

impl AsyncRead for RestingTcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let State::Resting(stream) = &mut self.0
            && let Some(read) = at_once(|| stream.read(buffer.initialize_unfilled()))?
        {
            buffer.advance(read);
            return Poll::Ready(Ok(()));
        }
        self.watched()?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for RestingTcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let State::Resting(stream) = &mut self.0
            && let Some(written) = at_once(|| stream.write(bytes))?
        {
            return Poll::Ready(Ok(written));
        }
        self.watched()?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.watched()?.poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The system sends what it has taken.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.watched()?.poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (RestingTcp, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialed = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        (RestingTcp::new(accepted), dialed)
    }

    #[tokio::test]
    async fn nothing_is_lost_by_a_rest_and_nobody_is_woken_meanwhile() {
        let (mut ours, mut theirs) = pair().await;
        let mut bytes = [0; 4];
        for rest_first in [true, false] {
            if rest_first {
                ours.rest().unwrap();
            }
            theirs.write_all(b"ping").await.unwrap();
            if !rest_first {
                ours.rest().unwrap();
            }
            ours.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"ping");
            ours.rest().unwrap();
            ours.write_all(b"pong").await.unwrap();
            theirs.read_exact(&mut bytes).await.unwrap();
            assert_eq!(&bytes, b"pong");
            assert!(matches!(ours.0, State::Resting(_)), "a write that is taken at once ends no rest");
        }
    }

    #[tokio::test]
    async fn what_must_be_waited_for_is_waited_for() {
        let (mut ours, mut theirs) = pair().await;
        ours.rest().unwrap();
        let sent = vec![7; 16 << 20];
        let (written, read) = tokio::join!(ours.write_all(&sent), async {
            let mut got = vec![0; sent.len()];
            theirs.read_exact(&mut got).await.map(|_| got)
        });
        written.unwrap();
        assert!(read.unwrap() == sent);
        ours.rest().unwrap();
        let mut byte = [0];
        let (read, written) = tokio::join!(ours.read_exact(&mut byte), theirs.write_all(b"x"));
        read.unwrap();
        written.unwrap();
        ours.rest().unwrap();
        ours.shutdown().await.unwrap();
        assert_eq!(theirs.read(&mut byte).await.unwrap(), 0);
        drop(theirs);
        assert_eq!(ours.read(&mut byte).await.unwrap(), 0);
    }
}
