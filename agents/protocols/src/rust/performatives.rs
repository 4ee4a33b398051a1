//! The enum of a protocol, its performatives and its unions.

use super::names::{field_name, type_name};
use super::source::{Source, listed};
use super::{Generator, RustError};
use crate::protocol::Layout;
use crate::specification::{ContentType, DialogueRules, Element, Performative, Primitive};

impl Generator<'_> {
    pub(super) fn performatives(&self, protocol: &str, source: &mut Source) -> Result<(), RustError> {
        let specification = self.specification;
        let sorted = specification.by_number();
        let mut scope = self.scope();
        scope.take(protocol, format!("the protocol `{}`", specification.name))?;
        for act in &sorted {
            scope.take(&type_name(&act.name), format!("the performative `{}`", act.name))?;
        }

        source.doc(&format!("All that may be said in `{}`.", specification.id));
        source.line("#[derive(Debug, Clone, PartialEq)]");
        source.block(format!("pub enum {protocol}"), |source| {
            for act in &sorted {
                source.doc(&format!("`{}`.", act.name));
                let name = type_name(&act.name);
                source.variant(&name, &[&name]);
            }
        });
        source.gap();
        source.block("typed::protocol!", |source| {
            source.line(format!("{protocol}, {:?}, SPECIFICATION;", specification.id.to_string()));
            for (index, act) in sorted.iter().enumerate() {
                source.line(format!("{} = {index} {:?},", type_name(&act.name), act.name));
            }
        });
        for act in &specification.speech_acts {
            self.performative(act, source)?;
        }
        self.unions(source)
    }

    fn performative(&self, act: &Performative, source: &mut Source) -> Result<(), RustError> {
        let name = type_name(&act.name);
        let mut scope = self.scope();
        for content in &act.contents {
            let origin = format!("the content `{}` of `{}`", content.name, act.name);
            scope.take(&field_name(&content.name), origin)?;
        }
        source.gap();
        source.doc(&format!("`{}`{}.", act.name, told(&act.name, self.specification.dialogue.as_ref())));
        source.line("#[derive(Debug, Clone, PartialEq)]");
        if act.contents.is_empty() {
            source.line(format!("pub struct {name};"));
        } else {
            source.block(format!("pub struct {name}"), |source| {
                for content in &act.contents {
                    source.doc(&format!("`{}: {}`.", content.name, content.content_type));
                    source
                        .field(&field_name(&content.name), &rust_type(&content.name, &content.content_type));
                }
            });
        }
        source.gap();
        if act.contents.is_empty() {
            source.line(format!("typed::fields! {{ {name} {{}} }}"));
            return Ok(());
        }
        let layout = Layout::of(act);
        source.block("typed::fields!", |source| {
            source.block(&name, |source| {
                for (content, slot) in act.contents.iter().zip(&layout.slots) {
                    let number = slot.alternatives.first().map_or(0, |(_, number)| *number);
                    let shape = shape(&content.name, &content.content_type);
                    source.line(format!("{}: {number} = {shape},", field_name(&content.name)));
                }
            });
        });
        Ok(())
    }

    /// One for each content of that type: AEA's contents of one name have one type.
    fn unions(&self, source: &mut Source) -> Result<(), RustError> {
        let mut unions = Source::default();
        let mut scope = self.scope();
        let mut written: Vec<(&str, &ContentType)> = Vec::new();
        for act in &self.specification.speech_acts {
            for content in act.contents.iter().filter(|content| content.content_type.is_union()) {
                let this = (content.name.as_str(), &content.content_type);
                if written
                    .iter()
                    .any(|(name, of)| *name == this.0 && of.alternatives() == this.1.alternatives())
                {
                    continue;
                }
                written.push(this);
                let name = type_name(&content.name);
                scope.take(&name, format!("the content `{}` of `{}`", content.name, act.name))?;
                self.union(&name, &content.name, content.content_type.alternatives(), &mut unions)?;
            }
        }
        if written.is_empty() {
            return Ok(());
        }
        let mut module = Source::default();
        self.imports(unions.text(), &mut module);
        if unions.text().contains("types::") {
            module.gap();
            module.line("use super::types;");
        }
        module.gap();
        let module = module.into_text() + unions.text();
        let mut inner = Source::default();
        module.lines().for_each(|line| inner.line(line));
        source.module("unions", "The contents that are one of several types.", &inner);
        Ok(())
    }

    fn union(
        &self,
        name: &str,
        content: &str,
        alternatives: &[Element],
        source: &mut Source,
    ) -> Result<(), RustError> {
        let mut scope = self.scope();
        for element in alternatives {
            let origin = format!("the alternative `{element}` of `{content}`");
            scope.take(&type_name(&element.field_word()), origin)?;
        }
        source.gap();
        source.doc(&format!("What `{content}` may be."));
        source.line("#[derive(Debug, Clone, PartialEq)]");
        source.block(format!("pub enum {name}"), |source| {
            for element in alternatives {
                source.doc(&format!("`{element}`."));
                source.variant(&type_name(&element.field_word()), &[&element_type(element)]);
            }
        });
        source.gap();
        source.block("typed::union!", |source| {
            source.block(name, |source| {
                for (position, element) in alternatives.iter().enumerate() {
                    let alternative = type_name(&element.field_word());
                    source.line(format!("{alternative}: {} = {},", 2 * position, element_shape(element)));
                }
            });
        });
        Ok(())
    }
}

/// What the rules say of a performative, behind its name.
fn told(name: &str, rules: Option<&DialogueRules>) -> String {
    let Some(rules) = rules else { return String::new() };
    let begins = rules.initiation.iter().any(|first| first == name);
    let replies = rules.reply.get(name).map(Vec::as_slice).unwrap_or_default();
    let begins = if begins { ", with which a dialogue may begin" } else { "" };
    match replies {
        [] => format!("{begins}: it ends the dialogue"),
        replies => format!("{begins}: answered with {}", listed(replies)),
    }
}

fn rust_type(name: &str, content_type: &ContentType) -> String {
    match content_type {
        ContentType::Plain(element) => element_type(element),
        ContentType::Optional(element) => format!("Option<{}>", element_type(element)),
        ContentType::Union(_) => format!("unions::{}", type_name(name)),
        ContentType::OptionalUnion(_) => format!("Option<unions::{}>", type_name(name)),
    }
}

fn element_type(element: &Element) -> String {
    match element {
        Element::Primitive(primitive) => primitive_type(*primitive).to_owned(),
        Element::Custom(name) => format!("types::{}", type_name(name)),
        Element::Set(of) => format!("BTreeSet<{}>", in_set(*of)),
        Element::List(of) => format!("Vec<{}>", primitive_type(*of)),
        Element::Dict(key, value) => {
            format!("BTreeMap<{}, {}>", primitive_type(*key), primitive_type(*value))
        }
    }
}

fn primitive_type(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::Bytes => "Vec<u8>",
        Primitive::Int => "i64",
        Primitive::Float => "f32",
        Primitive::Bool => "bool",
        Primitive::Str => "String",
    }
}

/// Floats have no order of their own.
fn in_set(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::Float => "typed::Float",
        other => primitive_type(other),
    }
}

fn shape(name: &str, content_type: &ContentType) -> String {
    match content_type {
        ContentType::Plain(element) => element_shape(element),
        ContentType::Optional(element) => format!("shape::Flagged<{}>", element_shape(element)),
        ContentType::Union(_) => format!("unions::{}", type_name(name)),
        ContentType::OptionalUnion(_) => format!("shape::MaybeUnion<unions::{}>", type_name(name)),
    }
}

fn element_shape(element: &Element) -> String {
    match element {
        Element::Primitive(primitive) => format!("shape::One<{}>", primitive_type(*primitive)),
        Element::Custom(name) => format!("shape::Nested<types::{}>", type_name(name)),
        Element::Set(of) => format!("shape::SetOf<{}>", in_set(*of)),
        Element::List(of) => format!("shape::Many<{}>", primitive_type(*of)),
        Element::Dict(key, value) => {
            format!("shape::Map<{}, shape::Whole<{}>>", primitive_type(*key), primitive_type(*value))
        }
    }
}
