//! Folkmoot: a platform for multi-agent systems.
//!
//! Agents are plain structs; a [`Container`] spawns and supervises them as actix actors; containers on different
//! hosts call each other over mutual TLS; a typed [`Proxy`] calls an agent the same way wherever it lives; every
//! message passes one gate.
//!
//! This crate is the facade: it depends on all the others, and users depend on it alone. The way of a message is
//! told in `ARCHITECTURE.md`.

mod builder;
mod cancels;
mod clock;
mod connecting;
mod container;
mod error;
mod inbound;
mod limits;
mod link;
mod link_task;
mod link_time;
mod listener;
mod one_line;
mod outbox;
mod peer;
mod remote;
mod router;
mod runtime;
mod spawning;
mod supervision;
mod tables;
mod unproven;
mod watchdog;
mod workers;

pub use builder::Builder;
pub use clock::RealClock;
pub use connecting::{Connect, Retry};
pub use container::Container;
pub use error::{Error, Result, SpawnError, StartError};
pub use folkmoot_agents::counters::TABLE as METRICS;
pub use folkmoot_agents::describe::{AgentDescription, ArgumentDescription, MethodDescription};
pub use folkmoot_agents::{
    Agent, CALLS_IN_PLACE, Call, Clock, Context, Interface, Proxy, Sleep, TURNS_PER_POLL, Timestamp, Untyped,
    UntypedCall,
};
pub use folkmoot_codecs::{Address, CallError, Codec, Endpoint, Limits, Never, Principal, Value};
pub use folkmoot_gateway::{Pattern, Rule};
pub use folkmoot_transports::{DevCerts, LocalNetwork, SslCerts, Transport};
pub use limits::LinkLimits;
pub use runtime::block_on;
pub use spawning::Spawn;
pub use supervision::{Backoff, Restart};

pub use folkmoot_agents::{agent, main, test};

/// What generated code needs; nothing here is meant for people.
#[doc(hidden)]
pub use folkmoot_agents::__private;

/// All that a program with agents usually needs.
pub mod prelude {
    pub use crate::{
        Agent, CallError, Codec, Container, Context, DevCerts, Error, Proxy, Restart, Result, SslCerts,
        Untyped, agent,
    };
}
