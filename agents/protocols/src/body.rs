//! What a message says: a performative and its contents, interpreted by a [`Protocol`].
//!
//! What always holds: a [`Body`] that was built has all its contents, each of its type; one that was read leniently may
//! lack a union. Neighbours: [`decoding`] reads one, `message` puts it between the fields of its dialogue; generated
//! types are other implementations of [`Contents`].

mod decoding;
mod places;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use self::places::Places;
use crate::protocol::Protocol;
use crate::protocol::layout::{Layout, Slot};
use crate::specification::Element;
use crate::value::{Items, Key, Single, Value};
use crate::wire::{Allowance, DecodeError, Encode, Fault, Reading, Sink, writing};

/// What stands in a message: of a performative of a protocol, and able to write itself.
pub trait Contents: Sized {
    /// Whose performative it is.
    fn protocol(&self) -> &Protocol;

    /// Its performative's index.
    fn performative(&self) -> u16;

    /// Writes the performative's fields. Must write the same each time.
    fn write_fields<S: Sink>(&self, sink: &mut S);

    /// Reads the fields of the performative with this index.
    ///
    /// # Errors
    /// What is wrong with the bytes, and where.
    fn read_fields(
        protocol: &Arc<Protocol>,
        performative: u16,
        bytes: &[u8],
        reading: Reading,
    ) -> Result<Self, DecodeError>;
}

/// A performative and its contents, of any protocol.
#[derive(Clone)]
pub struct Body {
    protocol: Arc<Protocol>,
    performative: u16,
    contents: Places,
}

/// Why a body cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The protocol has no such performative.
    #[error("{protocol} has no performative {performative:?}; it has {known}")]
    UnknownPerformative {
        /// The protocol's id.
        protocol: String,
        /// What was asked for.
        performative: String,
        /// Those that it has.
        known: String,
    },
    /// The performative has no such content.
    #[error("{performative} has no content {content:?}; it has {known}")]
    UnknownContent {
        /// The performative's name.
        performative: String,
        /// What was given.
        content: String,
        /// Those that it has.
        known: String,
    },
    /// A content was given twice.
    #[error("{performative}.{content} was given twice")]
    Twice {
        /// The performative's name.
        performative: String,
        /// The content's name.
        content: String,
    },
    /// A content that must be there was not given.
    #[error("{performative}.{content} is missing; it is {wanted}, which is not optional")]
    Missing {
        /// The performative's name.
        performative: String,
        /// The content's name.
        content: String,
        /// Its type.
        wanted: String,
    },
    /// A value of another type.
    #[error("{performative}.{content} must be {wanted}, found {found}")]
    WrongType {
        /// The performative's name.
        performative: String,
        /// The content's name.
        content: String,
        /// Its type.
        wanted: String,
        /// The value's.
        found: String,
    },
    /// A set that has an element twice, once floats have 32 bits.
    #[error("{performative}.{content} has an element twice; leave one out")]
    DuplicateElement {
        /// The performative's name.
        performative: String,
        /// The content's name.
        content: String,
    },
    /// A custom type whose bytes are no message of it.
    #[error("{performative}.{content}: the bytes are no message of the custom type {name}: {fault}")]
    BadCustom {
        /// The performative's name.
        performative: String,
        /// The content's name.
        content: String,
        /// The custom type's.
        name: String,
        /// What is wrong with them.
        fault: Fault,
    },
}

impl Body {
    /// A performative with its contents by name, in any order. What is optional may be left out.
    ///
    /// # Errors
    /// The protocol has no such performative or content, one is missing or of another type.
    pub fn new<'a>(
        protocol: &Arc<Protocol>,
        performative: &str,
        contents: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Body, BodyError> {
        let found = protocol.index(performative).and_then(|index| Some((index, protocol.layout(index)?)));
        let Some((index, layout)) = found else {
            let known = listed(protocol.layouts().iter().map(|layout| layout.name.as_str()));
            let (protocol, performative) = (protocol.id().to_owned(), performative.to_owned());
            return Err(BodyError::UnknownPerformative { protocol, performative, known });
        };
        let contents = filled(protocol, layout, contents)?;
        Ok(Body { protocol: protocol.clone(), performative: index, contents })
    }

    /// The protocol that it is of.
    pub fn protocol(&self) -> &Arc<Protocol> {
        &self.protocol
    }

    /// The performative's name.
    pub fn performative(&self) -> &str {
        self.protocol.name(self.performative).unwrap_or_default()
    }

    /// The performative's index among those of the protocol.
    pub fn performative_index(&self) -> u16 {
        self.performative
    }

    /// The content with this name, where there is one and it is set.
    pub fn get(&self, content: &str) -> Option<&Value> {
        let index = self.layout()?.content(content)?;
        self.contents.all().get(usize::from(index))?.as_ref()
    }

    /// The contents that are set, in the author's order.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.slots().filter_map(|(slot, value)| Some((slot.name.as_str(), value.as_ref()?)))
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = (&Slot, &Option<Value>)> {
        self.layout().into_iter().flat_map(|layout| &layout.slots).zip(self.contents.all())
    }

    fn layout(&self) -> Option<&Layout> {
        self.protocol.layout(self.performative)
    }
}

/// The contents in their places, each checked.
fn filled<'a>(
    protocol: &Protocol,
    layout: &Layout,
    given: impl IntoIterator<Item = (&'a str, Value)>,
) -> Result<Places, BodyError> {
    let performative = || layout.name.clone();
    let mut places = Places::unset(layout.slots.len());
    let contents = places.all_mut();
    for (name, value) in given {
        let index = layout.content(name).map(usize::from);
        let (Some(slot), Some(place)) = (
            index.and_then(|index| layout.slots.get(index)),
            index.and_then(|index| contents.get_mut(index)),
        ) else {
            let known = listed(layout.slots.iter().map(|slot| slot.name.as_str()));
            let content = name.to_owned();
            return Err(BodyError::UnknownContent { performative: performative(), content, known });
        };
        check(protocol, layout, slot, &value)?;
        if place.replace(value).is_some() {
            return Err(BodyError::Twice { performative: performative(), content: name.to_owned() });
        }
    }
    for (slot, value) in layout.slots.iter().zip(contents) {
        if value.is_none() && !slot.content_type.is_optional() {
            let (content, wanted) = (slot.name.clone(), slot.content_type.to_string());
            return Err(BodyError::Missing { performative: performative(), content, wanted });
        }
    }
    Ok(places)
}

/// Whether the value is one that the content may have.
fn check(protocol: &Protocol, layout: &Layout, slot: &Slot, value: &Value) -> Result<(), BodyError> {
    let (alternative, inner) = match value {
        Value::Union { alternative, value } if slot.content_type.is_union() => {
            (usize::from(*alternative), &**value)
        }
        // No alternative: a union's value says which one it is.
        value if slot.content_type.is_union() => (usize::MAX, value),
        value => (0, value),
    };
    let performative = || layout.name.clone();
    let content = || slot.name.clone();
    let element = match slot.alternatives.get(alternative) {
        Some((element, _)) if inner.is_of(element) => element,
        _ => {
            let (wanted, found) = (slot.content_type.to_string(), value.told());
            return Err(BodyError::WrongType {
                performative: performative(),
                content: content(),
                wanted,
                found,
            });
        }
    };
    match (inner, element) {
        (Value::Set(items), _) if items.has_duplicates() => {
            Err(BodyError::DuplicateElement { performative: performative(), content: content() })
        }
        (Value::Custom(bytes), Element::Custom(name)) => {
            let mut allowance = Allowance::new(Reading::STRICT.with_max_elements(usize::MAX));
            let looked = protocol.look_through(slot, alternative as u16, bytes, &mut allowance);
            looked.map_err(|fault| BodyError::BadCustom {
                performative: performative(),
                content: content(),
                name: name.clone(),
                fault,
            })
        }
        _ => Ok(()),
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Contents for Body {
    fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    fn performative(&self) -> u16 {
        self.performative
    }

    #[inline]
    fn write_fields<S: Sink>(&self, sink: &mut S) {
        for (slot, value) in self.slots() {
            match value {
                Some(Value::Union { alternative, value }) => {
                    if let Some((_, number)) = slot.alternatives.get(usize::from(*alternative)) {
                        write_value(sink, *number, value);
                        writing::flag(sink, number + 1, true);
                    }
                }
                Some(value) => {
                    if let Some((_, number)) = slot.alternatives.first() {
                        write_value(sink, *number, value);
                        writing::flag(sink, number + 1, slot.flagged);
                    }
                }
                None => {}
            }
        }
    }

    #[inline]
    fn read_fields(
        protocol: &Arc<Protocol>,
        performative: u16,
        bytes: &[u8],
        reading: Reading,
    ) -> Result<Body, DecodeError> {
        let layout = protocol.layout(performative);
        let contents = match layout {
            Some(layout) => decoding::contents(protocol, layout, bytes, reading)?,
            None => Places::None,
        };
        Ok(Body { protocol: protocol.clone(), performative, contents })
    }
}

fn write_value<S: Sink>(sink: &mut S, number: u32, value: &Value) {
    match value {
        Value::Single(Single::Bytes(bytes)) => writing::field(sink, number, bytes),
        Value::Single(Single::Int(int)) => writing::field(sink, number, int),
        Value::Single(Single::Float(float)) => writing::field(sink, number, float),
        Value::Single(Single::Bool(truth)) => writing::field(sink, number, truth),
        Value::Single(Single::Str(text)) => writing::field(sink, number, text),
        Value::Custom(bytes) => writing::whole_field(sink, number, bytes),
        Value::Set(items) | Value::List(items) => match items {
            Items::Bytes(items) => writing::elements(sink, number, items),
            Items::Int(items) => writing::elements(sink, number, items),
            Items::Float(items) => writing::elements(sink, number, items),
            Items::Bool(items) => writing::elements(sink, number, items),
            Items::Str(items) => writing::elements(sink, number, items),
        },
        Value::Dict(entries) => write_entries(sink, number, entries),
        // Unions hold no unions.
        Value::Union { .. } => {}
    }
}

fn write_entries<S: Sink>(sink: &mut S, number: u32, entries: &BTreeMap<Key, Single>) {
    for entry in entries {
        match entry.0 {
            Key::Int(key) => write_entry(sink, number, key, entry.1),
            Key::Bool(key) => write_entry(sink, number, key, entry.1),
            Key::Str(key) => write_entry(sink, number, key, entry.1),
        }
    }
}

fn write_entry<S: Sink, K: crate::wire::Scalar>(sink: &mut S, number: u32, key: &K, value: &Single) {
    match value {
        Single::Bytes(bytes) => writing::entry(sink, number, key, bytes),
        Single::Int(int) => writing::entry(sink, number, key, int),
        Single::Float(float) => writing::entry(sink, number, key, float),
        Single::Bool(truth) => writing::entry(sink, number, key, truth),
        Single::Str(text) => writing::entry(sink, number, key, text),
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        self.performative == other.performative
            && self.contents.all() == other.contents.all()
            && (Arc::ptr_eq(&self.protocol, &other.protocol) || self.protocol == other.protocol)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = formatter.debug_struct(self.performative());
        for (name, value) in self.contents() {
            told.field(name, value);
        }
        told.finish()
    }
}

/// The fields of a body as a part of a message.
pub(crate) struct FieldsOf<'a, B>(pub(crate) &'a B);

impl<B: Contents> Encode for FieldsOf<'_, B> {
    #[inline]
    fn write<S: Sink>(&self, sink: &mut S) {
        self.0.write_fields(sink);
    }
}
