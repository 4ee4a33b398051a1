//! What an agent tells about itself: names, docs and JSON Schemas, for command lines, pages and tools.
//!
//! Neighbours: `#[agent]` generates an [`AgentDescription`]; the platform serves it under the path
//! `folkmoot/describe`.

use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// An agent's type and its exposed methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentDescription {
    /// The type's name.
    pub agent_type: String,
    /// The struct's doc comment.
    pub docs: String,
    /// The exposed methods, in the order of their declaration.
    pub methods: Vec<MethodDescription>,
    /// The kinds of mail that it takes, in the order of their declaration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mails: Vec<MailDescription>,
}

/// A kind of mail that is taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailDescription {
    /// The kind; `None` for all that are not taken by name.
    pub kind: Option<String>,
    /// The name of the method that takes it.
    pub name: String,
    /// Its doc comment.
    pub docs: String,
    /// Whether it runs beside other turns (`&self`) or alone (`&mut self`).
    pub shared: bool,
    /// JSON Schema of what the mail says; `true` (anything) where the method does not read it.
    pub body: serde_json::Value,
    /// JSON Schema of what answers a request.
    pub returns: serde_json::Value,
}

/// One exposed method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MethodDescription {
    /// Its name.
    pub name: String,
    /// Its doc comment.
    pub docs: String,
    /// Whether it runs beside other calls (`&self`) or alone (`&mut self`).
    pub shared: bool,
    /// Whether to run it twice is as good as once; `false` where its node does not say.
    #[serde(default)]
    pub idempotent: bool,
    /// Its arguments, in order.
    pub arguments: Vec<ArgumentDescription>,
    /// JSON Schema of what it returns when all is well.
    pub returns: serde_json::Value,
}

/// One argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArgumentDescription {
    /// Its name.
    pub name: String,
    /// JSON Schema of its type; `true` (anything) where the type has none.
    pub schema: serde_json::Value,
}

/// Finds a type's schema if it has one, by the method resolution of autoref; used by generated code only.
#[doc(hidden)]
#[derive(Debug)]
pub struct Probe<T>(pub std::marker::PhantomData<T>);

/// The schema of a type that has one.
#[doc(hidden)]
pub trait WithSchema {
    /// Its JSON Schema.
    fn schema(&self) -> serde_json::Value;
}

impl<T: JsonSchema> WithSchema for Probe<T> {
    fn schema(&self) -> serde_json::Value {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        schema.to_value()
    }
}

/// The schema of a type that has none: anything.
#[doc(hidden)]
pub trait WithoutSchema {
    /// `true`.
    fn schema(&self) -> serde_json::Value;
}

impl<T> WithoutSchema for &Probe<T> {
    fn schema(&self) -> serde_json::Value {
        serde_json::Value::Bool(true)
    }
}
