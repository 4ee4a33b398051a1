//! From the compiler's descriptors to the structure of a custom type.
//!
//! What is looked at was checked before: every message and enumeration that a field names is part of a custom type.

use protox::prost_reflect::{
    self as reflect, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor,
};

use super::{Cardinality, Enum, EnumValue, Field, FieldType, Message, Oneof, ScalarType};

/// A custom type or a message within; `protocol` is the message that holds all of them.
pub(super) fn message(descriptor: &MessageDescriptor, protocol: &MessageDescriptor) -> Message {
    let file = descriptor.parent_file();
    // A lone `optional` field has a group in the descriptors, which nobody wrote.
    let written = descriptor.oneofs().filter(|oneof| !oneof.is_synthetic());
    let oneofs: Vec<Oneof> =
        written.map(|oneof| Oneof { name: oneof.name().to_owned(), doc: doc(&file, oneof.path()) }).collect();
    let child_messages = descriptor.child_messages().filter(|child| !child.is_map_entry());
    Message {
        name: descriptor.name().to_owned(),
        doc: doc(&file, descriptor.path()),
        fields: written_fields(descriptor)
            .filter_map(|descriptor| field(&descriptor, &oneofs, protocol))
            .collect(),
        messages: child_messages.map(|child| message(&child, protocol)).collect(),
        enums: descriptor.child_enums().map(|child| enumeration(&child)).collect(),
        oneofs,
    }
}

/// In the author's order: the compiler has them by number.
fn written_fields(descriptor: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> {
    descriptor.descriptor_proto().field.iter().filter_map(|field| descriptor.get_field_by_name(field.name()))
}

fn field(descriptor: &FieldDescriptor, oneofs: &[Oneof], protocol: &MessageDescriptor) -> Option<Field> {
    let (cardinality, kind) = if descriptor.is_map() {
        let entry = descriptor.kind();
        let entry = entry.as_message()?;
        let key = scalar(&entry.map_entry_key_field().kind())?;
        (Cardinality::Map { key }, entry.map_entry_value_field().kind())
    } else if descriptor.is_list() {
        let options = descriptor.field_descriptor_proto().options.as_ref();
        let packed = options.and_then(|options| options.packed).unwrap_or(descriptor.is_packed());
        (Cardinality::Repeated { packed }, descriptor.kind())
    } else if descriptor.supports_presence() {
        (Cardinality::Optional, descriptor.kind())
    } else {
        (Cardinality::Single, descriptor.kind())
    };
    let field_type = match &kind {
        Kind::Message(of) => FieldType::Message(path(of.full_name(), protocol)?),
        Kind::Enum(of) => FieldType::Enum(path(of.full_name(), protocol)?),
        other => FieldType::Scalar(scalar(other)?),
    };
    let group = descriptor.containing_oneof();
    Some(Field {
        name: descriptor.name().to_owned(),
        number: descriptor.number(),
        doc: doc(&descriptor.parent_file(), descriptor.path()),
        field_type,
        cardinality,
        oneof: group.and_then(|group| oneofs.iter().position(|oneof| oneof.name == group.name())),
    })
}

fn enumeration(descriptor: &EnumDescriptor) -> Enum {
    let file = descriptor.parent_file();
    let value = |value: reflect::EnumValueDescriptor| EnumValue {
        name: value.name().to_owned(),
        number: value.number(),
        doc: doc(&file, value.path()),
    };
    let names = descriptor.enum_descriptor_proto().value.iter().map(|value| value.name());
    Enum {
        name: descriptor.name().to_owned(),
        doc: doc(&file, descriptor.path()),
        // The compiler has them by number.
        values: names.filter_map(|name| descriptor.get_value_by_name(name)).map(value).collect(),
    }
}

/// The names from the custom type inwards. None for what is not within the protocol's message.
pub(crate) fn path(full_name: &str, protocol: &MessageDescriptor) -> Option<Vec<String>> {
    let within = full_name.strip_prefix(protocol.full_name())?.strip_prefix('.')?;
    Some(within.split('.').map(str::to_owned).collect())
}

fn scalar(kind: &Kind) -> Option<ScalarType> {
    Some(match kind {
        Kind::Double => ScalarType::Double,
        Kind::Float => ScalarType::Float,
        Kind::Int32 => ScalarType::Int32,
        Kind::Int64 => ScalarType::Int64,
        Kind::Uint32 => ScalarType::Uint32,
        Kind::Uint64 => ScalarType::Uint64,
        Kind::Sint32 => ScalarType::Sint32,
        Kind::Sint64 => ScalarType::Sint64,
        Kind::Fixed32 => ScalarType::Fixed32,
        Kind::Fixed64 => ScalarType::Fixed64,
        Kind::Sfixed32 => ScalarType::Sfixed32,
        Kind::Sfixed64 => ScalarType::Sfixed64,
        Kind::Bool => ScalarType::Bool,
        Kind::String => ScalarType::String,
        Kind::Bytes => ScalarType::Bytes,
        Kind::Message(_) | Kind::Enum(_) => return None,
    })
}

/// The comment before what has this path, without the space that each line begins with.
fn doc(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let location = info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let comment = location.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default();
    let lines: Vec<&str> =
        comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    lines.join("\n").trim().to_owned()
}
