//! Custom types that differ in their names alone, so that whoever has the one reads the other.
//!
//! What always holds: two types are the same only if each field has one of the same number, type and cardinality, and each value
//! of an enumeration one of the same number, in both directions. Neighbours: [`super::custom`] and [`super`] tell what is not.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::custom_type::{Enum, EnumValue, Field, FieldType, Message};
use crate::specification::{ContentType, Element};

/// Custom types by their names without `ct:`.
pub(super) type Types = BTreeMap<String, Message>;

/// The custom types of two specifications.
pub(super) struct Same<'a> {
    before: &'a Types,
    after: &'a Types,
    /// Pairs that are the same, or are being compared: types may hold themselves.
    known: RefCell<BTreeSet<(Vec<String>, Vec<String>)>>,
}

impl<'a> Same<'a> {
    pub(super) fn new(before: &'a Types, after: &'a Types) -> Same<'a> {
        Same { before, after, known: RefCell::default() }
    }

    /// Whether contents with these types have the same bytes.
    pub(super) fn contents(&self, before: &ContentType, after: &ContentType) -> bool {
        let (one, other) = (before.alternatives(), after.alternatives());
        before.is_union() == after.is_union()
            && before.is_optional() == after.is_optional()
            && one.len() == other.len()
            && one.iter().zip(other).all(|pair| match pair {
                (Element::Custom(one), Element::Custom(other)) => {
                    self.messages(std::slice::from_ref(one), std::slice::from_ref(other))
                }
                (one, other) => one == other,
            })
    }

    /// Whether fields with these types have the same bytes.
    pub(super) fn types(&self, before: &FieldType, after: &FieldType) -> bool {
        match (before, after) {
            (FieldType::Scalar(one), FieldType::Scalar(other)) => one == other,
            (FieldType::Message(one), FieldType::Message(other)) => self.messages(one, other),
            (FieldType::Enum(one), FieldType::Enum(other)) => {
                // Those with one name are compared value by value elsewhere.
                one == other || self.enums(one, other)
            }
            _ => false,
        }
    }

    fn messages(&self, before: &[String], after: &[String]) -> bool {
        // Those with one name are compared field by field elsewhere.
        if before == after || !self.known.borrow_mut().insert((before.to_vec(), after.to_vec())) {
            return true;
        }
        let found = message(self.before, before).zip(message(self.after, after));
        let same = found.is_some_and(|(one, other)| {
            one.fields.len() == other.fields.len()
                && one.fields.iter().all(|field| {
                    other
                        .fields
                        .iter()
                        .find(|same| same.number == field.number)
                        .is_some_and(|same| self.fields(field, same))
                })
        });
        if !same {
            // What was taken for the same on the way may have rested on this.
            self.known.borrow_mut().clear();
        }
        same
    }

    fn fields(&self, before: &Field, after: &Field) -> bool {
        before.cardinality == after.cardinality
            && before.oneof.is_some() == after.oneof.is_some()
            && self.types(&before.field_type, &after.field_type)
    }

    fn enums(&self, before: &[String], after: &[String]) -> bool {
        let numbers = |found: &Enum| {
            found.values.iter().map(|EnumValue { number, .. }| *number).collect::<BTreeSet<_>>()
        };
        let found = enumeration(self.before, before).zip(enumeration(self.after, after));
        found.is_some_and(|(one, other)| numbers(one) == numbers(other))
    }
}

fn message<'a>(types: &'a Types, path: &[String]) -> Option<&'a Message> {
    let (first, nested) = path.split_first()?;
    nested.iter().try_fold(types.get(first)?, |found, name| {
        found.messages.iter().find(|message| message.name == *name)
    })
}

fn enumeration<'a>(types: &'a Types, path: &[String]) -> Option<&'a Enum> {
    let (name, within) = path.split_last()?;
    message(types, within)?.enums.iter().find(|found| found.name == *name)
}
