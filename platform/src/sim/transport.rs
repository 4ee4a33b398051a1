//! `local://` within a simulation: connections of the simulated [`network`](super::network).
//!
//! Always true: as over the real one, connections are accepted in the order in which they arrive, and names are what the
//! nodes call themselves. Neighbour: the [`builder`](crate::builder) gives it to containers that start in a simulation.

use std::io;
use std::sync::Arc;

use folkmoot_codecs::{Endpoint, Principal};
use folkmoot_transports::{
    Accepted, BoxFuture, CertificateFault, Connection, LOCAL_BACKLOG_CONNECTIONS, Listener, Transport,
    TransportError,
};
use tokio::sync::mpsc;

use super::network::{Arrival, Network};

/// What a container of that node sees of the network.
pub(crate) struct SimTransport {
    network: Arc<Network>,
    own: Principal,
}

impl SimTransport {
    pub(crate) fn new(network: Arc<Network>, node: &str) -> SimTransport {
        SimTransport { network, own: Principal::node(node) }
    }

    fn name<'a>(&self, endpoint: &'a Endpoint) -> Result<&'a str, TransportError> {
        match endpoint {
            Endpoint::Local { name } => Ok(name),
            _ => Err(TransportError::WrongScheme { scheme: self.scheme(), endpoint: endpoint.clone() }),
        }
    }

    fn open(&self, endpoint: &Endpoint) -> Result<Box<dyn Listener>, TransportError> {
        let name = self.name(endpoint)?;
        match self.network.listen(name, &self.own, LOCAL_BACKLOG_CONNECTIONS) {
            Some(arrivals) => Ok(Box::new(SimDoor { arrivals, endpoint: endpoint.clone() })),
            None => {
                let source = io::Error::new(io::ErrorKind::AddrInUse, "another container listens there");
                Err(TransportError::Listen { endpoint: endpoint.clone(), source })
            }
        }
    }
}

impl Transport for SimTransport {
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
            let dialer = self.own.node_name();
            // Who keeps the door is not known before: where nobody ever did, the door's name stands for the node's.
            let keeper =
                self.network.door(name).map_or(name.to_owned(), |door| door.keeper.node_name().to_owned());
            let (there, back) = (self.network.way(dialer, &keeper), self.network.way(&keeper, dialer));
            self.network.travel(&there).await;
            let door = self.network.door(name);
            self.network.travel(&back).await;
            let door = door.ok_or_else(nobody)?;
            if let Some(expected) = expected_peer.filter(|expected| *expected != door.keeper.node_name()) {
                let found = vec![door.keeper.node_name().to_owned()];
                let fault = CertificateFault::WrongName { expected: expected.to_owned(), found };
                return Err(TransportError::PeerCertificate { peer: endpoint.to_string(), fault });
            }
            let place = door.arrivals.reserve().await.map_err(|_| nobody())?;
            let (number, near, far) = self.network.connect(dialer, door.keeper.node_name());
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

struct SimDoor {
    arrivals: mpsc::Receiver<Arrival>,
    endpoint: Endpoint,
}

impl Listener for SimDoor {
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
