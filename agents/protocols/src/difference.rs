//! What changed between two specifications of a protocol, and whether peers with the one still understand the other.
//!
//! What always holds: where nothing is told to break the wire, each message of the one has the same bytes and the same
//! meaning in the other. Neighbours: [`custom`] compares custom types, [`same`] says which differ in their names alone,
//! [`rules`] compares the dialogues.

mod custom;
mod rules;
mod same;

use std::collections::BTreeMap;
use std::fmt;

use self::same::Same;
use crate::finding::Findings;
use crate::proto_schema::{FIRST_NUMBER, fields};
use crate::specification::{Content, Performative, Specification};

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What follows from it.
    pub effect: Effect,
    /// What changed, as a sentence without its full stop.
    pub text: String,
}

/// What follows from a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// Messages of the one cannot be read by peers with the other, or are misread.
    Wire,
    /// Messages are read, but allowed at other points of a dialogue.
    Dialogue,
    /// People and generated code see other names or words; peers see nothing.
    Words,
}

impl Specification {
    /// What is otherwise in a later version of this specification, what breaks the wire first.
    ///
    /// # Errors
    /// One of them was read leniently and has custom types that protobuf refuses.
    pub fn difference(&self, later: &Specification) -> Result<Vec<Change>, Findings> {
        let mut changes = Vec::new();
        if self.id != later.id {
            wire(
                &mut changes,
                format!("the protocol is `{}` instead of `{}` in envelopes", later.id, self.id),
            );
        }
        let (types, later_types) = (self.custom_type_structures()?, later.custom_type_structures()?);
        let same = Same::new(&types, &later_types);
        performatives(self, later, &same, &mut changes);
        custom::compare(&types, &later_types, &same, &mut changes);
        rules::compare(self.dialogue.as_ref(), later.dialogue.as_ref(), &mut changes);
        let words = [
            ("name", &self.name, &later.name),
            ("author", &self.author, &later.author),
            ("version", &self.version, &later.version),
            ("license", &self.license, &later.license),
            ("aea_version", &self.aea_version, &later.aea_version),
            ("description", &self.description, &later.description),
        ];
        for (field, before, after) in words {
            if before != after {
                add(&mut changes, Effect::Words, format!("`{field}` is `{after}` instead of `{before}`"));
            }
        }
        changes.sort_by_key(|change| change.effect);
        Ok(changes)
    }
}

fn add(changes: &mut Vec<Change>, effect: Effect, text: String) {
    changes.push(Change { effect, text });
}

fn wire(changes: &mut Vec<Change>, text: String) {
    add(changes, Effect::Wire, text);
}

fn by_name(specification: &Specification) -> BTreeMap<&str, (usize, &Performative)> {
    let numbered = (FIRST_NUMBER..).zip(specification.by_number());
    numbered.map(|(number, performative)| (performative.name.as_str(), (number, performative))).collect()
}

fn performatives(one: &Specification, later: &Specification, same: &Same<'_>, changes: &mut Vec<Change>) {
    let (before, after) = (by_name(one), by_name(later));
    for (name, (number, performative)) in &before {
        match after.get(name) {
            None => wire(changes, format!("the performative `{name}` is gone")),
            Some((other, later)) => {
                if number != other {
                    wire(changes, format!("`{name}` has the number {other} instead of {number}"));
                }
                contents(performative, later, same, changes);
            }
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        wire(changes, format!("the performative `{name}` is new"));
    }
    let order = |specification: &Specification| -> Vec<String> {
        specification.speech_acts.iter().map(|act| act.name.clone()).collect()
    };
    if before.keys().eq(after.keys()) && order(one) != order(later) {
        add(changes, Effect::Words, "the performatives stand in another order".to_owned());
    }
}

/// Contents are told apart by their fields' numbers, so by their position.
fn contents(before: &Performative, after: &Performative, same: &Same<'_>, changes: &mut Vec<Change>) {
    let name = &before.name;
    let pairs = before.contents.iter().zip(&after.contents);
    for (one, other) in pairs.clone() {
        let types = (&one.content_type, &other.content_type);
        if types.0 != types.1 {
            let effect = if same.contents(types.0, types.1) { Effect::Words } else { Effect::Wire };
            let text =
                format!("`{name}`: `{}` is `{}` instead of `{}: {}`", other.name, types.1, one.name, types.0);
            add(changes, effect, text);
        } else if one.name != other.name {
            let swapped = after.contents.iter().any(|content| content.name == one.name);
            let effect = if swapped { Effect::Wire } else { Effect::Words };
            add(changes, effect, format!("`{name}`: `{}` stands where `{}` was", other.name, one.name));
        }
    }
    let field = |contents: &[Content], content: &Content| -> usize {
        let fields = fields::fields(contents);
        fields.iter().find(|field| field.content == content).map_or(0, |field| field.number)
    };
    for gone in before.contents.iter().skip(after.contents.len()) {
        wire(changes, format!("`{name}`: `{}`, field {}, is gone", gone.name, field(&before.contents, gone)));
    }
    for new in after.contents.iter().skip(before.contents.len()) {
        wire(changes, format!("`{name}`: `{}`, field {}, is new", new.name, field(&after.contents, new)));
    }
}

/// `wire: text`, `dialogue: text` or `words: text`.
impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Wire => "wire",
            Effect::Dialogue => "dialogue",
            Effect::Words => "words",
        };
        write!(formatter, "{effect}: {}", self.text)
    }
}
