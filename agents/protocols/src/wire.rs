//! The bytes of protobuf, as far as messages of protocols need them: shared by what interprets a specification and by
//! code that was generated from one.
//!
//! What always holds: [`writing`] is canonical (fields in the order of their numbers, defaults left out, maps by key),
//! and [`reading`] panics at nothing and reserves nothing ahead of what has come. Neighbours: [`reading_mode`] says how
//! much is forgiven, [`allowance`] what of that is left, [`fault`] what is wrong; `message`, `body` and `envelope` are built of these.

pub mod allowance;
pub mod fault;
pub mod reading;
pub mod reading_mode;
pub mod scalar;
pub mod writing;

pub use allowance::Allowance;
pub use fault::{DecodeError, Fault};
pub use reading::{Field, Fields, Payload};
pub use reading_mode::Reading;
pub use scalar::Scalar;
pub use writing::{Encode, Sink};
