//! Where a message claims to stand in its dialogue.
//!
//! Neighbours: [`super::judging`] says whether it may stand there, [`super::history`] remembers that it does.

use super::label::Side;

/// What a message claims to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub(super) message_id: i32,
    pub(super) target: i32,
    pub(super) performative: u16,
    pub(super) by: Side,
}
