//! A protocol's specification: its header, what may be said, the custom types' fields, and the rules of its dialogues.
//!
//! A value of these types is a well-formed one: names and references in it agree with one another. It keeps the order
//! in which its author wrote; the numbers on the wire follow another one, [`Specification::by_number`]. Neighbours:
//! [`content_type`] has the types of contents.

pub mod content_type;

use std::collections::BTreeMap;

pub use content_type::{ContentType, Element, Primitive};

/// All that one to three documents say.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Specification {
    /// The protocol's name, as `fipa`.
    pub name: String,
    /// Who wrote it.
    pub author: String,
    /// Of the implementation, semantic versioning.
    pub version: String,
    /// What it is for, in prose.
    pub description: String,
    /// A licence's name.
    pub license: String,
    /// Which versions of the AEA framework it is for, as a PEP 440 specifier. Not compared with anything.
    pub aea_version: String,
    /// The name of its wire form: what stands in envelopes.
    pub id: SpecificationId,
    /// What may be said, in the author's order.
    pub speech_acts: Vec<Performative>,
    /// The fields of each custom type, by its name without `ct:`, as protobuf text.
    pub custom_types: BTreeMap<String, String>,
    /// The rules of dialogues, where it has some.
    pub dialogue: Option<DialogueRules>,
}

/// `author/name:version`, which names a protocol on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct SpecificationId {
    /// As in `author/name:version`.
    pub author: String,
    /// As in `author/name:version`.
    pub name: String,
    /// As in `author/name:version`, semantic versioning.
    pub version: String,
}

/// One kind of message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Performative {
    /// As written, as `accept_w_inform`.
    pub name: String,
    /// In the author's order, which is that of the fields' numbers.
    pub contents: Vec<Content>,
}

/// A named value of a performative.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// As written.
    pub name: String,
    /// What it may be.
    pub content_type: ContentType,
}

/// The dialogue section.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DialogueRules {
    /// With what a dialogue may begin.
    pub initiation: Vec<String>,
    /// What may answer each performative; every performative is a key.
    pub reply: BTreeMap<String, Vec<String>>,
    /// What ends a dialogue: the performatives that have no reply.
    pub termination: Vec<String>,
    /// One or two, in the author's order.
    pub roles: Vec<String>,
    /// What each role may say, where the author says so: a role that is no key may say everything.
    pub says: BTreeMap<String, Vec<String>>,
    /// How a dialogue may have ended, in the author's order; may be empty.
    pub end_states: Vec<String>,
    /// To which end states terminal performatives lead, where the author says so.
    pub end_state_of: BTreeMap<String, EndStateOf>,
    /// Whether dialogues that have ended are kept to be looked at.
    pub keep_terminal_state_dialogues: bool,
}

/// To which end states one terminal performative leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndStateOf {
    /// To this one.
    Always(String),
    /// It depends on what it answers, which is the key.
    After(BTreeMap<String, String>),
}

impl Specification {
    /// The performatives in the order of their field numbers on the wire, which begin at 5: by name, as bytes compare.
    pub fn by_number(&self) -> Vec<&Performative> {
        let mut sorted: Vec<&Performative> = self.speech_acts.iter().collect();
        sorted.sort_by(|one, other| one.name.as_bytes().cmp(other.name.as_bytes()));
        sorted
    }
}

impl std::fmt::Display for SpecificationId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}:{}", self.author, self.name, self.version)
    }
}
