//! From source to model: reads an `#[agent]` block or trait, notes what is wrong, takes the markers off.
//!
//! Always true: what has a mistake is left out of the model, so that nothing else is said about it. Neighbours:
//! [`model`](crate::model) is what comes out, [`mistakes`](crate::mistakes) what was wrong.

mod behaviour;
mod contract;
mod docs;
mod ended;
mod exposed;
mod handler;
mod internal;
mod marker;
mod names;
mod on;
mod options;
mod owned;
mod part;
mod period;
mod signature;

pub(crate) use behaviour::{behaviour, object};
pub(crate) use contract::contract;
pub(crate) use docs::docs_text;
pub(crate) use options::{ObjectOptions, Root, root_of_derive};
pub(crate) use owned::{last_word, says_self};
