//! One body of tests, run over every codec: what goes in comes out, and as the libraries of record write it.

mod arguments;
mod chunks;
mod differential;
mod errors;
mod long_texts;
mod messages;
mod recorded;
mod sample;
mod typed;
mod values;
