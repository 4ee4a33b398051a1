//! Bad input: what a peer may send that it should not, and what comes of it.
//!
//! Nothing here may panic, overflow a stack, or allocate for what has not arrived.

mod chunks;
mod envelopes;
mod limits;
mod smoke;
