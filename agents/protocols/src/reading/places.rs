//! Where things stand in the text, for rules that are about several of them.

use std::collections::BTreeMap;

use crate::finding::Place;

/// What the reader has seen, and where.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(super) performatives: BTreeMap<String, Place>,
    /// By performative and content: the content's name and its type.
    pub(super) contents: BTreeMap<(String, String), (Place, Place)>,
    /// By name without `ct:`.
    pub(super) custom_types: BTreeMap<String, Fields>,
    /// In the order of the specification's.
    pub(crate) roles: Vec<Place>,
    /// In the order of the specification's.
    pub(crate) end_states: Vec<Place>,
    pub(crate) name: Place,
    pub(crate) description: Place,
    pub(crate) id: Place,
}

/// Where the fields of a custom type stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    /// Of the type's name.
    pub(super) name: Place,
    pub(super) place: Place,
    /// Of a `|` block: how many blank lines the text has before that place, whose column is that of each line's first.
    pub(super) block_after: Option<usize>,
}

impl Places {
    pub(crate) fn performative(&self, name: &str) -> Place {
        self.performatives.get(name).copied().unwrap_or(Place::START)
    }

    pub(crate) fn content_name(&self, performative: &str, content: &str) -> Place {
        self.content(performative, content).0
    }

    pub(crate) fn content_type(&self, performative: &str, content: &str) -> Place {
        self.content(performative, content).1
    }

    fn content(&self, performative: &str, content: &str) -> (Place, Place) {
        let key = (performative.to_owned(), content.to_owned());
        self.contents.get(&key).copied().unwrap_or_default()
    }

    /// The place of a custom type's name in the second document.
    pub(crate) fn custom_type_name(&self, name: &str) -> Place {
        self.custom_types.get(name).map_or(Place::START, |fields| fields.name)
    }

    /// The place in a custom type's fields that this part of them stands before.
    pub(crate) fn in_custom_type(&self, name: &str, before: &str) -> Place {
        let Some(fields) = self.custom_types.get(name) else {
            return Place::START;
        };
        let Some(blank) = fields.block_after else {
            return fields.place;
        };
        let last = before.rsplit('\n').next().unwrap_or_default();
        let line = (fields.place.line + before.matches('\n').count()).saturating_sub(blank);
        Place::new(line, fields.place.column + last.chars().count())
    }
}
