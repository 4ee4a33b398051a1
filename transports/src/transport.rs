//! The one shape of every transport: listen, accept, dial, and the connection that comes of it.
//!
//! Always: no method waits for more than the network (callers put their own time-outs around the futures),
//! and a [`Connection`] exists only after its whole handshake. Neighbours: [`crate::tcp`], [`crate::tls`],
//! [`crate::local`] and those of unix sockets implement it; `platform` runs the accept loop and the frames.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;

use folkmoot_codecs::{Endpoint, Principal};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::TransportError;
use crate::revocation::PeerCertificate;
use crate::tcp::RestingTcp;

/// A duplex stream of bytes. Shutting its write half down leaves the read half open.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// The stream as what it is, for [`rest`].
    #[doc(hidden)]
    fn as_any(&mut self) -> &mut dyn Any;
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// Lets the system wake nobody for what comes on the stream until it is read again. Only plain TCP can; other streams
/// are as they were.
///
/// # Errors
/// Where the system refuses; the stream is of no use any more then.
pub fn rest(stream: &mut dyn ByteStream) -> io::Result<()> {
    match stream.as_any().downcast_mut::<RestingTcp>() {
        Some(tcp) => tcp.rest(),
        None => Ok(()),
    }
}

/// A future on the heap, as object-safe traits need it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to open and to accept byte streams.
pub trait Transport: Send + Sync + 'static {
    /// The URL scheme it serves, as [`Endpoint::scheme`] gives it.
    fn scheme(&self) -> &'static str;

    /// Listens at `endpoint`; port 0 takes a free port, which [`Listener::endpoint`] tells.
    ///
    /// # Errors
    /// [`TransportError::Listen`] where the address cannot be had, [`TransportError::WrongScheme`] where the
    /// endpoint belongs to another transport.
    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>>;

    /// Opens a connection to `endpoint` and does the whole handshake.
    ///
    /// With `expected_peer` the other end has to prove that name (`spiffe://...`), and the host in the
    /// endpoint is then only a place, not a name; without it the certificate has to match the host (for
    /// `unix+tls://`, which has none, `localhost`). Plain `unix://` can prove a user, `unix:uid=1000`.
    ///
    /// # Errors
    /// Those of reaching the place ([`TransportError::Dial`], [`TransportError::Resolve`]) and those of the
    /// handshake. A transport that can prove no name refuses any `expected_peer`.
    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>>;
}

/// An open door. Dropping it closes it; connections already accepted live on.
pub trait Listener: Send + 'static {
    /// Where it really listens, port 0 resolved.
    fn endpoint(&self) -> &Endpoint;

    /// Waits for the next raw connection. Cancel safe: a dropped future loses no connection.
    ///
    /// # Errors
    /// [`TransportError::Accept`] when the system is short of something (file descriptors, memory): the
    /// listener is still good, wait a moment and accept again.
    fn accept(&mut self) -> BoxFuture<'_, Result<Accepted, TransportError>>;
}

/// A raw connection that has proven nothing yet.
///
/// It holds a socket from the first moment, so a node bounds how many of these it keeps and how long
/// [`Accepted::handshake`] may take.
pub struct Accepted {
    peer_address: String,
    handshake: BoxFuture<'static, Result<Connection, TransportError>>,
}

impl Accepted {
    /// A raw connection and the handshake that will finish it; for those who write a transport.
    pub fn new(
        peer_address: impl Into<String>,
        handshake: impl Future<Output = Result<Connection, TransportError>> + Send + 'static,
    ) -> Accepted {
        Accepted { peer_address: peer_address.into(), handshake: Box::pin(handshake) }
    }

    /// Where it comes from, for logs and limits by address: `127.0.0.1:50122`, `local:NAME#2`, or
    /// `unix:uid=1000,pid=4711`.
    pub fn peer_address(&self) -> &str {
        &self.peer_address
    }

    /// The rest of the handshake; nothing is read or written before it is polled.
    ///
    /// # Errors
    /// What the peer did wrong, see [`TransportError`]; a peer that says nothing keeps it waiting for ever.
    pub fn handshake(self) -> BoxFuture<'static, Result<Connection, TransportError>> {
        self.handshake
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("peer_address", &self.peer_address).finish_non_exhaustive()
    }
}

/// A connection after its handshake.
pub struct Connection {
    /// The bytes.
    pub stream: Box<dyn ByteStream>,
    /// Who is at the other end.
    pub principal: Principal,
    /// Whether the principal's name is proven: by a certificate, or by the system for a unix socket.
    pub proven: bool,
    /// The certificate that did, if one did, for the question later whether it was revoked.
    pub certificate: Option<PeerCertificate>,
    /// Where the other end is, for logs.
    pub peer_address: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("principal", &self.principal)
            .field("proven", &self.proven)
            .field("peer_address", &self.peer_address)
            .finish_non_exhaustive()
    }
}
