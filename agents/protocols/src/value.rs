//! The values of contents, as the interpreter of specifications holds them.
//!
//! What always holds: the elements of a set or a list are of one type, a dict has each key once and is in their order;
//! equal values have equal bytes, so floats are compared by their bits. Neighbours: [`super::body`] checks values
//! against a specification, [`super::neutral`] writes them as JSON.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hash::Hash;

use crate::specification::{Element, Primitive};

/// A content's value.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
// A mark of a word's width: after a narrower one the rest is moved in pieces that the next move has to wait for.
#[repr(u64)]
pub enum Value {
    /// A primitive.
    Single(Single),
    /// `pt:set[..]`, in the order in which it is written.
    Set(Items),
    /// `pt:list[..]`.
    List(Items),
    /// `pt:dict[..]`. Its values are of one type.
    Dict(BTreeMap<Key, Single>),
    /// One alternative of a union, by its place among them.
    Union {
        /// Which, from 0 in the author's order.
        alternative: u16,
        /// Its value, which is no union.
        value: Box<Value>,
    },
    /// A custom type: the bytes of its protobuf message.
    Custom(Vec<u8>),
}

/// A primitive value.
#[derive(Clone)]
#[non_exhaustive]
// As wide as that of `Value`.
#[repr(u64)]
pub enum Single {
    /// `pt:bytes`.
    Bytes(Vec<u8>),
    /// `pt:int`.
    Int(i64),
    /// `pt:float`.
    Float(f32),
    /// `pt:bool`.
    Bool(bool),
    /// `pt:str`.
    Str(String),
}

/// A dict's key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Key {
    /// `pt:int`.
    Int(i64),
    /// `pt:bool`.
    Bool(bool),
    /// `pt:str`; compared as bytes.
    Str(String),
}

/// The elements of a set or a list.
#[derive(Clone)]
#[non_exhaustive]
// As wide as that of `Value`.
#[repr(u64)]
pub enum Items {
    /// Of `pt:bytes`.
    Bytes(Vec<Vec<u8>>),
    /// Of `pt:int`.
    Int(Vec<i64>),
    /// Of `pt:float`.
    Float(Vec<f32>),
    /// Of `pt:bool`.
    Bool(Vec<bool>),
    /// Of `pt:str`.
    Str(Vec<String>),
}

impl Value {
    /// What stands for a value that is not written: zero, or empty.
    pub(crate) fn default_of(element: &Element) -> Value {
        match element {
            Element::Primitive(primitive) => Value::Single(Single::default_of(*primitive)),
            Element::Custom(_) => Value::Custom(Vec::new()),
            Element::Set(of) => Value::Set(Items::none_of(*of)),
            Element::List(of) => Value::List(Items::none_of(*of)),
            Element::Dict(..) => Value::Dict(BTreeMap::new()),
        }
    }

    /// Whether it is of this type. Of a dict without entries any type is right.
    pub fn is_of(&self, element: &Element) -> bool {
        match (self, element) {
            (Value::Single(single), Element::Primitive(primitive)) => single.primitive() == *primitive,
            (Value::Custom(_), Element::Custom(_)) => true,
            (Value::Set(items), Element::Set(of)) | (Value::List(items), Element::List(of)) => {
                items.primitive() == *of
            }
            (Value::Dict(entries), Element::Dict(key, value)) => {
                entries.iter().all(|entry| entry.0.primitive() == *key && entry.1.primitive() == *value)
            }
            _ => false,
        }
    }

    /// What it is, for an error: `pt:int`, `a custom type`, `pt:list[pt:str]`.
    pub(crate) fn told(&self) -> String {
        match self {
            Value::Single(single) => single.primitive().to_string(),
            Value::Set(items) => Element::Set(items.primitive()).to_string(),
            Value::List(items) => Element::List(items.primitive()).to_string(),
            Value::Dict(entries) => match entries.first_key_value() {
                Some((key, value)) => Element::Dict(key.primitive(), value.primitive()).to_string(),
                None => "an empty dict".to_owned(),
            },
            Value::Union { alternative, .. } => format!("alternative {alternative} of a union"),
            Value::Custom(_) => "a custom type".to_owned(),
        }
    }
}

impl Single {
    pub(crate) fn default_of(primitive: Primitive) -> Single {
        match primitive {
            Primitive::Bytes => Single::Bytes(Vec::new()),
            Primitive::Int => Single::Int(0),
            Primitive::Float => Single::Float(0.0),
            Primitive::Bool => Single::Bool(false),
            Primitive::Str => Single::Str(String::new()),
        }
    }

    /// Its type.
    pub fn primitive(&self) -> Primitive {
        match self {
            Single::Bytes(_) => Primitive::Bytes,
            Single::Int(_) => Primitive::Int,
            Single::Float(_) => Primitive::Float,
            Single::Bool(_) => Primitive::Bool,
            Single::Str(_) => Primitive::Str,
        }
    }
}

impl PartialEq for Single {
    fn eq(&self, other: &Single) -> bool {
        match (self, other) {
            (Single::Bytes(one), Single::Bytes(other)) => one == other,
            (Single::Int(one), Single::Int(other)) => one == other,
            (Single::Float(one), Single::Float(other)) => one.to_bits() == other.to_bits(),
            (Single::Bool(one), Single::Bool(other)) => one == other,
            (Single::Str(one), Single::Str(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Single {}

impl Key {
    /// Its type.
    pub fn primitive(&self) -> Primitive {
        match self {
            Key::Int(_) => Primitive::Int,
            Key::Bool(_) => Primitive::Bool,
            Key::Str(_) => Primitive::Str,
        }
    }

    /// The same as a value.
    pub fn to_single(&self) -> Single {
        match self {
            Key::Int(number) => Single::Int(*number),
            Key::Bool(truth) => Single::Bool(*truth),
            Key::Str(text) => Single::Str(text.clone()),
        }
    }

    /// The value as a key; none for floats and bytes, which cannot be keys.
    pub fn from_single(single: Single) -> Option<Key> {
        match single {
            Single::Int(number) => Some(Key::Int(number)),
            Single::Bool(truth) => Some(Key::Bool(truth)),
            Single::Str(text) => Some(Key::Str(text)),
            Single::Bytes(_) | Single::Float(_) => None,
        }
    }
}

impl Items {
    /// No elements of this type.
    pub fn none_of(primitive: Primitive) -> Items {
        match primitive {
            Primitive::Bytes => Items::Bytes(Vec::new()),
            Primitive::Int => Items::Int(Vec::new()),
            Primitive::Float => Items::Float(Vec::new()),
            Primitive::Bool => Items::Bool(Vec::new()),
            Primitive::Str => Items::Str(Vec::new()),
        }
    }

    /// The elements' type.
    pub fn primitive(&self) -> Primitive {
        match self {
            Items::Bytes(_) => Primitive::Bytes,
            Items::Int(_) => Primitive::Int,
            Items::Float(_) => Primitive::Float,
            Items::Bool(_) => Primitive::Bool,
            Items::Str(_) => Primitive::Str,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Items::Bytes(items) => items.len(),
            Items::Int(items) => items.len(),
            Items::Float(items) => items.len(),
            Items::Bool(items) => items.len(),
            Items::Str(items) => items.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each as a value.
    pub fn to_singles(&self) -> Vec<Single> {
        match self {
            Items::Bytes(items) => items.iter().cloned().map(Single::Bytes).collect(),
            Items::Int(items) => items.iter().copied().map(Single::Int).collect(),
            Items::Float(items) => items.iter().copied().map(Single::Float).collect(),
            Items::Bool(items) => items.iter().copied().map(Single::Bool).collect(),
            Items::Str(items) => items.iter().cloned().map(Single::Str).collect(),
        }
    }

    /// Whether an element is there twice; floats are compared by their bits.
    pub(crate) fn has_duplicates(&self) -> bool {
        match self {
            Items::Bytes(items) => repeats(items.iter()),
            Items::Int(items) => repeats(items.iter()),
            Items::Float(items) => repeats(items.iter().map(|float| float.to_bits())),
            Items::Bool(items) => repeats(items.iter()),
            Items::Str(items) => repeats(items.iter()),
        }
    }

    /// Leaves the first of each that are equal.
    pub(crate) fn without_duplicates(self) -> Items {
        if !self.has_duplicates() {
            return self;
        }
        match self {
            Items::Bytes(items) => Items::Bytes(firsts(items, Clone::clone)),
            Items::Int(items) => Items::Int(firsts(items, |item| *item)),
            Items::Float(items) => Items::Float(firsts(items, |item| item.to_bits())),
            Items::Bool(items) => Items::Bool(firsts(items, |item| *item)),
            Items::Str(items) => Items::Str(firsts(items, Clone::clone)),
        }
    }
}

fn repeats<T: Eq + Hash>(mut items: impl ExactSizeIterator<Item = T>) -> bool {
    let mut seen = HashSet::with_capacity(if items.len() < 2 { 0 } else { items.len() });
    items.len() > 1 && items.any(|item| !seen.insert(item))
}

fn firsts<T, K: Eq + Hash>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::with_capacity(items.len());
    items.into_iter().filter(|item| seen.insert(key(item))).collect()
}

impl PartialEq for Items {
    fn eq(&self, other: &Items) -> bool {
        match (self, other) {
            (Items::Bytes(one), Items::Bytes(other)) => one == other,
            (Items::Int(one), Items::Int(other)) => one == other,
            (Items::Float(one), Items::Float(other)) => {
                let bits = |floats: &[f32]| floats.iter().map(|float| float.to_bits()).collect::<Vec<_>>();
                one.len().cmp(&other.len()) == Ordering::Equal && bits(one) == bits(other)
            }
            (Items::Bool(one), Items::Bool(other)) => one == other,
            (Items::Str(one), Items::Str(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Items {}

impl fmt::Debug for Single {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Single::Bytes(bytes) => write!(formatter, "b\"{}\"", bytes.escape_ascii()),
            Single::Int(number) => fmt::Debug::fmt(number, formatter),
            Single::Float(float) => fmt::Debug::fmt(float, formatter),
            Single::Bool(truth) => fmt::Debug::fmt(truth, formatter),
            Single::Str(text) => fmt::Debug::fmt(text, formatter),
        }
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.to_singles()).finish()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Single(single) => single.fmt(formatter),
            Value::Set(items) => formatter.debug_tuple("Set").field(items).finish(),
            Value::List(items) => items.fmt(formatter),
            Value::Dict(entries) => entries.fmt(formatter),
            Value::Union { alternative, value } => write!(formatter, "Union {alternative}: {value:?}"),
            Value::Custom(bytes) => write!(formatter, "Custom(b\"{}\")", bytes.escape_ascii()),
        }
    }
}

impl From<Single> for Value {
    fn from(single: Single) -> Value {
        Value::Single(single)
    }
}

macro_rules! from_single {
    ($($rust:ty => $variant:ident,)*) => {$(
        impl From<$rust> for Single {
            fn from(value: $rust) -> Single {
                Single::$variant(value)
            }
        }

        impl From<$rust> for Value {
            fn from(value: $rust) -> Value {
                Value::Single(Single::$variant(value))
            }
        }
    )*};
}

from_single! { i64 => Int, f32 => Float, bool => Bool, String => Str, Vec<u8> => Bytes, }

macro_rules! from_items {
    ($($rust:ty => $variant:ident,)*) => {$(
        impl From<Vec<$rust>> for Items {
            fn from(items: Vec<$rust>) -> Items {
                Items::$variant(items)
            }
        }
    )*};
}

from_items! { Vec<u8> => Bytes, i64 => Int, f32 => Float, bool => Bool, String => Str, }

impl From<&str> for Single {
    fn from(value: &str) -> Single {
        Single::Str(value.to_owned())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Single(Single::Str(value.to_owned()))
    }
}
