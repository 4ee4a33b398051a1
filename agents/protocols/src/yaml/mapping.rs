//! A mapping's entries: each key once, the last value at the first one's position, as Python's dictionaries have it.
//!
//! Keys that stand there twice are kept for who tells of them. Neighbour: [`super::composing`].

use std::collections::HashMap;
use std::rc::Rc;

use super::scalar::Kind;
use super::{Node, Value};
use crate::finding::{Finding, Place};

/// Keys and values in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping {
    entries: Vec<(Rc<Node>, Rc<Node>)>,
    /// Keys that stand there again, and where they stood first.
    pub(crate) again: Vec<(Rc<Node>, Place)>,
}

type Pair = (Rc<Node>, Rc<Node>);
/// What makes two keys one.
type Identity = (Kind, String);

impl Mapping {
    /// Of pairs as they are written; `<<` merges.
    ///
    /// # Errors
    /// Where a key is a list or a mapping, or `<<` has something else to merge.
    pub(super) fn new(pairs: Vec<Pair>) -> Result<Mapping, Finding> {
        let (mut all, mut own) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            match key.scalar().is_some_and(|scalar| scalar.kind == Kind::Merge) {
                true => merge(&value, &mut all)?,
                false => own.push((key, value)),
            }
        }
        let mut mapping = Mapping::default();
        let mut seen: HashMap<Identity, Place> = HashMap::new();
        for (key, _) in &own {
            match seen.get(&identity(key)?) {
                Some(first) => mapping.again.push((key.clone(), *first)),
                None => drop(seen.insert(identity(key)?, key.place)),
            }
        }
        all.append(&mut own);
        let mut positions: HashMap<Identity, usize> = HashMap::new();
        for (key, value) in all {
            let next = mapping.entries.len();
            let position = *positions.entry(identity(&key)?).or_insert(next);
            match mapping.entries.get_mut(position) {
                Some(entry) => *entry = (key, value),
                None => mapping.entries.push((key, value)),
            }
        }
        Ok(mapping)
    }

    /// Each key with its value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Node, &Node)> {
        self.entries.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The value of a key that is a text.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn identity(key: &Node) -> Result<Identity, Finding> {
    match key.scalar() {
        Some(scalar) => Ok((scalar.kind, scalar.text.clone())),
        None => {
            let text = format!("{} is a key here, and only what is written in one piece can be", key.told());
            Err(Finding::error("not-yaml", key.place, text))
        }
    }
}

/// Adds what `<<` names: a mapping, or a list of them of which the first wins.
fn merge(value: &Node, all: &mut Vec<Pair>) -> Result<(), Finding> {
    let refused = |node: &Node| {
        let text = format!("`<<` takes a mapping or a list of mappings, not {}", node.told());
        Err(Finding::error("not-yaml", node.place, text))
    };
    match &value.value {
        Value::Map(mapping) => all.extend(mapping.entries.iter().cloned()),
        Value::List(items) => {
            for item in items.iter().rev() {
                match item.map() {
                    Some(mapping) => all.extend(mapping.entries.iter().cloned()),
                    None => return refused(item),
                }
            }
        }
        _ => return refused(value),
    }
    Ok(())
}
