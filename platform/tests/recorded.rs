//! What aiomas wrote, replayed: its recorded client calls a Folkmoot container, its recorded server is understood.
//!
//! The recordings are of real links, made by `platform/tests/aiomas/record.py`; each names its versions of aiomas and
//! of CPython in its first line. Compared are the ids, the kinds of the replies, and their values: integers, floats
//! bit by bit, texts, bytes, lists, maps with their keys in order. Of an exception, its type is compared, and its
//! message where the caller chose it.
//!
//! Not compared: the bytes of a reply, for a value can be written in many ways (white space, escapes, widths); the
//! rest of an exception's text, which in Python is a traceback; and the replies in [`DIFFERENT`], with reasons.
//! Neighbour: the live lane does the same with the real program.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot::prelude::*;
use folkmoot::{Exception, Limits, Never, Value};
use folkmoot_codecs::{FrameDecoder, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::Decoder;

/// Each recording, its codec, and how many frames each side wrote.
const RECORDINGS: [(&str, Codec, usize); 4] = [
    (include_str!("../../codecs/tests/fixtures/aiomas/json-3.11.txt"), Codec::Json, 102),
    (include_str!("../../codecs/tests/fixtures/aiomas/json-3.8.txt"), Codec::Json, 102),
    (include_str!("../../codecs/tests/fixtures/aiomas/msgpack-3.8.txt"), Codec::MsgPack, 103),
    (include_str!("../../codecs/tests/fixtures/aiomas/msgpackblosc-3.8.txt"), Codec::MsgPackBlosc, 106),
];

/// The calls that a Folkmoot container answers otherwise: path, positional arguments, the type of its exception, and
/// why.
const DIFFERENT: [(&str, &str, &str, &str); 2] = [
    ("folkmoot/hello", "[]", "TypeError", "it is our own path, and this no Hello"),
    ("folkmoot/hello", r#"[{"#, "TypeError", "it is our own path, and this no Hello"),
];

/// Longest time for a replay; only one that hangs takes it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The agent that was recorded.
#[derive(Agent, Default)]
struct Peer {
    math: Math,
}

#[derive(Default)]
struct Math;

#[object]
impl Math {
    #[expose]
    fn mul(&self, a: i64, b: i64) -> i64 {
        a * b
    }
}

#[agent]
impl Peer {
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    #[expose]
    fn add(&self, a: Value, b: Value) -> Result<Value, Exception> {
        match (&a, &b) {
            (Value::Int(a), Value::Int(b)) => Ok((a + b).into()),
            (Value::Int(a), Value::Float(b)) => Ok((*a as f64 + b).into()),
            _ => Err(Exception::type_error(format!("{a} and {b} cannot be added"))),
        }
    }

    #[object]
    fn math(&self) -> &Math {
        &self.math
    }

    #[expose]
    fn fail(&self, message: String) -> Result<(), Exception> {
        Err(Exception::value_error(message))
    }
}

/// A request and its reply, each a whole frame.
struct Exchange {
    request: Vec<u8>,
    reply: Vec<u8>,
}

/// The exchanges of a recording: its lines `> HEX` and `< HEX` take turns.
fn exchanges(recording: &str) -> Vec<Exchange> {
    let frames: Vec<(&str, Vec<u8>)> = recording
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap())
        .map(|(direction, hex)| (direction, bytes_of(hex)))
        .collect();
    let pairs = frames.chunks(2).map(|pair| match pair {
        [(">", request), ("<", reply)] => Exchange { request: request.clone(), reply: reply.clone() },
        other => panic!("no request with its reply: {other:?}"),
    });
    pairs.collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// What the one payload of a frame holds.
fn payload(codec: Codec, frame: &[u8]) -> bytes::Bytes {
    let mut buffer = BytesMut::from(frame);
    let payload = FrameDecoder::new(Limits::DEFAULT).decode(&mut buffer).unwrap().unwrap();
    assert!(buffer.is_empty(), "a frame and more: {frame:?}");
    assert_eq!(Codec::detect(payload[0]), Some(codec));
    codec.open(payload, &Limits::DEFAULT).unwrap()
}

/// What was called.
struct Asked {
    path: String,
    positional: Value,
}

/// Takes a recorded request apart; `None` where its content is none.
fn asked(codec: Codec, frame: &[u8]) -> Option<Asked> {
    match Message::decode(codec, &payload(codec, frame), &Limits::DEFAULT) {
        Ok(Message::Request { path, arguments, .. }) => {
            let positional = codec.value(arguments.positional, &Limits::DEFAULT).unwrap();
            Some(Asked { path: path.into_owned(), positional })
        }
        Ok(other) => panic!("no request: {other:?}"),
        Err(_) => None,
    }
}

/// A reply, taken apart.
#[derive(Debug)]
enum Reply {
    Result(Value),
    Exception { kind: String, message: String },
}

/// Takes a reply apart: its id, and what it says.
fn replied(codec: Codec, frame: &[u8]) -> (u64, Reply) {
    let payload = payload(codec, frame);
    match Message::decode(codec, &payload, &Limits::DEFAULT).unwrap() {
        Message::Result { id, content } => {
            (id, Reply::Result(codec.value(content, &Limits::DEFAULT).unwrap()))
        }
        Message::Exception { id, content } => match CallError::<Never>::from_exception(codec, content) {
            CallError::Remote { kind, message, .. } => (id, Reply::Exception { kind, message }),
            other => panic!("no plain exception: {other:?}"),
        },
        other => panic!("no reply: {other:?}"),
    }
}

/// Equal in type and value; floats bit by bit, and no NaN differs from another.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, v), (l, w))| same(k, l) && same(v, w))
        }
        (a, b) => a == b,
    }
}

#[test]
fn every_recorded_reply_is_understood() {
    for (recording, codec, count) in RECORDINGS {
        let exchanges = exchanges(recording);
        assert_eq!(exchanges.len(), count);
        let (mut echoes, mut exceptions) = (0, 0);
        for (number, exchange) in (0..).zip(&exchanges) {
            let (id, reply) = replied(codec, &exchange.reply);
            assert_eq!(id, number);
            match (asked(codec, &exchange.request), reply) {
                (Some(Asked { path, positional }), Reply::Result(value)) if path == "agents/0/echo" => {
                    echoes += 1;
                    assert!(
                        same(&positional, &vec![value.clone()].into()),
                        "{positional} came back as {value}"
                    );
                }
                (_, Reply::Result(_)) => {}
                (asked, Reply::Exception { kind, .. }) => {
                    exceptions += 1;
                    let path = asked.map(|asked| asked.path);
                    assert!(kind.ends_with("Error"), "{path:?}: {kind:?} is no exception's type");
                }
            }
        }
        // The two questions for agents, three sums and a product are neither.
        assert_eq!((exceptions, echoes), (17, count - 17 - 6));
    }
}

#[folkmoot::test]
async fn the_recorded_client_gets_the_recorded_replies_one_by_one() {
    for (recording, codec, _) in RECORDINGS {
        let exchanges = exchanges(recording);
        let (container, mut stream) = serve().await;
        let mut checked = Checked::default();
        for exchange in &exchanges {
            stream.write_all(&exchange.request).await.unwrap();
            checked.check(codec, exchange, &frame(&mut stream).await);
        }
        checked.is_complete(exchanges.len());
        container.shutdown().await;
    }
}

#[folkmoot::test]
async fn the_recorded_client_gets_the_recorded_replies_all_at_once() {
    for (recording, codec, _) in RECORDINGS {
        let exchanges = exchanges(recording);
        let (container, mut stream) = serve().await;
        let requests: Vec<u8> = exchanges.iter().flat_map(|exchange| exchange.request.clone()).collect();
        stream.write_all(&requests).await.unwrap();
        // They may come in any order.
        let mut replies = BTreeMap::new();
        while replies.len() < exchanges.len() {
            let reply = frame(&mut stream).await;
            let (id, _) = replied(codec, &reply);
            assert!(replies.insert(id, reply).is_none(), "{id} was answered twice");
        }
        let mut checked = Checked::default();
        for (exchange, reply) in exchanges.iter().zip(replies.values()) {
            checked.check(codec, exchange, reply);
        }
        checked.is_complete(exchanges.len());
        container.shutdown().await;
    }
}

/// A container with the agent "0", and a plain connection to it.
async fn serve() -> (Container, TcpStream) {
    let container = Container::builder("tcp://127.0.0.1:0").start().await.unwrap();
    container.spawn("0", Peer::default).await.unwrap();
    let (host, port) = container.endpoint().host_and_port().unwrap();
    let stream = TcpStream::connect((host, port)).await.unwrap();
    (container, stream)
}

/// The next frame that comes, with its header.
async fn frame(stream: &mut TcpStream) -> Vec<u8> {
    let read = async {
        let length = stream.read_u32().await.unwrap();
        let mut frame = length.to_be_bytes().to_vec();
        frame.resize(4 + usize::try_from(length).unwrap(), 0);
        stream.read_exact(&mut frame[4..]).await.unwrap();
        frame
    };
    tokio::time::timeout(PATIENCE, read).await.expect("every request is answered")
}

/// Counts what was compared.
#[derive(Default)]
struct Checked {
    alike: usize,
    different: usize,
}

impl Checked {
    fn check(&mut self, codec: Codec, exchange: &Exchange, reply: &[u8]) {
        let (wanted_id, wanted) = replied(codec, &exchange.reply);
        let (id, reply) = replied(codec, reply);
        assert_eq!(id, wanted_id);
        let asked = asked(codec, &exchange.request);
        let (path, positional) = match &asked {
            Some(asked) => (asked.path.as_str(), asked.positional.to_string()),
            None => ("", String::new()),
        };
        let different =
            DIFFERENT.iter().find(|(other, start, ..)| path == *other && positional.starts_with(start));
        if let Some((.., type_here, why)) = different {
            self.different += 1;
            let here = matches!(&reply, Reply::Exception { kind, .. } if kind == type_here);
            assert!(here, "{path} {positional}: wanted {type_here} ({why}), got {reply:?}");
            return;
        }
        self.alike += 1;
        match (&reply, &wanted) {
            (Reply::Result(value), Reply::Result(wanted)) if same(value, wanted) => {}
            (Reply::Exception { kind, message }, Reply::Exception { kind: wanted_kind, message: wanted })
                if kind == wanted_kind =>
            {
                // Names that are not there are told alike; those that are not exposed are not known here.
                let is_told = path == "agents/0/fail" || (kind == "LookupError" && path != "agents/0/hidden");
                assert!(!is_told || message == wanted, "{message:?} in the place of {wanted:?}");
            }
            _ => panic!("{path} {positional}: aiomas answered {wanted:?}, we did {reply:?}"),
        }
    }

    fn is_complete(&self, exchanges: usize) {
        assert_eq!((self.alike, self.different), (exchanges - DIFFERENT.len(), DIFFERENT.len()));
    }
}
