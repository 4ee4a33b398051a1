//! The error of a method that chooses what a plain peer sees: an exception of a type, with a message.
//!
//! Neighbour: `exception` writes it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::call_error::CallError;
use crate::exception;

/// An exception as Python knows it, for methods that plain peers call: `Err(Exception::new("ValueError", "too much"))`.
///
/// A plain peer gets a text that ends with `ValueError: too much`, as if a method of its own kind had raised it; a
/// Folkmoot container gets [`CallError::Agent`] with this. Any other error of a method is a `RuntimeError` to plain
/// peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The type's name, such as `ValueError` or `package.module.Wrong`; what is no such name becomes `RuntimeError`.
    pub kind: String,
    /// What went wrong; may have several lines.
    pub message: String,
}

impl Exception {
    /// An exception of a type.
    pub fn new(kind: impl Into<String>, message: impl fmt::Display) -> Exception {
        Exception { kind: kind.into(), message: message.to_string() }
    }

    /// Python's `ValueError`.
    pub fn value_error(message: impl fmt::Display) -> Exception {
        Exception::new("ValueError", message)
    }

    /// Python's `TypeError`.
    pub fn type_error(message: impl fmt::Display) -> Exception {
        Exception::new("TypeError", message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(&self.kind),
            message => write!(f, "{}: {message}", self.kind),
        }
    }
}

impl std::error::Error for Exception {}

/// The failure of a nested call, as a plain peer would have been told of it: its exception's type and message where
/// there was one.
impl<E: fmt::Display + 'static> From<CallError<E>> for Exception {
    fn from(error: CallError<E>) -> Exception {
        match error {
            CallError::Remote { kind, message, .. } if !kind.is_empty() => Exception { kind, message },
            error => {
                let (kind, message) = exception::python(&error);
                Exception { kind: kind.into_owned(), message }
            }
        }
    }
}
