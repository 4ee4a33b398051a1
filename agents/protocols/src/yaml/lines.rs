//! Lines within brackets and quotes that begin further left than the parser takes.
//!
//! PyYAML lets them begin anywhere; the parser, of a later YAML, refuses those that are not further right than what they belong
//! to. Such a line is read again with spaces before it, which mean nothing there. What always holds: places are those of the
//! author's text, and so many bytes are read again at most. Neighbour: [`super::composing`] reads.

use std::borrow::Cow;
use std::collections::BTreeSet;

use saphyr_parser::{Marker, ScanError};

use crate::finding::Place;

/// How far such a line is moved to the right, in columns.
const MOVED: usize = 128;

/// How many bytes are read again for the sake of all such lines of a text.
const MOST_BYTES: usize = 16 << 20;

/// A text, and which of its lines were moved.
pub(super) struct Lines<'a> {
    text: Cow<'a, str>,
    /// From 1.
    moved: BTreeSet<usize>,
    /// Bytes that may still be read again.
    left: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Lines<'a> {
        Lines { text: Cow::Borrowed(text), moved: BTreeSet::new(), left: MOST_BYTES }
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
        Place::new(line, column.saturating_sub(moved).max(1))
    }

    /// Moves the line for which the text was refused. Says whether it is to be read again.
    pub(super) fn mend(&mut self, error: &ScanError) -> bool {
        let line = error.marker().line();
        let line = match error.info() {
            "invalid indentation" | "invalid indentation in flow construct" => line,
            // The place is that of the quotes, and one of the lines after it is the one.
            "invalid indentation in quoted scalar" => {
                let next = (line + 1..).find(|line| !self.moved.contains(line));
                next.unwrap_or_default()
            }
            _ => return false,
        };
        let Some(left) = self.left.checked_sub(self.text.len()) else { return false };
        self.left = left;
        let start = match line.checked_sub(2) {
            None => Some(0),
            Some(before) => self.text.match_indices('\n').nth(before).map(|(end, _)| end + 1),
        };
        match start {
            Some(start) if self.moved.insert(line) => {
                self.text.to_mut().insert_str(start, &" ".repeat(MOVED));
                true
            }
            _ => false,
        }
    }
}
