//! The types of contents: `pt:int`, `ct:Query`, `pt:optional[pt:list[pt:str]]`.
//!
//! The shape of [`ContentType`] is the language's: a collection holds primitives only, a union holds no union, and what
//! is optional is so outermost. Neighbour: [`super`] says where they stand.

use std::fmt;

/// What a content may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentType {
    /// A value that must be there.
    Plain(Element),
    /// `pt:union[A, B, ..]`: one of two or more.
    Union(Vec<Element>),
    /// `pt:optional[T]`: a value that may be absent.
    Optional(Element),
    /// `pt:optional[pt:union[A, B, ..]]`.
    OptionalUnion(Vec<Element>),
}

/// A type that is neither a union nor optional.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// `pt:int` and its like.
    Primitive(Primitive),
    /// `ct:Name`, the name alone.
    Custom(String),
    /// `pt:set[P]`.
    Set(Primitive),
    /// `pt:list[P]`.
    List(Primitive),
    /// `pt:dict[K, V]`.
    Dict(Primitive, Primitive),
}

/// A type without parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Primitive {
    /// `pt:bytes`.
    Bytes,
    /// `pt:int`: 64 bits, signed.
    Int,
    /// `pt:float`: 32 bits on the wire.
    Float,
    /// `pt:bool`.
    Bool,
    /// `pt:str`: Unicode text.
    Str,
}

impl ContentType {
    /// The alternatives: one, or those of a union, in the author's order.
    pub fn alternatives(&self) -> &[Element] {
        match self {
            ContentType::Plain(element) | ContentType::Optional(element) => std::slice::from_ref(element),
            ContentType::Union(elements) | ContentType::OptionalUnion(elements) => elements,
        }
    }

    /// Whether a message may leave it out.
    pub fn is_optional(&self) -> bool {
        matches!(self, ContentType::Optional(_) | ContentType::OptionalUnion(_))
    }

    /// Whether it is one of several.
    pub fn is_union(&self) -> bool {
        matches!(self, ContentType::Union(_) | ContentType::OptionalUnion(_))
    }
}

impl Element {
    /// What stands in the names of a union's fields: `int`, `Query`, `set_of_int`, `dict_of_str_int`.
    pub fn field_word(&self) -> String {
        match self {
            Element::Primitive(primitive) => primitive.word().to_owned(),
            Element::Custom(name) => name.clone(),
            Element::Set(of) => format!("set_of_{}", of.word()),
            Element::List(of) => format!("list_of_{}", of.word()),
            Element::Dict(key, value) => format!("dict_of_{}_{}", key.word(), value.word()),
        }
    }
}

impl Primitive {
    /// All of them.
    pub const ALL: [Primitive; 5] =
        [Primitive::Bytes, Primitive::Int, Primitive::Float, Primitive::Bool, Primitive::Str];

    /// Its name without `pt:`.
    pub fn word(self) -> &'static str {
        match self {
            Primitive::Bytes => "bytes",
            Primitive::Int => "int",
            Primitive::Float => "float",
            Primitive::Bool => "bool",
            Primitive::Str => "str",
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContentType::Plain(element) => write!(formatter, "{element}"),
            ContentType::Union(elements) => write_union(formatter, elements),
            ContentType::Optional(element) => write!(formatter, "pt:optional[{element}]"),
            ContentType::OptionalUnion(elements) => {
                formatter.write_str("pt:optional[")?;
                write_union(formatter, elements)?;
                formatter.write_str("]")
            }
        }
    }
}

fn write_union(formatter: &mut fmt::Formatter<'_>, elements: &[Element]) -> fmt::Result {
    formatter.write_str("pt:union[")?;
    for (position, element) in elements.iter().enumerate() {
        formatter.write_str(if position == 0 { "" } else { ", " })?;
        write!(formatter, "{element}")?;
    }
    formatter.write_str("]")
}

impl fmt::Display for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::Primitive(primitive) => write!(formatter, "{primitive}"),
            Element::Custom(name) => write!(formatter, "ct:{name}"),
            Element::Set(of) => write!(formatter, "pt:set[{of}]"),
            Element::List(of) => write!(formatter, "pt:list[{of}]"),
            Element::Dict(key, value) => write!(formatter, "pt:dict[{key}, {value}]"),
        }
    }
}

impl fmt::Display for Primitive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "pt:{}", self.word())
    }
}
