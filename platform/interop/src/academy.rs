//! Academy's front door: the HTTP exchange of `academy-py` 0.3 to 1.0.
//!
//! What it serves is what `academy.exchange.cloud.app` of 1.0.0 does, route by route and code by code, but for its
//! mistakes. The way of a request: [`server`] accepts a connection, [`connection`] hands its requests to the routes of
//! [`door`], where the handler of each asks the exchange; [`answers`] says what is written, and [`counts`] counts. A
//! message's way out ends in [`held`], which finds out whether it has arrived.

mod answering;
mod answers;
mod asking;
mod body;
mod client;
mod connection;
mod counts;
mod dialects;
mod door;
mod entity;
mod envelope;
mod error;
mod fields;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
#[allow(clippy::expect_used, reason = "a broken promise is a panic, for the fuzzer to find")]
pub mod fuzzed;
mod held;
mod json;
mod mailboxes;
mod message;
mod object;
mod pickle;
mod receiving;
mod rendering;
mod sending;
mod server;
mod sharing;
mod stream;
mod tls;
mod token_file;
mod wire;

pub use answering::{AGENT_TYPE, AcademyInterpreter};
pub use asking::EVERYONE;
pub use client::{AcademyClient, Action, Asking, ClientSetup, Ending, Handle, HandleError};
pub use error::AcademyError;
pub use server::{Academy, AcademyServer};
pub use token_file::TokenFault;
