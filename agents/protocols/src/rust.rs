//! Rust source from a specification: the types of its messages, and the rules of its dialogues as traits.
//!
//! The text is a module: an enum of all that may be said, a struct for each performative, and the modules `types` (custom
//! types), `unions`, `roles` and `heard`. How they are written stands in tables that name the shapes of
//! [`typed`](crate::typed), so that the text stays short. What always holds: each name in it is a Rust name, and no two
//! names of the specification became one. Neighbours: [`performatives`], [`custom_types`] and [`dialogues`] write the parts.

mod custom_types;
mod dialogues;
mod names;
mod performatives;
mod source;

use names::Scope;
use source::{Source, prose};

use crate::Specification;
use crate::dialogue::RulesError;
use crate::finding::Findings;

/// What generated source begins with and names.
#[derive(Debug, Clone)]
pub struct RustOptions {
    /// The path of this crate's items, as generated code finds them.
    pub root: String,
    /// Where generated code has the specification's text from.
    pub text: SpecificationText,
}

/// Where generated code has its specification from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SpecificationText {
    /// From the code itself.
    Within(String),
    /// From a file, by its whole path, which the compiler then watches.
    File(String),
}

/// Why there are no Rust types for a specification.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RustError {
    /// Two names became one.
    #[error("{one} and {other} are both `{name}` in Rust; call one of them something else")]
    Clash {
        /// One that is named.
        one: String,
        /// The other.
        other: String,
        /// What both are called.
        name: String,
    },
    /// The rules of dialogues do not fit together.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Protobuf refuses the custom types.
    #[error(transparent)]
    Findings(#[from] Findings),
}

impl RustOptions {
    /// For programs that depend on `folkmoot`: source that holds the specification's text.
    #[must_use]
    pub fn within(text: &str) -> RustOptions {
        let root = "::folkmoot::protocols".to_owned();
        RustOptions { root, text: SpecificationText::Within(text.to_owned()) }
    }
}

impl Specification {
    /// The name of the module that [`Specification::rust`] is the text of, and of its file without `.rs`.
    #[must_use]
    pub fn rust_module(&self) -> String {
        names::field_name(&self.name)
    }

    /// The protocol as Rust source: what stands in a module of the name [`Specification::rust_module`].
    ///
    /// # Errors
    /// Two names of the specification are one in Rust, or protobuf refuses its custom types.
    pub fn rust(&self, options: &RustOptions) -> Result<String, RustError> {
        let generator = Generator { specification: self, root: &options.root };
        let mut protocol = names::type_name(&self.name);
        // A protocol is often called by what is said first in it.
        if self.speech_acts.iter().any(|act| names::type_name(&act.name) == protocol) {
            protocol.push_str("Protocol");
        }
        let mut body = Source::default();
        generator.performatives(&protocol, &mut body)?;
        if let Some(rules) = &self.dialogue {
            generator.dialogues(&protocol, rules, &mut body)?;
        }
        let types = generator.custom_types()?;
        if let Some(types) = types {
            let of = format!("The custom types of `{}`.", self.id);
            body.module("types", &of, &types);
        }

        let mut source = Source::default();
        source.module_doc(&prose(&self.description));
        if !self.description.trim().is_empty() {
            source.line("//!");
        }
        let (id, version) = (&self.id, &self.version);
        source.module_doc(&format!(
            "The types of the protocol `{id}` (`{}/{}`, version {version}): [`{protocol}`] is all that may be said in it.\n\
             Generated from its specification by Folkmoot: change that, and generate this anew.",
            self.author, self.name,
        ));
        source.gap();
        source.line("#![allow(dead_code, unreachable_pub, reason = \"a program may use a part of it\")]");
        source.line("#![allow(clippy::large_enum_variant, reason = \"some messages are large\")]");
        source.gap();
        generator.imports(body.text(), &mut source);
        source.gap();
        let text = match &options.text {
            SpecificationText::Within(text) => literal(text),
            SpecificationText::File(path) => format!("include_str!({path:?})"),
        };
        let mut whole = source.into_text() + body.text();
        whole.push_str("\n/// What all of this was generated from.\nconst SPECIFICATION: &str = ");
        whole.push_str(&text);
        whole.push_str(";\n");
        Ok(whole)
    }
}

/// A text as source.
fn literal(text: &str) -> String {
    if text.contains('\r') {
        return format!("{text:?}");
    }
    let mut marks = String::from("#");
    while text.contains(&format!("\"{marks}")) {
        marks.push('#');
    }
    format!("r{marks}\"{text}\"{marks}")
}

/// A specification on its way to source.
struct Generator<'a> {
    specification: &'a Specification,
    root: &'a str,
}

impl Generator<'_> {
    /// What a module of this text has to import.
    fn imports(&self, text: &str, source: &mut Source) {
        let root = self.root;
        let code = || text.lines().filter(|line| !line.trim_start().starts_with("//"));
        // What stands in a module of its own is imported there.
        let outer = |word: &str| {
            let mut within = false;
            code().any(|line| {
                within = (within || line.starts_with("pub mod ")) && line != "}";
                !within && line.contains(word)
            })
        };
        let collections: Vec<&str> =
            ["BTreeMap", "BTreeSet"].into_iter().filter(|name| outer(&format!("{name}<"))).collect();
        match collections.as_slice() {
            [] => {}
            [one] => source.line(format!("use std::collections::{one};")),
            both => source.line(format!("use std::collections::{{{}}};", both.join(", "))),
        }
        source.gap();
        let modules: Vec<&str> =
            ["kind", "shape"].into_iter().filter(|name| outer(&format!("{name}::"))).collect();
        match modules.as_slice() {
            [] => source.line(format!("use {root}::typed;")),
            some => source.line(format!("use {root}::typed::{{self, {}}};", some.join(", "))),
        }
    }

    /// A scope in which nothing has a name.
    fn scope(&self) -> Scope {
        Scope::default()
    }
}
