//! Peers and agents that do what they must not, against a real container.
//!
//! What always holds, after whatever came: the peer got an error it can read or its link was closed, one counter
//! moved, one line was logged, and an honest peer is still served. Neighbours: `calls.rs` has the honest world;
//! `hostile/rig.rs` the container under attack, `hostile/raw.rs` the attacker's end of a link.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

mod hostile {
    mod agents;
    mod answers;
    mod certificates;
    mod compressed;
    mod counts;
    mod dialing;
    #[path = "../../../transports/tests/support/forge.rs"]
    mod forge;
    mod frames;
    mod half_closed;
    mod hello;
    mod joined;
    #[path = "../support/left_behind.rs"]
    mod left_behind;
    #[path = "../support/limit.rs"]
    mod limit;
    mod log;
    mod mistaken;
    mod monitors;
    mod mutations;
    mod pieces;
    mod raw;
    mod repeats;
    mod requests;
    mod rig;
    mod silence;
    mod takers;
}
