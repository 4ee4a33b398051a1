//! A dynamic value, for tools that do not know the types: the command line, tracing, gateways to other wires.
//!
//! What always holds: through our codecs a value comes back as it was, NaN, infinities and integers of any size
//! included, as far as the codec can say it (JSON has no bytes and only texts as keys; MsgPack has no integers
//! beyond 64 bits). `BigInt` is only used beyond `i64`. Maps keep their order and may hold any key.
//! Neighbours: `value/serde` reads and writes it, `value/show` prints it, `value/convert` knows other types.

use num_bigint::BigInt;

mod convert;
mod serde;
mod show;

pub use convert::NotJson;

pub(crate) use serde::{BIG_INTEGER, VALUE};

/// Any value that can cross the wire.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing; Python's `None`.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// An integer beyond the range of `Int`.
    BigInt(BigInt),
    /// A float, NaN and infinities included.
    Float(f64),
    /// A text.
    Text(String),
    /// Bytes. JSON has none: there they are written as a list of integers.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map, as pairs in their order.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// The value under a text key, if this is a map that has it; the first one, should there be several.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.iter().find(|(found, _)| found.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The item of a list.
    pub fn item(&self, index: usize) -> Option<&Value> {
        self.as_list()?.get(index)
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it fits.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it fits.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::BigInt(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The float, or the float nearest to the integer.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            Value::BigInt(value) => value.to_string().parse().ok(),
            _ => None,
        }
    }

    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items of the list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of the map.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        match self {
            Value::Map(pairs) => Some(pairs),
            _ => None,
        }
    }
}
