//! Academy's front door as raw HTTP sees it: every route, code and header, and what others get wrong.
//!
//! Neighbours: `academy/scenario.py` has Academy's own clients do the same in the live lane; the exchange behind it has a
//! suite of its own.

#[path = "http/client.rs"]
mod client;
#[path = "http/counts.rs"]
mod counts;
#[path = "http/delivery.rs"]
mod delivery;
#[path = "http/handles.rs"]
mod handles;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/older_clients.rs"]
mod older_clients;
#[path = "http/routes.rs"]
mod routes;
#[path = "http/serving.rs"]
mod serving;
#[path = "http/streams.rs"]
mod streams;
#[path = "http/tokens.rs"]
mod tokens;
