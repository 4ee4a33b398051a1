//! Values of the parser's events: without recursion, and no alias stands for more than the bounds allow.
//!
//! Neighbours: the parser is `saphyr-parser`'s; [`super`] has the bounds.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::lines::Lines;
use super::{BYTE_ORDER_MARK, Kind, MAX_DEPTH, MAX_NODES, Mapping, Node, Scalar, Value};
use crate::finding::{Finding, Place};

/// A specification has three, and the fourth is told of by who reads them.
const MAX_DOCUMENTS: usize = 16;

/// A list or mapping of which not all has been read.
struct Open {
    place: Place,
    anchor: usize,
    /// What an explicit tag makes of it.
    other: Option<&'static str>,
    is_map: bool,
    /// Items; of a mapping keys and values in turn.
    items: Vec<Rc<Node>>,
}

#[derive(Default)]
struct Composer {
    documents: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    /// All values so far, aliases counted each time.
    nodes: usize,
    /// Where quoted texts and blocks of text stand, in characters.
    quoted: Vec<(usize, usize)>,
    /// Keys without a text: where, in characters and in the author's text.
    unwritten: Vec<(usize, Place)>,
    /// Question marks in plain texts: how deep in lists and mappings, and where.
    questions: Vec<(usize, Place)>,
    /// What stands for a byte order mark.
    stand_in: Option<char>,
}

/// Reads all documents; `stand_in` stands for a byte order mark in their texts.
///
/// # Errors
/// Why the text is no YAML, or which bound it does not keep.
pub(super) fn compose(text: &str, stand_in: Option<char>) -> Result<Vec<Rc<Node>>, Finding> {
    no_end_first(text)?;
    let mut lines = Lines::new(text);
    loop {
        match composed(&lines, stand_in) {
            Err(Unread::Parser(error)) if lines.mend(&error) => {}
            Err(Unread::Parser(error)) => return Err(not_yaml(&error, &lines)),
            Err(Unread::Found(finding)) => return Err(finding),
            Ok(documents) => return Ok(documents),
        }
    }
}

/// Why a text has no documents.
enum Unread {
    Parser(ScanError),
    Found(Finding),
}

impl From<Finding> for Unread {
    fn from(finding: Finding) -> Unread {
        Unread::Found(finding)
    }
}

fn composed(lines: &Lines<'_>, stand_in: Option<char>) -> Result<Vec<Rc<Node>>, Unread> {
    let mut composer = Composer { stand_in, ..Composer::default() };
    for event in Parser::new_from_str(lines.text()) {
        let (event, span) = event.map_err(Unread::Parser)?;
        match &event {
            Event::Scalar(text, ScalarStyle::Plain, ..) if text.starts_with(['|', '>']) => {
                // Between brackets; elsewhere these begin a block of text.
                let told = format!("`{text}` begins with what begins a block of text");
                let finding = Finding::error("not-yaml", lines.place(span.start), told);
                return Err(finding.hint("put it in quotes").into());
            }
            Event::Scalar(text, ScalarStyle::Plain, ..) if text.contains('?') => {
                composer.questions.push((composer.open.len(), lines.place(span.start)));
            }
            Event::Scalar(text, ScalarStyle::Plain, 0, None) if text.is_empty() && composer.is_key() => {
                composer.unwritten.push((span.start.index(), lines.place(span.start)));
            }
            Event::Scalar(_, style, ..) if *style != ScalarStyle::Plain => {
                composer.quoted.push((span.start.index(), span.end.index()));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                composer.no_question(span.start.index() < span.end.index())?;
            }
            _ => {}
        }
        composer.take(event, lines.place(span.start))?;
    }
    no_tabs(lines, &composer.quoted)?;
    no_lone_values(lines, &composer)?;
    no_other_yaml(lines, &composer.quoted)?;
    Ok(composer.documents)
}

/// The end of a document before the first one begins: PyYAML, unlike the parser, refuses that.
fn no_end_first(text: &str) -> Result<(), Finding> {
    let mut lines = (1..).zip(text.lines());
    let first = lines.find(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    match first {
        Some((number, line))
            if line
                .strip_prefix("...")
                .is_some_and(|rest| rest.trim_start().len() < rest.len() || rest.is_empty()) =>
        {
            let finding =
                Finding::error("not-yaml", Place::new(number, 1), "a document ends before one begins");
            Err(finding.hint("take the `...` out"))
        }
        _ => Ok(()),
    }
}

/// Tabs may stand in quotes, in blocks of text and in comments: PyYAML, unlike the parser, takes them nowhere else.
fn no_tabs(lines: &Lines<'_>, quoted: &[(usize, usize)]) -> Result<(), Finding> {
    if !lines.text().contains('\t') {
        return Ok(());
    }
    match outside(lines.text(), quoted).find(|(_, _, character)| *character == '\t') {
        None => Ok(()),
        Some((_, (line, column), _)) => {
            let place = lines.place_of(line, column);
            let finding = Finding::error("not-yaml", place, "a tab stands between values");
            Err(finding.hint("write spaces"))
        }
    }
}

/// A `:` may lack its key behind a `?` alone: PyYAML, unlike the parser, takes it nowhere else.
fn no_lone_values(lines: &Lines<'_>, composer: &Composer) -> Result<(), Finding> {
    let mut unwritten = composer.unwritten.iter().peekable();
    if unwritten.peek().is_none() {
        return Ok(());
    }
    let mut last = ' ';
    for (index, _, character) in outside(lines.text(), &composer.quoted) {
        while let Some((_, place)) = unwritten.next_if(|(at, _)| *at <= index) {
            if last != '?' {
                let finding = Finding::error("not-yaml", *place, "a value stands here without a key");
                return Err(finding.hint("write the key before the `:`"));
            }
        }
        if !character.is_whitespace() {
            last = character;
        }
    }
    Ok(())
}

/// A directive may name any YAML 1: PyYAML, unlike the parser, takes no other.
fn no_other_yaml(lines: &Lines<'_>, quoted: &[(usize, usize)]) -> Result<(), Finding> {
    if !lines.text().contains("%YAML") {
        return Ok(());
    }
    let begins = outside(lines.text(), quoted).filter(|(_, (_, column), sign)| *column == 1 && *sign == '%');
    let mut directives = begins.map(|(_, (line, _), _)| line).peekable();
    for (line, text) in (1..).zip(lines.text().lines()) {
        if directives.next_if_eq(&line).is_none() {
            continue;
        }
        let version = text.strip_prefix("%YAML").map(str::trim_start);
        if version.is_some_and(|version| !version.starts_with("1.")) {
            let told = "the directive names another YAML than 1";
            let finding = Finding::error("not-yaml", lines.place_of(line, 1), told);
            return Err(finding.hint("take it out"));
        }
    }
    Ok(())
}

/// What stands outside of quotes, blocks of text and comments: the place in characters, line and column, and the character.
fn outside(text: &str, quoted: &[(usize, usize)]) -> impl Iterator<Item = (usize, (usize, usize), char)> {
    let mut quoted = quoted.iter().peekable();
    let (mut line, mut column, mut comment, mut before) = (1, 0, false, '\n');
    text.chars().enumerate().filter_map(move |(index, character)| {
        (line, column) = if before == '\n' && index > 0 { (line + 1, 1) } else { (line, column + 1) };
        while quoted.next_if(|(_, end)| *end <= index).is_some() {}
        let within = quoted.peek().is_some_and(|(start, _)| *start <= index);
        comment = character != '\n' && (comment || (character == '#' && before.is_whitespace() && !within));
        before = character;
        (!within && !comment).then_some((index, (line, column), character))
    })
}

fn not_yaml(error: &ScanError, lines: &Lines<'_>) -> Finding {
    let place = lines.place(*error.marker());
    match error.info() {
        // The parser's own bound is further away than ours, but comes first between brackets.
        "recursion limit exceeded" => too_deep(place),
        told => Finding::error("not-yaml", place, format!("this is no YAML: {told}")),
    }
}

fn too_deep(place: Place) -> Finding {
    let text = format!("lists and mappings stand more than {MAX_DEPTH} deep in each other");
    Finding::error("too-deep", place, text)
}

impl Composer {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Finding> {
        match event {
            Event::DocumentStart(false) if !self.documents.is_empty() => {
                let text = "a document begins with `---`, but for the first";
                return Err(Finding::error("not-yaml", place, text).hint("put `---` in the line before"));
            }
            // An anchor is of its document alone.
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Alias(anchor) => self.alias(anchor, place)?,
            Event::Scalar(text, style, anchor, tag) => {
                let text = match self.stand_in {
                    Some(letter) => text.replace(letter, BYTE_ORDER_MARK.encode_utf8(&mut [0; 4])).into(),
                    None => text,
                };
                let mut scalar = scalar(&text, style, tag.as_deref(), place)?;
                scalar.is_block = style == ScalarStyle::Literal;
                self.finish(Node { place, value: Value::Scalar(scalar), size: 1 }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => self.begin(place, anchor, false, tag.as_deref())?,
            Event::MappingStart(anchor, tag) => self.begin(place, anchor, true, tag.as_deref())?,
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    /// At the end of a list or mapping: PyYAML, unlike the parser, lets a plain text between brackets end at a question mark.
    fn no_question(&mut self, in_brackets: bool) -> Result<(), Finding> {
        let depth = self.open.len();
        let within = self.questions.iter_mut().filter(|(at, _)| *at >= depth);
        for (at, place) in within {
            if in_brackets {
                let finding = Finding::error("not-yaml", *place, "a question mark stands between brackets");
                return Err(finding.hint("put the text in quotes"));
            }
            *at = depth.saturating_sub(1);
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Finding> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let text = "the alias stands for nothing that ends before it in this document";
            return Err(Finding::error("not-yaml", place, text).hint("write the value out"));
        };
        self.count(node.size, place)?;
        self.place_node(node, place)
    }

    fn begin(&mut self, place: Place, anchor: usize, is_map: bool, tag: Option<&Tag>) -> Result<(), Finding> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        let other = match (core_tag(tag).as_deref(), is_map) {
            (None, _) | (Some("map"), true) | (Some("seq"), false) => None,
            (Some("set"), true) => Some("a set"),
            (Some("omap"), false) => Some("an ordered mapping"),
            (Some("pairs"), false) => Some("a list of pairs"),
            (Some(tag), _) => return Err(unknown_tag(tag, place)),
        };
        self.open.push(Open { place, anchor, other, is_map, items: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Finding> {
        let Some(Open { place, anchor, other, is_map, items }) = self.open.pop() else {
            return Ok(());
        };
        let size = items.iter().fold(1, |size: usize, item| size.saturating_add(item.size));
        let value = match (is_map, other) {
            (true, other) => {
                let mapping = Mapping::new(in_pairs(items))?;
                other.map_or(Value::Map(mapping), Value::Other)
            }
            (false, None) => Value::List(items),
            (false, Some(other)) => {
                match items.iter().find(|item| item.map().is_none_or(|mapping| mapping.len() != 1)) {
                    None => Value::Other(other),
                    Some(item) => {
                        let text = format!("{other} takes mappings of one entry each, not {}", item.told());
                        return Err(Finding::error("not-yaml", item.place, text));
                    }
                }
            }
        };
        self.finish(Node { place, value, size }, anchor)
    }

    /// A value is whole.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Finding> {
        let place = node.place;
        self.count(1, place)?;
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place_node(node, place)
    }

    /// Whether the next value is a key.
    fn is_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_map && open.items.len().is_multiple_of(2))
    }

    fn place_node(&mut self, node: Rc<Node>, place: Place) -> Result<(), Finding> {
        if !self.is_key() && node.scalar().is_some_and(|scalar| scalar.kind == Kind::Merge) {
            let text = "`<<` is a key, and has no value of its own";
            return Err(Finding::error("not-yaml", place, text).hint("put it in quotes"));
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None if self.documents.len() >= MAX_DOCUMENTS => {
                let text = format!("the text has more than {MAX_DOCUMENTS} documents");
                return Err(Finding::error("documents", place, text));
            }
            None => self.documents.push(node),
        }
        Ok(())
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), Finding> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let text = format!("with all that aliases stand for, there are more than {MAX_NODES} values");
        Err(Finding::error("too-large", place, text))
    }
}

fn in_pairs(items: Vec<Rc<Node>>) -> Vec<(Rc<Node>, Rc<Node>)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Scalar, Finding> {
    let scalar = match core_tag(tag) {
        Some(tag) => {
            let scalar = Scalar::tagged(&tag, text);
            return scalar.ok_or_else(|| unknown_tag(&tag, place));
        }
        // The tag `!` says nothing, but that quotes say nothing either.
        None if style == ScalarStyle::Plain || tag.is_some() => Scalar::plain(text),
        None => Some(Scalar::of_text(text)),
    };
    scalar.ok_or_else(|| {
        let text = format!("`{text}` is written like a number or a date, and is none");
        Finding::error("not-yaml", place, text).hint("put it in quotes")
    })
}

/// A tag of YAML's own without its prefix, any other whole. None for none, and for `!`.
fn core_tag(tag: Option<&Tag>) -> Option<String> {
    let tag = tag?;
    match tag.handle.as_str() {
        "" if tag.suffix == "!" => None,
        "tag:yaml.org,2002:" => Some(tag.suffix.clone()),
        handle => {
            let whole = format!("{handle}{}", tag.suffix);
            Some(whole.strip_prefix("tag:yaml.org,2002:").map(str::to_owned).unwrap_or(whole))
        }
    }
}

fn unknown_tag(tag: &str, place: Place) -> Finding {
    let text = format!("the tag `{tag}` has no value of this form");
    Finding::error("not-yaml", place, text).hint("leave the tag out")
}
