//! Names of agents and methods: which ones there can be, and how a long one is shown.
//!
//! Always true: an agent's name stands in a URL and in a path as it is, and is no pattern of a rule. Neighbours:
//! [`rule`](crate::rule) refuses rules about names that cannot be; the platform refuses agents with such names.

use std::borrow::Cow;

/// Longest name of an agent, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameFault {
    /// It has no characters.
    #[error("it is empty")]
    Empty,
    /// It is longer than a name of an agent may be.
    #[error("it is {bytes} bytes long, the limit is {MAX_NAME_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is `.` or `..`.
    #[error("URLs give dots a meaning of their own")]
    Dots,
    /// It holds a character that it may not.
    #[error("it holds {character:?}; leave out `/`, `?`, `#`, `%`, `*`, spaces and control characters")]
    Character {
        /// The first such character.
        character: char,
    },
    /// It is no name of a Rust method.
    #[error(
        "methods are called as in Rust: letters, digits and `_`, no digit first; before those of an object stands its \
         path, as in `math/add`; messages of a protocol come by its id, `author/name:version`, and mail by its kind, in which \
         `-`, `.`, `:`, `?` and `!` may stand, too"
    )]
    NoMethod,
}

/// Checks the name of an agent.
///
/// # Errors
/// What is wrong with it.
pub fn check_agent(name: &str) -> Result<(), NameFault> {
    match name {
        "" => Err(NameFault::Empty),
        "." | ".." => Err(NameFault::Dots),
        name => check_agent_prefix(name),
    }
}

/// Checks what the names of some agents begin with.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_agent_prefix(prefix: &str) -> Result<(), NameFault> {
    let wrong = |c: char| matches!(c, '/' | '?' | '#' | '%' | '*') || c.is_whitespace() || c.is_control();
    match prefix.chars().find(|c| wrong(*c)) {
        Some(character) => Err(NameFault::Character { character }),
        None if prefix.len() > MAX_NAME_BYTES => Err(NameFault::TooLong { bytes: prefix.len() }),
        None => Ok(()),
    }
}

/// Checks the name of a method: behind the path of its object, where it is one of an object.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_method(name: &str) -> Result<(), NameFault> {
    match name {
        "" => Err(NameFault::Empty),
        name if name.split('/').all(is_word) => Ok(()),
        name if is_protocol(name, false) || name.split('/').all(is_kind) => Ok(()),
        _ => Err(NameFault::NoMethod),
    }
}

/// Whether `name` is the id of a protocol, whose messages are calls of the method that is named so:
/// `author/name:version`. Of a `part` the version may lack its end.
fn is_protocol(name: &str, part: bool) -> bool {
    let Some((of, version)) = name.split_once(':') else { return false };
    let in_version = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    of.split('/').count() == 2
        && of.split('/').all(is_word)
        && (part || !version.is_empty())
        && version.chars().all(in_version)
}

/// Checks what the names of some methods begin with: perhaps with the path of an object, as in `math/`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_method_prefix(prefix: &str) -> Result<(), NameFault> {
    match is_protocol(prefix, true) {
        true => Ok(()),
        false => check_method(prefix.strip_suffix('/').unwrap_or(prefix)),
    }
}

/// Whether `word` is a name as Rust has it.
fn is_word(word: &str) -> bool {
    let is_first = |c: char| c.is_alphabetic() || c == '_';
    word.chars().next().is_some_and(is_first) && word.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Whether `word` is a kind of mail that a rule can name, or a part of one.
fn is_kind(word: &str) -> bool {
    let is_first = |c: char| c.is_alphabetic() || c == '_';
    let is_next = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '?' | '!');
    word.chars().next().is_some_and(is_first) && word.chars().all(is_next)
}

/// A name as errors tell it: cut where it is longer than any name may be.
pub fn short(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME_BYTES {
        return Cow::Borrowed(name);
    }
    let whole = |end: &usize| name.is_char_boundary(*end);
    let end = (0..=MAX_NAME_BYTES).rev().find(whole).unwrap_or(0);
    Cow::Owned(format!("{}... ({} bytes)", name.get(..end).unwrap_or_default(), name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_stands_in_a_path_as_it_is() {
        for good in ["counter", "0", "haus-1", "größe", "a.b", "...", "a:b", &"x".repeat(128)] {
            assert_eq!(check_agent(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "*",
            "a*",
            "a/b",
            "a?b",
            "a#b",
            "a%20b",
            "a b",
            "a\u{a0}b",
            "a\n",
            &"x".repeat(129),
        ] {
            assert!(check_agent(bad).is_err(), "{bad:?}");
        }
        for good in ["add", "_1", "größe", "math/add", "a/b/c"] {
            assert_eq!(check_method(good), Ok(()), "{good}");
            assert_eq!(check_method_prefix(&format!("{good}/")), Ok(()), "{good}");
        }
        for protocol in ["fetchai/fipa:1.0.0", "a/b:0.1.0-rc1", "a/b:latest"] {
            assert_eq!(check_method(protocol), Ok(()), "{protocol}");
            assert_eq!(check_method_prefix(&protocol[..protocol.len() - 2]), Ok(()), "{protocol}");
        }
        assert_eq!(check_method_prefix("fetchai/fipa:"), Ok(()));
        for kind in ["level?", "action-request", "academy/ping-request", "a.b", "now!", "fipa:1.0.0"] {
            assert_eq!(check_method(kind), Ok(()), "{kind}");
            assert_eq!(check_method_prefix(kind), Ok(()), "{kind}");
        }
        for bad in ["a/b:1 0", "1/b:1.0.0", "a*", "a#", "a%20", "?", "-a"] {
            assert!(check_method(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "1st", "a b", "r#fn", "/", "a/", "/a", "a//b", "a/1"] {
            assert!(check_method(bad).is_err(), "{bad:?}");
            assert!(bad == "a/" || check_method_prefix(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(short("counter"), "counter");
        assert_eq!(short(&"é".repeat(64)), "é".repeat(64));
        assert_eq!(short(&format!("x{}", "é".repeat(64))), format!("x{}... (129 bytes)", "é".repeat(63)));
    }
}
