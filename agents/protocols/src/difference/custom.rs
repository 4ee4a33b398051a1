//! What changed in the fields of custom types.
//!
//! Protobuf knows fields by their numbers: another name is the same on the wire, of a type too; another type is not.
//! Neighbour: [`same`](super::same) finds types that differ in their names alone.

use super::same::{Same, Types};
use super::{Change, Effect, add, wire};
use crate::custom_type::{Enum, Field, Message};

pub(super) fn compare(before: &Types, after: &Types, same: &Same<'_>, changes: &mut Vec<Change>) {
    for (name, one) in before {
        match after.get(name) {
            Some(other) => messages(&format!("ct:{name}"), one, other, same, changes),
            // The contents that had it have another type, which is told.
            None => add(changes, Effect::Words, format!("the custom type `ct:{name}` is gone")),
        }
    }
    for name in after.keys().filter(|name| !before.contains_key(*name)) {
        add(changes, Effect::Words, format!("the custom type `ct:{name}` is new"));
    }
}

fn messages(path: &str, before: &Message, after: &Message, same: &Same<'_>, changes: &mut Vec<Change>) {
    for one in &before.fields {
        match after.fields.iter().find(|field| field.number == one.number) {
            None => wire(changes, format!("`{path}`: field {}, `{}`, is gone", one.number, one.name)),
            Some(other) => fields(path, one, other, same, changes),
        }
    }
    for new in after.fields.iter().filter(|new| before.fields.iter().all(|field| field.number != new.number))
    {
        wire(changes, format!("`{path}`: field {}, `{}`, is new", new.number, new.name));
    }
    for one in &before.messages {
        if let Some(other) = after.messages.iter().find(|message| message.name == one.name) {
            messages(&format!("{path}.{}", one.name), one, other, same, changes);
        }
    }
    for one in &before.enums {
        if let Some(other) = after.enums.iter().find(|found| found.name == one.name) {
            enums(&format!("{path}.{}", one.name), one, other, changes);
        }
    }
}

fn fields(path: &str, one: &Field, other: &Field, same: &Same<'_>, changes: &mut Vec<Change>) {
    let what = format!("`{path}`: field {}, `{}`,", one.number, one.name);
    if one.cardinality != other.cardinality || !same.types(&one.field_type, &other.field_type) {
        wire(changes, format!("{what} has another type"));
    } else if one.oneof.is_some() != other.oneof.is_some() {
        wire(changes, format!("{what} is in another group"));
    }
    if one.name != other.name {
        add(changes, Effect::Words, format!("{what} is called `{}`", other.name));
    }
    if let (Some(before), Some(after)) = (one.field_type.path(), other.field_type.path())
        && before != after
        && same.types(&one.field_type, &other.field_type)
    {
        let (before, after) = (before.join("."), after.join("."));
        add(changes, Effect::Words, format!("{what} holds what is called `{after}` instead of `{before}`"));
    }
}

fn enums(path: &str, before: &Enum, after: &Enum, changes: &mut Vec<Change>) {
    for one in &before.values {
        match after.values.iter().find(|value| value.name == one.name) {
            Some(other) if other.number == one.number => {}
            Some(other) => {
                wire(
                    changes,
                    format!("`{path}`: `{}` is {} instead of {}", one.name, other.number, one.number),
                );
            }
            None if after.values.iter().any(|value| value.number == one.number) => {
                add(
                    changes,
                    Effect::Words,
                    format!("`{path}`: {}, `{}`, has another name", one.number, one.name),
                );
            }
            None => wire(changes, format!("`{path}`: `{}`, {}, is gone", one.name, one.number)),
        }
    }
    for new in after.values.iter().filter(|new| before.values.iter().all(|value| value.number != new.number))
    {
        wire(changes, format!("`{path}`: `{}`, {}, is new", new.name, new.number));
    }
}
