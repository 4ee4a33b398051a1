//! What crosses Folkmoot's wire, and its bytes.
//!
//! Pure and synchronous: no sockets, no timers, no tasks. Neighbours: `transports` carries these bytes,
//! `gateway` judges by these principals, `agents` calls with these errors.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod address;
pub mod call_error;
pub mod limits;
pub mod principal;

pub use address::{Address, AddressError, Endpoint};
pub use call_error::{CallError, Never};
pub use limits::Limits;
pub use principal::Principal;
