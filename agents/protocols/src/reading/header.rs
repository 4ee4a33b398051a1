//! The first document but for the speech acts: eight fields, all of which must be there.

use super::{Reader, form};
use crate::finding::Finding;
use crate::specification::SpecificationId;
use crate::yaml::Node;

/// What stands there, as far as it is well-formed.
#[derive(Default)]
pub(super) struct Header<'a> {
    pub(super) name: Option<String>,
    pub(super) author: Option<String>,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) license: Option<String>,
    pub(super) aea_version: Option<String>,
    pub(super) id: Option<SpecificationId>,
    pub(super) speech_acts: Option<&'a Node>,
}

const FIELDS: [&str; 8] = [
    "name",
    "author",
    "version",
    "description",
    "license",
    "aea_version",
    "protocol_specification_id",
    "speech_acts",
];

impl Reader {
    pub(super) fn header<'a>(&mut self, node: &'a Node) -> Header<'a> {
        let Some(mapping) = node.map() else {
            self.expected("the first document", "a mapping with `name`, `author` and so on", node);
            return Header::default();
        };
        self.tell_duplicates(node);
        for (key, value) in mapping.iter() {
            if !key.text().is_some_and(|name| FIELDS.contains(&name)) && !self.is_ignored(key, value) {
                self.unknown_field(key, &FIELDS, "the first document");
            }
        }
        for field in FIELDS.iter().filter(|field| mapping.get(field).is_none()) {
            self.error("missing-field", node.place, format!("the field `{field}` is missing"));
        }
        self.places.name = mapping.get("name").map_or(node.place, |node| node.place);
        self.places.description = mapping.get("description").map_or(node.place, |node| node.place);
        self.places.id = mapping.get("protocol_specification_id").map_or(node.place, |node| node.place);
        let name = "a letter or `_`, then letters, digits and `_`, at most 128 in all";
        let version = "a semantic version, as 1.0.0";
        let text = |_: &str| true;
        Header {
            name: self.field(mapping.get("name"), "name", "bad-name", name, form::is_identifier),
            author: self.field(mapping.get("author"), "author", "bad-name", name, form::is_identifier),
            version: self.field(mapping.get("version"), "version", "bad-version", version, form::is_version),
            description: self.field(mapping.get("description"), "description", "", "", text),
            license: self.field(mapping.get("license"), "license", "", "", text),
            aea_version: self.field(
                mapping.get("aea_version"),
                "aea_version",
                "bad-version",
                "one version, or specifiers as `>=1.0.0, <2.0.0`",
                form::is_aea_version,
            ),
            id: self
                .field(
                    mapping.get("protocol_specification_id"),
                    "protocol_specification_id",
                    "bad-id",
                    "author/name:version, as fetchai/fipa:1.0.0",
                    |text| form::identifier(text).is_some(),
                )
                .and_then(|text| form::identifier(&text)),
            speech_acts: mapping.get("speech_acts"),
        }
    }

    /// AEA takes this one out before it looks, which it does for another kind of file.
    fn is_ignored(&self, key: &Node, value: &Node) -> bool {
        let empty = value.map().is_some_and(|mapping| mapping.is_empty())
            || value.list().is_some_and(<[_]>::is_empty)
            || value.text() == Some("");
        !self.is_strict() && key.text() == Some("component_configurations") && empty
    }

    fn field(
        &mut self,
        node: Option<&Node>,
        name: &str,
        code: &'static str,
        wanted: &str,
        is_well_formed: fn(&str) -> bool,
    ) -> Option<String> {
        let node = node?;
        let Some(text) = node.text() else {
            self.expected(&format!("`{name}`"), "a text", node);
            return None;
        };
        // Of these two AEA makes an id, for which a line end will not do.
        let formed = if matches!(name, "name" | "author") { text } else { self.without_last_line_end(text) };
        if is_well_formed(formed) {
            return Some(if wanted.is_empty() { text } else { formed }.to_owned());
        }
        let told = format!("`{name}` is {}, and must be {wanted}", node.told());
        self.error(code, node.place, told);
        None
    }

    /// AEA's patterns accept a line end at the end, ours do not.
    pub(super) fn without_last_line_end<'a>(&self, text: &'a str) -> &'a str {
        match self.is_strict() {
            true => text,
            false => text.strip_suffix('\n').unwrap_or(text),
        }
    }

    pub(super) fn unknown_field(&mut self, key: &Node, known: &[&str], of: &str) {
        let name = key.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
        let finding = Finding::error("unknown-field", key.place, format!("{of} has no field `{name}`"));
        self.findings.push(match nearest(&name, known.iter().copied()) {
            Some(nearest) => finding.hint(format!("did you mean `{nearest}`?")),
            None => finding.hint(format!("the fields are {}", known.join(", "))),
        });
    }
}

/// The one that differs in a letter or two.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // What is very long was not mistyped, and comparing it takes long.
    if name.chars().count() > 64 {
        return None;
    }
    let close = known.map(|known| (distance(name, known), known)).min()?;
    (close.0 <= 1 + close.1.len() / 4).then_some(close.1)
}

/// How many letters must be put in, taken out or changed, or exchanged with the next.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let (mut before, mut row): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=other.len()).collect());
    let mut last = None;
    for (line, character) in one.chars().enumerate() {
        let mut left = line + 1;
        let mut next = vec![left];
        let mut beside = None;
        for (column, (pair, mine)) in row.windows(2).zip(&other).enumerate() {
            if let [diagonal, above] = pair {
                left = (diagonal + usize::from(*mine != character)).min(above + 1).min(left + 1);
                // Two letters the other way round are one mistake.
                if last == Some(*mine) && beside == Some(character) {
                    let swapped = column.checked_sub(1).and_then(|column| before.get(column));
                    left = swapped.map_or(left, |swapped| left.min(swapped + 1));
                }
                next.push(left);
            }
            beside = Some(*mine);
        }
        before = std::mem::replace(&mut row, next);
        last = Some(character);
    }
    row.last().copied().unwrap_or_default()
}
