//! How much dialogues may take, so that no peer takes all of it.
//!
//! Neighbour: [`super::dialogues`] holds them.

use std::time::Duration;

/// The bounds of one agent's dialogues in one protocol. Set what differs from [`Limits::default`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Dialogues open at a time, with all peers together. 100,000 unless told otherwise.
    pub open: usize,
    /// Dialogues open at a time with one peer. 1,000 unless told otherwise.
    pub open_per_peer: usize,
    /// Dialogues open at a time that peers have begun who have proven nothing about themselves, all of them together: they
    /// may call themselves whatever they like. Heeded where it is known who has proven what, as by agents. 10,000 unless
    /// told otherwise.
    pub open_unproven: usize,
    /// How long a dialogue may be silent before it is given up; `None` for ever. An hour unless told otherwise; a
    /// single dialogue may be given a time of its own.
    pub time_out: Option<Duration>,
    /// Dialogues that have ended and are still known: so that what comes again is known for what it is, and those
    /// that a protocol keeps can be looked at. Beyond it the oldest are forgotten. 10,000 unless told otherwise.
    pub ended: usize,
    /// How long a dialogue that has ended is still known. An hour unless told otherwise.
    pub ended_time: Duration,
    /// Messages of one dialogue that are remembered, both sides' together, and so can be answered. Older ones are
    /// forgotten; the dialogue goes on. 1,024 unless told otherwise, at least 2.
    pub messages: usize,
    /// Bytes of the messages' bodies that are kept in one dialogue. Of older ones only what the rules need is kept.
    /// 256 KiB unless told otherwise.
    pub body_bytes: usize,
    /// Bytes of the messages' bodies that are kept in all dialogues together. Once there are so many, no body is kept
    /// that comes, and that is counted. 256 MiB unless told otherwise.
    pub body_bytes_in_all: usize,
    /// Bytes of a reference that a peer gives. AEA's are of 64 bytes. 256 unless told otherwise.
    pub reference_bytes: usize,
    /// Bytes of a peer's address. 1,024 unless told otherwise.
    pub address_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            open: 100_000,
            open_per_peer: 1_000,
            open_unproven: 10_000,
            time_out: Some(Duration::from_secs(3600)),
            ended: 10_000,
            ended_time: Duration::from_secs(3600),
            messages: 1024,
            body_bytes: 256 << 10,
            body_bytes_in_all: 256 << 20,
            reference_bytes: 256,
            address_bytes: 1024,
        }
    }
}
