//! The limits that every byte from a peer is held to before anything is allocated for it.

/// Bounds on one frame. All are checked before memory is spent on what the frame claims to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest payload of a frame, in bytes. A header that declares more closes the link.
    pub max_frame_bytes: u32,
    /// Deepest nesting of lists and maps inside a frame, in levels. More than [`Limits::DEEPEST`] counts as that.
    pub max_depth: u16,
    /// Most values (scalars, lists, maps and map keys, each counted once) inside a frame.
    pub max_nodes: u32,
}

impl Limits {
    /// The deepest nesting that can be asked for, in levels: reading a value recurses, and a thread's stack has
    /// an end.
    pub const DEEPEST: u16 = 512;

    /// 16 MiB a frame, 128 levels, 1,000,000 values.
    pub const DEFAULT: Limits =
        Limits { max_frame_bytes: 16 * 1024 * 1024, max_depth: 128, max_nodes: 1_000_000 };

    /// What both hold to: the smaller of each limit.
    pub fn both(&self, other: &Limits) -> Limits {
        Limits {
            max_frame_bytes: self.max_frame_bytes.min(other.max_frame_bytes),
            max_depth: self.max_depth.min(other.max_depth),
            max_nodes: self.max_nodes.min(other.max_nodes),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::DEFAULT
    }
}
