//! The gate: the one door every message passes.
//!
//! [`Gate::admit`] is the only maker of [`Admitted`] messages, and an admitted message carries the id of the gate
//! that admitted it, so a gate of one's own making opens nothing. No I/O, no time, no actor lives here.
//! Neighbours: `platform`'s router is the only caller; agents accept nothing but what was admitted.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod gate;
pub mod name;
pub mod rule;

pub use gate::{Admitted, Denied, Gate, GateId, Subject};
pub use name::NameFault;
pub use rule::{EXCHANGE, HostRule, Pattern, PatternError, Rule, RuleSet};
