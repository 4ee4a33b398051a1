//! `local://` within a simulation: connections of the simulated [`network`](super::network).
//!
//! Always true: as over the real one, connections are accepted in the order in which they arrive, and names are what
//! the nodes call themselves. Neighbour: the [`builder`](crate::builder) gives it to containers that start in a
//! simulation.

use std::sync::Arc;

use folkmoot_codecs::{Endpoint, Principal};
use folkmoot_transports::{BoxFuture, Connection, Listener, Transport, TransportError};

use super::network::{Door, Network};

/// What a container of that node sees of the network.
pub(crate) struct SimTransport {
    network: Arc<Network>,
    own: Principal,
}

impl SimTransport {
    pub(crate) fn new(network: Arc<Network>, node: &str) -> SimTransport {
        SimTransport { network, own: Principal::node(node) }
    }

    fn open(&self, endpoint: &Endpoint) -> Result<Box<dyn Listener>, TransportError> {
        let name = Door::name(endpoint)?;
        self.network.listen(name, endpoint, &self.own).ok_or_else(|| Door::taken(endpoint))
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
            let name = Door::name(endpoint)?;
            let dialer = self.own.node_name();
            // Who keeps the door is not known before: where nobody ever did, the door's name stands for the node's.
            let keeper =
                self.network.door(name).map_or(name.to_owned(), |door| door.keeper().node_name().to_owned());
            let (there, back) = (self.network.way(dialer, &keeper), self.network.way(&keeper, dialer));
            self.network.travel(&there).await;
            let door = self.network.door(name);
            self.network.travel(&back).await;
            Door::enter(door, endpoint, expected_peer, &self.own, |keeper| {
                self.network.connect(dialer, keeper.node_name())
            })
            .await
        })
    }
}
