//! The structure of custom types: what a generator needs to make types of them in another language.
//!
//! A custom type is a message of protobuf whose fields its author wrote; nested messages and enumerations belong to
//! it. Neighbour: [`proto_schema`](crate::proto_schema) compiles the authors' text.

pub(crate) mod describing;

use std::collections::BTreeMap;

use crate::finding::{Finding, Findings, Place};
use crate::proto_schema::{ProtoSchema, compiled};
use crate::specification::Specification;

/// A message: a custom type, or one that is nested in one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// As written.
    pub name: String,
    /// The comment before it, if any.
    pub doc: String,
    /// In the author's order.
    pub fields: Vec<Field>,
    /// Groups of fields of which at most one is set.
    pub oneofs: Vec<Oneof>,
    /// Nested messages, in the author's order.
    pub messages: Vec<Message>,
    /// Nested enumerations, in the author's order.
    pub enums: Vec<Enum>,
}

/// A field of a [`Message`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// As written.
    pub name: String,
    /// On the wire.
    pub number: u32,
    /// The comment before it, if any.
    pub doc: String,
    /// What it holds.
    pub field_type: FieldType,
    /// How many of it.
    pub cardinality: Cardinality,
    /// Its group, as an index into [`Message::oneofs`].
    pub oneof: Option<usize>,
}

/// How many values a [`Field`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cardinality {
    /// One; the default value is not written, so it cannot be told from an absent one.
    Single,
    /// One or none: `optional`, fields of a oneof, and messages.
    Optional,
    /// Any number; numbers, truth values and enumerations are written packed unless it says otherwise.
    Repeated {
        /// Whether they are.
        packed: bool,
    },
    /// A map from a scalar.
    Map {
        /// The keys.
        key: ScalarType,
    },
}

/// What a [`Field`] holds; of a map, its values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldType {
    /// A value without parts.
    Scalar(ScalarType),
    /// A message: the names from the custom type inwards, as `["Query", "Constraint"]`.
    Message(Vec<String>),
    /// An enumeration, its names in the same way.
    Enum(Vec<String>),
}

impl FieldType {
    /// The names of a message or an enumeration, from the custom type inwards.
    pub(crate) fn path(&self) -> Option<&[String]> {
        match self {
            FieldType::Message(path) | FieldType::Enum(path) => Some(path),
            FieldType::Scalar(_) => None,
        }
    }
}

/// Protobuf's types without parts, by protobuf's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
#[non_exhaustive]
pub enum ScalarType {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

/// Fields of which at most one is set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Oneof {
    /// As written.
    pub name: String,
    /// The comment before it, if any.
    pub doc: String,
}

/// An enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Enum {
    /// As written.
    pub name: String,
    /// The comment before it, if any.
    pub doc: String,
    /// In the author's order; the first has the number 0.
    pub values: Vec<EnumValue>,
}

/// A value of an [`Enum`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnumValue {
    /// As written.
    pub name: String,
    /// On the wire. Two values have the same number where the author allows aliases.
    pub number: i32,
    /// The comment before it, if any.
    pub doc: String,
}

impl Specification {
    /// What the custom types are made of, by their names without `ct:`.
    ///
    /// # Errors
    /// Where a specification that was read leniently has fields that protobuf refuses.
    pub fn custom_type_structures(&self) -> Result<BTreeMap<String, Message>, Findings> {
        let message = compiled::compile(self, &ProtoSchema::of(self)).map_err(|broken| {
            let mut findings = Findings::default();
            for broken in broken {
                let text = format!("protobuf refuses the schema: {}", broken.text);
                findings.push(Finding::error("protobuf", Place::START, text));
            }
            findings
        })?;
        let custom = message.child_messages().filter(|child| self.custom_types.contains_key(child.name()));
        Ok(custom.map(|child| (child.name().to_owned(), describing::message(&child, &message))).collect())
    }
}
