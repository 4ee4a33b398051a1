//! Front doors of Folkmoot for other platforms' agents: they reach a node unchanged, over their own wire.
//!
//! [`Academy`] is the HTTP exchange of `academy-py`: its agents and users keep their mailboxes in an exchange of ours.
//!
//! What always holds: a front door reaches mailboxes only through the gate and the exchange, as everyone does; a client's
//! bytes never panic a node, and each bound on them has a name.
//!
//! Neighbours: `folkmoot` has the exchange and the clocks; `folkmoot-cli` starts a front door as
//! `folkmoot exchange serve`.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod academy;

pub use academy::{Academy, AcademyError, AcademyServer};
