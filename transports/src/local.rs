//! Connections inside one process: for tests, simulations, and containers that live together.
//!
//! Always: deterministic. Connections are accepted in the order they were dialed, peers are numbered in that order, and
//! nothing depends on a clock, a hash or a socket. Names are what [`LocalTransport::named`] was told: believed, not
//! proven. Neighbours: [`crate::transport`] is the shape, [`door`] how connections come in, `platform` simulates over
//! it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use folkmoot_codecs::{Endpoint, Principal};
use tokio::io::DuplexStream;

use crate::error::TransportError;
use crate::transport::{BoxFuture, Connection, Listener, Transport};

pub mod door;

pub use door::{LocalDoor, LocalPair};

type Door = LocalDoor<DuplexStream>;

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

    fn open(&self, endpoint: &Endpoint) -> Result<Box<dyn Listener>, TransportError> {
        let name = Door::name(endpoint)?;
        let mut points = self.network.points();
        if points.doors.get(name).is_some_and(|door| !door.is_closed()) {
            return Err(Door::taken(endpoint));
        }
        let (door, listener) = Door::open(self.own.clone(), endpoint.clone());
        points.doors.insert(name.to_owned(), door);
        Ok(listener)
    }

    fn connect(&self) -> LocalPair<DuplexStream> {
        let number = {
            let mut points = self.network.points();
            points.dialed = points.dialed.saturating_add(1);
            points.dialed
        };
        let (near, far) = tokio::io::duplex(LOCAL_BUFFER_BYTES);
        LocalPair { near, far, number }
    }
}

impl Transport for LocalTransport {
    fn scheme(&self) -> &'static str {
        door::SCHEME
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
            let door = self.network.points().doors.get(Door::name(endpoint)?).cloned();
            Door::enter(door, endpoint, expected_peer, &self.own, |_| self.connect()).await
        })
    }
}
