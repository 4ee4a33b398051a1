//! A text's lines, as the parser is to be given them.
//!
//! PyYAML takes what the parser, of a later YAML, refuses: lines within brackets and quotes, and the `|` of a block, that are not
//! further right than what they belong to; a comment right behind a bracket or quotes; a directive behind a document without an
//! end. The text is changed there and read again, so that it means to the parser what it means to PyYAML. What always holds:
//! places are those of the author's text, and so many bytes are read again at most. Neighbour: [`super::composing`] reads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use saphyr_parser::{Marker, ScanError};

use crate::finding::Place;

/// How far a line is moved to the right, in columns.
const MOVED: usize = 128;

/// How many bytes are read again for the sake of all such lines of a text.
const MOST_BYTES: usize = 16 << 20;

/// A text, and what was changed in it. Lines are counted from 1, as they are to be read.
pub(super) struct Lines<'a> {
    text: Cow<'a, str>,
    moved: BTreeSet<usize>,
    /// Lines that end a document and are not the author's.
    ends: BTreeSet<usize>,
    /// Bytes that may still be read again.
    left: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Lines<'a> {
        Lines { text: Cow::Borrowed(text), moved: BTreeSet::new(), ends: BTreeSet::new(), left: MOST_BYTES }
    }

    /// The text as it is to be read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where that is in the author's text.
    pub(super) fn place(&self, marker: Marker) -> Place {
        self.place_of(marker.line().max(1), marker.col() + 1)
    }

    /// The same, of a line and a column from 1.
    pub(super) fn place_of(&self, line: usize, column: usize) -> Place {
        let moved = if self.moved.contains(&line) { MOVED } else { 0 };
        let ends = self.ends.range(..line).count();
        Place::new(line - ends, column.saturating_sub(moved).max(1))
    }

    /// Changes what the text was refused for. Says whether it is to be read again.
    pub(super) fn mend(&mut self, error: &ScanError) -> bool {
        let Some(left) = self.left.checked_sub(self.text.len()) else { return false };
        self.left = left;
        let line = error.marker().line();
        let mended = match error.info() {
            "invalid indentation" | "invalid indentation in flow construct" => self.move_right(line),
            // The place is that of the quotes, and one of the lines after it is the one.
            "invalid indentation in quoted scalar" => {
                let next = (line + 1..).find(|line| !self.moved.contains(line));
                next.and_then(|line| self.move_right(line))
            }
            // The place is where the block has ended.
            "simple key expect ':'" => self.block_before(line).and_then(|line| self.move_right(line)),
            "comments must be separated from other tokens by whitespace" => self.part(error.marker()),
            "missing explicit document end marker before directive" => self.end_document(line),
            _ => None,
        };
        mended.is_some()
    }

    /// The first byte of a line.
    fn start(&self, line: usize) -> Option<usize> {
        match line.checked_sub(2) {
            None => Some(0),
            Some(before) => self.text.match_indices('\n').nth(before).map(|(end, _)| end + 1),
        }
    }

    fn move_right(&mut self, line: usize) -> Option<()> {
        let start = self.start(line)?;
        self.moved.insert(line).then(|| self.text.to_mut().insert_str(start, &" ".repeat(MOVED)))
    }

    /// The line in which a block of text that ends before another line begins, where it begins that line and is a value: all in
    /// the block stands further right.
    fn block_before(&self, end: usize) -> Option<usize> {
        let before: Vec<&str> = self.text.lines().take(end.checked_sub(1)?).collect();
        let (mut begins, mut least) = (None, usize::MAX);
        for (line, text) in (1..=before.len()).rev().zip(before.iter().rev()) {
            let content = text.trim_start_matches(' ');
            let indent = text.len() - content.len();
            if content.is_empty() || indent >= least {
                continue;
            }
            least = indent;
            match content.starts_with(['|', '>']) {
                true => begins = Some(line),
                false if begins.is_some() => break,
                false => {}
            }
        }
        begins.filter(|line| before.get(..line - 1).is_some_and(awaits_value))
    }

    /// Puts a space before a comment. Behind anything else than brackets, commas and quotes PyYAML wants one too.
    fn part(&mut self, comment: &Marker) -> Option<()> {
        let line = self.start(comment.line())?;
        let (within, _) = self.text.get(line..)?.char_indices().nth(comment.col())?;
        let before = self.text.get(..line + within)?;
        before
            .ends_with(['[', ']', '{', '}', ',', '\'', '"'])
            .then(|| self.text.to_mut().insert(line + within, ' '))
    }

    /// Ends a document before a line.
    fn end_document(&mut self, line: usize) -> Option<()> {
        let start = self.start(line)?;
        self.ends.insert(line).then(|| self.text.to_mut().insert_str(start, "...\n"))
    }
}

/// Whether the value of a key or an item comes after these lines.
fn awaits_value(lines: &[&str]) -> bool {
    let last = lines.iter().rev().map(|line| without_comment(line)).find(|line| !line.is_empty());
    last.is_some_and(|line| {
        line.ends_with(':') || line.split(' ').next_back().is_some_and(|end| matches!(end, "-" | "?"))
    })
}

fn without_comment(line: &str) -> &str {
    let before = |(at, _)| line.get(..at).unwrap_or_default();
    let mut comments = line.match_indices('#').map(before);
    comments.find(|before| before.is_empty() || before.ends_with(' ')).unwrap_or(line).trim_end()
}
