//! A transport whose open links can be frozen or cut, as a network does it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use folkmoot::{Endpoint, Transport};
use folkmoot_transports::transport::BoxFuture;
use folkmoot_transports::{ByteStream, Connection, Listener, TcpTransport, TransportError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Clone, Copy, PartialEq)]
enum Weather {
    Fair,
    Frozen,
    Cut,
}

/// What happens to the links that were dialed since the last change for the worse.
#[derive(Clone)]
pub(super) struct Network(Arc<Mutex<State>>);

struct State {
    weather: Weather,
    /// Links of an earlier storm stay as they are.
    storm: u64,
    wakers: Vec<Waker>,
}

impl Network {
    pub(super) fn new() -> Network {
        Network(Arc::new(Mutex::new(State { weather: Weather::Fair, storm: 0, wakers: Vec::new() })))
    }

    fn change(&self, weather: Weather) {
        let mut state = self.0.lock().unwrap();
        state.weather = weather;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Nothing passes, in either direction, and nobody is told.
    pub(super) fn freeze(&self) {
        self.change(Weather::Frozen);
    }

    /// Open links end with an error; new ones are fair.
    pub(super) fn cut(&self) {
        self.change(Weather::Cut);
        self.forget();
    }

    /// Open links end with an error, and new ones do so at once.
    pub(super) fn fail(&self) {
        self.change(Weather::Cut);
    }

    /// New links are fair; those that were frozen stay so.
    pub(super) fn forget(&self) {
        let mut state = self.0.lock().unwrap();
        state.weather = Weather::Fair;
        state.storm += 1;
    }

    /// What it is like for a stream that was opened in that storm.
    fn pass(&self, stream: &mut Stream, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if stream.storm == state.storm {
            stream.weather = state.weather;
        } else if stream.weather == Weather::Fair {
            // Its storm was over before it looked: it was cut.
            stream.weather = Weather::Cut;
        }
        match stream.weather {
            Weather::Fair => {
                state.wakers.push(cx.waker().clone());
                Poll::Ready(Ok(()))
            }
            Weather::Frozen => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Weather::Cut => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

/// TCP over such a network, for those who dial.
pub(super) struct FaultyTcp(pub(super) Network);

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
            let storm = self.0.0.lock().unwrap().storm;
            let network = self.0.clone();
            connection.stream =
                Box::new(Stream { inner: connection.stream, network, storm, weather: Weather::Fair });
            Ok(connection)
        })
    }
}

struct Stream {
    inner: Box<dyn ByteStream>,
    network: Network,
    storm: u64,
    weather: Weather,
}

impl Stream {
    fn pass(&mut self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let network = self.network.clone();
        network.pass(self, cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.pass(cx))?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.pass(cx))?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.pass(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
