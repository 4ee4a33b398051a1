//! Requests: id, `[path, [arguments], {keyword arguments}]`, headers.
//!
//! What always holds: a request of the wrong shape is still read to its end, so that what is not even a value
//! closes the link and everything else gets an answer. Neighbour: `message`.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Envelope, Message, MessageError};
use crate::arguments::Arguments;
use crate::codec_error::{DecodeError, shown};
use crate::headers::{HeaderMap, Headers};
use crate::raw_id::RawId;
use crate::scan::{self, Head, Reader, Token};

/// What a request asks for, still encoded.
struct Content<'a> {
    path: Cow<'a, str>,
    positional: &'a [u8],
    keyword: Option<&'a [u8]>,
}

/// A part of a request, or why it is not as it should be. In both cases it has been read.
type Shaped<T> = Result<T, String>;

impl<'a, R: Reader<'a>> Envelope<R> {
    /// The path and the arguments of a content that stands alone.
    pub(super) fn call(mut self) -> Result<(Cow<'a, str>, Arguments<'a>), String> {
        let content = self.content().and_then(|content| self.reader.end().map(|()| content));
        let Content { path, positional, keyword } = content.map_err(|error| error.to_string())??;
        Ok((path, Arguments { codec: self.codec, positional, keyword }))
    }

    #[inline]
    pub(super) fn request(mut self) -> Result<Message<'a>, MessageError> {
        let id = self.id()?;
        self.next("content")?;
        let content = self.content()?;
        let headers = self.headers()?;
        let Content { path, positional, keyword } = match content {
            Ok(content) => content,
            Err(reason) => return Err(MessageError::BadRequest { id, reason }),
        };
        let headers = match headers.map(|headers| self.codec.decode::<HeaderMap>(headers)) {
            None => Headers::default(),
            Some(Ok(HeaderMap(headers))) => headers,
            Some(Err(error)) => {
                return Err(MessageError::BadRequest { id, reason: error.in_field("headers").to_string() });
            }
        };
        let arguments = Arguments { codec: self.codec, positional, keyword };
        Ok(Message::Request { id, path, arguments, headers })
    }

    #[inline(always)]
    pub(super) fn id(&mut self) -> Result<RawId, DecodeError> {
        self.next("id")?;
        self.reader.space();
        let start = self.reader.position();
        self.budget.node(start)?;
        let number = match self.reader.token()? {
            Token::List(_) | Token::Map(_) => {
                return Err(DecodeError::at(
                    start,
                    "the id of a request is neither a number nor a text nor null",
                ));
            }
            scalar => scalar.as_u64(),
        };
        let bytes = self.reader.since(start);
        if bytes.len() > RawId::MAX_BYTES {
            let most = RawId::MAX_BYTES;
            return Err(DecodeError::at(
                start,
                format_args!("the id of a request is longer than {most} bytes"),
            ));
        }
        Ok(RawId::from_parts(bytes, number))
    }

    // Always: with a second user each message would pay for a call.
    #[inline(always)]
    fn content(&mut self) -> Result<Shaped<Content<'a>>, DecodeError> {
        self.budget.node(self.reader.position())?;
        let mut list = match self.reader.token()? {
            Token::List(list) => list,
            other => {
                let kind = other.kind();
                self.leave(other)?;
                return Ok(Err(format!(
                    "the content is {kind}, not a list of path, arguments and keyword arguments"
                )));
            }
        };
        self.budget.enter(&list, self.reader.position())?;
        let mut count = 0;
        let mut parts = (None, None, None);
        while self.reader.more_items(&mut list)? {
            match count {
                0 => parts.0 = Some(self.path()?),
                1 => parts.1 = Some(self.positional()?),
                2 => parts.2 = Some(self.keyword()?),
                _ => scan::skip(&mut self.reader, &mut self.budget)?,
            }
            count += 1;
        }
        self.budget.leave();
        let (Some(path), Some(positional), Some(keyword), 3) = (parts.0, parts.1, parts.2, count) else {
            return Ok(Err(format!(
                "the content has {count} elements, not 3: path, list of arguments, map of keyword arguments"
            )));
        };
        Ok(path.and_then(|path| Ok(Content { path, positional: positional?, keyword: keyword? })))
    }

    /// Reads what is left of a value of the wrong kind.
    fn leave(&mut self, token: Token<'a>) -> Result<(), DecodeError> {
        match token {
            Token::List(list) => scan::skip_items(&mut self.reader, &mut self.budget, list),
            Token::Map(map) => scan::skip_pairs(&mut self.reader, &mut self.budget, map),
            _ => Ok(()),
        }
    }

    #[inline]
    fn path(&mut self) -> Result<Shaped<Cow<'a, str>>, DecodeError> {
        self.budget.node(self.reader.position())?;
        match self.reader.token()? {
            Token::Text(path) => Ok(Ok(path)),
            other => {
                let kind = other.kind();
                self.leave(other)?;
                Ok(Err(format!("the path is {kind}, not a text")))
            }
        }
    }

    #[inline]
    fn positional(&mut self) -> Result<Shaped<&'a [u8]>, DecodeError> {
        self.reader.space();
        let start = self.reader.position();
        self.budget.node(start)?;
        match self.reader.head()? {
            Head::List(list) => {
                scan::skip_items(&mut self.reader, &mut self.budget, list)?;
                Ok(Ok(self.reader.since(start)))
            }
            Head::Map(map) => {
                scan::skip_pairs(&mut self.reader, &mut self.budget, map)?;
                Ok(Err("the arguments are a map, not a list".to_owned()))
            }
            Head::Scalar => Ok(Err("the arguments are no list".to_owned())),
        }
    }

    /// The keyword arguments: a map whose keys are texts, each of them once; `None` if it is empty.
    #[inline]
    fn keyword(&mut self) -> Result<Shaped<Option<&'a [u8]>>, DecodeError> {
        self.reader.space();
        let start = self.reader.position();
        self.budget.node(start)?;
        let mut map = match self.reader.head()? {
            Head::Map(map) => map,
            Head::List(list) => {
                scan::skip_items(&mut self.reader, &mut self.budget, list)?;
                return Ok(Err("the keyword arguments are a list, not a map".to_owned()));
            }
            Head::Scalar => return Ok(Err("the keyword arguments are no map".to_owned())),
        };
        self.budget.enter(&map, self.reader.position())?;
        let mut names = HashSet::new();
        let mut wrong = None;
        while self.reader.more_pairs(&mut map)? {
            self.budget.node(self.reader.position())?;
            match self.reader.token()? {
                Token::Text(name) if names.contains(&name) => {
                    wrong = Some(format!("the keyword argument {:?} is given twice", shown(&name)));
                }
                Token::Text(name) => {
                    names.insert(name);
                }
                other => {
                    wrong = Some(format!("the name of a keyword argument is {}, not a text", other.kind()));
                    self.leave(other)?;
                }
            }
            self.reader.between()?;
            scan::skip(&mut self.reader, &mut self.budget)?;
        }
        self.budget.leave();
        Ok(match wrong {
            Some(reason) => Err(reason),
            None if names.is_empty() => Ok(None),
            None => Ok(Some(self.reader.since(start))),
        })
    }
}
