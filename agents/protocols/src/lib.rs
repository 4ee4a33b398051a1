//! Protocols: which messages two agents may exchange, in which order, and their bytes, as AEA defines them.
//!
//! A [`Specification`] is what an author writes. Nothing here knows agents, links or time: what needs an instant is
//! given one.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod finding;
mod reading;
pub mod specification;
mod yaml;

pub use finding::{Finding, Findings};
pub use specification::Specification;
