//! Hello: the first request of every dialer, and the answer that tells a container from a plain peer.
//!
//! The request goes to the path [`Hello::PATH`] with one positional argument, a map; the result is the same kind
//! of map. A peer that answers with an exception speaks the plain wire: no headers, exceptions as one text.
//! Unknown keys are ignored, so that later versions can say more; who says nothing of depth and number of values
//! has the defaults, and who says nothing of its cluster is asked again when nodes join. Neighbours: `headers` and
//! `joining` follow a Hello.

use serde::{Deserialize, Serialize};

use crate::limits::Limits;

/// The highest wire version that this crate speaks.
pub const WIRE_VERSION: u16 = 2;
/// The lowest one.
pub const LOWEST_WIRE_VERSION: u16 = 1;
/// The first version in which large payloads come in pieces.
pub const PIECES_SINCE: u16 = 2;
/// Longest name of a node, in bytes.
pub const MAX_NODE_BYTES: usize = 1024;
/// Longest name of a cluster, in bytes.
pub const MAX_CLUSTER_BYTES: usize = 1024;
/// Longest name of a software, in bytes.
pub const MAX_SOFTWARE_BYTES: usize = 256;

/// What a container says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Hello {
    /// Lowest and highest wire version spoken.
    pub versions: (u16, u16),
    /// The name it claims; what its certificate proves is another matter.
    pub node: String,
    /// Which life of the node this is: drawn anew at each start. `None` where it does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    /// The cluster whose nodes it joins; `None` where it does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Largest payload of a frame that it takes, in bytes.
    pub max_frame_bytes: u32,
    /// Deepest nesting inside a frame that it takes, in levels.
    pub max_depth: u16,
    /// Most values inside a frame that it takes.
    pub max_nodes: u32,
    /// Most requests of the peer that it takes in hand at once; `None` where it does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests_in_hand: Option<u32>,
    /// Name and version of the software, such as `folkmoot 0.1.0`.
    pub software: String,
}

#[derive(Deserialize)]
#[serde(rename = "Hello", expecting = "a Hello (a map with versions, node, max_frame_bytes and software)")]
struct Unchecked {
    versions: (u16, u16),
    node: String,
    #[serde(default)]
    incarnation: Option<u64>,
    #[serde(default)]
    cluster: Option<String>,
    max_frame_bytes: u32,
    #[serde(default = "default_depth")]
    max_depth: u16,
    #[serde(default = "default_nodes")]
    max_nodes: u32,
    #[serde(default)]
    max_requests_in_hand: Option<u32>,
    software: String,
}

fn default_depth() -> u16 {
    Limits::DEFAULT.max_depth
}

fn default_nodes() -> u32 {
    Limits::DEFAULT.max_nodes
}

impl TryFrom<Unchecked> for Hello {
    type Error = String;

    fn try_from(hello: Unchecked) -> Result<Hello, String> {
        let Unchecked {
            versions: (lowest, highest),
            node,
            incarnation,
            cluster,
            max_frame_bytes,
            max_depth,
            max_nodes,
            max_requests_in_hand,
            software,
        } = hello;
        if lowest > highest {
            return Err(format!("the lowest version {lowest} is above the highest, {highest}"));
        }
        if node.len() > MAX_NODE_BYTES {
            return Err(format!("the node's name is longer than {MAX_NODE_BYTES} bytes"));
        }
        if cluster.as_ref().is_some_and(|cluster| cluster.len() > MAX_CLUSTER_BYTES) {
            return Err(format!("the cluster's name is longer than {MAX_CLUSTER_BYTES} bytes"));
        }
        if software.len() > MAX_SOFTWARE_BYTES {
            return Err(format!("the software's name is longer than {MAX_SOFTWARE_BYTES} bytes"));
        }
        Ok(Hello {
            versions: (lowest, highest),
            node,
            incarnation,
            cluster,
            max_frame_bytes,
            max_depth,
            max_nodes,
            max_requests_in_hand,
            software,
        })
    }
}

impl Hello {
    /// The path of the request.
    pub const PATH: &'static str = "folkmoot/hello";

    /// The Hello of this software, under the node's name, with the limits of frames that it takes.
    pub fn new(node: impl Into<String>, limits: &Limits) -> Hello {
        let Limits { max_frame_bytes, max_depth, max_nodes } = *limits;
        Hello {
            versions: (LOWEST_WIRE_VERSION, WIRE_VERSION),
            node: node.into(),
            incarnation: None,
            cluster: None,
            max_frame_bytes,
            max_depth,
            max_nodes,
            max_requests_in_hand: None,
            software: concat!("folkmoot ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The limits that it told.
    pub fn limits(&self) -> Limits {
        let Hello { max_frame_bytes, max_depth, max_nodes, .. } = *self;
        Limits { max_frame_bytes, max_depth, max_nodes }
    }

    /// The highest version that both sides speak.
    ///
    /// # Errors
    /// With a sentence for both logs that names both sides, where there is none.
    pub fn agree(&self, other: &Hello) -> Result<u16, String> {
        let lowest = self.versions.0.max(other.versions.0);
        let highest = self.versions.1.min(other.versions.1);
        if lowest <= highest {
            return Ok(highest);
        }
        Err(format!(
            "no common wire version: {} and {}; bring the older one up to date",
            self.introduction(),
            other.introduction()
        ))
    }

    fn introduction(&self) -> String {
        let (lowest, highest) = self.versions;
        let (node, software) = (&self.node, &self.software);
        if lowest == highest {
            format!("{node:?} ({software}) speaks {lowest}")
        } else {
            format!("{node:?} ({software}) speaks {lowest} to {highest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(node: &str, versions: (u16, u16)) -> Hello {
        Hello { versions, ..Hello::new(node, &Limits::DEFAULT) }
    }

    #[test]
    fn the_highest_common_version_is_agreed_by_both() {
        for (mine, theirs, version) in [((1, 1), (1, 1), 1), ((1, 4), (2, 3), 3), ((2, 3), (3, 9), 3)] {
            assert_eq!(hello("a", mine).agree(&hello("b", theirs)), Ok(version));
            assert_eq!(hello("b", theirs).agree(&hello("a", mine)), Ok(version));
        }
    }

    #[test]
    fn a_mismatch_names_both_sides() {
        let sentence = hello("old", (1, 1)).agree(&hello("new", (2, 3))).unwrap_err();
        for part in ["\"old\"", "speaks 1;", "\"new\"", "2 to 3"] {
            let wanted = part.trim_end_matches(';');
            assert!(sentence.contains(wanted), "{sentence}");
        }
    }
}
