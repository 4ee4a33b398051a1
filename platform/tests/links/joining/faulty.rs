//! A transport whose open links can be frozen or cut, at once or at any byte, as a network does it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use folkmoot::{Endpoint, Transport};
use folkmoot_transports::transport::BoxFuture;
use folkmoot_transports::{ByteStream, Connection, Listener, TcpTransport, TransportError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Clone, Copy, PartialEq)]
enum Weather {
    Fair,
    Frozen,
    /// After so many bytes more, of both directions together.
    CutAfter(usize),
}

/// What happens to the links that were dialed since the last change for the worse.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<State>>);

struct State {
    weather: Weather,
    /// How the storms before this one ended: their links stay like that.
    past: Vec<Weather>,
    wakers: Vec<Waker>,
}

impl Network {
    pub(crate) fn new() -> Network {
        Network(Arc::new(Mutex::new(State { weather: Weather::Fair, past: Vec::new(), wakers: Vec::new() })))
    }

    fn change(&self, weather: Weather) {
        let mut state = self.0.lock().unwrap();
        state.weather = weather;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Nothing passes, in either direction, and nobody is told.
    pub(crate) fn freeze(&self) {
        self.change(Weather::Frozen);
    }

    /// Open links end with an error; new ones are fair.
    pub(crate) fn cut(&self) {
        self.fail();
        self.forget();
    }

    /// Open links end with an error, and new ones do so at once.
    pub(crate) fn fail(&self) {
        self.fail_after(0);
    }

    /// Open links, and new ones, end with an error after so many bytes each.
    pub(crate) fn fail_after(&self, bytes: usize) {
        self.change(Weather::CutAfter(bytes));
    }

    /// New links are fair; those that were frozen stay so.
    pub(crate) fn forget(&self) {
        let mut state = self.0.lock().unwrap();
        let ended = std::mem::replace(&mut state.weather, Weather::Fair);
        state.past.push(ended);
    }

    /// How many bytes may pass now of a stream that was opened in that storm.
    fn pass(&self, stream: &mut Stream, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        match state.past.get(stream.storm).copied().unwrap_or(state.weather) {
            Weather::Fair => {
                state.wakers.push(cx.waker().clone());
                Poll::Ready(Ok(usize::MAX))
            }
            Weather::Frozen => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Weather::CutAfter(bytes) => {
                match bytes.saturating_sub(*stream.passed_in_storm.get_or_insert(0)) {
                    0 => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                    left => Poll::Ready(Ok(left)),
                }
            }
        }
    }
}

/// TCP over such a network, for those who dial.
pub(crate) struct FaultyTcp(pub(crate) Network);

impl Transport for FaultyTcp {
    fn scheme(&self) -> &'static str {
        "tcp"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move { TcpTransport::new().listen(endpoint).await })
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        Box::pin(async move {
            let mut connection = TcpTransport::new().dial(endpoint, expected_peer).await?;
            let storm = self.0.0.lock().unwrap().past.len();
            let network = self.0.clone();
            connection.stream =
                Box::new(Stream { inner: connection.stream, network, storm, passed_in_storm: None });
            Ok(connection)
        })
    }
}

struct Stream {
    inner: Box<dyn ByteStream>,
    network: Network,
    storm: usize,
    /// How many bytes have passed since it learnt that it will be cut.
    passed_in_storm: Option<usize>,
}

impl Stream {
    fn pass(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let network = self.network.clone();
        network.pass(self, cx)
    }

    fn passed(&mut self, bytes: usize) {
        if let Some(passed) = &mut self.passed_in_storm {
            *passed += bytes;
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = ready!(self.pass(cx))?.min(buf.remaining());
        let mut part = vec![0; most];
        let mut part = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        buf.put_slice(part.filled());
        self.passed(part.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let most = ready!(self.pass(cx))?.min(buf.len());
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &buf[..most]))?;
        self.passed(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
