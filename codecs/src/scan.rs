//! The scanner: one pass over bytes that nobody has looked at yet.
//!
//! Each codec has a [`Reader`] that knows its bytes; what is done with them is written once, here: [`skip`] checks
//! depth and number of values and finds where a value ends, [`build`] makes a dynamic value on the same walk.
//! What always holds: nothing is allocated for a length whose bytes have not arrived, recursion ends at
//! [`MAX_DEPTH`] whatever the limits say, and no input panics. Neighbours: `decode` gives a reader to serde,
//! `message` cuts a frame with it.

use std::borrow::Cow;

use num_bigint::BigInt;

use crate::codec_error::DecodeError;
use crate::limits::Limits;
use crate::value::Value;

mod bytes;
pub(crate) mod cbor;
pub(crate) mod json;
pub(crate) mod json_text;
pub(crate) mod msgpack;

/// Deepest nesting that is ever read: the walk recurses, and a stack has an end.
pub(crate) const MAX_DEPTH: u16 = Limits::DEEPEST;

/// Longest integer beyond 64 bits, in decimal digits (the bound that Python has for the same reason: the time to
/// convert one grows with the square of its length).
pub(crate) const MAX_INTEGER_DIGITS: usize = 4300;

/// The same bound for integers that come as bytes.
pub(crate) const MAX_INTEGER_BYTES: usize = 1786;

/// A list or map whose head has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    /// Items (of a list) or pairs (of a map) to come; unknown until the end where it is `None`.
    pub(crate) left: Option<u64>,
    /// Whether no item has been read yet.
    pub(crate) first: bool,
}

impl Open {
    /// A list or map that tells its size.
    pub(crate) fn of(left: u64) -> Open {
        Open { left: Some(left), first: true }
    }

    /// A list or map that tells its end.
    pub(crate) const UNTIL_END: Open = Open { left: None, first: true };

    /// Items or pairs to come, as far as known and as far as it is wise to reserve room for.
    pub(crate) fn room(&self) -> usize {
        self.left.map_or(0, |left| left.min(1024) as usize)
    }
}

/// The head of a value, its content checked and skipped where it is a scalar.
pub(crate) enum Head {
    Scalar,
    List(Open),
    Map(Open),
}

/// The head of a value with its content.
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the range of `Int`.
    UInt(u64),
    /// Beyond 64 bits.
    Big(Box<BigInt>),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    List(Open),
    Map(Open),
}

impl From<Token<'_>> for Head {
    #[inline]
    fn from(token: Token<'_>) -> Head {
        match token {
            Token::List(list) => Head::List(list),
            Token::Map(map) => Head::Map(map),
            _ => Head::Scalar,
        }
    }
}

impl Token<'_> {
    /// The smallest token that holds the integer.
    pub(crate) fn integer(value: BigInt) -> Self {
        if let Ok(small) = i64::try_from(&value) {
            Token::Int(small)
        } else if let Ok(middle) = u64::try_from(&value) {
            Token::UInt(middle)
        } else {
            Token::Big(Box::new(value))
        }
    }

    /// The integer, where it is one of 64 unsigned bits.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match *self {
            Token::Int(value) => u64::try_from(value).ok(),
            Token::UInt(value) => Some(value),
            _ => None,
        }
    }

    /// What it is, for error texts.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Token::Null => "null",
            Token::Bool(_) => "a boolean",
            Token::Int(_) | Token::UInt(_) | Token::Big(_) => "an integer",
            Token::Float(_) => "a float",
            Token::Text(_) => "a text",
            Token::Bytes(_) => "bytes",
            Token::List(_) => "a list",
            Token::Map(_) => "a map",
        }
    }
}

/// One codec's way through its bytes. Every method leaves the position behind what it read.
///
/// What is written here is so for the binary codecs: nothing stands between values, lists and maps tell their size.
pub(crate) trait Reader<'a> {
    /// Whether map keys can only be texts, so that numbers as keys stand in them.
    const TEXT_KEYS: bool;

    /// How many bytes lie behind the position.
    fn position(&self) -> usize;

    /// All bytes, read or not.
    fn bytes(&self) -> &'a [u8];

    /// Skips what may stand between two values.
    #[inline]
    fn space(&mut self) {}

    /// Reads the head of the next value; a scalar is checked and skipped.
    fn head(&mut self) -> Result<Head, DecodeError>;

    /// Reads the head of the next value with its content.
    fn token(&mut self) -> Result<Token<'a>, DecodeError>;

    /// Whether the list has another item, which is next then; else the list's end has been read.
    #[inline]
    fn more_items(&mut self, list: &mut Open) -> Result<bool, DecodeError> {
        Ok(count_down(list))
    }

    /// Whether the map has another pair, whose key is next then; else the map's end has been read.
    #[inline]
    fn more_pairs(&mut self, map: &mut Open) -> Result<bool, DecodeError> {
        self.more_items(map)
    }

    /// Reads what stands between a key and its value.
    #[inline]
    fn between(&mut self) -> Result<(), DecodeError> {
        Ok(())
    }

    /// Reads a null if the next value is one.
    fn null(&mut self) -> bool;

    /// The bytes from `start` to the position.
    #[inline]
    fn since(&self, start: usize) -> &'a [u8] {
        self.bytes().get(start..self.position()).unwrap_or_default()
    }

    /// An error unless all bytes have been read.
    #[inline]
    fn end(&mut self) -> Result<(), DecodeError> {
        self.space();
        match self.bytes().len() - self.position() {
            0 => Ok(()),
            rest => Err(DecodeError::at(
                self.position(),
                format_args!("{rest} bytes follow the end of the value"),
            )),
        }
    }
}

/// Whether a list or map that tells its size has more to come.
#[inline]
fn count_down(open: &mut Open) -> bool {
    match open.left {
        None | Some(0) => false,
        Some(left) => {
            open.left = Some(left - 1);
            true
        }
    }
}

/// What may still be read: values, and levels of nesting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    nodes: u32,
    levels: u16,
}

impl Budget {
    /// All that the limits allow.
    #[inline]
    pub(crate) fn new(limits: &Limits) -> Budget {
        Budget { nodes: limits.max_nodes, levels: limits.max_depth.min(MAX_DEPTH) }
    }

    /// For bytes that have been scanned before: any number of values.
    #[inline]
    pub(crate) fn of_levels(levels: u16) -> Budget {
        Budget { nodes: u32::MAX, levels }
    }

    /// Pays for one value.
    #[inline]
    pub(crate) fn node(&mut self, at: usize) -> Result<(), DecodeError> {
        match self.nodes.checked_sub(1) {
            Some(nodes) => {
                self.nodes = nodes;
                Ok(())
            }
            None => Err(too_many_values(at)),
        }
    }

    /// Goes a level down. A list or map that promises more values than may still come is refused at once.
    #[inline]
    pub(crate) fn enter(&mut self, open: &Open, at: usize) -> Result<(), DecodeError> {
        if open.left.is_some_and(|left| left > u64::from(self.nodes)) {
            return Err(too_many_values(at));
        }
        match self.levels.checked_sub(1) {
            Some(levels) => {
                self.levels = levels;
                Ok(())
            }
            None => Err(too_deep(at)),
        }
    }

    /// Comes up again.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.levels += 1;
    }
}

#[cold]
fn too_many_values(at: usize) -> DecodeError {
    DecodeError::at(at, "more values than max_nodes allows")
}

#[cold]
pub(crate) fn too_deep(at: usize) -> DecodeError {
    DecodeError::at(at, "lists and maps are nested deeper than max_depth allows")
}

/// Checks the next value and moves behind it.
pub(crate) fn skip<'a, R: Reader<'a>>(reader: &mut R, budget: &mut Budget) -> Result<(), DecodeError> {
    budget.node(reader.position())?;
    match reader.head()? {
        Head::Scalar => Ok(()),
        Head::List(list) => skip_items(reader, budget, list),
        Head::Map(map) => skip_pairs(reader, budget, map),
    }
}

/// Checks the items of an open list and moves behind its end.
#[inline]
pub(crate) fn skip_items<'a, R: Reader<'a>>(
    reader: &mut R,
    budget: &mut Budget,
    mut list: Open,
) -> Result<(), DecodeError> {
    budget.enter(&list, reader.position())?;
    while reader.more_items(&mut list)? {
        skip(reader, budget)?;
    }
    budget.leave();
    Ok(())
}

/// Checks the pairs of an open map and moves behind its end.
#[inline]
pub(crate) fn skip_pairs<'a, R: Reader<'a>>(
    reader: &mut R,
    budget: &mut Budget,
    mut map: Open,
) -> Result<(), DecodeError> {
    budget.enter(&map, reader.position())?;
    while reader.more_pairs(&mut map)? {
        skip(reader, budget)?;
        reader.between()?;
        skip(reader, budget)?;
    }
    budget.leave();
    Ok(())
}

/// Skips the next value and returns its bytes.
#[inline]
pub(crate) fn slice<'a, R: Reader<'a>>(reader: &mut R, budget: &mut Budget) -> Result<&'a [u8], DecodeError> {
    reader.space();
    let start = reader.position();
    skip(reader, budget)?;
    Ok(reader.since(start))
}

/// Checks that the bytes are exactly one value.
pub(crate) fn exactly_one<'a, R: Reader<'a>>(mut reader: R, mut budget: Budget) -> Result<(), DecodeError> {
    skip(&mut reader, &mut budget)?;
    reader.end()
}

/// The same; gives how many values it has inside, itself among them.
pub(crate) fn count_one<'a, R: Reader<'a>>(mut reader: R, budget: Budget) -> Result<u32, DecodeError> {
    let mut left = budget;
    skip(&mut reader, &mut left)?;
    reader.end()?;
    Ok(budget.nodes - left.nodes)
}

/// Reads the next value into a dynamic one.
fn build<'a, R: Reader<'a>>(reader: &mut R, budget: &mut Budget) -> Result<Value, DecodeError> {
    budget.node(reader.position())?;
    Ok(match reader.token()? {
        Token::Null => Value::Null,
        Token::Bool(value) => Value::Bool(value),
        Token::Int(value) => Value::Int(value),
        Token::UInt(value) => Value::BigInt(value.into()),
        Token::Big(value) => Value::BigInt(*value),
        Token::Float(value) => Value::Float(value),
        Token::Text(text) => Value::Text(text.into_owned()),
        Token::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
        Token::List(mut list) => {
            budget.enter(&list, reader.position())?;
            let mut items = Vec::with_capacity(list.room());
            while reader.more_items(&mut list)? {
                items.push(build(reader, budget)?);
            }
            budget.leave();
            Value::List(items)
        }
        Token::Map(mut map) => {
            budget.enter(&map, reader.position())?;
            let mut pairs = Vec::with_capacity(map.room());
            while reader.more_pairs(&mut map)? {
                let key = build(reader, budget)?;
                reader.between()?;
                pairs.push((key, build(reader, budget)?));
            }
            budget.leave();
            Value::Map(pairs)
        }
    })
}

/// Reads bytes that are exactly one value into a dynamic one.
pub(crate) fn build_one<'a, R: Reader<'a>>(mut reader: R, mut budget: Budget) -> Result<Value, DecodeError> {
    let value = build(&mut reader, &mut budget)?;
    reader.end()?;
    Ok(value)
}
