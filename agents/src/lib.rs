//! All that an author of agents touches, and the agent core beneath it.
//!
//! An agent is a plain struct. `#[derive(Agent)]` and `#[agent]` make it an actor whose calls are queued as turns
//! ([`queue`]), whose panics end only the turn they happen in ([`life`]), and which is called through a typed
//! [`Proxy`]. This crate knows no sockets, no tables and no timers: what it needs of its container stands behind the
//! traits of [`host`].

#[doc(hidden)]
pub mod __private;
mod actor;
mod attempts;
mod begin;
mod call;
pub mod chain;
pub mod chance;
mod clock;
pub mod connect;
mod context;
pub mod counters;
pub mod deadlines;
pub mod describe;
pub mod dialogues;
mod erased;
mod group;
pub mod host;
pub mod interface;
mod life;
pub mod linked;
pub mod local;
mod lookup;
pub mod mail;
pub mod monitor;
mod nearest;
mod neighbours;
mod object_proxy;
pub mod objects;
mod panics;
mod proxy;
mod proxy_serde;
mod queue;
pub mod reply;
pub mod retries;
mod running;
pub mod shared;
#[doc(hidden)]
pub mod snapshot;
mod timers;
mod timestamp;
pub mod turn;
mod untyped;
mod waiting;
mod waits;
pub mod watching;
pub mod worked;

pub use call::Call;
pub use clock::{Clock, Sleep, Workplace};
pub use connect::{Connect, Retry};
pub use context::Context;
pub use folkmoot_derive::{Agent, Serializable, agent, main, object, protocol, test};
pub use folkmoot_protocols as protocols;
pub use group::{AnyCall, AskAll, AskOne, AskQuorum, Group, Member, NoQuorum, Told};
pub use interface::{Agent, Interface};
pub use linked::Linked;
pub use lookup::Lookup;
pub use monitor::Monitor;
pub use nearest::nearest;
pub use proxy::Proxy;
pub use proxy_serde::MAX_URL_BYTES;
pub use queue::TURNS_PER_POLL;
pub use timers::{InThePast, Ticks, TimedOut};
pub use timestamp::{BadDate, Timestamp};
pub use untyped::{Untyped, UntypedCall, UntypedCalls};
