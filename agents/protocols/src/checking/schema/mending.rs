//! Takes out of the custom types what protobuf cannot read, so that the rest can be looked at.
//!
//! What always holds: what is taken out becomes spaces, so that every other place stays where it is; whose names went
//! with it is remembered. Neighbour: [`super`] compiles the rest.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::proto_schema::ProtoSchema;
use crate::proto_schema::compiled::{Broken, Part};

/// What was taken out.
#[derive(Debug, Default)]
pub(super) struct Mending {
    /// The messages and enums that are not there any more.
    gone: BTreeSet<String>,
    /// How many enums got a value that stands in.
    stand_ins: usize,
}

/// A mark that ends a statement, or opens or closes a block, outside comments and quotes.
type Mark = (usize, u8);

impl Mending {
    /// Whether something is wrong only for what was taken out: it names a type that went with that.
    pub(super) fn caused(&self, broken: &Broken) -> bool {
        let is_missing = broken.text.ends_with(" is not defined");
        let named = broken.text.split('\'').nth(1).filter(|_| is_missing);
        named.is_some_and(|name| name.split('.').any(|part| self.gone.contains(part)))
    }

    /// Takes out what is wrong. Says whether that has changed anything.
    pub(super) fn take_out(&mut self, schema: &mut ProtoSchema, broken: &Broken) -> bool {
        let Some(at) = broken.at.filter(|_| broken.part != Part::Meaning) else { return false };
        let Some((_, range)) = schema.custom_type_at(at) else { return false };
        let range = range.clone();
        let Some(fields) = schema.text.get(range.clone()) else { return false };
        let at = at.saturating_sub(range.start).min(fields.len());
        if fields.get(at..).is_some_and(|rest| rest.starts_with(char::is_whitespace)) {
            // It went with something else.
            return false;
        }
        let mended = self.mended(fields, at, broken.part).filter(|mended| mended != fields);
        let mended = mended.unwrap_or_else(|| {
            self.note_gone(fields);
            blank(fields, 0..fields.len())
        });
        let changes = mended != fields;
        schema.text.replace_range(range, &mended);
        changes
    }

    /// The fields without the statement that is wrong; none where that cannot be told.
    fn mended(&mut self, fields: &str, at: usize, part: Part) -> Option<String> {
        let line = fields.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
        let ends = fields.get(at..)?.find('\n').map_or(fields.len(), |end| at + end);
        let taken = match part {
            Part::Line => Some(line..ends),
            Part::Rest => Some(line..fields.len()),
            _ => None,
        };
        if let Some(taken) = taken {
            self.note_gone(fields.get(taken.clone())?);
            return Some(blank(fields, taken));
        }
        let marks = marks(fields);
        let mut open: Vec<usize> = Vec::new();
        for (index, (_, mark)) in marks.iter().enumerate().take_while(|(_, (place, _))| *place < at) {
            match mark {
                b'{' => open.push(index),
                b'}' => drop(open.pop()),
                _ => {}
            }
        }
        if let Some(block) = open.last() {
            let head = statement_begin(&marks, *block)..marks.get(*block)?.0;
            let body = marks.get(*block)?.0 + 1..closing(&marks, *block)?;
            let words = fields.get(head.clone())?;
            match words.split_whitespace().next() {
                // Without all of its values it would lack a first one.
                Some("enum") => return self.with_stand_in(fields, body),
                // It must hold something.
                Some("oneof") => return Some(blank(fields, head.start..body.end + 1)),
                _ => {}
            }
        }
        let next = marks.iter().position(|(place, _)| *place >= at);
        let begin = match next {
            Some(next) => statement_begin(&marks, next),
            None => marks.last().map_or(0, |(place, _)| place + 1),
        };
        let begin = begin
            + fields
                .get(begin..)?
                .chars()
                .take_while(|next| next.is_whitespace())
                .map(char::len_utf8)
                .sum::<usize>();
        if part == Part::StatementBefore && begin < at && begins_a_line(fields, at) {
            return Some(blank(fields, begin..at));
        }
        let end = match next.and_then(|next| Some((next, marks.get(next)?))) {
            None => fields.len(),
            Some((_, (place, b'}'))) => *place,
            Some((next, (_, b'{'))) => closing(&marks, next)? + 1,
            Some((_, (place, _))) => place + 1,
        };
        let taken = begin..end.max(begin);
        self.note_gone(fields.get(taken.clone())?);
        Some(blank(fields, taken))
    }

    /// The fields with one value in the place of all of an enum's.
    fn with_stand_in(&mut self, fields: &str, body: Range<usize>) -> Option<String> {
        let value = format!("_{}=0;", self.stand_ins);
        self.stand_ins += 1;
        let mut mended = blank(fields, body.clone());
        // Line ends stay where they are.
        let room = mended.get(body.clone())?.find(&" ".repeat(value.len()))? + body.start;
        mended.replace_range(room..room + value.len(), &value);
        Some(mended)
    }

    /// Remembers the names before brackets: those of messages and enums, however these words are written.
    fn note_gone(&mut self, taken: &str) {
        let mut begin = 0;
        for (place, mark) in marks(taken) {
            // Between two marks, for there may be a hundred thousand without a space between them.
            let words = taken.get(begin..place).unwrap_or_default();
            begin = place + 1;
            let name = words.split_whitespace().next_back().filter(|_| mark == b'{');
            self.gone.extend(name.map(str::to_owned));
        }
    }
}

/// Where the statement begins that a mark ends or opens a block for.
fn statement_begin(marks: &[Mark], index: usize) -> usize {
    index.checked_sub(1).and_then(|before| marks.get(before)).map_or(0, |(place, _)| place + 1)
}

/// Where the block closes that a mark opens.
fn closing(marks: &[Mark], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, mark) in marks.get(open..)? {
        match mark {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(*place);
        }
    }
    None
}

fn begins_a_line(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
}

/// The text with spaces there, byte for byte; line ends stay.
fn blank(text: &str, range: Range<usize>) -> String {
    let mut blanked = String::with_capacity(text.len());
    for (place, character) in text.char_indices() {
        match range.contains(&place) && character != '\n' {
            true => blanked.extend(std::iter::repeat_n(' ', character.len_utf8())),
            false => blanked.push(character),
        }
    }
    blanked
}

/// All marks of a text whose quotes and comments close.
fn marks(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut rest = text.bytes().enumerate().peekable();
    while let Some((place, byte)) = rest.next() {
        match byte {
            b'"' | b'\'' => {
                while let Some((_, next)) = rest.next() {
                    match next {
                        b'\\' => drop(rest.next()),
                        _ if next == byte || next == b'\n' => break,
                        _ => {}
                    }
                }
            }
            b'/' if rest.next_if(|(_, next)| *next == b'/').is_some() => {
                while rest.next_if(|(_, next)| *next != b'\n').is_some() {}
            }
            b'/' if rest.next_if(|(_, next)| *next == b'*').is_some() => {
                let mut star = false;
                for (_, next) in rest.by_ref() {
                    if star && next == b'/' {
                        break;
                    }
                    star = next == b'*';
                }
            }
            b'{' | b'}' | b';' => marks.push((place, byte)),
            _ => {}
        }
    }
    marks
}
