//! Connections inside one process: for tests, simulations, and containers that live together.
//!
//! Always: deterministic. Connections are accepted in the order they were dialed, peers are numbered in that
//! order, and nothing depends on a clock, a hash or a socket. Names are what [`LocalTransport::named`] was
//! told: believed, not proven. Neighbours: [`crate::transport`] is the shape, `platform` simulates over it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use folkmoot_codecs::{Endpoint, Principal};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use crate::certificate_fault::CertificateFault;
use crate::error::TransportError;
use crate::transport::{Accepted, BoxFuture, Connection, Listener, Transport};

/// How many bytes each direction of a connection holds before its writer waits.
pub const LOCAL_BUFFER_BYTES: usize = 64 * 1024;
/// How many dialed connections wait for one listener before the next dialer waits.
pub const LOCAL_BACKLOG_CONNECTIONS: usize = 128;

/// The meeting points of one process, or of one test; clones share them.
#[derive(Clone, Debug, Default)]
pub struct LocalNetwork {
    points: Arc<Mutex<Points>>,
}

#[derive(Debug, Default)]
struct Points {
    doors: BTreeMap<String, Door>,
    dialed: u64,
}

#[derive(Clone, Debug)]
struct Door {
    arrivals: mpsc::Sender<Arrival>,
    keeper: Principal,
}

#[derive(Debug)]
struct Arrival {
    stream: DuplexStream,
    dialer: Principal,
    number: u64,
}

impl LocalNetwork {
    /// The network that everything in this process shares which was given none of its own.
    pub fn process() -> LocalNetwork {
        static PROCESS: OnceLock<LocalNetwork> = OnceLock::new();
        PROCESS.get_or_init(LocalNetwork::new).clone()
    }

    /// A network without any meeting point.
    pub fn new() -> LocalNetwork {
        LocalNetwork::default()
    }

    fn points(&self) -> MutexGuard<'_, Points> {
        // The table is whole after every statement, so a panic elsewhere leaves nothing half done.
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `local://`.
#[derive(Clone, Debug)]
pub struct LocalTransport {
    network: LocalNetwork,
    own: Principal,
}

impl LocalTransport {
    /// A transport whose peers see an anonymous node.
    pub fn new(network: LocalNetwork) -> LocalTransport {
        LocalTransport { network, own: Principal::anonymous() }
    }

    /// A transport whose peers see `node_name`.
    pub fn named(network: LocalNetwork, node_name: &str) -> LocalTransport {
        LocalTransport { network, own: Principal::node(node_name) }
    }

    fn name<'a>(&self, endpoint: &'a Endpoint) -> Result<&'a str, TransportError> {
        match endpoint {
            Endpoint::Local { name } => Ok(name),
            _ => Err(TransportError::WrongScheme { scheme: self.scheme(), endpoint: endpoint.clone() }),
        }
    }

    fn open(&self, endpoint: &Endpoint) -> Result<Box<dyn Listener>, TransportError> {
        let name = self.name(endpoint)?;
        let mut points = self.network.points();
        if points.doors.get(name).is_some_and(|door| !door.arrivals.is_closed()) {
            let source = io::Error::new(io::ErrorKind::AddrInUse, "another container listens there");
            return Err(TransportError::Listen { endpoint: endpoint.clone(), source });
        }
        let (sender, arrivals) = mpsc::channel(LOCAL_BACKLOG_CONNECTIONS);
        points.doors.insert(name.to_owned(), Door { arrivals: sender, keeper: self.own.clone() });
        Ok(Box::new(LocalDoor { arrivals, endpoint: endpoint.clone() }))
    }
}

impl Transport for LocalTransport {
    fn scheme(&self) -> &'static str {
        "local"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(std::future::ready(self.open(endpoint)))
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        Box::pin(async move {
            let name = self.name(endpoint)?;
            let nobody = || {
                let source = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
                TransportError::Dial { endpoint: endpoint.clone(), source }
            };
            let door = self.network.points().doors.get(name).cloned().ok_or_else(nobody)?;
            if let Some(expected) = expected_peer.filter(|expected| *expected != door.keeper.node_name()) {
                let found = vec![door.keeper.node_name().to_owned()];
                let fault = CertificateFault::WrongName { expected: expected.to_owned(), found };
                return Err(TransportError::PeerCertificate { peer: endpoint.to_string(), fault });
            }
            let place = door.arrivals.reserve().await.map_err(|_| nobody())?;
            let number = {
                let mut points = self.network.points();
                points.dialed = points.dialed.saturating_add(1);
                points.dialed
            };
            let (near, far) = tokio::io::duplex(LOCAL_BUFFER_BYTES);
            place.send(Arrival { stream: far, dialer: self.own.clone(), number });
            Ok(Connection {
                stream: Box::new(near),
                principal: door.keeper.clone(),
                proven: false,
                certificate: None,
                peer_address: endpoint.to_string(),
            })
        })
    }
}

struct LocalDoor {
    arrivals: mpsc::Receiver<Arrival>,
    endpoint: Endpoint,
}

impl Listener for LocalDoor {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Accepted, TransportError>> {
        Box::pin(async move {
            let Some(Arrival { stream, dialer, number }) = self.arrivals.recv().await else {
                return Err(TransportError::Closed { endpoint: self.endpoint.clone() });
            };
            let peer_address = format!("local:{}#{number}", dialer.node_name());
            let connection = Connection {
                stream: Box::new(stream),
                principal: dialer,
                proven: false,
                certificate: None,
                peer_address: peer_address.clone(),
            };
            Ok(Accepted::new(peer_address, std::future::ready(Ok(connection))))
        })
    }
}
