//! Folkmoot: a platform for multi-agent systems.
//!
//! An agent is a plain struct; a [`Container`] spawns and supervises it as an actix actor; containers on different
//! hosts call each other over mutual TLS; a typed [`Proxy`] calls an agent the same way wherever it lives; and every
//! call passes one gate that denies what no rule allows.
//!
//! ```
//! use folkmoot::prelude::*;
//!
//! #[derive(Agent, Default)]
//! struct Counter {
//!     total: i64,
//! }
//!
//! #[agent]
//! impl Counter {
//!     /// Adds `amount` and returns the new total.
//!     #[expose]
//!     fn add(&mut self, amount: i64) -> i64 {
//!         self.total += amount;
//!         self.total
//!     }
//! }
//!
//! #[folkmoot::main]
//! async fn main() -> Result<()> {
//!     let server = Container::builder("tcp://127.0.0.1:0").start().await?; // this machine only
//!     server.spawn("counter", Counter::default).await?; // a factory: a restart needs one
//!
//!     // Usually on another node, which knows the URL and the agent's type.
//!     let client = Container::builder("tcp://127.0.0.1:0").start().await?;
//!     let counter: Proxy<Counter> = client.connect(server.url("counter")).await?;
//!     counter.add(2).await?;
//!     assert_eq!(counter.add(3).await?, 5);
//!
//!     client.shutdown().await;
//!     server.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! The same between machines takes `tls://`, certificates and a rule: [`guide::certificates`].
//!
//! # Where to go on
//! The [`guide`] has a page for each thing that one does: [agents](guide::agents), [calls](guide::calls) and their
//! [errors](guide::errors), [restarts](guide::restarts), [trees](guide::trees), [monitors](guide::monitors), [connecting](guide::connecting),
//! [joining](guide::joining), [groups](guide::groups), [certificates](guide::certificates), [untyped calls and traits](guide::untyped), [time](guide::time), [simulation](guide::simulation), [stopping](guide::stopping),
//! [mail](guide::exchange), [logs and counters](guide::logs), [spawning from within](guide::spawning), [values on the wire](guide::values), [messages of
//! protocols](guide::messages), [agents that speak one](guide::speaking). What a program usually needs is in the [`prelude`]; what each marker accepts is told at [`#[agent]`](macro@agent).
//!
//! This crate is the facade: it depends on all the others, and users depend on it alone. The way of a message is
//! told in `ARCHITECTURE.md`.

mod advertised;
mod answering;
mod builder;
mod cancels;
mod certified;
pub mod channel;
mod clock;
mod configuration;
mod connecting;
mod container;
mod directory;
mod durable;
mod error;
mod exchange_door;
mod exchange_wire;
mod executor;
mod far_exchange;
pub mod guide;
mod in_order;
mod inbound;
pub mod interpreter;
mod join;
mod joining;
mod kept_replies;
mod limits;
mod link;
mod link_events;
mod link_task;
mod link_time;
mod listener;
mod mailroom;
mod manager;
mod membership;
mod monitoring;
mod monitors;
mod one_line;
mod outbox;
mod passed_agent;
mod peer;
mod plain_peer;
mod remote;
mod remote_agent;
mod remote_proxy;
mod remotes;
mod roll;
mod router;
pub mod rpc;
mod runtime;
mod scratch;
pub mod sim;
mod spare_buffers;
mod spawning;
mod supervision;
mod suspending;
mod tables;
mod tree;
mod unproven;
mod watchdog;
mod watched;
mod workers;

pub use builder::Builder;
pub use clock::{ClockError, ExternalClock, RealClock, ScaledClock, VirtualClock};
pub use container::Container;
pub use directory::ListedAgent;
pub use durable::{Durable, MailRequest};
pub use error::{Error, Result, SpawnError, StartError};
pub use folkmoot_agents::connect::{Connect, Retry};
pub use folkmoot_agents::counters::{DoorCounters, Outcome as DoorOutcome, TABLE as METRICS};
pub use folkmoot_agents::describe::{
    AgentDescription, ArgumentDescription, MailDescription, MethodDescription,
};
pub use folkmoot_agents::dialogues;
pub use folkmoot_agents::mail;
pub use folkmoot_agents::protocols;
pub use folkmoot_agents::shared::Status;
pub use folkmoot_agents::{
    Agent, AnyCall, AskAll, AskOne, AskQuorum, BadDate, Call, Clock, Context, Group, InThePast, Interface,
    Linked, Member, Monitor, NoQuorum, Proxy, Sleep, TURNS_PER_POLL, Ticks, TimedOut, Timestamp, Told,
    Untyped, UntypedCall, Workplace,
};
pub use folkmoot_codecs::{
    Address, AgentEvent, AllArguments, CallError, Codec, Date, DateError, Endpoint, Exception, Limits, Never,
    Principal, Serializable, Value,
};
pub use folkmoot_exchange as exchange;
pub use folkmoot_gateway::{Pattern, Rule};
pub use folkmoot_transports::{
    CertsInUse, DevCerts, IssuedNode, Leaf, LocalNetwork, Renewed, SslCerts, Transport,
};
pub use join::Join;
pub use limits::LinkLimits;
pub use link_events::{LinkEvent, LinkEvents, LinkPeer};
pub use mailroom::{MailError, Mailroom};
pub use manager::{AgentUrl, Managed, Manager, ManagerCalls, ManagerSetup};
pub use membership::{JoinedNode, NodeChanges, NodeState};
pub use runtime::block_on;
pub use spawning::Spawn;
pub use supervision::{Backoff, Restart};
pub use tree::Strategy;
pub use tree::asking::TreeAt;
pub use tree::child::Child;
pub use tree::view::{Tree, TreeAgent, TreeContainer, TreeEntry};

pub use folkmoot_agents::{Serializable, agent, main, object, protocol, test};

/// What generated code needs; nothing here is meant for people.
#[doc(hidden)]
pub use folkmoot_agents::__private;

/// All that a program with agents usually needs.
///
/// | name | what it is | fails with | guide |
/// |---|---|---|---|
/// | [`Agent`], [`agent`](macro@agent) | make a struct and its methods an agent | what is wrong, when it is compiled | [agents](guide::agents) |
/// | [`object`](macro@object) | makes a part of an agent's state an object with methods of its own | what is wrong, when it is compiled | [objects](guide::objects) |
/// | [`Container`] | a handle to a node: spawns, finds, connects, stops | [`StartError`], [`SpawnError`], [`CallError`] | [stopping](guide::stopping) |
/// | [`Proxy`] | a handle to an agent: its exposed methods, as calls | [`CallError`] | [calls](guide::calls) |
/// | [`Untyped`] | what a proxy is of whose type is not at hand | [`CallError`] with a [`Value`] | [untyped](guide::untyped) |
/// | [`Context`] | what a method sees around it: caller, clock, other agents | [`CallError`] | [spawning](guide::spawning) |
/// | [`CallError`] | why a call failed, and whether the method may have run | | [calls](guide::calls) |
/// | [`Error`], [`Result`] | any failure of a program with agents | | [errors](guide::errors) |
/// | [`Restart`] | what follows a crash | | [restarts](guide::restarts) |
/// | [`SslCerts`], [`DevCerts`] | a node's certificates; an authority for development | `CertsError`, which `?` makes an [`Error`] | [certificates](guide::certificates) |
/// | [`Codec`] | how values are written: MsgPack, CBOR, JSON, MsgPackBlosc | | [values](guide::values) |
///
/// [`Result`] takes the place of std's where it is imported by `*`: `Result<T, E>` with two parameters means the same.
pub mod prelude {
    pub use crate::{
        Agent, CallError, Codec, Container, Context, DevCerts, Error, Proxy, Restart, Result, SslCerts,
        Untyped, agent, object,
    };
    pub use folkmoot_agents::mail::{Delivery, Mail, MailAddress};
}
