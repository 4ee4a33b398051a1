//! The dialogue section: how dialogues begin, go on and end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::header::nearest;
use super::speech_acts::{Names, SpeechActs, short};
use super::{Places, Reader};
use crate::finding::{Finding, Place};
use crate::specification::DialogueRules;
use crate::yaml::{Kind, Mapping, Node};

const FIELDS: [&str; 6] =
    ["initiation", "reply", "termination", "roles", "end_states", "keep_terminal_state_dialogues"];
/// A field that AEA does not know, and need not be there.
const END_STATE_OF: &str = "end_state_of";

impl Reader {
    /// The rules, with nothing in the place of what cannot be read. None where there are none.
    pub(super) fn dialogue(&mut self, node: &Node, acts: &SpeechActs) -> Option<DialogueRules> {
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
        let names = acts.names();
        self.sound.names = names.are_all();
        let (initiation, is_sound) = self.part(mapping.get("initiation"), |reader, node| {
            reader.some_performatives(node, "initiation", &names)
        });
        self.sound.initiation = is_sound;
        let (reply, is_sound) = self.part(mapping.get("reply"), |reader, node| reader.reply(node, &names));
        self.sound.reply = is_sound;
        let (termination, is_sound) = self.part(mapping.get("termination"), |reader, node| {
            reader.termination(node, mapping.get("reply"), &names)
        });
        self.sound.termination = is_sound;
        let (roles, _) = self.part(mapping.get("roles"), Reader::roles);
        let (says, _) = self.part(mapping.get("roles"), |reader, node| reader.says(node, &names));
        let (end_states, states_are_sound) = self.part(mapping.get("end_states"), Reader::end_states);
        let terminal = Names::of(&termination, !self.sound.termination || !names.are_all());
        let states = Names::of(&end_states, !states_are_sound);
        let (end_state_of, _) = self.part(mapping.get(END_STATE_OF), |reader, node| {
            reader.end_state_of(node, &names, &terminal, &states)
        });
        let (keep, _) = self.part(mapping.get("keep_terminal_state_dialogues"), Reader::keep);
        Some(DialogueRules {
            initiation,
            reply,
            termination,
            roles,
            says,
            end_states,
            end_state_of,
            keep_terminal_state_dialogues: keep,
        })
    }

    /// What a part says, and whether it was there and read without a mistake.
    fn part<T: Default>(
        &mut self,
        node: Option<&Node>,
        read: impl FnOnce(&mut Reader, &Node) -> T,
    ) -> (T, bool) {
        let Some(node) = node else { return (T::default(), false) };
        let before = self.mistakes();
        let said = read(self, node);
        (said, self.mistakes() == before)
    }

    /// A list of performatives that must not be empty.
    fn some_performatives(&mut self, node: &Node, field: &str, names: &Names<'_>) -> Vec<String> {
        let Some(items) = node.list() else {
            self.expected(&format!("`{field}`"), "a list of performatives", node);
            return Vec::new();
        };
        if items.is_empty() {
            let code = if field == "initiation" { "no-initiation" } else { "no-termination" };
            self.error(code, node.place, format!("`{field}` must name at least one performative"));
        }
        self.performatives_of(items, &format!("`{field}`"), names)
    }

    fn performatives_of(&mut self, items: &[Rc<Node>], of: &str, names: &Names<'_>) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for item in items {
            let Some(name) = item.text().filter(|name| names.known.contains(name)) else {
                self.unknown_performative(item, of, names);
                continue;
            };
            if !found.iter().any(|other| other == name) {
                found.push(name.to_owned());
            } else if of == "`termination`" {
                let text = format!("`{name}` stands in {of} twice");
                self.error("duplicate", item.place, text);
            } else {
                let text = format!("`{name}` stands in {of} twice");
                self.findings.push(Finding::warning("duplicate", item.place, text));
            }
        }
        found
    }

    fn unknown_performative(&mut self, node: &Node, of: &str, names: &Names<'_>) {
        if node.scalar().is_some_and(|scalar| names.may_be(&scalar.text)) {
            return;
        }
        let text = format!("{of} names {}, which is no performative", node.told());
        let finding = Finding::error("unknown-performative", node.place, text);
        let near = node.text().and_then(|name| nearest(name, names.known.iter().copied()));
        self.findings.push(match near {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding,
        });
    }

    fn reply(&mut self, node: &Node, names: &Names<'_>) -> BTreeMap<String, Vec<String>> {
        let (mut rules, mut meant) = (BTreeMap::new(), BTreeSet::new());
        let Some(mapping) = node.map() else {
            self.expected("`reply`", "a mapping of performatives to lists of their replies", node);
            return rules;
        };
        self.tell_duplicates(node);
        for (key, value) in mapping.iter() {
            let Some(name) = key.text().filter(|name| names.known.contains(name)) else {
                meant.extend(key.text().and_then(|name| nearest(name, names.known.iter().copied())));
                self.unknown_performative(key, "`reply`", names);
                continue;
            };
            let of = format!("the reply to `{name}`");
            let replies = match value.list() {
                Some(items) => self.performatives_of(items, &of, names),
                None => {
                    self.expected(&of, "a list, `[]` where it ends the dialogue", value);
                    Vec::new()
                }
            };
            rules.insert(name.to_owned(), replies);
        }
        // One whose name was mistyped is not missing too.
        let is_missing = |name: &&&str| !rules.contains_key(**name) && !meant.contains(**name);
        for name in names.known.iter().filter(is_missing) {
            let text = format!("`reply` does not say what answers `{name}`");
            let finding = Finding::error("missing-reply", node.place, text);
            self.findings.push(finding.hint(format!("add `{name}: []` where it ends the dialogue")));
        }
        rules
    }

    fn termination(&mut self, node: &Node, reply: Option<&Node>, names: &Names<'_>) -> Vec<String> {
        let terminal = self.some_performatives(node, "termination", names);
        let (Some(items), Some(reply)) = (node.list(), reply.and_then(Node::map)) else {
            return terminal;
        };
        // As it is written, so that a reply that is no performative is told of once.
        let answered = |name: &str| reply.get(name).and_then(Node::list).map(|replies| !replies.is_empty());
        let mut told = BTreeSet::new();
        for item in items {
            if let Some(name) = item.text().filter(|name| answered(name) == Some(true) && told.insert(*name))
            {
                let text = format!("`{name}` ends a dialogue, and yet `reply` has answers to it");
                self.error("terminal-with-replies", item.place, text);
            }
        }
        let mistyped = items.iter().filter_map(|item| item.text()).filter(|name| !names.known.contains(name));
        let meant: BTreeSet<&str> =
            mistyped.filter_map(|name| nearest(name, names.known.iter().copied())).collect();
        let unsaid = |name: &&&str| {
            let is_said = terminal.iter().any(|other| other == **name) || meant.contains(**name);
            answered(name) == Some(false) && !is_said
        };
        for name in names.known.iter().filter(unsaid) {
            let text = format!("`{name}` has no replies and does not stand in `termination`");
            self.error("not-terminal", node.place, text);
        }
        terminal
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
