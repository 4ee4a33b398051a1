//! One call's arguments, handed out one by one.
//!
//! What always holds: the positional list is read front to back, once; the names of the keyword arguments are
//! only looked at where there are any. Neighbour: `arguments`.

use std::borrow::Cow;

use serde::de::{DeserializeOwned, Error, Visitor};

use super::{Arguments, BadArgument};
use crate::codec::Codec;
use crate::codec_error::{DecodeError, shown};
use crate::decode::Decoder;
use crate::limits::Limits;
use crate::scan::cbor::CborReader;
use crate::scan::json::JsonReader;
use crate::scan::msgpack::MsgPackReader;
use crate::scan::{self, Budget, Open, Reader, Token};

/// The positional arguments under one of the readers.
enum Positional<'a> {
    Json(Decoder<JsonReader<'a>>),
    MsgPack(Decoder<MsgPackReader<'a>>),
    Cbor(Decoder<CborReader<'a>>),
}

/// A keyword argument, still encoded.
struct Keyword<'a> {
    name: Cow<'a, str>,
    value: &'a [u8],
    used: bool,
}

/// What is left of a call's arguments.
pub(super) struct Source<'a, 'n> {
    codec: Codec,
    positional: Positional<'a>,
    list: Open,
    keywords: Vec<Keyword<'a>>,
    names: &'n [&'n str],
    /// How many arguments have been handed out.
    index: usize,
}

/// A fault of the list or map itself.
fn of_the_whole<'n>(error: DecodeError) -> BadArgument<'n> {
    BadArgument { path: Cow::Borrowed(""), reason: error.to_string().into() }
}

impl<'a, 'n> Source<'a, 'n> {
    #[inline]
    pub(super) fn open(
        arguments: &Arguments<'a>,
        names: &'n [&'n str],
    ) -> Result<Source<'a, 'n>, BadArgument<'n>> {
        let codec = arguments.codec;
        let (positional, list) = open_list(codec, arguments.positional).map_err(of_the_whole)?;
        let keywords = match arguments.keyword {
            Some(map) => keywords(codec, map).map_err(of_the_whole)?,
            None => Vec::new(),
        };
        Ok(Source { codec, positional, list, keywords, names, index: 0 })
    }

    /// The next parameter's argument.
    #[inline]
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<T, BadArgument<'n>> {
        let index = self.index;
        self.index += 1;
        if self.more().map_err(of_the_whole)? {
            if !self.keywords.is_empty() {
                self.refuse_twice(index)?;
            }
            let result = match &mut self.positional {
                Positional::Json(decoder) => T::deserialize(decoder),
                Positional::MsgPack(decoder) => T::deserialize(decoder),
                Positional::Cbor(decoder) => T::deserialize(decoder),
            };
            return result.map_err(|error| self.wrong(index, error));
        }
        self.by_name(index)
    }

    /// Whether another positional argument follows.
    #[inline]
    fn more(&mut self) -> Result<bool, DecodeError> {
        if self.list.left == Some(0) {
            return Ok(false);
        }
        let more = match &mut self.positional {
            Positional::Json(decoder) => decoder.reader.more_items(&mut self.list),
            Positional::MsgPack(decoder) => decoder.reader.more_items(&mut self.list),
            Positional::Cbor(decoder) => decoder.reader.more_items(&mut self.list),
        }?;
        if !more {
            // A list until its end must not be asked for its end twice.
            self.list.left = Some(0);
        }
        Ok(more)
    }

    fn by_name<T: DeserializeOwned>(&mut self, index: usize) -> Result<T, BadArgument<'n>> {
        let name = self.names.get(index).copied();
        let codec = self.codec;
        let found = self.keywords.iter_mut().find(|keyword| Some(&*keyword.name) == name);
        if let Some(keyword) = found {
            keyword.used = true;
            let value = keyword.value;
            return codec.decode(value).map_err(|error| self.wrong(index, error));
        }
        // What can be made of nothing is optional.
        T::deserialize(Missing).map_err(|_| BadArgument {
            path: self.name(index),
            reason: Cow::Borrowed("the argument is missing"),
        })
    }

    /// Reads the end; arguments that no parameter took are an error.
    #[inline]
    pub(super) fn finish(mut self) -> Result<(), BadArgument<'n>> {
        if self.more().map_err(of_the_whole)? {
            let most = self.index;
            return Err(BadArgument {
                path: Cow::Borrowed(""),
                reason: format!("expected at most {most} arguments, found more").into(),
            });
        }
        match self.keywords.iter().find(|keyword| !keyword.used) {
            None => Ok(()),
            Some(unknown) => Err(BadArgument {
                path: shown(&unknown.name).into_owned().into(),
                reason: match self.names {
                    [] => "no argument has this name; the method takes none".into(),
                    names => format!("no argument has this name; known are {}", names.join(", ")).into(),
                },
            }),
        }
    }

    #[cold]
    fn refuse_twice(&self, index: usize) -> Result<(), BadArgument<'n>> {
        let name = self.names.get(index).copied();
        if self.keywords.iter().any(|keyword| Some(&*keyword.name) == name) {
            return Err(BadArgument {
                path: self.name(index),
                reason: "the argument is given twice, by position and by name".into(),
            });
        }
        Ok(())
    }

    #[cold]
    fn wrong(&self, index: usize, error: DecodeError) -> BadArgument<'n> {
        let error = error.in_field(&self.name(index));
        BadArgument { path: error.path().to_owned().into(), reason: error.reason().to_owned().into() }
    }

    fn name(&self, index: usize) -> Cow<'n, str> {
        match self.names.get(index) {
            Some(name) => Cow::Borrowed(name),
            None => format!("argument {}", index + 1).into(),
        }
    }
}

#[inline]
fn open_list(codec: Codec, bytes: &[u8]) -> Result<(Positional<'_>, Open), DecodeError> {
    let (positional, token) = match codec {
        Codec::Json => {
            let mut decoder = Decoder::new(JsonReader::new(bytes)?);
            let token = decoder.reader.token()?;
            (Positional::Json(decoder), token)
        }
        Codec::MsgPack | Codec::MsgPackBlosc => {
            let mut decoder = Decoder::new(MsgPackReader::new(bytes));
            let token = decoder.reader.token()?;
            (Positional::MsgPack(decoder), token)
        }
        Codec::Cbor => {
            let mut decoder = Decoder::new(CborReader::new(bytes));
            let token = decoder.reader.token()?;
            (Positional::Cbor(decoder), token)
        }
    };
    match token {
        Token::List(list) => Ok((positional, list)),
        other => Err(DecodeError::new(format!("the arguments are {}, not a list", other.kind()))),
    }
}

fn keywords(codec: Codec, map: &[u8]) -> Result<Vec<Keyword<'_>>, DecodeError> {
    match codec {
        Codec::Json => named(JsonReader::new(map)?),
        Codec::MsgPack | Codec::MsgPackBlosc => named(MsgPackReader::new(map)),
        Codec::Cbor => named(CborReader::new(map)),
    }
}

/// The pairs of a map of keyword arguments.
fn named<'a, R: Reader<'a>>(mut reader: R) -> Result<Vec<Keyword<'a>>, DecodeError> {
    let mut budget = Budget::of_levels(Limits::DEEPEST);
    let mut map = match reader.token()? {
        Token::Map(map) => map,
        other => {
            return Err(DecodeError::new(format!("the keyword arguments are {}, not a map", other.kind())));
        }
    };
    let mut pairs = Vec::with_capacity(map.room());
    while reader.more_pairs(&mut map)? {
        let name = match reader.token()? {
            Token::Text(name) => name,
            other => {
                let kind = other.kind();
                return Err(DecodeError::new(format!(
                    "the name of a keyword argument is {kind}, not a text"
                )));
            }
        };
        reader.between()?;
        let value = scan::slice(&mut reader, &mut budget)?;
        pairs.push(Keyword { name, value, used: false });
    }
    Ok(pairs)
}

/// Stands for an argument that was not given: only an optional one can be read from it.
struct Missing;

impl<'de> serde::Deserializer<'de> for Missing {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
        Err(DecodeError::custom("the argument is missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
