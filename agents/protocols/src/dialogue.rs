//! Dialogues: who may say what next, on both sides, and how each conversation ended.
//!
//! [`Dialogues`] keeps one agent's dialogues in one protocol. It knows no clock and no link: it is given each message
//! that comes, makes each that goes, and is told what time it is. Always true: a message that is refused has changed
//! nothing, a dialogue that has ended stays so, and whatever is kept has a bound in [`Limits`].
//!
//! Neighbours: [`rules`] from a specification; [`label`] names a dialogue; [`history`], [`peers`] and [`time_wheel`]
//! are what the table in [`dialogues`] is made of; [`snapshot`] carries it over a restart.

mod claim;
mod conversation;
mod dialogues;
mod ending;
mod error_reply;
mod history;
mod index;
mod judging;
mod keeping;
mod label;
mod limits;
mod lists;
mod peers;
mod references;
mod refusal;
mod rules;
mod snapshot;
mod statistics;
mod table;
mod taking;
mod time_wheel;

pub use conversation::{Dialogue, Ended, Remembered};
pub use dialogues::{Dialogues, Update};
pub use error_reply::{ErrorCode, ErrorReply};
pub use label::{Label, NONCE_BYTES, Side};
pub use limits::Limits;
pub use refusal::Refusal;
pub use rules::{Rules, RulesError};
pub use snapshot::{Snapshot, SnapshotError};
pub use statistics::{Counts, Statistics};
pub use table::DialogueId;

use std::sync::Arc;

use crate::body::{Contents, FieldsOf};
use crate::wire::Encode;

/// What is said in a message, as far as dialogues look at it.
pub trait Speech: Clone {
    /// The performative's number: its place in the order of the field numbers, from 0.
    fn performative(&self) -> u16;
    /// How many bytes it takes, about: for the bounds on what is kept.
    fn weight(&self) -> usize;
    /// Whether it is the same, bit by bit: what comes again is known by that.
    fn is_same(&self, other: &Self) -> bool;
}

impl<B: Contents + Clone> Speech for B {
    fn performative(&self) -> u16 {
        Contents::performative(self)
    }

    fn weight(&self) -> usize {
        size_of::<B>() + FieldsOf(self).encoded_len()
    }

    fn is_same(&self, other: &B) -> bool {
        let bytes = |body: &B| {
            let mut bytes = Vec::new();
            body.write_fields(&mut bytes);
            bytes
        };
        Contents::performative(self) == Contents::performative(other) && bytes(self) == bytes(other)
    }
}

impl<B: Speech> Speech for Arc<B> {
    fn performative(&self) -> u16 {
        B::performative(self)
    }

    fn weight(&self) -> usize {
        B::weight(self)
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(self, other) || B::is_same(self, other)
    }
}
