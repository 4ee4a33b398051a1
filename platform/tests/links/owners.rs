//! Owners of mailboxes that fail as processes do: killed at work, or frozen until another has taken over.
//!
//! Neighbours: [`process`] is an owner in a process of its own, `calls/durable.rs` has what becomes of mail in one process,
//! `joining/processes.rs` nodes that fail.

mod away;
mod frozen;
#[cfg(feature = "sqlite")]
mod killed;
mod process;
