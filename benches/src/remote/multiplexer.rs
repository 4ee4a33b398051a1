//! A second floor of a remote call: a request-reply multiplexer as one would write it by hand for a service.
//!
//! One thread, a task for each request, a channel to a writer that drains it into one write, a table of pending calls
//! behind a lock. No codec, no names, no gate, no deadline. Neighbour: [`bare`](super::bare) is the stricter floor: its
//! server sends each frame back from the loop that read it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::bare::on_one_thread;
use super::{bare_tls, frames, text};
use crate::Result;
use crate::child::{orders, tell};
use crate::role::{Drive, Serve};
use crate::tasks::in_flight;

/// Space made for each read.
const READ_BYTES: usize = 64 * 1024;
/// Frames that wait for the writer.
const QUEUE: usize = 1024;

type Frame = (u64, Bytes);

pub(super) fn serve(serve: &Serve) -> Result<()> {
    on_one_thread(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let acceptor = serve.certs.as_deref().map(bare_tls::acceptor).transpose()?;
        tell(listener.local_addr()?)?;
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match acceptor {
            None => answer(stream).await,
            Some(acceptor) => answer(acceptor.accept(stream).await?).await,
        }
        Ok(())
    })
}

/// Answers each request in a task of its own.
async fn answer(stream: impl AsyncRead + AsyncWrite + Send + 'static) {
    let (read, write) = split(stream);
    let (replies, waiting) = mpsc::channel(QUEUE);
    let writing = tokio::spawn(write_all(write, waiting));
    let reading = tokio::spawn(read_all(read, move |id, text| {
        let replies = replies.clone();
        // A driver that has gone has no use for the reply.
        tokio::spawn(async move { drop(replies.send((id, text)).await) });
    }));
    drop((reading.await, writing.await));
}

/// Writes what waits, as much as there is in one write.
async fn write_all(mut write: impl AsyncWrite + Unpin, mut waiting: mpsc::Receiver<Frame>) -> io::Result<()> {
    let (mut batch, mut out) = (Vec::with_capacity(QUEUE), BytesMut::new());
    while waiting.recv_many(&mut batch, QUEUE).await > 0 {
        batch.drain(..).for_each(|(id, text)| frames::put(&mut out, id, &text));
        write.write_all(&out).await?;
        write.flush().await?;
        out.clear();
    }
    Ok(())
}

async fn read_all(mut read: impl AsyncRead + Unpin, mut take: impl FnMut(u64, Bytes)) -> io::Result<()> {
    let mut input = BytesMut::new();
    loop {
        input.reserve(READ_BYTES);
        if read.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        while let Some((id, text)) = frames::take(&mut input) {
            take(id, text);
        }
    }
}

pub(super) fn drive(drive: &Drive) -> Result<()> {
    on_one_thread(async {
        let stream = TcpStream::connect(&drive.to).await?;
        stream.set_nodelay(true)?;
        let calls = match drive.certs.as_deref() {
            None => Calls::over(stream),
            Some(certs) => Calls::over(bare_tls::connect(certs, stream).await?),
        };
        let text: Bytes = text(drive.text_bytes).into();
        let mut orders = orders();
        while let Some(count) = orders.recv().await {
            let (calls, text) = (calls.clone(), text.clone());
            let call = move || {
                let (calls, text) = (calls.clone(), text.clone());
                async move {
                    let length = text.len();
                    assert_eq!(calls.call(text).await.len(), length);
                }
            };
            tell(in_flight(drive.in_flight, count, call).await?.as_nanos())?;
        }
        Ok(())
    })
}

/// The calls of one connection.
struct Calls {
    next_id: AtomicU64,
    pending: Mutex<HashMap<u64, oneshot::Sender<Bytes>>>,
    requests: mpsc::Sender<Frame>,
}

impl Calls {
    fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Arc<Calls> {
        let (read, write) = split(stream);
        let (requests, waiting) = mpsc::channel(QUEUE);
        let calls = Arc::new(Calls { next_id: AtomicU64::new(0), pending: Mutex::default(), requests });
        let replied = calls.clone();
        tokio::spawn(write_all(write, waiting));
        tokio::spawn(read_all(read, move |id, text| {
            let reply = replied.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            drop(reply.map(|reply| reply.send(text)));
        }));
        calls
    }

    async fn call(&self, text: Bytes) -> Bytes {
        let (tell, reply) = oneshot::channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id, tell);
        self.requests.send((id, text)).await.expect("the connection stands");
        reply.await.expect("the server answers")
    }
}
