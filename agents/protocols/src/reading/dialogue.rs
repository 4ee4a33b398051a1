//! The dialogue section: how dialogues begin, go on and end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::header::nearest;
use super::speech_acts::short;
use super::{Places, Reader};
use crate::finding::{Finding, Place};
use crate::specification::{DialogueRules, Performative};
use crate::yaml::{Kind, Mapping, Node};

const FIELDS: [&str; 6] =
    ["initiation", "reply", "termination", "roles", "end_states", "keep_terminal_state_dialogues"];
/// A field that AEA does not know, and need not be there.
const END_STATE_OF: &str = "end_state_of";

impl Reader {
    pub(super) fn dialogue(&mut self, node: &Node, performatives: &[Performative]) -> Option<DialogueRules> {
        if node.is_null() || node.map().is_some_and(Mapping::is_empty) {
            return None;
        }
        let Some(mapping) = node.map() else {
            self.expected("the dialogue section", "a mapping with `initiation`, `reply` and so on", node);
            return None;
        };
        self.tell_duplicates(node);
        for field in FIELDS.iter().filter(|field| mapping.get(field).is_none()) {
            self.error("missing-field", node.place, format!("the dialogue section has no `{field}`"));
        }
        for (key, _) in mapping.iter() {
            if !key.text().is_some_and(|name| FIELDS.contains(&name) || name == END_STATE_OF) {
                let name = key.scalar().map(|scalar| short(&scalar.text)).unwrap_or_default();
                let text = format!("the dialogue section has no field `{name}`, and it is ignored");
                self.findings.push(Finding::warning("unknown-field", key.place, text));
            }
        }
        let known: BTreeSet<&str> =
            performatives.iter().map(|performative| performative.name.as_str()).collect();
        let initiation =
            mapping.get("initiation").map(|node| self.some_performatives(node, "initiation", &known));
        let reply = mapping.get("reply").map(|node| self.reply(node, &known));
        let termination =
            mapping.get("termination").map(|node| self.termination(node, mapping.get("reply"), &known));
        let roles = mapping.get("roles").map(|node| self.roles(node));
        let says = mapping.get("roles").map(|node| self.says(node, &known)).unwrap_or_default();
        let end_states = mapping.get("end_states").map(|node| self.end_states(node));
        let end_state_of = mapping.get(END_STATE_OF).map(|node| {
            let (terminal, states) = (termination.as_deref(), end_states.as_deref());
            self.end_state_of(node, &known, terminal.unwrap_or_default(), states.unwrap_or_default())
        });
        let keep = mapping.get("keep_terminal_state_dialogues").map(|node| self.keep(node));
        Some(DialogueRules {
            initiation: initiation?,
            reply: reply?,
            termination: termination?,
            roles: roles?,
            says,
            end_states: end_states?,
            end_state_of: end_state_of.unwrap_or_default(),
            keep_terminal_state_dialogues: keep?,
        })
    }

    /// A list of performatives that must not be empty.
    fn some_performatives(&mut self, node: &Node, field: &str, known: &BTreeSet<&str>) -> Vec<String> {
        let Some(items) = node.list() else {
            self.expected(&format!("`{field}`"), "a list of performatives", node);
            return Vec::new();
        };
        if items.is_empty() {
            let code = if field == "initiation" { "no-initiation" } else { "no-termination" };
            self.error(code, node.place, format!("`{field}` must name at least one performative"));
        }
        self.performatives_of(items, &format!("`{field}`"), known)
    }

    fn performatives_of(&mut self, items: &[Rc<Node>], of: &str, known: &BTreeSet<&str>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for item in items {
            let Some(name) = item.text().filter(|name| known.contains(name)) else {
                self.unknown_performative(item, of, known);
                continue;
            };
            if !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            } else if of == "`termination`" {
                let text = format!("`{name}` stands in {of} twice");
                self.error("duplicate", item.place, text);
            } else {
                let text = format!("`{name}` stands in {of} twice");
                self.findings.push(Finding::warning("duplicate", item.place, text));
            }
        }
        names
    }

    fn unknown_performative(&mut self, node: &Node, of: &str, known: &BTreeSet<&str>) {
        let text = format!("{of} names {}, which is no performative", node.told());
        let finding = Finding::error("unknown-performative", node.place, text);
        let near = node.text().and_then(|name| nearest(name, known.iter().copied()));
        self.findings.push(match near {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding,
        });
    }

    fn reply(&mut self, node: &Node, known: &BTreeSet<&str>) -> BTreeMap<String, Vec<String>> {
        let mut rules = BTreeMap::new();
        let Some(mapping) = node.map() else {
            self.expected("`reply`", "a mapping of performatives to lists of their replies", node);
            return rules;
        };
        self.tell_duplicates(node);
        for (key, value) in mapping.iter() {
            let Some(name) = key.text().filter(|name| known.contains(name)) else {
                self.unknown_performative(key, "`reply`", known);
                continue;
            };
            let of = format!("the reply to `{name}`");
            let replies = match value.list() {
                Some(items) => self.performatives_of(items, &of, known),
                None => {
                    self.expected(&of, "a list, `[]` where it ends the dialogue", value);
                    Vec::new()
                }
            };
            rules.insert(name.to_owned(), replies);
        }
        for name in known.iter().filter(|name| !rules.contains_key(**name)) {
            let text = format!("`reply` does not say what answers `{name}`");
            let finding = Finding::error("missing-reply", node.place, text);
            self.findings.push(finding.hint(format!("add `{name}: []` where it ends the dialogue")));
        }
        rules
    }

    fn termination(&mut self, node: &Node, reply: Option<&Node>, known: &BTreeSet<&str>) -> Vec<String> {
        let names = self.some_performatives(node, "termination", known);
        let (Some(items), Some(reply)) = (node.list(), reply.and_then(Node::map)) else {
            return names;
        };
        // As it is written, so that a reply that is no performative is told of once.
        let answered = |name: &str| reply.get(name).and_then(Node::list).map(|replies| !replies.is_empty());
        for item in items {
            if let Some(name) = item.text().filter(|name| answered(name) == Some(true)) {
                let text = format!("`{name}` ends a dialogue, and yet `reply` has answers to it");
                self.error("terminal-with-replies", item.place, text);
            }
        }
        let unsaid =
            |name: &&&str| answered(name) == Some(false) && !names.iter().any(|other| other == *name);
        for name in known.iter().filter(unsaid) {
            let text = format!("`{name}` has no replies and does not stand in `termination`");
            self.error("not-terminal", node.place, text);
        }
        names
    }

    fn roles(&mut self, node: &Node) -> Vec<String> {
        let Some(mapping) = node.map() else {
            self.expected("`roles`", "a mapping, written `{buyer, seller}`", node);
            return Vec::new();
        };
        self.tell_duplicates(node);
        if !(1..=2).contains(&mapping.len()) {
            self.error("roles", node.place, format!("there must be one role or two, not {}", mapping.len()));
        }
        self.names(mapping.iter().map(|(key, _)| key), "role", |places| &mut places.roles)
    }

    fn end_states(&mut self, node: &Node) -> Vec<String> {
        let Some(items) = node.list() else {
            self.expected("`end_states`", "a list, `[]` for none", node);
            return Vec::new();
        };
        self.names(items.iter().map(|item| &**item), "end state", |places| &mut places.end_states)
    }

    fn names<'a>(
        &mut self,
        nodes: impl Iterator<Item = &'a Node>,
        what: &str,
        places: fn(&mut Places) -> &mut Vec<Place>,
    ) -> Vec<String> {
        let mut names = Vec::new();
        for node in nodes {
            if let Some(name) = self.name(node, what, true) {
                names.push(name);
                places(&mut self.places).push(node.place);
            }
        }
        names
    }

    fn keep(&mut self, node: &Node) -> bool {
        match node.scalar().map(|scalar| scalar.kind) {
            Some(Kind::Bool(keep)) => keep,
            _ => {
                self.expected("`keep_terminal_state_dialogues`", "true or false", node);
                false
            }
        }
    }
}
