//! Where a performative's contents lie on the wire: the numbers of their fields and flags.
//!
//! What always holds: numbers go up from 1 without a gap, in the author's order. A value has one field; if it is
//! optional a flag follows; a union has a field and a flag for each alternative, and one flag more, never written, if
//! it is optional. Neighbour: [`super`] keeps one for each performative.

use std::collections::BTreeMap;

use crate::specification::{Content, ContentType, Element, Performative};

/// One performative with its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// The performative's name.
    pub name: String,
    /// Its contents in the author's order.
    pub slots: Vec<Slot>,
    /// What each field is for; field `number` is at `number - 1`.
    pub purposes: Vec<Purpose>,
    /// Whether any of the fields is a flag.
    pub has_flags: bool,
}

/// One content with its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slot {
    /// The content's name.
    pub name: String,
    /// What it may be.
    pub content_type: ContentType,
    /// What it may be, one or those of a union, and the number of each one's field. Where there is a flag, its number
    /// is the next.
    pub alternatives: Vec<(Element, u32)>,
    /// Whether each field of a value is followed by its flag.
    pub flagged: bool,
    /// For each alternative that is a custom type: which, in the order of their names.
    custom_types: Vec<Option<u16>>,
}

/// What a field is for. Contents and alternatives are told by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// A value.
    Value {
        /// Which content.
        content: u16,
        /// Which alternative of a union, else 0.
        alternative: u16,
    },
    /// Says that the value of the field before is set.
    Flag {
        /// Which content.
        content: u16,
        /// Which alternative of a union, else 0.
        alternative: u16,
    },
    /// The flag of an optional union as a whole: it has a number and is never written.
    Spare,
}

impl Layout {
    /// Nothing is known of the custom types.
    pub(crate) fn of(performative: &Performative) -> Layout {
        Layout::with_custom_types(performative, &BTreeMap::new())
    }

    pub(super) fn with_custom_types(
        performative: &Performative,
        custom_types: &BTreeMap<String, String>,
    ) -> Layout {
        let mut purposes = Vec::new();
        let slots = performative.contents.iter().enumerate();
        let slots: Vec<Slot> =
            slots.map(|(index, content)| slot(index as u16, content, custom_types, &mut purposes)).collect();
        let has_flags = slots.iter().any(|slot| slot.flagged);
        Layout { name: performative.name.clone(), slots, purposes, has_flags }
    }

    /// What the field is for.
    #[inline]
    pub fn purpose(&self, number: u32) -> Option<Purpose> {
        self.purposes.get((number as usize).wrapping_sub(1)).copied()
    }

    /// The index of the content with this name.
    pub fn content(&self, name: &str) -> Option<u16> {
        self.slots.iter().position(|slot| slot.name == name).map(|index| index as u16)
    }
}

impl Slot {
    /// Which custom type an alternative is, in the order of their names.
    pub(super) fn custom_type(&self, alternative: u16) -> Option<u16> {
        self.custom_types.get(usize::from(alternative)).copied().flatten()
    }
}

fn slot(
    content: u16,
    written: &Content,
    custom_types: &BTreeMap<String, String>,
    purposes: &mut Vec<Purpose>,
) -> Slot {
    let content_type = written.content_type.clone();
    let flagged = content_type.is_union() || content_type.is_optional();
    let mut alternatives = Vec::new();
    for (index, element) in content_type.alternatives().iter().enumerate() {
        let alternative = index as u16;
        purposes.push(Purpose::Value { content, alternative });
        alternatives.push((element.clone(), purposes.len() as u32));
        if flagged {
            purposes.push(Purpose::Flag { content, alternative });
        }
    }
    if matches!(content_type, ContentType::OptionalUnion(_)) {
        purposes.push(Purpose::Spare);
    }
    let custom_type = |element: &Element| match element {
        Element::Custom(name) => {
            custom_types.keys().position(|other| other == name).map(|place| place as u16)
        }
        _ => None,
    };
    let custom_types = content_type.alternatives().iter().map(custom_type).collect();
    Slot { name: written.name.clone(), content_type, alternatives, flagged, custom_types }
}
