//! A service as an argument or a result: its path, from the root of the end that passes it.
//!
//! On the wire it is `{"__type__": [0, path]}`, as aiomas has it where no other types are registered. Always true: what is
//! read is a path and nothing more; whoever calls it is answered by the end that passed it, or told that it is not there.
//! Neighbour: [`Peer`](super::Peer) makes them of services, and remotes of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The key of maps that stand for objects.
const TYPE_KEY: &str = "__type__";
/// The number of the type, where no other types are registered.
const SERVICE_TYPE: u64 = 0;

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
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(TYPE_KEY, &(SERVICE_TYPE, &self.path))?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Reference, D::Error> {
        deserializer.deserialize_map(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service: a map of __type__ to a number and a path")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reference, A::Error> {
        let mut reference = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                TYPE_KEY => {
                    let (_, path): (u64, String) = map.next_value()?;
                    reference = Some(Reference { path });
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        reference.ok_or_else(|| A::Error::missing_field(TYPE_KEY))
    }
}
