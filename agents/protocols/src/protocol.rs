//! A protocol: a specification made ready to read and write messages by.
//!
//! What always holds: performatives stand in the order of their numbers on the wire, so a performative's index is its
//! number less [`FIRST_NUMBER`]; every field of every content has its number. Neighbours: [`layout`] computes these,
//! [`custom_message`] knows custom types, `body` reads and writes by them, dialogues have their rules by the same
//! indices.

mod custom_message;
pub mod layout;

use std::sync::{Arc, OnceLock};

use custom_message::CustomMessages;
pub use layout::{Layout, Purpose, Slot};

use crate::specification::{Element, Primitive, Specification};
use crate::wire::reading::is_message;
use crate::wire::{Allowance, Fault};

/// The field number of the first performative on the wire.
pub const FIRST_NUMBER: u32 = 5;

/// Most performatives of a protocol, so that an index fits 16 bits.
pub const MAX_PERFORMATIVES: usize = u16::MAX as usize;

/// Most fields of a performative.
pub const MAX_FIELDS: usize = u16::MAX as usize;

/// A specification with the numbers of the wire.
#[derive(Debug)]
pub struct Protocol {
    specification: Specification,
    id: String,
    layouts: Vec<Layout>,
    /// Looked into when one is first asked for, since typed messages never ask. None where protobuf refuses them: then
    /// nobody knows their fields.
    custom_messages: OnceLock<Option<CustomMessages>>,
}

/// Why a specification has no wire form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A dict whose keys protobuf cannot have.
    #[error("{performative}.{content}: a dict's keys cannot be {key}; use pt:int, pt:bool or pt:str")]
    DictKey {
        /// The performative's name.
        performative: String,
        /// The content's name.
        content: String,
        /// The keys' type.
        key: Primitive,
    },
    /// More than an index holds.
    #[error("{what} are more than {limit}; split the protocol")]
    TooMany {
        /// What there is too much of.
        what: String,
        /// The limit.
        limit: usize,
    },
}

impl Protocol {
    /// Makes a specification ready.
    ///
    /// # Errors
    /// It has a dict whose keys protobuf refuses, or more than [`MAX_PERFORMATIVES`] or [`MAX_FIELDS`].
    pub fn new(specification: Specification) -> Result<Arc<Protocol>, ProtocolError> {
        if specification.speech_acts.len() > MAX_PERFORMATIVES {
            let what = "the performatives of a protocol".to_owned();
            return Err(ProtocolError::TooMany { what, limit: MAX_PERFORMATIVES });
        }
        let layouts: Vec<Layout> = specification
            .by_number()
            .into_iter()
            .map(|performative| Layout::with_custom_types(performative, &specification.custom_types))
            .collect();
        for layout in &layouts {
            check(layout)?;
        }
        let id = specification.id.to_string();
        Ok(Arc::new(Protocol { specification, id, layouts, custom_messages: OnceLock::new() }))
    }

    /// What its author wrote.
    pub fn specification(&self) -> &Specification {
        &self.specification
    }

    /// `author/name:version`, by which envelopes name it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The performatives in the order of their numbers.
    pub fn layouts(&self) -> &[Layout] {
        &self.layouts
    }

    /// The performative with this index.
    #[inline]
    pub fn layout(&self, index: u16) -> Option<&Layout> {
        self.layouts.get(usize::from(index))
    }

    /// The index of the performative with this name.
    pub fn index(&self, performative: &str) -> Option<u16> {
        let found =
            self.layouts.binary_search_by(|layout| layout.name.as_bytes().cmp(performative.as_bytes()));
        found.ok().and_then(|index| u16::try_from(index).ok())
    }

    /// The name of the performative with this index.
    #[inline]
    pub fn name(&self, index: u16) -> Option<&str> {
        self.layout(index).map(|layout| layout.name.as_str())
    }

    /// The index of the performative that has this number on the wire.
    #[inline]
    pub fn index_of_number(&self, number: u32) -> Option<u16> {
        let index = number.checked_sub(FIRST_NUMBER)?;
        ((index as usize) < self.layouts.len()).then_some(index as u16)
    }

    /// Whether messages of both have the same bytes, whatever else their specifications say.
    pub(crate) fn is_written_as(&self, other: &Protocol) -> bool {
        self.layouts == other.layouts
            && (self.specification.custom_types == other.specification.custom_types
                || self.custom_messages() == other.custom_messages())
    }

    /// Looks through the bytes of the custom type that is this alternative of a content.
    ///
    /// # Errors
    /// They are no message of it. Strictly, they are one that no encoder writes.
    pub(crate) fn look_through(
        &self,
        slot: &Slot,
        alternative: u16,
        bytes: &[u8],
        allowance: &mut Allowance,
    ) -> Result<(), Fault> {
        match (self.custom_messages(), slot.custom_type(alternative)) {
            (Some(messages), Some(custom_type)) => messages.look_through(custom_type, bytes, allowance),
            _ if is_message(bytes) => Ok(()),
            _ => Err(Fault::BadCustom),
        }
    }

    fn custom_messages(&self) -> Option<&CustomMessages> {
        let look = || Some(CustomMessages::of(&self.specification.custom_type_structures().ok()?));
        self.custom_messages.get_or_init(look).as_ref()
    }
}

impl PartialEq for Protocol {
    /// All of it follows from the specification.
    fn eq(&self, other: &Protocol) -> bool {
        self.specification == other.specification
    }
}

fn check(layout: &Layout) -> Result<(), ProtocolError> {
    if layout.purposes.len() > MAX_FIELDS {
        let what = format!("the fields of the performative {}", layout.name);
        return Err(ProtocolError::TooMany { what, limit: MAX_FIELDS });
    }
    for slot in &layout.slots {
        for (element, _) in &slot.alternatives {
            if let Element::Dict(key @ (Primitive::Bytes | Primitive::Float), _) = element {
                let (performative, content) = (layout.name.clone(), slot.name.clone());
                return Err(ProtocolError::DictKey { performative, content, key: *key });
            }
        }
    }
    Ok(())
}
