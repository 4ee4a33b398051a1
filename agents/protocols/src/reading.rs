//! Reads specifications: one to three YAML documents to the model, with all that is wrong in them.
//!
//! What a document says is read in one file each: [`header`], [`speech_acts`] and [`dialogue`]; [`custom_types`] reads
//! the second. Mistakes are collected, so one reading tells all of them. Neighbours: [`yaml`](crate::yaml) has the
//! documents.

mod beyond_aea;
mod custom_types;
mod dialogue;
mod form;
mod header;
mod places;
mod speech_acts;
mod type_text;

use crate::checking;
use crate::finding::{Finding, Findings, Place, Severity};
use crate::specification::Specification;
use crate::yaml::{self, Node};

pub(crate) use places::Places;

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// What AEA refuses, and what it accepts and then breaks on.
    Strict,
    /// What AEA's loader and validator refuse, no more.
    Lenient,
}

/// What is read and what was found.
struct Reader {
    strictness: Strictness,
    findings: Findings,
    places: Places,
}

impl Specification {
    /// Longest text that is read, in bytes.
    pub const MAX_BYTES: usize = yaml::MAX_BYTES;

    /// Reads a specification, and refuses what AEA refuses and what would break later: in its bytes, in code generated
    /// from it, in dialogues. With it come the warnings.
    ///
    /// # Errors
    /// All that is wrong, each with its place, and the warnings too.
    pub fn read(text: impl AsRef<[u8]>) -> Result<(Specification, Findings), Findings> {
        read(text.as_ref(), Strictness::Strict)
    }

    /// Reads a specification as AEA 1.2.5 does, which accepts some that cannot be used. With it come warnings.
    ///
    /// # Errors
    /// All that AEA refuses, each with its place.
    pub fn read_lenient(text: impl AsRef<[u8]>) -> Result<(Specification, Findings), Findings> {
        read(text.as_ref(), Strictness::Lenient)
    }
}

/// Reads the text of a specification that was checked before, when code was generated from it: what its parts make of one
/// another is not looked at again.
///
/// # Errors
/// All that cannot be read, each with its place.
pub(crate) fn read_again(text: &str) -> Result<Specification, Findings> {
    let (specification, reader) = parts(text.as_bytes(), Strictness::Strict)?;
    settled(specification, reader).map(|(specification, _)| specification)
}

fn read(text: &[u8], strictness: Strictness) -> Result<(Specification, Findings), Findings> {
    let (specification, mut reader) = parts(text, strictness)?;
    if let Some(specification) = &specification {
        for finding in checking::check(specification, &reader.places, !reader.findings.has_errors()) {
            reader.strict(finding);
        }
    }
    settled(specification, reader)
}

/// What the documents say, one by one.
fn parts(text: &[u8], strictness: Strictness) -> Result<(Option<Specification>, Reader), Findings> {
    let documents = yaml::documents(text)?;
    let mut reader = Reader { strictness, findings: Findings::default(), places: Places::default() };
    let specification = reader.specification(&documents.iter().map(|node| &**node).collect::<Vec<_>>());
    Ok((specification, reader))
}

fn settled(
    specification: Option<Specification>,
    mut reader: Reader,
) -> Result<(Specification, Findings), Findings> {
    reader.findings.settle();
    match specification {
        Some(specification) if !reader.findings.has_errors() => Ok((specification, reader.findings)),
        _ => Err(reader.findings),
    }
}

impl Reader {
    fn specification(&mut self, documents: &[&Node]) -> Option<Specification> {
        let (header, custom_types, dialogue) = match documents {
            [] => {
                self.error(
                    "documents",
                    Place::START,
                    "the text is empty; a specification begins with `name:`",
                );
                return None;
            }
            [header] => (header, None, None),
            [header, second] => match second.map().is_some_and(|mapping| mapping.get("initiation").is_some())
            {
                true => (header, None, Some(*second)),
                false => (header, Some(*second), None),
            },
            [header, custom_types, dialogue] => (header, Some(*custom_types), Some(*dialogue)),
            [_, _, _, fourth, ..] => {
                let count = documents.len();
                self.error(
                    "documents",
                    fourth.place,
                    format!("there are {count} documents, and at most three have a meaning"),
                );
                return None;
            }
        };
        let header = self.header(header);
        let speech_acts = header.as_ref().and_then(|header| header.speech_acts);
        let speech_acts = speech_acts.map(|node| self.speech_acts(node)).unwrap_or_default();
        let custom_types = self.custom_types(custom_types, &speech_acts);
        let dialogue = dialogue.and_then(|node| self.dialogue(node, &speech_acts.performatives));
        let header = header?;
        Some(Specification {
            name: header.name?,
            author: header.author?,
            version: header.version?,
            description: header.description?,
            license: header.license?,
            aea_version: header.aea_version?,
            id: header.id?,
            speech_acts: speech_acts.performatives,
            custom_types,
            dialogue,
        })
    }

    fn is_strict(&self) -> bool {
        self.strictness == Strictness::Strict
    }

    fn error(&mut self, code: &'static str, place: Place, text: impl Into<String>) {
        self.findings.push(Finding::error(code, place, text));
    }

    /// What AEA accepts: no more than a warning where that is enough.
    fn strict(&mut self, finding: Finding) {
        let severity = if self.is_strict() { finding.severity } else { Severity::Warning };
        self.findings.push(Finding { severity, ..finding });
    }

    fn expected(&mut self, what: &str, wanted: &str, found: &Node) {
        let finding = Finding::error(
            "wrong-type",
            found.place,
            format!("{what} must be {wanted}, not {}", found.told()),
        );
        let quotes = found.scalar().is_some_and(|scalar| scalar.wants_quotes()) && wanted.ends_with("text");
        self.findings.push(if quotes { finding.hint("put it in quotes") } else { finding });
    }

    /// Keys that stand in a mapping twice: the last one counts.
    fn tell_duplicates(&mut self, node: &Node) {
        let again = node.map().map(|mapping| mapping.again.clone()).unwrap_or_default();
        for (key, first) in again {
            let name = key.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default();
            let text = format!(
                "`{name}` stands here a second time, after line {}; AEA takes the last one",
                first.line
            );
            self.strict(Finding::error("duplicate-key", key.place, text).hint("keep one of them"));
        }
    }
}
