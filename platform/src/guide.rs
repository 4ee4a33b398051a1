//! The guide: a short page for each thing that one does with Folkmoot.
//!
//! | page | tells |
//! |---|---|
//! | [`agents`] | what each marker takes, and which methods run at the same time |
//! | [`calls`] | deadline, one way, taking back; each error and what to do about it |
//! | [`errors`] | `?` between the errors of calls and one's own |
//! | [`restarts`] | what follows a panic, how often, and what the new life knows |
//! | [`connecting`] | URLs, `retry_for`, and a peer that restarts |
//! | [`certificates`] | who a node is, and who may call what |
//! | [`untyped`] | calls by name, and traits in a shared crate |
//! | [`stopping`] | how agents and nodes end |
//! | [`logs`] | what a node says about itself, and what is worth an alarm |
//! | [`spawning`] | a container in an agent, futures beside the turns |
//! | [`values`] | types on the wire: bytes, options, NaN, big integers, maps |
//!
//! Every example is a program that is compiled and run as a test. The pages lie in `platform/docs`, one file each.

#[doc = include_str!("../docs/agents.md")]
pub mod agents {}

#[doc = include_str!("../docs/calls.md")]
pub mod calls {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/restarts.md")]
pub mod restarts {}

#[doc = include_str!("../docs/connecting.md")]
pub mod connecting {}

#[doc = include_str!("../docs/certificates.md")]
pub mod certificates {}

#[doc = include_str!("../docs/untyped.md")]
pub mod untyped {}

#[doc = include_str!("../docs/stopping.md")]
pub mod stopping {}

#[doc = include_str!("../docs/logs.md")]
pub mod logs {}

#[doc = include_str!("../docs/spawning.md")]
pub mod spawning {}

#[doc = include_str!("../docs/values.md")]
pub mod values {}
