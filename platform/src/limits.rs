//! The bounds of links and listeners that one can set, by name and unit. Those that the wire itself sets (paths, ids,
//! chains) stand where they are checked, and in `codecs/WIRE.md`.

use std::time::Duration;

use folkmoot_codecs::Limits;

/// The least limits of a frame that either side may set: an error must have room.
pub(crate) const LEAST_FRAME: Limits = Limits { max_frame_bytes: 512, max_depth: 8, max_nodes: 64 };

/// Bounds on what peers can make a container hold or wait for, and on what it asks of them again.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LinkLimits {
    /// Bounds on one frame.
    pub frame: Limits,
    /// Longest time for a connection's handshake; also for its first frame after that.
    pub handshake_time: Duration,
    /// Most connections that have not sent their first frame; for one more the oldest is closed.
    pub max_unproven_connections: usize,
    /// Most links at once, accepted ones.
    pub max_links: usize,
    /// Most requests of one peer that are being handled at once; more are refused as `Overloaded`.
    pub max_requests_in_hand: usize,
    /// Most calls to one peer that wait for their replies; more are refused as `Overloaded`.
    pub max_pending_calls: usize,
    /// Most monitors and links between agents that one peer has here at once; more are refused as `Overloaded`.
    pub max_monitors: usize,
    /// Most receivers of one peer that wait for mail of the exchange here at once, or whose mail is on its way to them; and
    /// most that wait at one peer's. More are refused.
    pub max_waiting_receivers: usize,
    /// Bytes waiting to be written at which a link stops reading requests, until they are written.
    pub outbox_high_water_bytes: usize,
    /// Bytes waiting to be written at which further calls are refused as `Overloaded`.
    pub max_outbox_bytes: usize,
    /// Bytes of large payloads that are sent ahead of the peer's word that it has taken them in: what a small frame has
    /// before it on the way at the most, besides other small ones. Less lets small calls wait less, more lets large ones
    /// cross faster where the way is long.
    pub max_unanswered_bytes: usize,
    /// Time that a link waits, after it has handled frames, before it reads again: what comes meanwhile is read, handled and
    /// answered at once, which takes less of the processor where many requests come one by one. Each waits that much longer
    /// at the most; a caller with one call at a time makes no more than one in that time. 0 for none, as it is by default.
    /// Timers tell milliseconds apart and nothing finer.
    pub gather_time: Duration,
    /// Longest time that nothing more may come of a frame that has begun to come.
    pub read_stall_time: Duration,
    /// Longest time that a peer may take none of the bytes waiting for it.
    pub write_stall_time: Duration,
    /// Longest time that a link which is to end, for its node is shut down, goes on while the peer takes what waits for it.
    pub farewell_time: Duration,
    /// Longest time that a link is kept of which nobody holds a proxy. The side that opened it closes it.
    pub idle_time: Duration,
    /// Time between two looks at the files of the node's certificates.
    pub certs_check_time: Duration,
    /// Time between two signs of life on a link between nodes that have joined.
    pub heartbeat: Duration,
    /// A joined node from which nothing has come for so long is suspect.
    pub suspect_time: Duration,
    /// A joined node, or one that uses the exchange here, from which nothing has come for so long loses its link, and all who wait
    /// on it are told. One that uses the exchange is asked for a sign of life after half of it.
    pub unreachable_time: Duration,
    /// Most nodes that join with each other, this one among them.
    pub max_joined_nodes: usize,
    /// Most calls of idempotent methods from other nodes that run, or whose replies are kept for callers that ask again.
    pub max_kept_replies: usize,
    /// Most bytes of kept replies; for a new one the oldest go.
    pub max_kept_reply_bytes: usize,
    /// Longest time that a reply is kept; also that a call whose link is gone goes on for a caller that asks again.
    pub kept_reply_time: Duration,
    /// Most times that calls of idempotent methods are made again, for a hundred such calls; 0 for none.
    pub retry_percent: u32,
    /// How often a second they may be made again on top of that.
    pub retries_per_second: u32,
    /// Most retries that are saved for later, and what there are at the start.
    pub max_saved_retries: u32,
}

/// What is too small in the bounds of a frame for anything to be said.
pub(crate) fn frame_fault(limits: &Limits) -> Option<String> {
    let too_small =
        |name, value: u32, least: u32| format!("{name} is {value}: errors alone need up to {least}");
    let Limits { max_frame_bytes, max_depth, max_nodes } = LEAST_FRAME;
    if limits.max_frame_bytes < max_frame_bytes {
        return Some(too_small("max_frame_bytes", limits.max_frame_bytes, max_frame_bytes));
    }
    if limits.max_depth < max_depth {
        return Some(too_small("max_depth", limits.max_depth.into(), max_depth.into()));
    }
    (limits.max_nodes < max_nodes).then(|| too_small("max_nodes", limits.max_nodes, max_nodes))
}

impl Default for LinkLimits {
    fn default() -> Self {
        LinkLimits {
            frame: Limits::DEFAULT,
            handshake_time: Duration::from_secs(5),
            max_unproven_connections: 256,
            max_links: 16_384,
            max_requests_in_hand: 8_192,
            max_pending_calls: 65_536,
            max_monitors: 16_384,
            max_waiting_receivers: 16_384,
            outbox_high_water_bytes: 4 * 1024 * 1024,
            max_outbox_bytes: 64 * 1024 * 1024,
            max_unanswered_bytes: 256 * 1024,
            gather_time: Duration::ZERO,
            read_stall_time: Duration::from_secs(30),
            write_stall_time: Duration::from_secs(30),
            farewell_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(300),
            certs_check_time: Duration::from_secs(1),
            heartbeat: Duration::from_secs(1),
            suspect_time: Duration::from_secs(3),
            unreachable_time: Duration::from_secs(10),
            max_joined_nodes: 32,
            max_kept_replies: 16_384,
            max_kept_reply_bytes: 16 * 1024 * 1024,
            kept_reply_time: Duration::from_secs(60),
            retry_percent: 10,
            retries_per_second: 10,
            max_saved_retries: 100,
        }
    }
}
