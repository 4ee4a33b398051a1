//! Unix sockets: between processes of one machine, each knowing the user that the other runs as.
//!
//! Always: the file of a listener is open to its own user alone (mode 0600), and [`Connection::principal`] is what
//! the system says of the other end (`unix:uid=1000`), not what that end says. Neighbours: `socket_file.rs` has the
//! file's life, [`crate::unix_tls`] listens and dials through the functions here.

use std::io;
use std::path::Path;

use folkmoot_codecs::{Endpoint, Principal};
use tokio::net::{UnixListener, UnixStream};

use crate::error::TransportError;
use crate::socket_file::{self, SocketFile};
use crate::transport::{Accepted, BoxFuture, Connection, Listener, Transport};

/// The longest path of a socket, in bytes: what the system's address of a socket holds before its final NUL.
pub const MAX_PATH_BYTES: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 107 } else { 103 };

/// What the names begin with that the system proves of a unix socket's other end.
const USER_NAME: &str = "unix:uid=";

/// Serves `unix://`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixTransport;

impl UnixTransport {
    /// The transport; it has nothing to configure.
    pub fn new() -> UnixTransport {
        UnixTransport
    }
}

impl Transport for UnixTransport {
    fn scheme(&self) -> &'static str {
        "unix"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            listen(self.scheme(), endpoint, |stream, peer| std::future::ready(plain(stream, peer))).await
        })
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        Box::pin(async move {
            if let Some(expected) = expected_peer.filter(|expected| !expected.starts_with(USER_NAME)) {
                let expected = expected.to_owned();
                return Err(TransportError::CannotProve { scheme: self.scheme(), expected });
            }
            let connection = plain(connect(self.scheme(), endpoint).await?, endpoint.to_string())?;
            let found = connection.principal.node_name();
            match expected_peer.filter(|expected| *expected != found) {
                None => Ok(connection),
                Some(expected) => Err(TransportError::WrongUser {
                    peer: endpoint.to_string(),
                    expected: expected.to_owned(),
                    found: found.to_owned(),
                }),
            }
        })
    }
}

fn plain(stream: UnixStream, peer_address: String) -> Result<Connection, TransportError> {
    let credentials = stream
        .peer_cred()
        .map_err(|source| TransportError::Handshake { peer: peer_address.clone(), source })?;
    let principal = Principal::unix_user(credentials.uid());
    Ok(Connection { stream: Box::new(stream), principal, proven: true, certificate: None, peer_address })
}

/// A listening socket, and what makes a connection of a stream that came in.
struct Door<A> {
    /// Dropped before the socket: as long as that is open, the file's identity is nobody else's.
    _file: SocketFile,
    socket: UnixListener,
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
    A: Fn(UnixStream, String) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Connection, TransportError>> + Send,
{
    let (file, socket) = socket_file::bind(place(scheme, endpoint)?)
        .await
        .map_err(|source| TransportError::Listen { endpoint: endpoint.clone(), source })?;
    Ok(Box::new(Door { _file: file, socket, endpoint: endpoint.clone(), admit }))
}

impl<A, F> Listener for Door<A>
where
    A: Fn(UnixStream, String) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Connection, TransportError>> + Send,
{
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Accepted, TransportError>> {
        Box::pin(async move {
            let (stream, _) =
                self.socket.accept().await.map_err(|source| TransportError::Accept { source })?;
            let (peer, admit) = (address_of(&stream), self.admit.clone());
            Ok(Accepted::new(peer.clone(), async move { admit(stream, peer).await }))
        })
    }
}

/// Where a connection comes from: a dialer's socket has no name, but a user and mostly a process.
fn address_of(stream: &UnixStream) -> String {
    let Ok(credentials) = stream.peer_cred() else {
        return "unix:unknown".to_owned();
    };
    let user = Principal::unix_user(credentials.uid());
    match credentials.pid() {
        Some(pid) => format!("{user},pid={pid}"),
        None => user.to_string(),
    }
}

/// Connects to the socket.
pub(crate) async fn connect(scheme: &'static str, endpoint: &Endpoint) -> Result<UnixStream, TransportError> {
    let path = place(scheme, endpoint)?;
    UnixStream::connect(path).await.map_err(|source| {
        let source = match source.kind() {
            // The system says "try again" where all places of the listener's queue are taken.
            io::ErrorKind::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "too many wait there to be accepted")
            }
            _ => source,
        };
        TransportError::Dial { endpoint: endpoint.clone(), source }
    })
}

/// The path of an endpoint that is for `scheme`, if a socket can have it.
fn place<'a>(scheme: &'static str, endpoint: &'a Endpoint) -> Result<&'a Path, TransportError> {
    let path = endpoint.socket_path().filter(|_| endpoint.scheme() == scheme);
    let path =
        path.ok_or_else(|| TransportError::WrongScheme { scheme, endpoint: endpoint.clone() })?.as_path();
    let bytes = path.as_os_str().len();
    if bytes > MAX_PATH_BYTES {
        return Err(TransportError::PathTooLong { endpoint: endpoint.clone(), bytes, limit: MAX_PATH_BYTES });
    }
    Ok(path)
}
