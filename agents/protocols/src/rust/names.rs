//! Names in Rust for what a specification names.
//!
//! What always holds: what has one name in Rust had one in the specification, or the two are told of as an error.

use std::collections::HashMap;

use super::RustError;

/// Words that Rust keeps for itself, and lets be names behind `r#`.
const KEYWORDS: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    "union",
];

/// Those that cannot be names at all.
const NEVER: [&str; 3] = ["crate", "self", "super"];

/// Types and values that generated code speaks of by their short names.
const TAKEN: [&str; 12] =
    ["BTreeMap", "BTreeSet", "Box", "Err", "None", "Ok", "Option", "Result", "Self", "Some", "String", "Vec"];

/// As a type, a variant or a role: `accept_w_inform` is `AcceptWInform`. One that would hide another gets a `_` behind it.
pub(super) fn type_name(written: &str) -> String {
    let words = written.trim().split('_').filter(|word| !word.is_empty());
    let mut name = String::with_capacity(written.len());
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    if !name.starts_with(|first: char| first.is_alphabetic()) {
        name.insert(0, 'N');
    }
    if TAKEN.contains(&name.as_str()) {
        name.push('_');
    }
    name
}

/// As the value of an enumeration, which protobuf's authors write in capitals: `VERY_HIGH` is `VeryHigh`.
pub(super) fn value_name(written: &str) -> String {
    match written.chars().any(|letter| letter.is_ascii_lowercase()) {
        true => type_name(written),
        false => type_name(&written.to_ascii_lowercase()),
    }
}

/// As a field or a module: `answerX` is `answer_x`, `type` is `r#type`.
pub(super) fn field_name(written: &str) -> String {
    let mut name = String::with_capacity(written.len());
    let mut after_small = false;
    for letter in written.trim().chars() {
        if letter.is_ascii_uppercase() && after_small {
            name.push('_');
        }
        after_small = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        name.push(letter.to_ascii_lowercase());
    }
    if !name.starts_with(|first: char| first.is_alphabetic() || first == '_') {
        name.insert(0, 'n');
    }
    match name.as_str() {
        word if NEVER.contains(&word) => format!("{word}_"),
        word if KEYWORDS.contains(&word) => format!("r#{word}"),
        _ => name,
    }
}

/// The names of one scope, and what each was made from.
#[derive(Default)]
pub(super) struct Scope(HashMap<String, String>);

impl Scope {
    /// Takes a name for what is told by `origin`, as `the performative cfp`.
    pub(super) fn take(&mut self, name: &str, origin: String) -> Result<(), RustError> {
        match self.0.get(name) {
            Some(other) => Err(RustError::Clash { one: other.clone(), other: origin, name: name.to_owned() }),
            None => {
                self.0.insert(name.to_owned(), origin);
                Ok(())
            }
        }
    }
}
