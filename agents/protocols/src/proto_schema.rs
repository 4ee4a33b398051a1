//! The protobuf schema of a protocol: the text that AEA's generator makes of a specification, and what is wrong with
//! it.
//!
//! What always holds: numbers follow the specification's order within a performative, and the names' order among
//! performatives, from 5. Neighbours: [`fields`] has the fields of a performative, [`compiled`] the descriptors that
//! `protox`, a protobuf compiler in Rust, makes of the text, [`custom_type`](crate::custom_type) what a generator
//! needs of these.

pub(crate) mod compiled;
pub(crate) mod fields;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use crate::specification::Specification;

/// The field number of the first performative.
pub(crate) const FIRST_NUMBER: usize = 5;

/// The text, and where the authors' parts stand in it.
pub(crate) struct ProtoSchema {
    pub(crate) text: String,
    /// The bytes of each custom type's fields, by its name.
    pub(crate) custom_types: BTreeMap<String, Range<usize>>,
}

impl Specification {
    /// The protobuf schema of the protocol's messages, as AEA's generator has it: one message that holds the custom
    /// types, one for each performative, and which of them it is. That it compiles was checked when the
    /// specification was read, unless leniently.
    pub fn proto_schema(&self) -> String {
        ProtoSchema::of(self).text
    }

    /// The name of the message in [`Specification::proto_schema`], as `StateUpdateMessage`.
    pub fn message_name(&self) -> String {
        let words = self.name.split('_').map(title);
        words.chain(["Message".to_owned()]).collect()
    }

    /// The package in [`Specification::proto_schema`], as `aea.fetchai.fipa.v1_0_0`.
    pub fn proto_package(&self) -> String {
        let version: String = self
            .id
            .version
            .chars()
            .map(|next| if next.is_ascii_alphanumeric() { next } else { '_' })
            .collect();
        format!("aea.{}.{}.v{version}", self.id.author, self.id.name)
    }
}

impl ProtoSchema {
    pub(crate) fn of(specification: &Specification) -> ProtoSchema {
        let mut schema = ProtoSchema::begun(specification, |_| true);
        for performative in &specification.speech_acts {
            schema.line(1, &format!("message {} {{", performative_message(&performative.name)));
            for field in fields::fields(&performative.contents) {
                schema.line(2, &format!("{} {} = {};", field.proto_type, field.name, field.number));
            }
            schema.line(1, "}\n");
        }
        schema.line(1, "oneof performative {");
        for (number, performative) in (FIRST_NUMBER..).zip(specification.by_number()) {
            let name = &performative.name;
            schema.line(2, &format!("{} {name} = {number};", performative_message(name)));
        }
        schema.line(1, "}");
        schema.line(0, "}");
        schema
    }

    /// The custom types without the performatives: what is wrong with the types is so whatever holds them. None that is
    /// not called as a type.
    pub(crate) fn of_custom_types(specification: &Specification) -> ProtoSchema {
        let is_name = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.chars().all(|next| next.is_ascii_alphanumeric())
        };
        let mut schema = ProtoSchema::begun(specification, is_name);
        schema.line(0, "}");
        schema
    }

    /// As far as the custom types.
    fn begun(specification: &Specification, is_taken: impl Fn(&str) -> bool) -> ProtoSchema {
        let mut schema = ProtoSchema { text: String::new(), custom_types: BTreeMap::new() };
        let (package, name) = (specification.proto_package(), specification.message_name());
        schema.line(0, "syntax = \"proto3\";\n");
        schema.line(0, &format!("package {package};\n"));
        schema.line(0, &format!("message {name} {{"));
        for (name, fields) in specification.custom_types.iter().filter(|(name, _)| is_taken(name)) {
            schema.custom_type(name, fields);
        }
        schema
    }

    /// In whose fields a byte of the text stands, and where these are.
    pub(crate) fn custom_type_at(&self, at: usize) -> Option<(&str, &Range<usize>)> {
        // What lacks an end is told of at the bracket after it.
        let found = self.custom_types.iter().find(|(_, range)| at >= range.start && at <= range.end + 4);
        found.map(|(name, range)| (name.as_str(), range))
    }

    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a String cannot fail.
        writeln!(self.text, "{:indent$}{text}", "", indent = 2 * depth).ok();
    }

    /// The author's lines stand as they are, so that columns of errors are the author's too.
    fn custom_type(&mut self, name: &str, fields: &str) {
        self.line(1, &format!("message {name} {{"));
        let start = self.text.len();
        self.text += fields;
        self.custom_types.insert(name.to_owned(), start..self.text.len());
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.line(1, "}\n");
    }
}

/// The name of a performative's message, as `Match_Accept_W_Inform_Performative`.
pub(crate) fn performative_message(name: &str) -> String {
    format!("{}_Performative", title(name))
}

/// As Python's `title`: a letter that no letter stands before is a capital, all others are small.
fn title(text: &str) -> String {
    let mut before = false;
    let mut titled = String::with_capacity(text.len());
    for character in text.chars() {
        titled.push(if before { character.to_ascii_lowercase() } else { character.to_ascii_uppercase() });
        before = character.is_ascii_alphabetic();
    }
    titled
}
