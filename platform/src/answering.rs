//! Where whoever says that it is at a URL may be answered: nobody has this node dial wherever it likes.
//!
//! Always true: an answer goes to an agent of this node, to one of a node that has joined, to a node that proves to be
//! whoever spoke, to the machine from which somebody spoke who proved nothing, or to a host that the program named. No
//! name is looked up for it. Neighbours: the agents' dialogues ask; [`passed_agent`](crate::passed_agent) is the way.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use folkmoot_agents::connect::Way;
use folkmoot_codecs::{Endpoint, Principal};

use crate::container::Hall;
use crate::passed_agent::PassedAgent;
use crate::peer::Destination;

/// The way to the agent at an endpoint that `caller` says is its own.
///
/// # Errors
/// Why nobody is answered there, as a sentence.
pub(crate) fn way(
    hall: &Arc<Hall>,
    endpoint: Endpoint,
    agent: String,
    caller: &Principal,
) -> Result<Way, String> {
    if hall.is_at(&endpoint) {
        return Ok(Way::Here(agent));
    }
    let expected_peer = match has_joined(hall, &endpoint) || is_allowed(hall, &endpoint) {
        true => None,
        false => must_prove(hall, &endpoint, caller)?,
    };
    Ok(Way::Far(Arc::new(PassedAgent::proving(hall.clone(), endpoint, agent, expected_peer))))
}

fn has_joined(hall: &Hall, endpoint: &Endpoint) -> bool {
    let to = Destination { endpoint: endpoint.clone(), expected_peer: None, codec: hall.codec };
    hall.tables.membership.way_of(&to).is_some()
}

fn is_allowed(hall: &Hall, endpoint: &Endpoint) -> bool {
    let host = endpoint.host_and_port().map(|(host, _)| host);
    host.is_some_and(|host| {
        hall.tables.answered_hosts.iter().any(|allowed| allowed == "*" || allowed == host)
    })
}

/// The name that whoever is found at the endpoint must prove, where it is not proven by being found there.
fn must_prove(hall: &Hall, endpoint: &Endpoint, caller: &Principal) -> Result<Option<String>, String> {
    let name = caller.node_name();
    if caller.is_node() {
        return match endpoint {
            Endpoint::Tls { .. } | Endpoint::UnixTls { .. } if name.contains("://") => {
                Ok(Some(name.to_owned()))
            }
            // In a simulation, where nodes prove their names to each other.
            Endpoint::Local { name: at } if *at == name => Ok(Some(name.to_owned())),
            // Whoever is found there proves to be of that host, which is who spoke.
            Endpoint::Tls { host, .. } if *host == name => Ok(None),
            _ => Err(format!(
                "{name} has spoken, and nobody at {endpoint} would prove to be that: speak from a node whose URL begins \
                 with `tls://` and whose certificate has one URI, or join the nodes"
            )),
        };
    }
    match endpoint {
        // Within this process.
        Endpoint::Local { .. } => Ok(None),
        Endpoint::Unix { path } if !caller.is_anonymous() => match is_of_user(path.as_path(), caller) {
            // Whoever listens there proves it, too.
            true => Ok(Some(name.to_owned())),
            false => Err(format!("the socket {endpoint} is not one of {name}, who has spoken")),
        },
        Endpoint::Tcp { host, .. } if is_linked(hall, host, caller) => Ok(None),
        Endpoint::Tcp { host, .. } => Err(format!(
            "nobody at {host} has a link here: join the nodes, use certificates, or tell the builder of this node \
             `.answer_to({host:?})`"
        )),
        _ => Err(format!(
            "who has spoken proved nothing, so nobody is sought at {endpoint}: join the nodes, or use certificates"
        )),
    }
}

/// Whether somebody who has proven as much as `caller` has a link here from that host.
fn is_linked(hall: &Hall, host: &str, caller: &Principal) -> bool {
    let wanted: Option<IpAddr> = host.parse().ok();
    let is_loopback = host == "localhost" || wanted.is_some_and(|address| address.is_loopback());
    hall.tables.told_links.any(|peer| {
        let found = peer.address.parse().map(|address: SocketAddr| address.ip().to_canonical());
        peer.principal.node_name() == caller.node_name()
            && found.is_ok_and(|found| {
                Some(found) == wanted.map(|wanted| wanted.to_canonical())
                    || is_loopback && found.is_loopback()
            })
    })
}

/// Whether a socket's file belongs to a user of this machine; a link's is that which it leads to.
#[cfg(unix)]
fn is_of_user(path: &std::path::Path, user: &Principal) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|file| Principal::unix_user(file.uid()) == *user)
}

#[cfg(not(unix))]
fn is_of_user(_: &std::path::Path, _: &Principal) -> bool {
    false
}
