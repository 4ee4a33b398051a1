//! Reads specifications: one to three YAML documents to the model, with all that is wrong in them.
//!
//! What a document says is read in one file each: [`header`], [`speech_acts`] and [`dialogue`]; [`custom_types`] reads
//! the second. Mistakes are collected, so one reading tells all of them: what cannot be read is left out, and nothing
//! that only follows from that is told. Neighbours: [`yaml`](crate::yaml) has the documents,
//! [`checking`](crate::checking) looks at what was read.

mod beyond_aea;
mod custom_types;
mod dialogue;
mod form;
mod header;
mod places;
mod speech_acts;
mod type_text;

use std::collections::BTreeMap;

use crate::checking;
use crate::finding::{Finding, Findings, Place, Severity};
use crate::specification::{Specification, SpecificationId};
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
    /// How many errors were made warnings of, for a lenient reader.
    softened: usize,
    places: Places,
    sound: Sound,
}

/// Which parts were read without a mistake: what follows from a part is looked at where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sound {
    /// All of it.
    pub(crate) whole: bool,
    /// The names of the performatives.
    pub(crate) names: bool,
    /// With what dialogues begin.
    pub(crate) initiation: bool,
    /// What answers what.
    pub(crate) reply: bool,
    /// What ends dialogues.
    pub(crate) termination: bool,
}

/// Stands for a name that cannot be read, in what is looked at all the same and given to nobody.
const UNREAD: &str = "unread";

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
        reader.sound.whole = reader.mistakes() == 0;
        for finding in checking::check(specification, &reader.places, reader.sound) {
            reader.strict(finding);
        }
    }
    settled(specification, reader)
}

/// What the documents say, one by one.
fn parts(text: &[u8], strictness: Strictness) -> Result<(Option<Specification>, Reader), Findings> {
    let documents = yaml::documents(text)?;
    let sound = Sound { whole: true, names: true, initiation: true, reply: true, termination: true };
    let (findings, places) = (Findings::default(), Places::default());
    let mut reader = Reader { strictness, findings, softened: 0, places, sound };
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
    /// What the documents say, with something in the place of what cannot be read. None where there is nothing.
    fn specification(&mut self, documents: &[&Node]) -> Option<Specification> {
        let is_dialogue = |node: &Node| node.map().is_some_and(|mapping| mapping.get("initiation").is_some());
        let (header, custom_types, dialogue, surplus) = match documents {
            [] => {
                self.error(
                    "documents",
                    Place::START,
                    "the text is empty; a specification begins with `name:`",
                );
                return None;
            }
            [header] => (header, None, None, None),
            [header, second] if is_dialogue(second) => (header, None, Some(*second), None),
            [header, second] => (header, Some(*second), None, None),
            [header, custom_types, dialogue] => (header, Some(*custom_types), Some(*dialogue), None),
            // Which of the others means what, nobody knows.
            [header, _, _, fourth, ..] => (header, None, None, Some(*fourth)),
        };
        if let Some(surplus) = surplus {
            let count = documents.len();
            let text = format!("there are {count} documents, and at most three have a meaning");
            self.error("documents", surplus.place, text);
        }
        let header = self.header(header);
        let acts = self.speech_acts(header.speech_acts);
        let custom_types = match surplus {
            None => self.custom_types(custom_types, &acts),
            Some(_) => BTreeMap::new(),
        };
        let dialogue = dialogue.and_then(|node| self.dialogue(node, &acts));
        let unread = || UNREAD.to_owned();
        Some(Specification {
            name: header.name.unwrap_or_else(unread),
            author: header.author.unwrap_or_else(unread),
            version: header.version.unwrap_or_default(),
            description: header.description.unwrap_or_default(),
            license: header.license.unwrap_or_default(),
            aea_version: header.aea_version.unwrap_or_default(),
            id: header.id.unwrap_or_else(|| SpecificationId {
                author: unread(),
                name: unread(),
                version: "1.0.0".to_owned(),
            }),
            speech_acts: acts.performatives,
            custom_types,
            dialogue,
        })
    }

    /// How many mistakes were found, whatever is made of them.
    fn mistakes(&self) -> usize {
        self.findings.errors() + self.softened
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
        self.softened += usize::from(severity != finding.severity);
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
