//! Plain TCP: anonymous, for loopback and for closed networks.
//!
//! Always: `TCP_NODELAY` (writers batch by themselves) and `SO_KEEPALIVE` are on. Neighbours: [`crate::tls`]
//! listens and dials through the functions here; `platform` decides where plain TCP is allowed.

use std::io;
use std::net::SocketAddr;

use folkmoot_codecs::{Endpoint, Principal};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};

use crate::error::TransportError;
use crate::transport::{Accepted, BoxFuture, Connection, Listener, Transport};

mod resting;

pub(crate) use resting::RestingTcp;

/// How many connections the system keeps for a listener that has not accepted them yet. With less, a crowd
/// of nodes that reconnect at once would wait a second for the system's retry.
pub const LISTEN_BACKLOG_CONNECTIONS: u32 = 1024;

/// Serves `tcp://`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpTransport;

impl TcpTransport {
    /// The transport; it has nothing to configure.
    pub fn new() -> TcpTransport {
        TcpTransport
    }
}

impl Transport for TcpTransport {
    fn scheme(&self) -> &'static str {
        "tcp"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            listen(self.scheme(), endpoint, |stream, peer| std::future::ready(Ok(plain(stream, peer)))).await
        })
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        Box::pin(async move {
            if let Some(expected) = expected_peer {
                let expected = expected.to_owned();
                return Err(TransportError::CannotProve { scheme: self.scheme(), expected });
            }
            let (stream, peer) = connect(self.scheme(), endpoint).await?;
            Ok(plain(stream, peer.to_string()))
        })
    }
}

fn plain(stream: TcpStream, peer_address: String) -> Connection {
    Connection {
        stream: Box::new(RestingTcp::new(stream)),
        principal: Principal::anonymous(),
        proven: false,
        certificate: None,
        peer_address,
    }
}

/// A listening socket, and what makes a connection of a stream that came in.
struct Door<A> {
    socket: TcpListener,
    endpoint: Endpoint,
    admit: A,
}

/// Listens; `admit` makes a connection of each stream and its peer's address.
pub(crate) async fn listen<A, F>(
    scheme: &'static str,
    endpoint: &Endpoint,
    admit: A,
) -> Result<Box<dyn Listener>, TransportError>
where
    A: Fn(TcpStream, String) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Connection, TransportError>> + Send,
{
    let (socket, endpoint) = bind(scheme, endpoint).await?;
    Ok(Box::new(Door { socket, endpoint, admit }))
}

impl<A, F> Listener for Door<A>
where
    A: Fn(TcpStream, String) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Connection, TransportError>> + Send,
{
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Accepted, TransportError>> {
        Box::pin(async move {
            let (stream, peer) = accept(&self.socket).await?;
            // A listener for both kinds of addresses sees IPv4 ones as IPv6.
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            let (peer, admit) = (peer.to_string(), self.admit.clone());
            Ok(Accepted::new(peer.clone(), async move {
                tune(&stream).map_err(|source| TransportError::Handshake { peer: peer.clone(), source })?;
                admit(stream, peer).await
            }))
        })
    }
}

/// Binds a listening socket at the first address of the host that can be had, and gives the endpoint with
/// its real port.
async fn bind(scheme: &'static str, endpoint: &Endpoint) -> Result<(TcpListener, Endpoint), TransportError> {
    let (host, port) = place(scheme, endpoint)?;
    let fail = |source| TransportError::Listen { endpoint: endpoint.clone(), source };
    let mut last = no_address();
    for address in lookup_host((host, port)).await.map_err(fail)? {
        match open_door(address) {
            Ok(socket) => {
                let port = socket.local_addr().map_err(fail)?.port();
                return Ok((socket, endpoint.with_port(port)));
            }
            Err(error) => last = error,
        }
    }
    Err(fail(last))
}

fn open_door(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restarted node gets its port back at once; elsewhere than on unix it would mean stealing it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG_CONNECTIONS)
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the host has no address")
}

/// Accepts one raw connection; those that died in the backlog are passed over.
async fn accept(socket: &TcpListener) -> Result<(TcpStream, SocketAddr), TransportError> {
    loop {
        match socket.accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(source) if died_in_backlog(&source) => {}
            Err(source) => return Err(TransportError::Accept { source }),
        }
    }
}

fn died_in_backlog(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Connects to the first address of the host that answers.
pub(crate) async fn connect(
    scheme: &'static str,
    endpoint: &Endpoint,
) -> Result<(TcpStream, SocketAddr), TransportError> {
    let (host, port) = place(scheme, endpoint)?;
    let addresses = lookup_host((host, port))
        .await
        .map_err(|source| TransportError::Resolve { endpoint: endpoint.clone(), source })?;
    let mut last = no_address();
    for address in addresses {
        match TcpStream::connect(address).await.and_then(|stream| tune(&stream).map(|()| stream)) {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => last = error,
        }
    }
    Err(TransportError::Dial { endpoint: endpoint.clone(), source: last })
}

/// Sets the options that every connection of ours has.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_keepalive(true)
}

/// Host and port of an endpoint that is for `scheme`.
pub(crate) fn place<'a>(
    scheme: &'static str,
    endpoint: &'a Endpoint,
) -> Result<(&'a str, u16), TransportError> {
    let wrong = || TransportError::WrongScheme { scheme, endpoint: endpoint.clone() };
    if endpoint.scheme() != scheme {
        return Err(wrong());
    }
    endpoint.host_and_port().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_connection_is_tuned() {
        let (socket, endpoint) = bind("tcp", &"tcp://127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (dialed, _) = connect("tcp", &endpoint).await.unwrap();
        let (accepted, _) = accept(&socket).await.unwrap();
        tune(&accepted).unwrap();
        for stream in [dialed, accepted] {
            assert!(stream.nodelay().unwrap());
            assert!(SockRef::from(&stream).keepalive().unwrap());
        }
    }
}
