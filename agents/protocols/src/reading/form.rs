//! The forms of names, versions and identifiers.
//!
//! Python's `$` also matches before a last line end; [`super::header`] and the others take it off where that is to
//! count.

use crate::specification::SpecificationId;

/// An author or a protocol: a letter or `_`, then letters, digits and `_`, 128 in all.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|next| next.is_ascii_alphanumeric() || next == '_')
}

/// A performative, content, role or end state: words of letters and digits with single `_` between them.
pub(super) fn is_name(text: &str) -> bool {
    text.split('_').all(|word| !word.is_empty() && word.chars().all(|next| next.is_ascii_alphanumeric()))
}

/// Semantic versioning, whole: `1.0.0`, `1.0.0-rc.1+build`.
pub(super) fn is_version(text: &str) -> bool {
    let (text, build) = match text.split_once('+') {
        Some((text, build)) => (text, Some(build)),
        None => (text, None),
    };
    let (core, before) = match text.split_once('-') {
        Some((core, before)) => (core, Some(before)),
        None => (text, None),
    };
    let word =
        |part: &str| !part.is_empty() && part.chars().all(|next| next.is_ascii_alphanumeric() || next == '-');
    let numeric = |part: &str| part.chars().all(|next| next.is_ascii_digit());
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && build.is_none_or(|build| build.split('.').all(word))
        && before.is_none_or(|before| {
            before.split('.').all(|part| word(part) && (!numeric(part) || is_number(part)))
        })
}

/// Without zeros before it.
fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|next| next.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// `author/name:1.0.0`.
pub(super) fn identifier(text: &str) -> Option<SpecificationId> {
    let (author, rest) = text.split_once('/')?;
    let (name, version) = rest.split_once(':')?;
    (is_identifier(author) && is_identifier(name) && is_version(version)).then(|| SpecificationId {
        author: author.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

const OPERATORS: [&str; 7] = ["~=", "==", ">=", "<=", "!=", "<", ">"];

/// One version, or specifiers as of PEP 440, parted by commas: `>=1.0.0, <2.0.0`.
pub(super) fn is_aea_version(text: &str) -> bool {
    text.split(',').enumerate().all(|(position, part)| {
        let spaced = part.trim_start_matches(' ');
        let operator = OPERATORS.iter().find_map(|operator| spaced.strip_prefix(operator));
        match operator {
            Some(version) => is_python_version(version.trim_start_matches(' ')),
            None => position == 0 && is_python_version(part),
        }
    })
}

/// `1!1.0rc1.post2.dev3`, of which all but the first number may be missing.
fn is_python_version(text: &str) -> bool {
    let text = match text.split_once('!') {
        Some((epoch, _)) if epoch == "0" || !is_number(epoch) => return false,
        Some((_, rest)) => rest,
        None => text,
    };
    let text = without_suffix(text, ".dev");
    let text = text.map(|text| without_suffix(text, ".post"));
    let Some(Some(text)) = text else {
        return false;
    };
    let release = match text.find(|next: char| next.is_ascii_alphabetic()) {
        None => text,
        Some(at) => {
            let (release, before) = text.split_at(at);
            let number = ["rc", "a", "b"].iter().find_map(|word| before.strip_prefix(word));
            match number.is_some_and(is_number) {
                true => release,
                false => return false,
            }
        }
    };
    release.split('.').all(is_number)
}

/// Takes `.dev3` off. None where it has no number.
fn without_suffix<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    match text.split_once(word) {
        None => Some(text),
        Some((rest, number)) => is_number(number).then_some(rest),
    }
}
