//! The door at a name of `local://`: who keeps it, and the connections that come in by it.
//!
//! Always: connections are accepted in the order in which they came in, and a dialer waits while too many have not been
//! accepted. Neighbours: [`local`](super) opens doors within a process, `platform`'s simulation those of its nodes.

use std::io;

use folkmoot_codecs::{Endpoint, Principal};
use tokio::sync::mpsc;

use super::LOCAL_BACKLOG_CONNECTIONS;
use crate::certificate_fault::CertificateFault;
use crate::error::TransportError;
use crate::transport::{Accepted, BoxFuture, ByteStream, Connection, Listener};

/// The scheme of all that is here.
pub(super) const SCHEME: &str = "local";

/// A door, for those who come: clones lead to the same listener.
#[derive(Debug)]
pub struct LocalDoor<S> {
    arrivals: mpsc::Sender<Arrival<S>>,
    keeper: Principal,
}

impl<S> Clone for LocalDoor<S> {
    fn clone(&self) -> LocalDoor<S> {
        LocalDoor { arrivals: self.arrivals.clone(), keeper: self.keeper.clone() }
    }
}

/// A connection on its way to a listener.
#[derive(Debug)]
struct Arrival<S> {
    stream: S,
    dialer: Principal,
    number: u64,
}

/// Both ends of a connection, and its number: what is dialed later has a greater one.
#[derive(Debug)]
pub struct LocalPair<S> {
    /// The dialer's end.
    pub near: S,
    /// The listener's.
    pub far: S,
    /// For the peer's address in logs.
    pub number: u64,
}

impl<S: ByteStream> LocalDoor<S> {
    /// A door of `keeper`'s at `endpoint`, and its listener; once that is dropped, the door is closed.
    pub fn open(keeper: Principal, endpoint: Endpoint) -> (LocalDoor<S>, Box<dyn Listener>) {
        let (arrivals, came) = mpsc::channel(LOCAL_BACKLOG_CONNECTIONS);
        (LocalDoor { arrivals, keeper }, Box::new(Doorkeeper { came, endpoint }))
    }

    /// The name of an endpoint, if it is one of `local://`.
    ///
    /// # Errors
    /// [`TransportError::WrongScheme`].
    pub fn name(endpoint: &Endpoint) -> Result<&str, TransportError> {
        match endpoint {
            Endpoint::Local { name } => Ok(name),
            _ => Err(TransportError::WrongScheme { scheme: SCHEME, endpoint: endpoint.clone() }),
        }
    }

    /// Who listens.
    pub fn keeper(&self) -> &Principal {
        &self.keeper
    }

    /// Whether nobody listens any more.
    pub fn is_closed(&self) -> bool {
        self.arrivals.is_closed()
    }

    /// Brings `dialer` in by the door that was found at `endpoint`. `connect` makes both ends once there is room for
    /// one more to be accepted.
    ///
    /// # Errors
    /// [`TransportError::Dial`] where there is no door, or it is closed; [`TransportError::PeerCertificate`] where its
    /// keeper is not who is expected.
    pub async fn enter(
        door: Option<LocalDoor<S>>,
        endpoint: &Endpoint,
        expected_peer: Option<&str>,
        dialer: &Principal,
        connect: impl FnOnce(&Principal) -> LocalPair<S>,
    ) -> Result<Connection, TransportError> {
        let nobody = || {
            let source = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
            TransportError::Dial { endpoint: endpoint.clone(), source }
        };
        let LocalDoor { arrivals, keeper } = door.ok_or_else(nobody)?;
        if let Some(expected) = expected_peer.filter(|expected| *expected != keeper.node_name()) {
            let found = vec![keeper.node_name().to_owned()];
            let fault = CertificateFault::WrongName { expected: expected.to_owned(), found };
            return Err(TransportError::PeerCertificate { peer: endpoint.to_string(), fault });
        }
        let place = arrivals.reserve().await.map_err(|_| nobody())?;
        let LocalPair { near, far, number } = connect(&keeper);
        place.send(Arrival { stream: far, dialer: dialer.clone(), number });
        Ok(believed(near, keeper, endpoint.to_string()))
    }

    /// Where somebody else listens at that endpoint already.
    pub fn taken(endpoint: &Endpoint) -> TransportError {
        let source = io::Error::new(io::ErrorKind::AddrInUse, "another container listens there");
        TransportError::Listen { endpoint: endpoint.clone(), source }
    }
}

/// A connection to somebody who was told to be `principal`, and has proven nothing.
fn believed<S: ByteStream>(stream: S, principal: Principal, peer_address: String) -> Connection {
    Connection { stream: Box::new(stream), principal, proven: false, certificate: None, peer_address }
}

struct Doorkeeper<S> {
    came: mpsc::Receiver<Arrival<S>>,
    endpoint: Endpoint,
}

impl<S: ByteStream> Listener for Doorkeeper<S> {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Accepted, TransportError>> {
        Box::pin(async move {
            let Some(Arrival { stream, dialer, number }) = self.came.recv().await else {
                return Err(TransportError::Closed { endpoint: self.endpoint.clone() });
            };
            let peer_address = format!("local:{}#{number}", dialer.node_name());
            let connection = believed(stream, dialer, peer_address.clone());
            Ok(Accepted::new(peer_address, std::future::ready(Ok(connection))))
        })
    }
}
