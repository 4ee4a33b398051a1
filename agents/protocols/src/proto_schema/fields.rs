//! The fields of a performative's message.
//!
//! An optional content has a flag after its value. A union has a value and a flag for each alternative; an optional
//! union has one flag more, which takes a number and is never written.

use crate::specification::{Content, ContentType, Element, Primitive};

/// A line of the schema.
pub(crate) struct Field<'a> {
    pub(crate) name: String,
    /// As written in a schema: `repeated int64`.
    pub(crate) proto_type: String,
    pub(crate) number: usize,
    /// Of which content.
    pub(crate) content: &'a Content,
}

/// In the order of their numbers, from 1.
pub(crate) fn fields(contents: &[Content]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    for content in contents {
        let name = &content.name;
        let mut field = |name: String, proto_type: String| {
            let number = fields.len() + 1;
            fields.push(Field { name, proto_type, number, content });
        };
        let flag = |name: &str| (format!("{name}_is_set"), "bool".to_owned());
        match &content.content_type {
            ContentType::Plain(element) | ContentType::Optional(element) => {
                field(name.clone(), proto_type(element))
            }
            ContentType::Union(elements) | ContentType::OptionalUnion(elements) => {
                for element in elements {
                    let alternative = format!("{name}_type_{}", element.field_word());
                    let (flag_name, flag_type) = flag(&alternative);
                    field(alternative, proto_type(element));
                    field(flag_name, flag_type);
                }
            }
        }
        if content.content_type.is_optional() {
            let (flag_name, flag_type) = flag(name);
            field(flag_name, flag_type);
        }
    }
    fields
}

fn proto_type(element: &Element) -> String {
    match element {
        Element::Primitive(of) => primitive(*of).to_owned(),
        Element::Custom(name) => name.clone(),
        Element::Set(of) | Element::List(of) => format!("repeated {}", primitive(*of)),
        Element::Dict(key, value) => format!("map<{}, {}>", primitive(*key), primitive(*value)),
    }
}

fn primitive(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::Bytes => "bytes",
        Primitive::Int => "int64",
        Primitive::Float => "float",
        Primitive::Bool => "bool",
        Primitive::Str => "string",
    }
}

/// The name that protobuf gives a field in JSON, which must not be another's: `_` go, and the letter after each is a
/// capital.
pub(crate) fn json_name(name: &str) -> String {
    let mut after = false;
    let mut json = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '_' => after = true,
            _ => {
                json.push(if after { character.to_ascii_uppercase() } else { character });
                after = false;
            }
        }
    }
    json
}
