//! YAML documents with the place of each value, as PyYAML's safe loader reads them.
//!
//! Bytes, depth and values are bounded, aliases counted as often as they stand for something. What a plain scalar means
//! is YAML 1.1's, so `yes` is a truth value; its text is kept, for what is said about it. Neighbours: [`composing`]
//! makes these values of the parser's events, [`lines`] changes lines that PyYAML takes and the parser does not, [`scalar`]
//! resolves what is written plainly, [`mapping`] finds keys that are there twice.

mod composing;
mod lines;
mod mapping;
mod scalar;

use std::borrow::Cow;
use std::rc::Rc;

use crate::finding::{Finding, Place};

pub(crate) use mapping::Mapping;
pub(crate) use scalar::{Kind, Scalar};

/// A text may have so many bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Lists and mappings may stand so deep in each other.
pub(crate) const MAX_DEPTH: usize = 32;
/// A text may have so many values; what an alias stands for counts each time.
pub(crate) const MAX_NODES: usize = 100_000;

/// A text in UTF-8 may begin with it.
const BYTE_ORDER_MARK: char = '\u{feff}';
/// Letters without a meaning.
const PRIVATE_USE: std::ops::RangeInclusive<char> = '\u{e000}'..='\u{e0ff}';

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
    /// Itself and all within, aliases counted each time.
    size: usize,
}

/// What it is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Mapping),
    /// A value of another kind by an explicit tag, by its name: none of them is of use here.
    Other(&'static str),
}

/// The documents of a text.
///
/// # Errors
/// Why it is no YAML, or which bound it does not keep.
pub(crate) fn documents(bytes: &[u8]) -> Result<Vec<Rc<Node>>, Finding> {
    let text = printable(bytes)?;
    // Line ends of YAML 1.1, some of which the parser's later version takes for letters.
    let text = match text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        true => {
            Cow::Owned(text.replace("\r\n", "\n").replace(['\r', '\u{85}', '\u{2028}', '\u{2029}'], "\n"))
        }
        false => Cow::Borrowed(text),
    };
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    match text.contains(BYTE_ORDER_MARK) {
        true => with_stand_in(text),
        false => composing::compose(text, None),
    }
}

/// Reads a text with byte order marks in its midst: to PyYAML letters like others, while the parser refuses them, and so it
/// is given letters that stand nowhere else in the text.
fn with_stand_in(text: &str) -> Result<Vec<Rc<Node>>, Finding> {
    let stand_in = PRIVATE_USE.into_iter().find(|letter| !text.contains(*letter));
    let given = stand_in.map(|letter| text.replace(BYTE_ORDER_MARK, letter.encode_utf8(&mut [0; 4])));
    composing::compose(given.as_deref().unwrap_or(text), stand_in)
}

/// The text, where it is UTF-8 and has nothing in it that YAML refuses.
fn printable(bytes: &[u8]) -> Result<&str, Finding> {
    if bytes.len() > MAX_BYTES {
        let text = format!("the text has more than {MAX_BYTES} bytes");
        return Err(Finding::error("too-large", Place::START, text));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let place = place_after(&String::from_utf8_lossy(before));
        Finding::error("not-utf8", place, "the text is not UTF-8 from here on").hint("save the file as UTF-8")
    })?;
    match text.char_indices().find(|(_, character)| !is_printable(*character)) {
        None => Ok(text),
        Some((index, character)) => {
            let place = place_after(text.get(..index).unwrap_or_default());
            let told = format!("the character U+{:04X} must not stand in YAML", u32::from(character));
            Err(Finding::error("not-yaml", place, told).hint(match character {
                '\0' => "if the file is UTF-16, save it as UTF-8",
                _ => "take it out, or write it as an escape in double quotes",
            }))
        }
    }
}

fn place_after(text: &str) -> Place {
    let line = text.matches('\n').count() + 1;
    let rest = text.rsplit('\n').next().unwrap_or_default();
    Place::new(line, rest.chars().count() + 1)
}

/// As PyYAML's reader has it.
fn is_printable(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

impl Node {
    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Its text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.scalar().filter(|scalar| scalar.kind == Kind::Text).map(|scalar| scalar.text.as_str())
    }

    pub(crate) fn map(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Map(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Rc<Node>]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| scalar.kind == Kind::Null)
    }

    /// What it is, for people: `a list`, "the truth value `yes`".
    pub(crate) fn told(&self) -> String {
        match &self.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Other(what) => (*what).to_owned(),
            Value::Scalar(scalar) => scalar.told(),
        }
    }
}
