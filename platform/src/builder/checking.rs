//! What cannot be, of what a builder was told: found before anything is opened.
//!
//! Always true: the error says what to write instead. Neighbours: [`configuration`](crate::configuration) has what numbers and
//! names may be.

use std::net::IpAddr;

use folkmoot_codecs::Endpoint;

use super::{Builder, ExchangeAt};
use crate::configuration::{cluster_fault, container_fault};
use crate::error::StartError;
use crate::sim::virtual_time;

impl Builder {
    pub(super) fn check_values(&self) -> Result<(), StartError> {
        let fault = container_fault(self.workers, self.deadline, &self.limits);
        let fault = fault.or_else(|| cluster_fault(&self.cluster)).or_else(|| {
            self.taken.is_empty().then(|| "`.take_codecs(..)` names none: nobody could connect".to_owned())
        });
        let fault = fault.or_else(|| self.plain_types_fault.clone());
        fault.map_or(Ok(()), |fault| Err(StartError::Configuration(fault)))
    }

    pub(super) fn check(&self, endpoint: &Endpoint) -> Result<(), StartError> {
        let named = || endpoint.to_string();
        match endpoint {
            Endpoint::Tls { .. } | Endpoint::UnixTls { .. }
                if self.certs.is_none() && !self.has_transport(endpoint.scheme()) =>
            {
                Err(StartError::NoCerts { endpoint: named() })
            }
            Endpoint::Tcp { host, .. } if !self.insecure && !is_loopback(host) => {
                Err(StartError::Insecure { endpoint: named() })
            }
            _ => Ok(()),
        }
    }

    /// A simulation is one thread and nothing from outside; its clock is of no use elsewhere.
    pub(super) fn check_place(&self, endpoint: &Endpoint) -> Result<(), StartError> {
        let fault = match virtual_time::is_here() {
            false if !self.clock.as_ref().is_some_and(|clock| clock.is_virtual()) => return Ok(()),
            false => "a `VirtualClock` is for containers of its simulation: start this one in there".to_owned(),
            true if !matches!(endpoint, Endpoint::Local { .. }) => {
                format!("`{endpoint}`: in a simulation there is no real network; listen on local://, such as local://market")
            }
            true if self.workers > 1 => {
                format!("`.workers({})`: a simulation has one thread, or its order would be chance; write 1", self.workers)
            }
            true if !self.transports.is_empty() || self.network.is_some() => {
                "`.transport(..)` and `.network(..)`: a simulation has a network of its own; leave them out".to_owned()
            }
            true if matches!(&self.exchange, Some(ExchangeAt::Line(line)) if line != "memory:" && !line.starts_with("local://")) => {
                "`.exchange(..)`: in a simulation mail is kept in memory, for files keep no virtual time; write memory:, or \
                 local:// and a node"
                    .to_owned()
            }
            true if self.certs.is_some() => {
                "`.certs(..)`: nothing is proven over local://; name the simulated node with `.name(..)` instead".to_owned()
            }
            true => return Ok(()),
        };
        Err(StartError::Configuration(fault))
    }

    fn has_transport(&self, scheme: &str) -> bool {
        self.transports.iter().any(|transport| transport.scheme() == scheme)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
