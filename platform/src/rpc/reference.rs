//! A service as an argument or a result: its path, from the root of the end that passes it.
//!
//! On the wire it is `{"__type__": [n, path]}`, as aiomas has it, with n for the types that are registered. Always true:
//! what is read is a path and nothing more; whoever calls it is answered by the end that passed it, or told that it is not there.
//! Neighbour: [`Peer`](super::Peer) makes them of services, and remotes of them.

use folkmoot_codecs::plain_types;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A service that is passed over a channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    path: String,
}

impl Reference {
    pub(super) fn to(path: String) -> Reference {
        Reference { path }
    }

    /// The path that leads to it from the root of the end that passed it; empty for the root itself.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        plain_types::write(service_id(), &self.path, serializer)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        plain_types::read(service_id(), "a service", deserializer).map(Reference::to)
    }
}

/// The id of services: the one behind the types that are registered.
fn service_id() -> u64 {
    plain_types::current().map_or(0, |types| types.proxy_id())
}
