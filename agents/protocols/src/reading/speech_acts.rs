//! The performatives and their contents.

use std::collections::{BTreeMap, BTreeSet};

use super::{Reader, form, type_text};
use crate::finding::Finding;
use crate::specification::{Content, Element, Performative};
use crate::yaml::Node;

/// Fields of every message, which no performative and no content can be.
const RESERVED: [&str; 5] = ["_body", "message_id", "dialogue_reference", "target", "performative"];

/// What stands there.
#[derive(Default)]
pub(super) struct SpeechActs {
    pub(super) performatives: Vec<Performative>,
    /// Those that AEA's validator knows of, by name without `ct:`.
    pub(super) found_by_aea: BTreeSet<String>,
    /// All of them.
    pub(super) custom_types: BTreeSet<String>,
    /// The custom types that are named where nothing could be read, in small letters.
    unread: BTreeSet<String>,
    /// What was to be the name of a performative and is none: who names it elsewhere makes no second mistake.
    misnamed: BTreeSet<String>,
    /// Whether nobody knows which performatives there are.
    is_unknown: bool,
}

impl SpeechActs {
    /// Whether a custom type may be used where nothing could be read.
    pub(super) fn may_use(&self, name: &str) -> bool {
        self.is_unknown || self.unread.contains(&name.to_ascii_lowercase())
    }

    /// The names of the performatives, for who looks for one.
    pub(super) fn names(&self) -> Names<'_> {
        Names {
            known: self.performatives.iter().map(|performative| performative.name.as_str()).collect(),
            misnamed: self.misnamed.iter().map(String::as_str).collect(),
            is_unknown: self.is_unknown,
        }
    }
}

/// Names that may stand somewhere.
pub(super) struct Names<'a> {
    /// Those that are right.
    pub(super) known: BTreeSet<&'a str>,
    misnamed: BTreeSet<&'a str>,
    is_unknown: bool,
}

impl<'a> Names<'a> {
    /// Exactly those; or any where `is_unknown`, since what names them could not be read.
    pub(super) fn of(known: &'a [String], is_unknown: bool) -> Names<'a> {
        let known = known.iter().map(String::as_str).collect();
        Names { known, misnamed: BTreeSet::new(), is_unknown }
    }

    /// Whether all names that there are could be read.
    pub(super) fn are_all(&self) -> bool {
        !self.is_unknown && self.misnamed.is_empty()
    }

    /// Whether a text that is none of the known names is a mistake that was told of before, or may be no mistake.
    pub(super) fn may_be(&self, text: &str) -> bool {
        self.is_unknown || self.misnamed.contains(text)
    }
}

/// The first use of a content's name: the performative, the type's text, its line.
type Known = BTreeMap<String, (String, String, usize)>;

impl Reader {
    pub(super) fn speech_acts(&mut self, node: Option<&Node>) -> SpeechActs {
        let mut acts = SpeechActs::default();
        let unknown = || SpeechActs { is_unknown: true, ..SpeechActs::default() };
        // That it is missing is told of where it should be.
        let Some(node) = node else { return unknown() };
        let Some(mapping) = node.map() else {
            self.expected("`speech_acts`", "a mapping of performatives", node);
            return unknown();
        };
        self.tell_duplicates(node);
        if mapping.is_empty() {
            self.error(
                "no-speech-acts",
                node.place,
                "there must be at least one performative in `speech_acts`",
            );
            return unknown();
        }
        let mut known = Known::new();
        for (key, value) in mapping.iter() {
            match self.performative(key, value, &mut known, &mut acts) {
                Some(performative) => acts.performatives.push(performative),
                None => {
                    acts.unread.extend(customs_in(value));
                    acts.misnamed.extend(key.scalar().map(|scalar| scalar.text.clone()));
                }
            }
        }
        acts
    }

    fn performative(
        &mut self,
        key: &Node,
        value: &Node,
        known: &mut Known,
        acts: &mut SpeechActs,
    ) -> Option<Performative> {
        let name = self.name(key, "performative", false)?;
        self.places.performatives.insert(name.clone(), key.place);
        let mut performative = Performative { name, contents: Vec::new() };
        let Some(contents) = value.map() else {
            self.expected(
                &format!("the contents of `{}`", performative.name),
                "a mapping, `{}` for none",
                value,
            );
            acts.unread.extend(customs_in(value));
            return Some(performative);
        };
        self.tell_duplicates(value);
        for (key, value) in contents.iter() {
            match self.content(&performative.name, key, value, known, acts) {
                Some(content) => performative.contents.push(content),
                None => acts.unread.extend(customs_in(value)),
            }
        }
        Some(performative)
    }

    fn content(
        &mut self,
        performative: &str,
        key: &Node,
        value: &Node,
        known: &mut Known,
        acts: &mut SpeechActs,
    ) -> Option<Content> {
        let name = self.name(key, "content", true)?;
        if name == "self" {
            let text = "a content must not be called `self`, which AEA cannot load";
            self.error("reserved-name", key.place, text);
        }
        let Some(text) = value.text() else {
            self.expected(&format!("the type of `{name}`"), "a text", value);
            return None;
        };
        let Some(content_type) = type_text::read(text) else {
            let fault = type_text::fault(text).map(|fault| format!(": {fault}")).unwrap_or_default();
            let told = format!("`{}` is no type of content `{name}`{fault}", short(text));
            self.findings.push(Finding::error("bad-type", value.place, told).hint(type_hint(text)));
            return None;
        };
        if !type_text::written_well(text, &content_type) {
            let told = format!(
                "`{}` is not written well: AEA accepts it and then breaks on it or reads something else",
                short(text)
            );
            self.strict(
                Finding::error("bad-type", value.place, told).hint(format!("write `{content_type}`")),
            );
        }
        match known.get(&name) {
            Some((other, first, line)) if first != text => {
                let told = format!(
                    "content `{name}` is `{}` here and `{first}` in `{other}`, line {line}",
                    short(text)
                );
                let hint = "give both the same type, written the same, or different names";
                self.findings.push(Finding::error("type-differs", value.place, told).hint(hint));
            }
            Some(_) => {}
            None => {
                drop(known.insert(name.clone(), (performative.to_owned(), text.to_owned(), value.place.line)))
            }
        }
        acts.found_by_aea.extend(type_text::custom_types_found(text));
        for element in content_type.alternatives() {
            if let Element::Custom(name) = element {
                acts.custom_types.insert(name.clone());
            }
        }
        let places = (key.place, value.place);
        self.places.contents.insert((performative.to_owned(), name.clone()), places);
        Some(Content { name, content_type })
    }

    /// A name of the form that all names in a specification have. Performatives must not begin with a digit, nor end
    /// with a line end even for AEA.
    pub(super) fn name(&mut self, key: &Node, what: &str, line_end: bool) -> Option<String> {
        let Some(text) = key.text() else {
            self.expected(&format!("the name of {}", with_article(what)), "a text", key);
            return None;
        };
        let formed = if line_end { self.without_last_line_end(text) } else { text };
        if RESERVED.contains(&text) && matches!(what, "performative" | "content") {
            let told = format!("a {what} must not be called `{text}`, which every message has already");
            self.error("reserved-name", key.place, told);
            return None;
        }
        let digit = what == "performative" && text.starts_with(|first: char| first.is_ascii_digit());
        if form::is_name(formed) && !digit {
            return Some(text.to_owned());
        }
        let told = format!("`{}` is no name of {}", short(text), with_article(what));
        let hint = match digit {
            true => "begin it with a letter",
            false => "names are letters and digits, with single `_` within",
        };
        self.findings.push(Finding::error("bad-name", key.place, told).hint(hint));
        None
    }
}

/// The custom types that a node names which could not be read, in small letters.
fn customs_in(node: &Node) -> BTreeSet<String> {
    let (mut names, mut left) = (BTreeSet::new(), vec![node]);
    while let Some(node) = left.pop() {
        let text = node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
        names.extend(text.split("ct:").skip(1).map(|rest| {
            let end = rest.find(|next: char| !next.is_ascii_alphanumeric()).unwrap_or(rest.len());
            rest.get(..end).unwrap_or_default().to_ascii_lowercase()
        }));
        left.extend(node.list().into_iter().flatten().map(|item| &**item));
        left.extend(node.map().into_iter().flat_map(|mapping| mapping.iter()).map(|(_, value)| value));
    }
    names
}

fn with_article(what: &str) -> String {
    let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {what}")
}

/// What is quoted of a text that may be long.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((index, _)) => format!("{}…", text.get(..index).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn type_hint(text: &str) -> &'static str {
    if text.contains("pt:optional") && !text.trim_start().starts_with("pt:optional") {
        return "`pt:optional` stands outermost only";
    }
    if text.matches("pt:set").count() + text.matches("pt:list").count() + text.matches("pt:dict").count() > 1
        && !text.contains("pt:union")
        || text.contains("[ct:") && !text.contains("pt:union") && !text.contains("pt:optional[ct:")
    {
        return "sets, lists and dicts hold primitives only: pt:bytes, pt:int, pt:float, pt:bool, pt:str";
    }
    if text.contains("pt:union") {
        return "a union has two or more different types, no union and no optional among them";
    }
    if text.starts_with("ct:") {
        return "the name of a custom type is letters and digits, the first a capital";
    }
    "types are pt:bytes, pt:int, pt:float, pt:bool, pt:str, ct:Name, pt:set[..], pt:list[..], pt:dict[.., ..], pt:union[.., ..] \
     and pt:optional[..]"
}
