//! The floor of a remote call: a bare tokio echo with many calls in flight on one connection.
//!
//! As one would write it for speed: one thread, an id and a pending table, `TCP_NODELAY`, and all that waits leaves
//! in one write. No codec, no names, no gate, no deadline. Neighbours: [`frames`] are its bytes,
//! [`bare_tls`] its TLS.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{bare_tls, frames, text};
use crate::Result;
use crate::child::{orders, tell};
use crate::role::{Drive, Serve};
use crate::tasks::in_flight;

/// Space made for each read.
const READ_BYTES: usize = 64 * 1024;

/// Runs `work` on one thread, as a container does with one worker.
pub(super) fn on_one_thread(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

pub(super) fn serve(serve: &Serve) -> Result<()> {
    on_one_thread(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let acceptor = serve.certs.as_deref().map(bare_tls::acceptor).transpose()?;
        tell(listener.local_addr()?)?;
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let ended = match acceptor {
            None => echo(stream).await,
            Some(acceptor) => echo(acceptor.accept(stream).await?).await,
        };
        match ended {
            // The driver was ended without a word of TLS.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            ended => Ok(ended?),
        }
    })
}

/// Sends every frame back: one write for all that came in one read.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    loop {
        input.reserve(READ_BYTES);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        while let Some((id, text)) = frames::take(&mut input) {
            frames::put(&mut out, id, &text);
        }
        if !out.is_empty() {
            stream.write_all(&out).await?;
            stream.flush().await?;
            out.clear();
        }
    }
}

pub(super) fn drive(drive: &Drive) -> Result<()> {
    on_one_thread(async {
        let stream = TcpStream::connect(&drive.to).await?;
        stream.set_nodelay(true)?;
        let calls = Rc::new(Calls::default());
        match drive.certs.as_deref() {
            None => tokio::task::spawn_local(calls.clone().carry(stream)),
            Some(certs) => {
                let stream = bare_tls::connect(certs, stream).await?;
                tokio::task::spawn_local(calls.clone().carry(stream))
            }
        };
        let text: Bytes = text(drive.text_bytes).into();
        let mut orders = orders();
        while let Some(count) = orders.recv().await {
            let (calls, text) = (calls.clone(), text.clone());
            let call = move || {
                let (reply, length) = (calls.send(&text), text.len());
                async move { assert_eq!(reply.await.expect("the echo answers").len(), length) }
            };
            tell(in_flight(drive.in_flight, count, call).await?.as_nanos())?;
        }
        Ok(())
    })
}

/// The calls of one connection.
#[derive(Default)]
struct Calls(RefCell<Waiting>);

#[derive(Default)]
struct Waiting {
    next_id: u64,
    replies: HashMap<u64, oneshot::Sender<Bytes>>,
    out: BytesMut,
    writer: Option<Waker>,
}

impl Calls {
    fn send(&self, text: &[u8]) -> oneshot::Receiver<Bytes> {
        let (tell, reply) = oneshot::channel();
        let waiting = &mut *self.0.borrow_mut();
        waiting.next_id += 1;
        waiting.replies.insert(waiting.next_id, tell);
        frames::put(&mut waiting.out, waiting.next_id, text);
        if let Some(writer) = waiting.writer.take() {
            writer.wake();
        }
        reply
    }

    /// Moves bytes until the connection ends; then nobody's call is answered any more.
    async fn carry(self: Rc<Self>, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
        let ended: io::Result<()> = std::future::poll_fn(|cx| {
            loop {
                if let Poll::Ready(Err(error)) = self.poll_write(&mut stream, &mut out, cx) {
                    return Poll::Ready(Err(error));
                }
                input.reserve(READ_BYTES);
                match pin!(stream.read_buf(&mut input)).poll(cx)? {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(0) => return Poll::Ready(Ok(())),
                    Poll::Ready(_) => self.answer(&mut input),
                }
            }
        })
        .await;
        drop(ended);
        self.0.borrow_mut().replies.clear();
    }

    /// Writes all that waits, and asks to be woken when there is more.
    fn poll_write(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        out: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if out.is_empty() {
                let waiting = &mut *self.0.borrow_mut();
                if waiting.out.is_empty() {
                    waiting.writer = Some(cx.waker().clone());
                    break;
                }
                std::mem::swap(&mut waiting.out, out);
            }
            match pin!(stream.write(out)).poll(cx)? {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(written) => out.advance(written),
            }
        }
        pin!(stream.flush()).poll(cx)
    }

    fn answer(&self, input: &mut BytesMut) {
        while let Some((id, text)) = frames::take(input) {
            let reply = self.0.borrow_mut().replies.remove(&id);
            reply.expect("the echo answers what was asked").send(text).expect("the caller waits");
        }
    }
}
