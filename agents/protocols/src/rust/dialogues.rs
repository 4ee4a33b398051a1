//! The rules of dialogues: who may say what, and what may come next, as traits and as enums of what came.

use super::names::{Scope, type_name};
use super::source::{Source, listed};
use super::{Generator, RustError};
use crate::dialogue::Rules;
use crate::specification::DialogueRules;

impl Generator<'_> {
    pub(super) fn dialogues(
        &self,
        protocol: &str,
        section: &DialogueRules,
        source: &mut Source,
    ) -> Result<(), RustError> {
        let rules = Rules::of(self.specification)?;
        let sorted = self.specification.by_number();
        let all: Vec<String> = sorted.iter().map(|act| act.name.clone()).collect();
        let types =
            |names: &[String]| names.iter().map(|name| type_name(name)).collect::<Vec<_>>().join(", ");
        source.gap();
        source.block("typed::rules!", |source| {
            source.line(format!("{protocol};"));
            source.line(format!("opens {};", types(&section.initiation)));
            source.line(format!("ends {};", types(&section.termination)));
            for name in &all {
                let replies = section.reply.get(name).map(Vec::as_slice).unwrap_or_default();
                if !replies.is_empty() {
                    let said = type_name(name);
                    source.line(format!("{said} => {}: {};", answers_name(name), types(replies)));
                }
            }
        });
        source.module("roles", "Who takes part in a dialogue.", &self.roles(protocol, section, &rules)?);
        let mut heard = Source::default();
        heard.line(format!("use {}::typed;", self.root));
        one_of(protocol, "Any", "Any message that came, and its dialogue.", &all, &mut heard);
        let opening = "A message that came with which a dialogue begins, and the dialogue.";
        one_of(protocol, "Opening", opening, &section.initiation, &mut heard);
        let mut scope = Scope::default();
        for name in &all {
            let replies = section.reply.get(name).map(Vec::as_slice).unwrap_or_default();
            if replies.is_empty() {
                continue;
            }
            let enumeration = answers_name(name);
            scope.take(&enumeration, format!("the answers to `{name}`"))?;
            let doc = format!("What answers `{name}`: {}.", listed(replies));
            one_of(protocol, &enumeration, &doc, replies, &mut heard);
        }
        source.module(
            "heard",
            "What came, each performative with the dialogue in which it may be answered.",
            &heard,
        );
        Ok(())
    }

    fn roles(&self, protocol: &str, section: &DialogueRules, rules: &Rules) -> Result<Source, RustError> {
        let mut roles = Source::default();
        roles.line(format!("use {}::typed;", self.root));
        let mut scope = Scope::default();
        for (number, role) in (0..).zip(&section.roles) {
            let name = type_name(role);
            scope.take(&name, format!("the role `{role}`"))?;
            let other = rules.role_name(rules.other_role(number)).unwrap_or(role);
            roles.gap();
            roles.doc(&format!("The role `{role}`."));
            roles.line("#[derive(Debug, Clone, Copy, PartialEq, Eq)]");
            roles.line(format!("pub enum {name} {{}}"));
            roles.gap();
            let acts = self.specification.by_number();
            let says = (0..).zip(&acts).filter(|(act, _)| rules.may_say(number, *act));
            roles.block("typed::role!", |roles| {
                roles.line(format!("super::{protocol}, {name}, {}, {role:?};", type_name(other)));
                says.for_each(|(_, act)| roles.line(format!("super::{},", type_name(&act.name))));
            });
        }
        Ok(roles)
    }
}

/// The enum of what answers a performative.
fn answers_name(name: &str) -> String {
    format!("To{}", type_name(name).trim_end_matches('_'))
}

fn one_of(protocol: &str, name: &str, doc: &str, acts: &[String], source: &mut Source) {
    source.gap();
    source.doc(doc);
    source.line("#[derive(Debug)]");
    source.line("#[must_use = \"the other side waits for an answer\"]");
    source.block(format!("pub enum {name}<R>"), |source| {
        for act in acts {
            let of = type_name(act);
            source.doc(&format!("`{act}`."));
            source.variant(&of, &[&format!("super::{of}"), &format!("typed::Dialogue<R, super::{of}>")]);
        }
    });
    source.gap();
    source.block("typed::heard!", |source| {
        source.block(format!("{protocol}, {name}"), |source| {
            acts.iter().for_each(|act| source.line(format!("{},", type_name(act))));
        });
    });
}
