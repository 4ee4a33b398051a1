//! The content of exceptions, in both directions.
//!
//! Between Folkmoot containers it is a map `{code, text, data}` from which the caller gets its own error back; to
//! and from plain peers it is one text, a Python traceback whose last line is `Type: message`. `codecs/WIRE.md` has
//! the table of codes. What always holds: whatever comes, a [`CallError`] comes out of it.
//! Neighbours: `call_error` has the variants, `envelope` writes the frame around.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Display;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call_error::CallError;
use crate::codec::Codec;
use crate::codec_error::{DecodeError, shortened};
use crate::limits::Limits;
use crate::raised::Exception;
use crate::scan::cbor::CborReader;
use crate::scan::json::JsonReader;
use crate::scan::msgpack::MsgPackReader;
use crate::scan::{self, Budget, Open, Reader, Token};

/// Longest text of an exception that is written, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Cuts a text that is too long, at a character's boundary.
pub(crate) fn shorten(text: String) -> String {
    match shortened(&text, MAX_TEXT_BYTES) {
        Cow::Owned(short) => short,
        Cow::Borrowed(_) => text,
    }
}

/// `{code, text, data}`; without data where there is none or it cannot be encoded.
pub(crate) fn rich<E: Serialize>(codec: Codec, error: &CallError<E>, text: &str) -> BytesMut {
    let mut tagged = BytesMut::new();
    let data = match codec.encode(error, &mut tagged) {
        Ok(()) => split(codec, &tagged).ok().flatten(),
        Err(_) => None,
    };
    coded(codec, error.code(), text, data)
}

/// `{code, text}`, and data that is already encoded.
pub(crate) fn coded(codec: Codec, code: &str, text: &str, data: Option<&[u8]>) -> BytesMut {
    let mut out = BytesMut::new();
    let mut pair = |key: &str, value: &dyn Fn(&mut BytesMut)| {
        open_pair(codec, &mut out, key);
        value(&mut out);
    };
    pair("code", &|out| text_into(codec, code, out));
    pair("text", &|out| text_into(codec, text, out));
    if let Some(data) = data {
        pair("data", &|out| out.extend_from_slice(data));
    }
    close_map(codec, out, if data.is_some() { 3 } else { 2 })
}

/// One text: `Type: message` and a newline, as Python ends a traceback; `Type` alone where there is no message.
pub(crate) fn plain<E: Display + 'static>(codec: Codec, error: &CallError<E>) -> BytesMut {
    let (kind, message) = python(error);
    plain_text(codec, &kind, &shorten(message))
}

fn plain_text(codec: Codec, kind: &str, message: &str) -> BytesMut {
    let colon = if message.is_empty() { "" } else { ": " };
    let mut out = BytesMut::new();
    text_into(codec, &format!("{kind}{colon}{message}\n"), &mut out);
    out
}

/// What Python calls the error, and says of it.
pub(crate) fn python<E: Display + 'static>(error: &CallError<E>) -> (Cow<'static, str>, String) {
    let nearest_of = |nearest: &Option<String>| match nearest {
        Some(name) => format!("; did you mean \"{name}\"?"),
        None => String::new(),
    };
    let message = match error {
        CallError::Agent(own) => match (own as &dyn Any).downcast_ref::<Exception>() {
            Some(Exception { kind, message }) if is_type(kind) => {
                return (Cow::Owned(kind.clone()), message.clone());
            }
            Some(Exception { message, .. }) => message.clone(),
            None => own.to_string(),
        },
        CallError::NoSuchAgent { agent, nearest } => {
            format!("{}{}", missing_agent(agent), nearest_of(nearest))
        }
        CallError::NoSuchMethod { agent, method, nearest } => {
            let (beneath, name) =
                method.rsplit_once('/').map_or(("", method.as_str()), |(path, name)| (path, name));
            let slash = if beneath.is_empty() { "" } else { "/" };
            format!("Name \"{name}\" not found in \"agents/{agent}{slash}{beneath}\"{}", nearest_of(nearest))
        }
        // What one of Python's peers raised is raised again.
        CallError::Remote { kind, message, .. } if is_type(kind) => {
            return (Cow::Owned(kind.clone()), message.clone());
        }
        other => other.to_string(),
    };
    (Cow::Borrowed(python_type(error)), message)
}

/// An agent that is not there, as aiomas's walk from the root misses it.
fn missing_agent(name: &str) -> String {
    format!("Name \"{}\" not found in \"agents\"", name.strip_prefix("agents/").unwrap_or(name))
}

/// The shortest content that still says what went wrong.
pub(crate) fn coded_or_plain<E: Display + 'static>(
    codec: Codec,
    error: &CallError<E>,
    rich: bool,
) -> BytesMut {
    let text = "the exception's text is over the frame's limit";
    if rich { coded(codec, error.code(), text, None) } else { plain_text(codec, python_type(error), text) }
}

/// The Python exception that a plain peer is told of.
fn python_type<E>(error: &CallError<E>) -> &'static str {
    match error {
        CallError::NoSuchAgent { .. }
        | CallError::Ambiguous { .. }
        | CallError::TooFewMembers { .. }
        | CallError::NoSuchMethod { .. } => "LookupError",
        CallError::BadArguments { .. } => "TypeError",
        CallError::Denied { .. } => "PermissionError",
        CallError::DeadlineExceeded { .. } => "TimeoutError",
        _ => "RuntimeError",
    }
}

fn text_into(codec: Codec, text: &str, out: &mut BytesMut) {
    // Every codec can say every text.
    let _ = codec.encode(text, out);
}

fn open_pair(codec: Codec, out: &mut BytesMut, key: &str) {
    if codec == Codec::Json && !out.is_empty() {
        out.extend_from_slice(b",");
    }
    text_into(codec, key, out);
    if codec == Codec::Json {
        out.extend_from_slice(b":");
    }
}

/// Puts the pairs into a map of at most 15 of them.
fn close_map(codec: Codec, pairs: BytesMut, count: u8) -> BytesMut {
    let mut map = BytesMut::with_capacity(pairs.len() + 2);
    match codec {
        Codec::Json => map.extend_from_slice(b"{"),
        Codec::MsgPack | Codec::MsgPackBlosc => map.extend_from_slice(&[0x80 | count]),
        Codec::Cbor => map.extend_from_slice(&[0xa0 | count]),
    }
    map.extend_from_slice(&pairs);
    if codec == Codec::Json {
        map.extend_from_slice(b"}");
    }
    map
}

/// The content of an enum as serde writes it: `variant` alone (no content), or `{variant: content}`.
fn split(codec: Codec, tagged: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    fn content<'a>(mut reader: impl Reader<'a>) -> Result<Option<&'a [u8]>, DecodeError> {
        let mut budget = Budget::of_levels(Limits::DEEPEST);
        let Token::Map(mut map) = reader.token()? else { return Ok(None) };
        if !reader.more_pairs(&mut map)? {
            return Ok(None);
        }
        scan::skip(&mut reader, &mut budget)?;
        reader.between()?;
        scan::slice(&mut reader, &mut budget).map(Some)
    }
    match codec {
        Codec::Json => content(JsonReader::new(tagged)?),
        Codec::MsgPack | Codec::MsgPackBlosc => content(MsgPackReader::new(tagged)),
        Codec::Cbor => content(CborReader::new(tagged)),
    }
}

/// An exception's content, taken apart.
enum Received<'a> {
    Text(String),
    /// As mosaik has it.
    Listed {
        kind: String,
        message: String,
        traceback: String,
    },
    Coded {
        code: String,
        text: String,
        data: Option<&'a [u8]>,
    },
}

impl<E: DeserializeOwned> CallError<E> {
    /// The error that an exception's content tells of.
    ///
    /// A map `{code, text, data}` gives the exact variant back; a text, a list `[type, message, ...]`, or a code that
    /// is not known here, becomes [`CallError::Remote`]. So does [`CallError::Agent`] whose data is no `E`: the text is
    /// kept.
    pub fn from_exception(codec: Codec, content: &[u8]) -> CallError<E> {
        let received = match codec {
            Codec::Json => JsonReader::new(content).and_then(received),
            Codec::MsgPack | Codec::MsgPackBlosc => received(MsgPackReader::new(content)),
            Codec::Cbor => received(CborReader::new(content)),
        };
        match received {
            Ok(Received::Coded { code, text, data }) => exact(codec, &code, data)
                .unwrap_or(CallError::Remote { kind: code, message: text.clone(), traceback: text }),
            Ok(Received::Text(text)) => from_traceback(text),
            Ok(Received::Listed { kind, message, traceback }) => {
                CallError::Remote { kind, message, traceback }
            }
            Err(_) => match codec.value(content, &Limits::DEFAULT) {
                Ok(value) => from_traceback(value.to_string()),
                Err(error) => CallError::BadReply { reason: error.to_string() },
            },
        }
    }
}

/// Reads a text, or a map with a code and a text.
fn received<'a>(mut reader: impl Reader<'a>) -> Result<Received<'a>, DecodeError> {
    let mut budget = Budget::of_levels(Limits::DEEPEST);
    let mut map = match reader.token()? {
        Token::Text(text) => return Ok(Received::Text(text.into_owned())),
        Token::List(list) => return listed(reader, list),
        Token::Map(map) => map,
        other => return Err(DecodeError::new(other.kind())),
    };
    let (mut code, mut text, mut data) = (None, None, None);
    while reader.more_pairs(&mut map)? {
        let Token::Text(key) = reader.token()? else { return Err(DecodeError::new("a key is no text")) };
        reader.between()?;
        match &*key {
            "data" => data = Some(scan::slice(&mut reader, &mut budget)?),
            "code" | "text" => {
                let Token::Text(value) = reader.token()? else { return Err(DecodeError::new("no text")) };
                *(if key == "code" { &mut code } else { &mut text }) = Some(value.into_owned());
            }
            _ => scan::skip(&mut reader, &mut budget)?,
        }
    }
    match (code, text) {
        (Some(code), Some(text)) => Ok(Received::Coded { code, text, data }),
        _ => Err(DecodeError::new("no code or no text")),
    }
}

/// Reads what is left of a list of texts: type, message, and the lines of a traceback, where there are any.
fn listed<'a, R: Reader<'a>>(mut reader: R, mut list: Open) -> Result<Received<'a>, DecodeError> {
    let mut texts = Vec::new();
    while reader.more_items(&mut list)? {
        let Token::Text(text) = reader.token()? else { return Err(DecodeError::new("no text")) };
        texts.push(text);
    }
    match texts.as_slice() {
        [kind, message, lines @ ..] => Ok(Received::Listed {
            kind: kind.clone().into_owned(),
            message: message.clone().into_owned(),
            traceback: lines.concat(),
        }),
        _ => Err(DecodeError::new("no type or no message")),
    }
}

/// The variant with this code, if it is known and the data fits.
fn exact<E: DeserializeOwned>(codec: Codec, code: &str, data: Option<&[u8]>) -> Option<CallError<E>> {
    let mut tagged = BytesMut::new();
    match data {
        None => text_into(codec, code, &mut tagged),
        Some(data) => {
            open_pair(codec, &mut tagged, code);
            tagged.extend_from_slice(data);
            tagged = close_map(codec, tagged, 1);
        }
    }
    codec.decode(&tagged).ok()
}

/// Finds `Type: message` in a Python traceback: its last line, or, where the message has several lines, the last
/// one that begins with a type.
fn from_traceback<E>(traceback: String) -> CallError<E> {
    // A message may end in spaces, and consist of them.
    let text = traceback.trim_end_matches(['\n', '\r']);
    let mut end_of_line = text.len();
    while let Some(line) = text.get(..end_of_line).filter(|text| !text.is_empty()) {
        let start = line.rfind('\n').map_or(0, |newline| newline + 1);
        let from_here = text.get(start..).unwrap_or_default();
        let (kind, message) = from_here.split_once(": ").unwrap_or((from_here, ""));
        if is_type(kind) && (!message.is_empty() || is_capital(kind)) {
            return CallError::Remote { kind: kind.to_owned(), message: message.to_owned(), traceback };
        }
        end_of_line = start.saturating_sub(1);
    }
    let message = text.lines().last().unwrap_or_default().to_owned();
    CallError::Remote { kind: String::new(), message, traceback }
}

/// Whether a name alone, without a message, is more likely an exception's than a word of the message before it.
fn is_capital(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase))
}

/// Whether it looks like the name of an exception, such as `ValueError` or `package.module.Wrong`.
fn is_type(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && part.chars().all(|character| character.is_alphanumeric() || character == '_')
    })
}
