//! The module `types`: structs and enums of the custom types, and of what is nested in them.
//!
//! What is nested is called by the names it lies in: `QueryConstraint`. A message that can hold one of its own type holds it
//! in a box. Neighbour: [`custom_type`](crate::custom_type) has the structure.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Scope, field_name, type_name, value_name};
use super::source::{Source, prose};
use super::{Generator, RustError};
use crate::custom_type::{Cardinality, Enum, Field, FieldType, Message, ScalarType};

impl Generator<'_> {
    /// The module's text; none where there are no custom types.
    pub(super) fn custom_types(&self) -> Result<Option<Source>, RustError> {
        if self.specification.custom_types.is_empty() {
            return Ok(None);
        }
        let structures = self.specification.custom_type_structures()?;
        let mut types = Types { scope: self.scope(), holds: holds(&structures), source: Source::default() };
        for (name, message) in &structures {
            types.message(std::slice::from_ref(name), message)?;
        }
        let mut module = Source::default();
        self.imports(types.source.text(), &mut module);
        module.gap();
        let text = module.into_text() + types.source.text();
        let mut whole = Source::default();
        text.lines().for_each(|line| whole.line(line));
        Ok(Some(whole))
    }
}

/// Names from a custom type inwards.
type Path = Vec<String>;

struct Types {
    scope: Scope,
    /// Which messages each message holds one of, without a list between.
    holds: BTreeMap<Path, BTreeSet<Path>>,
    source: Source,
}

impl Types {
    fn message(&mut self, path: &[String], message: &Message) -> Result<(), RustError> {
        let name = joined(path);
        self.scope.take(&name, format!("the custom type `{}`", path.join(".")))?;
        let mut fields = self.entries(path, message);
        fields.sort_by_key(|entry| entry.number);
        let mut scope = Scope::default();
        for entry in &fields {
            scope.take(&entry.name, format!("the field `{}` of `{}`", entry.written, path.join(".")))?;
        }

        self.source.gap();
        let of = if path.len() == 1 {
            format!("`ct:{}`", path.join("."))
        } else {
            format!("`{}`", path.join("."))
        };
        self.documented(&of, &message.doc);
        self.source.line("#[derive(Debug, Clone, PartialEq, Default)]");
        match fields.is_empty() {
            true => self.source.line(format!("pub struct {name} {{}}")),
            false => self.source.block(format!("pub struct {name}"), |source| {
                for entry in &fields {
                    source.doc(&entry.doc);
                    source.field(&entry.name, &entry.of);
                }
            }),
        }
        self.source.gap();
        match fields.is_empty() {
            true => self.source.line(format!("typed::fields! {{ {name} {{}} }}")),
            false => self.source.block("typed::fields!", |source| {
                source.block(&name, |source| {
                    for entry in &fields {
                        source.line(format!("{}: {} = {},", entry.name, entry.number, entry.shape));
                    }
                });
            }),
        }
        for (position, oneof) in message.oneofs.iter().enumerate() {
            self.oneof(path, message, position, &oneof.name, &oneof.doc)?;
        }
        for inner in &message.enums {
            self.enumeration(&[path, std::slice::from_ref(&inner.name)].concat(), inner)?;
        }
        for inner in &message.messages {
            self.message(&[path, std::slice::from_ref(&inner.name)].concat(), inner)?;
        }
        Ok(())
    }

    fn documented(&mut self, of: &str, doc: &str) {
        self.source.doc(&format!("{of}."));
        if !doc.trim().is_empty() {
            self.source.line("///");
            self.source.doc(&prose(doc));
        }
    }

    /// The fields of the struct: those of the message, and one for each group of which at most one is set.
    fn entries(&self, path: &[String], message: &Message) -> Vec<Entry> {
        let mut entries = Vec::new();
        for field in message.fields.iter().filter(|field| field.oneof.is_none()) {
            let (of, shape) = self.typed(path, field);
            entries.push(Entry {
                name: field_name(&field.name),
                written: field.name.clone(),
                number: field.number,
                doc: field_doc(field),
                of,
                shape,
            });
        }
        for (position, oneof) in message.oneofs.iter().enumerate() {
            let number = message.fields.iter().filter(|field| field.oneof == Some(position));
            let Some(number) = number.map(|field| field.number).min() else { continue };
            let name = joined(&[path, std::slice::from_ref(&oneof.name)].concat());
            entries.push(Entry {
                name: field_name(&oneof.name),
                written: oneof.name.clone(),
                number,
                doc: format!("`{}`, which is one of several or none.", oneof.name),
                of: format!("Option<{name}>"),
                shape: name,
            });
        }
        entries
    }

    /// A field's type and shape.
    fn typed(&self, path: &[String], field: &Field) -> (String, String) {
        match (&field.field_type, field.cardinality) {
            (FieldType::Message(of), Cardinality::Repeated { .. }) => {
                let of = joined(of);
                (format!("Vec<{of}>"), format!("shape::ManyNested<{of}>"))
            }
            (FieldType::Message(of), Cardinality::Map { key }) => {
                let (of, (key, key_kind)) = (joined(of), scalar(key));
                (format!("BTreeMap<{key}, {of}>"), format!("shape::Map<{key_kind}, shape::Nested<{of}>>"))
            }
            (FieldType::Message(of), _) => {
                let (held, shape) = self.held(path, of);
                (format!("Option<{held}>"), format!("shape::MaybeNested<{shape}>"))
            }
            (value, cardinality) => {
                let (of, kind) = value_of(value);
                match cardinality {
                    Cardinality::Optional => (format!("Option<{of}>"), format!("shape::Explicit<{kind}>")),
                    Cardinality::Repeated { packed } => {
                        let is_text = matches!(of.as_str(), "String" | "Vec<u8>");
                        let shape = if packed || is_text { "Many" } else { "Unpacked" };
                        (format!("Vec<{of}>"), format!("shape::{shape}<{kind}>"))
                    }
                    Cardinality::Map { key } => {
                        let (key, key_kind) = scalar(key);
                        let shape = format!("shape::Map<{key_kind}, shape::Whole<{kind}>>");
                        (format!("BTreeMap<{key}, {of}>"), shape)
                    }
                    _ => (of, format!("shape::One<{kind}>")),
                }
            }
        }
    }

    /// A message that another holds: its type, and what stands in its shape.
    fn held(&self, by: &[String], of: &[String]) -> (String, String) {
        let name = joined(of);
        match self.reaches(of, by) {
            true => (format!("Box<{name}>"), format!("{name}, Box<{name}>")),
            false => (name.clone(), name),
        }
    }

    /// Whether a message holds another, in however many steps.
    fn reaches(&self, from: &[String], to: &[String]) -> bool {
        let mut seen: BTreeSet<&[String]> = BTreeSet::new();
        let mut waiting = vec![from];
        while let Some(next) = waiting.pop() {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                waiting.extend(self.holds.get(next).into_iter().flatten().map(Vec::as_slice));
            }
        }
        false
    }

    fn oneof(
        &mut self,
        path: &[String],
        message: &Message,
        position: usize,
        written: &str,
        doc: &str,
    ) -> Result<(), RustError> {
        let name = joined(&[path, &[written.to_owned()]].concat());
        self.scope.take(&name, format!("the oneof `{written}` of `{}`", path.join(".")))?;
        let fields = || message.fields.iter().filter(|field| field.oneof == Some(position));
        let mut scope = Scope::default();
        for field in fields() {
            let origin = format!("the field `{}` of `{}`", field.name, path.join("."));
            scope.take(&type_name(&field.name), origin)?;
        }
        let alternatives: Vec<(&Field, String, String)> = fields()
            .map(|field| match &field.field_type {
                FieldType::Message(of) => {
                    let (held, shape) = self.held(path, of);
                    (field, held, format!("shape::Nested<{shape}>"))
                }
                value => {
                    let (of, kind) = value_of(value);
                    (field, of, format!("shape::Whole<{kind}>"))
                }
            })
            .collect();
        self.source.gap();
        self.documented(&format!("What `{written}` of `{}` may be", path.join(".")), doc);
        self.source.line("#[derive(Debug, Clone, PartialEq)]");
        self.source.block(format!("pub enum {name}"), |source| {
            for (field, of, _) in &alternatives {
                source.doc(&field_doc(field));
                source.variant(&type_name(&field.name), &[of]);
            }
        });
        self.source.gap();
        self.source.block("typed::oneof!", |source| {
            source.block(&name, |source| {
                for (field, _, shape) in &alternatives {
                    source.line(format!("{}: {} = {shape},", type_name(&field.name), field.number));
                }
            });
        });
        Ok(())
    }

    fn enumeration(&mut self, path: &[String], written: &Enum) -> Result<(), RustError> {
        let name = joined(path);
        self.scope.take(&name, format!("the enumeration `{}`", path.join(".")))?;
        let mut scope = Scope::default();
        for value in &written.values {
            let origin = format!("the value `{}` of `{}`", value.name, path.join("."));
            scope.take(&value_name(&value.name), origin)?;
        }
        let taken = |name: &str| written.values.iter().any(|value| value_name(&value.name) == name);
        let unnamed = if taken("Unnamed") { "Unnamed_" } else { "Unnamed" };
        // Another name of a number is a constant.
        let (mut values, mut others) = (BTreeMap::new(), Vec::new());
        for value in &written.values {
            match values.get(&value.number) {
                None => drop(values.insert(value.number, value)),
                Some(first) => others.push((value, *first)),
            }
        }
        self.source.gap();
        self.documented(&format!("`{}`", path.join(".")), &written.doc);
        self.source.line("#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]");
        self.source.block(format!("pub enum {name}"), |source| {
            for (number, value) in &values {
                source.doc(&format!("`{} = {number}`.", value.name));
                if !value.doc.trim().is_empty() {
                    source.line("///");
                    source.doc(&prose(&value.doc));
                }
                if *number == 0 {
                    source.line("#[default]");
                }
                source.line(format!("{},", value_name(&value.name)));
            }
            source.doc("A number that has no name: refused where bytes are read strictly.");
            source.line(format!("{unnamed}(i32),"));
        });
        self.source.gap();
        self.source.block("typed::enumeration!", |source| {
            source.block(format!("{name}, {unnamed}"), |source| {
                for (number, value) in &values {
                    source.line(format!("{} = {number},", value_name(&value.name)));
                }
            });
        });
        if !others.is_empty() {
            self.source.gap();
            self.source.line("#[allow(non_upper_case_globals, reason = \"named as its like\")]");
            self.source.block(format!("impl {name}"), |source| {
                for (value, first) in &others {
                    source.doc(&format!("`{} = {}`.", value.name, value.number));
                    let (value, first) = (value_name(&value.name), value_name(&first.name));
                    source.line(format!("pub const {value}: {name} = {name}::{first};"));
                }
            });
        }
        Ok(())
    }
}

/// A field of a struct.
struct Entry {
    name: String,
    written: String,
    number: u32,
    doc: String,
    of: String,
    shape: String,
}

fn field_doc(field: &Field) -> String {
    let doc = prose(&field.doc);
    let own = format!("`{} = {}`.", field.name, field.number);
    if doc.is_empty() { own } else { format!("{own}\n\n{doc}") }
}

/// The name of what is nested: all names around it, and its own.
fn joined(path: &[String]) -> String {
    match path {
        [one] => type_name(one),
        path => path.iter().map(|name| type_name(name).trim_end_matches('_').to_owned()).collect(),
    }
}

/// A value without parts: its type and its kind.
fn value_of(field_type: &FieldType) -> (String, String) {
    match field_type {
        FieldType::Scalar(of) => {
            let (of, kind) = scalar(*of);
            (of.to_owned(), kind.to_owned())
        }
        FieldType::Enum(of) | FieldType::Message(of) => (joined(of), joined(of)),
    }
}

fn scalar(of: ScalarType) -> (&'static str, &'static str) {
    match of {
        ScalarType::Double => ("f64", "kind::Double"),
        ScalarType::Float => ("f32", "f32"),
        ScalarType::Int32 => ("i32", "kind::Int32"),
        ScalarType::Int64 => ("i64", "i64"),
        ScalarType::Uint32 => ("u32", "kind::Uint32"),
        ScalarType::Uint64 => ("u64", "kind::Uint64"),
        ScalarType::Sint32 => ("i32", "kind::Sint32"),
        ScalarType::Sint64 => ("i64", "kind::Sint64"),
        ScalarType::Fixed32 => ("u32", "kind::Fixed32"),
        ScalarType::Fixed64 => ("u64", "kind::Fixed64"),
        ScalarType::Sfixed32 => ("i32", "kind::Sfixed32"),
        ScalarType::Sfixed64 => ("i64", "kind::Sfixed64"),
        ScalarType::Bool => ("bool", "bool"),
        ScalarType::String => ("String", "String"),
        ScalarType::Bytes => ("Vec<u8>", "Vec<u8>"),
    }
}

/// Which messages each message holds one of.
fn holds(structures: &BTreeMap<String, Message>) -> BTreeMap<Path, BTreeSet<Path>> {
    let mut holds: BTreeMap<Path, BTreeSet<Path>> = BTreeMap::new();
    let mut waiting: Vec<(Path, &Message)> =
        structures.iter().map(|(name, message)| (vec![name.clone()], message)).collect();
    while let Some((path, message)) = waiting.pop() {
        let one = message.fields.iter().filter(|field| {
            !matches!(field.cardinality, Cardinality::Repeated { .. } | Cardinality::Map { .. })
        });
        let held = one.filter_map(|field| match &field.field_type {
            FieldType::Message(of) => Some(of.clone()),
            _ => None,
        });
        holds.entry(path.clone()).or_default().extend(held);
        waiting.extend(
            message
                .messages
                .iter()
                .map(|inner| ([path.as_slice(), std::slice::from_ref(&inner.name)].concat(), inner)),
        );
    }
    holds
}
