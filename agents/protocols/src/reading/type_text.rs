//! The text of a type, as AEA takes it apart.
//!
//! AEA accepts more than its documents say: spaces at the ends, a comma before the last bracket, and anything between a
//! bracket and the next comma. [`written_well`] says whether none of that is so. Neighbour: [`super::speech_acts`].

use std::collections::HashSet;

use super::speech_acts::short;
use crate::specification::{ContentType, Element, Primitive};

/// How deep the brackets of a type are looked into for what is wrong: no type that is one has more than three.
const MAX_FAULT_DEPTH: usize = 8;

/// What AEA's validator takes the text for; None where it refuses it.
pub(super) fn read(text: &str) -> Option<ContentType> {
    let text = python_trim(text);
    if let Some(element) = element(text) {
        return Some(ContentType::Plain(element));
    }
    if let Some(elements) = union(text) {
        return Some(ContentType::Union(elements));
    }
    match parts(text, "pt:optional")?.as_slice() {
        [part] => match element(part) {
            Some(element) => Some(ContentType::Optional(element)),
            None => union(part).map(ContentType::OptionalUnion),
        },
        _ => None,
    }
}

/// Which part of a text that is no type keeps it from being one, as a clause; none where that is all of it.
pub(super) fn fault(text: &str) -> Option<String> {
    fault_at(text, 0)
}

fn fault_at(text: &str, depth: usize) -> Option<String> {
    if depth >= MAX_FAULT_DEPTH {
        return None;
    }
    let text = python_trim(text);
    let word = COMPOSED.into_iter().find(|word| text.starts_with(word))?;
    let shown = |part: &str| format!("`{}`", short(python_trim(part)));
    let Some(parts) = parts(text, word) else { return Some("its brackets do not match".to_owned()) };
    let not_primitive = |whose: &str, part: &str| {
        primitive(part)
            .is_none()
            .then(|| format!("its {whose} are {}, which is no primitive type", shown(part)))
    };
    let wrong_part = |part: &String| {
        element(part).is_none().then(|| match fault_at(part, depth + 1) {
            Some(fault) => format!("of {} within, {fault}", shown(part)),
            None => format!("{} within is no type", shown(part)),
        })
    };
    match (word, parts.as_slice()) {
        ("pt:set" | "pt:list", [part]) => not_primitive("elements", part),
        ("pt:dict", [key, value]) => not_primitive("keys", key).or_else(|| not_primitive("values", value)),
        ("pt:optional", [part]) if union(part).is_some() => None,
        ("pt:optional", [part]) => wrong_part(part),
        ("pt:union", parts) => parts.iter().find_map(wrong_part).or_else(|| {
            let mut known = HashSet::new();
            let again = parts.iter().find(|part| !known.insert(*part));
            again.map(|part| format!("{} stands in it twice", shown(part)))
        }),
        ("pt:dict", parts) => {
            Some(format!("it has {} types in its brackets, keys and values are two", parts.len()))
        }
        (_, parts) => Some(format!("it has {} types in its brackets, and must have one", parts.len())),
    }
}

/// Whether it is written as AEA's generator needs it: spaces after commas and within brackets at most.
pub(super) fn written_well(text: &str, read: &ContentType) -> bool {
    let spaceless = |text: &str| text.chars().filter(|next| *next != ' ').collect::<String>();
    text.trim() == text && spaceless(text) == spaceless(&read.to_string())
}

/// The custom types that AEA's validator finds in the text: none within an optional union.
pub(super) fn custom_types_found(text: &str) -> Vec<String> {
    let composed = COMPOSED.iter().any(|word| text.starts_with(word));
    let inner = if composed { subtypes(text).unwrap_or_default() } else { Vec::new() };
    let names = inner.iter().map(String::as_str).chain([text]);
    names.filter_map(custom).map(str::to_owned).collect()
}

const COMPOSED: [&str; 5] = ["pt:set", "pt:list", "pt:dict", "pt:union", "pt:optional"];

/// As Python's `strip`, for what can stand in a type.
fn python_trim(text: &str) -> &str {
    text.trim_matches(|next: char| next.is_whitespace() || matches!(next, '\u{1c}'..='\u{1f}'))
}

fn element(text: &str) -> Option<Element> {
    if let Some(name) = custom(text) {
        return Some(Element::Custom(name.to_owned()));
    }
    if let Some(primitive) = primitive(text) {
        return Some(Element::Primitive(primitive));
    }
    if let Some(parts) = parts(text, "pt:set") {
        return one(&parts).map(Element::Set);
    }
    if let Some(parts) = parts(text, "pt:list") {
        return one(&parts).map(Element::List);
    }
    match parts(text, "pt:dict")?.as_slice() {
        [key, value] => Some(Element::Dict(primitive(key)?, primitive(value)?)),
        _ => None,
    }
}

fn union(text: &str) -> Option<Vec<Element>> {
    let parts = parts(text, "pt:union")?;
    let mut known = HashSet::new();
    if parts.len() < 2 || !parts.iter().all(|part| known.insert(part)) {
        return None;
    }
    parts.iter().map(|part| element(part)).collect()
}

fn one(parts: &[String]) -> Option<Primitive> {
    match parts {
        [part] => primitive(part),
        _ => None,
    }
}

/// `ct:Name`, the name alone.
fn custom(text: &str) -> Option<&str> {
    let name = python_trim(text).strip_prefix("ct:")?;
    let formed = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.chars().all(|next| next.is_ascii_alphanumeric());
    formed.then_some(name)
}

fn primitive(text: &str) -> Option<Primitive> {
    let word = python_trim(text).strip_prefix("pt:")?;
    Primitive::ALL.into_iter().find(|primitive| primitive.word() == word)
}

/// What stands in the brackets of `word[..]`, where all brackets close and those are the outermost.
fn parts(text: &str, word: &str) -> Option<Vec<String>> {
    let text = python_trim(text);
    let rest = text.strip_prefix(word)?;
    let mut depth = 0_usize;
    for next in text.chars() {
        match next {
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    (depth == 0 && rest.len() >= 2 && rest.starts_with('[') && rest.ends_with(']')).then(|| subtypes(text))?
}

/// The parts between the first bracket and the last, as AEA parts them; what stands between a bracket and the next
/// comma is lost. None where AEA raises an error of its own.
fn subtypes(text: &str) -> Option<Vec<String>> {
    let inside = text.get(text.find('[')? + 1..text.rfind(']')?)?;
    let mut inside = python_trim(inside);
    let mut parts = Vec::new();
    while !inside.is_empty() {
        let Some((first, rest)) = inside.split_once(',') else {
            if inside != "..." {
                parts.push(inside.to_owned());
            }
            break;
        };
        match first.find('[') {
            None => {
                parts.push(python_trim(first).to_owned());
                inside = python_trim(rest);
            }
            Some(open) => {
                let (part, rest) = inside.split_at(closing(inside, open)? + 1);
                parts.push(python_trim(part).to_owned());
                let rest = python_trim(rest);
                inside = python_trim(rest.split_once(',').map_or(rest, |(_, rest)| rest));
            }
        }
    }
    Some(parts)
}

/// Where the bracket that opens there closes.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, next) in text.char_indices().skip_while(|(index, _)| *index < open) {
        match next {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}
