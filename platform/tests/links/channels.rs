//! Channels: both directions at once, over every transport and codec; bounds, ends, and those who speak otherwise.
//!
//! Always: what a channel stands on is gone once its last handle is.

#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot::channel::{Channel, Listener, Options, Request};
use folkmoot::prelude::*;
use folkmoot::{Date, LinkLimits, LocalNetwork, Serializable, Transport, Value};
use folkmoot_codecs::{CallError, Endpoint};
use folkmoot_transports::{BoxFuture, Connection, TcpTransport, TransportError};
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time that a test waits for what should take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A listener, a channel to it, and the other end of that, once a first request has gone through.
async fn pair(listen: Options, open: Options, url: &str) -> (Listener, Channel, Channel) {
    let mut listener = listen.listen(url).await.unwrap();
    let near = open.open(&listener.endpoint().to_string()).await.unwrap();
    let first = near.send::<_, Value>(&"first");
    let far = tokio::time::timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    next(&far).await.reply(&()).unwrap();
    assert_eq!(first.await, Ok(Value::Null));
    (listener, near, far)
}

async fn tcp() -> (Listener, Channel, Channel) {
    pair(Options::new(), Options::new(), "tcp://127.0.0.1:0").await
}

async fn next(channel: &Channel) -> Request {
    tokio::time::timeout(PATIENCE, channel.recv()).await.unwrap().expect("a request")
}

/// Asks both ways, many at once, and answers in the reverse order.
async fn body(near: &Channel, far: &Channel) {
    for (asks, answers) in [(near, far), (far, near)] {
        let replies: Vec<_> = (0..50u64).map(|n| asks.send::<_, (u64, Value)>(&("ask", n))).collect();
        let mut requests = Vec::new();
        for n in 0..50u64 {
            let request = next(answers).await;
            assert_eq!(request.content::<(&str, u64)>().unwrap(), ("ask", n), "in the order they were sent");
            requests.push((n, request));
        }
        for (n, request) in requests.into_iter().rev() {
            match n % 5 {
                4 => request.fail(format!("not {n}\nat all")),
                _ => request.reply(&(n, "x".repeat(n as usize * 2000))).unwrap(),
            }
        }
        for (n, reply) in (0u64..).zip(join_all(replies).await) {
            match (n % 5, reply) {
                (4, Err(CallError::Remote { kind, message, .. })) => {
                    assert_eq!((kind.as_str(), message), ("RuntimeError", format!("not {n}\nat all")));
                }
                (0..4, Ok((m, text))) => {
                    assert_eq!((m, text.as_str().map(str::len)), (n, Some(n as usize * 2000)));
                }
                (_, other) => panic!("{n}: {other:?}"),
            }
        }
    }
}

#[folkmoot::test]
async fn both_ends_ask_and_answer_in_every_codec_and_over_every_transport() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path().join("certs")).unwrap();
    let network = LocalNetwork::new();
    let unix = format!("unix://{}", dir.path().join("channel.sock").display());
    for codec in Codec::ALL {
        for url in ["tcp://127.0.0.1:0", "tls://127.0.0.1:0", &unix, "local://channels"] {
            let options = |name: &str| {
                let options = Options::new().codec(codec).network(&network);
                match url.starts_with("tls") {
                    true => options.certs(certs.node(name).unwrap()),
                    false => options,
                }
            };
            let (listener, near, far) = pair(options("far"), options("near"), url).await;
            assert_eq!((near.codec(), far.codec()), (codec, codec));
            if url.starts_with("tls") {
                assert_eq!(far.peer().node_name(), "spiffe://demo/node/near");
            }
            body(&near, &far).await;
            near.close().await;
            assert!(far.recv().await.is_none());
            listener.close().await;
        }
    }
}

/// Four bytes of length and the payload.
fn frame(payload: &str) -> Vec<u8> {
    [&u32::try_from(payload.len()).unwrap().to_be_bytes(), payload.as_bytes()].concat()
}

/// Reads as many bytes as are wanted, which must be these.
async fn assert_comes(raw: &mut TcpStream, payload: &str) {
    let mut came = vec![0; payload.len() + 4];
    raw.read_exact(&mut came).await.unwrap();
    assert_eq!(came, frame(payload), "{}", came.escape_ascii());
}

#[folkmoot::test]
async fn the_bytes_are_those_of_aiomas() {
    let mut listener = Options::new().listen("tcp://127.0.0.1:0").await.unwrap();
    let mut raw = TcpStream::connect(listener.endpoint().host_and_port().unwrap()).await.unwrap();
    raw.write_all(&frame(r#"[0, 0, "caf\u00e9"]"#)).await.unwrap();
    let channel = listener.accept().await.unwrap();
    let request = next(&channel).await;
    assert_eq!(request.value(), Value::from("café"));
    request.reply(&[1, 2]).unwrap();
    assert_comes(&mut raw, "[1,0,[1,2]]").await;
    // The other way: ids count from 0 in each direction.
    let asked = channel.send::<_, Value>(&("step", 7));
    assert_comes(&mut raw, r#"[0,0,["step",7]]"#).await;
    raw.write_all(&frame(r#"[2, 0, "Traceback\nValueError: not 7\n"]"#)).await.unwrap();
    let error = asked.await.unwrap_err();
    let CallError::Remote { kind, message, .. } = error else { panic!("{error:?}") };
    assert_eq!((kind.as_str(), message.as_str()), ("ValueError", "not 7"));
    // What is no message ends the channel, with the reason.
    raw.write_all(&frame("[0, 1]")).await.unwrap();
    assert!(channel.ended().await.contains("the content is missing"));
}

/// In Python a class with `@aiomas.serializable`.
#[derive(Clone, Debug, PartialEq, Serializable)]
struct Point {
    x: i64,
    seen: Vec<Date>,
}

#[folkmoot::test]
async fn values_of_registered_types_are_what_aiomas_has() {
    let options = || Options::new().serializer::<Point>().serializer::<Date>();
    let mut listener = options().listen("tcp://127.0.0.1:0").await.unwrap();
    let mut raw = TcpStream::connect(listener.endpoint().host_and_port().unwrap()).await.unwrap();
    let written = r#"{"__type__":[0,{"x":1,"seen":[{"__type__":[1,"2020-01-01T00:00:00+00:00"]}]}]}"#;
    raw.write_all(&frame(&format!("[0, 0, [{written}]]"))).await.unwrap();
    let channel = listener.accept().await.unwrap();
    let request = next(&channel).await;
    let (point,) = request.content::<(Point,)>().unwrap();
    assert_eq!(point, Point { x: 1, seen: vec!["2020-01-01".parse().unwrap()] });
    request.reply(&point).unwrap();
    assert_comes(&mut raw, &format!("[1,0,{written}]")).await;
    let asked = channel.send::<_, Point>(&point);
    assert_comes(&mut raw, &format!("[0,0,{written}]")).await;
    raw.write_all(&frame(&format!("[1, 0, {written}]"))).await.unwrap();
    assert_eq!(asked.await.unwrap(), point);
    for wrong in [r#"{"__type__":[2,"x"]}"#, r#"{"__type__":[7,1]}"#, r#"{"__type__":"mine"}"#] {
        raw.write_all(&frame(&format!("[0, 1, {wrong}]"))).await.unwrap();
        let request = next(&channel).await;
        let error = request.content::<Value>().unwrap_err();
        assert!(matches!(error, CallError::BadArguments { .. }), "{error}");
        let value = request.value();
        assert_eq!(value.to_string(), wrong.replace(':', ": ").replace(',', ", "));
        let sent = channel.send::<_, Value>(&value).deadline(Duration::from_millis(1)).await;
        let told = request.reply(&value);
        if wrong.contains('x') {
            // What may be a service to the other end leaves as it is.
            assert!(matches!(sent, Err(CallError::DeadlineExceeded { .. })) && told.is_ok(), "{wrong}");
        } else {
            assert!(matches!(sent, Err(CallError::Unencodable { .. })), "{wrong}: {sent:?}");
        }
    }
    let twice = options().serializer::<Point>().listen("tcp://127.0.0.1:0").await.unwrap_err().to_string();
    assert!(twice.contains("`Point` is registered twice"), "{twice}");
    // Where nothing is registered a map is a map, and a date its text.
    let (_listener, near, far) = tcp().await;
    let asked = near.send::<_, Value>(&point);
    let request = next(&far).await;
    assert_eq!(request.content::<Point>().unwrap(), point);
    let map = Value::from(vec![("__type__", Value::from("mine"))]);
    request.reply(&map).unwrap();
    assert_eq!(asked.await, Ok(map));
    // A type that is not registered, where others are.
    let (_listener, near, _far) =
        pair(Options::new().serializer::<Point>(), Options::new().serializer::<Point>(), "tcp://127.0.0.1:0")
            .await;
    let error = near.send::<_, Value>(&point).await.unwrap_err().to_string();
    assert!(error.contains("`.serializer::<Date>()`") && error.contains("the channel's options"), "{error}");
}

#[folkmoot::test]
async fn a_peer_that_closes_its_half_is_still_answered() {
    let mut listener = Options::new().listen("tcp://127.0.0.1:0").await.unwrap();
    let mut raw = TcpStream::connect(listener.endpoint().host_and_port().unwrap()).await.unwrap();
    raw.write_all(&frame("[0, 5, 42]")).await.unwrap();
    raw.shutdown().await.unwrap();
    let channel = listener.accept().await.unwrap();
    next(&channel).await.reply(&43).unwrap();
    let mut all = Vec::new();
    raw.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, b"\0\0\0\x08[1,5,43]");
    assert!(channel.recv().await.is_none());
    assert!(channel.ended().await.contains("the peer closed the link"));
}

#[folkmoot::test]
async fn what_cannot_be_said_is_told_to_both() {
    let (_listener, near, far) = tcp().await;
    // JSON has no such keys.
    let unsayable = std::collections::BTreeMap::from([(vec![1], 1)]);
    let error = near.send::<_, Value>(&unsayable).await.unwrap_err();
    assert!(matches!(error, CallError::Unencodable { .. }), "{error}");
    let asked = near.send::<_, Value>(&1);
    let error = next(&far).await.reply(&unsayable).unwrap_err();
    assert!(matches!(error, CallError::Unencodable { .. }), "{error}");
    let told = asked.await.unwrap_err();
    assert!(matches!(&told, CallError::Remote { message, .. } if message.contains("key")), "{told:?}");

    let asked = near.send::<_, Value>(&2);
    drop(next(&far).await);
    assert!(asked.await.unwrap_err().to_string().contains("dropped without an answer"));

    let asked = near.send::<_, i64>(&3);
    next(&far).await.reply(&"three").unwrap();
    assert!(matches!(asked.await, Err(CallError::BadReply { .. })));

    let asked = near.send::<_, i64>(&"four");
    let request = next(&far).await;
    let error = request.content::<i64>().unwrap_err();
    request.refuse(&error);
    let told = asked.await.unwrap_err();
    assert!(matches!(&told, CallError::Remote { kind, .. } if kind == "TypeError"), "{told:?}");

    // What is too long for a frame is refused here; the channel lives.
    let error = near.send::<_, i64>(&"x".repeat(17_000_000)).await.unwrap_err();
    assert!(matches!(error, CallError::Unencodable { .. }), "{error}");
    body(&near, &far).await;
}

#[folkmoot::test]
async fn a_late_reply_is_nobodys_and_hurts_nobody() {
    let (_listener, near, far) = tcp().await;
    let late = near.send::<_, i64>(&1).deadline(Duration::from_millis(20));
    assert!(matches!(late.await, Err(CallError::DeadlineExceeded { .. })));
    drop(near.send::<_, i64>(&2));
    next(&far).await.reply(&1).unwrap();
    next(&far).await.reply(&2).unwrap();
    body(&near, &far).await;
}

#[folkmoot::test]
async fn too_many_are_refused_at_once() {
    let mut limits = LinkLimits::default();
    limits.max_requests_in_hand = 3;
    limits.frame.max_frame_bytes = 10_000;
    let (_listener, near, far) =
        pair(Options::new().limits(limits), Options::new(), "tcp://127.0.0.1:0").await;
    let mut asked: Vec<_> = (0..5).map(|n| near.send::<_, i64>(&n)).collect();
    for refused in asked.drain(3..) {
        let error = refused.await.unwrap_err().to_string();
        assert!(error.contains("requests in hand of") && error.contains("(limit 3)"), "{error}");
    }
    for n in 0..3 {
        next(&far).await.reply(&n).unwrap();
    }
    assert_eq!(join_all(asked).await, [Ok(0), Ok(1), Ok(2)]);
    // Bytes are bounded too: the third finds more waiting than a frame may have.
    let text = "x".repeat(9000);
    let mut asked: Vec<_> = (0..3).map(|_| near.send::<_, i64>(&text)).collect();
    let error = asked.remove(2).await.unwrap_err().to_string();
    assert!(error.contains("bytes of waiting requests of"), "{error}");
    for _ in 0..2 {
        next(&far).await.reply(&7).unwrap();
    }
    assert_eq!(join_all(asked).await, [Ok(7), Ok(7)]);

    let mut limits = LinkLimits::default();
    limits.max_pending_calls = 2;
    let (_listener, near, far) =
        pair(Options::new(), Options::new().limits(limits), "tcp://127.0.0.1:0").await;
    let asked: Vec<_> = (0..3).map(|n| near.send::<_, i64>(&n)).collect();
    for n in 0..2 {
        next(&far).await.reply(&n).unwrap();
    }
    let replies = join_all(asked).await;
    assert_eq!(replies[..2], [Ok(0), Ok(1)]);
    assert!(matches!(&replies[2], Err(CallError::Overloaded { limit: 2, .. })), "{:?}", replies[2]);
}

#[folkmoot::test]
async fn closing_lets_what_is_in_hand_be_answered_and_tells_who_waits() {
    let (_listener, near, far) = tcp().await;
    let in_hand = near.send::<_, i64>(&1);
    let request = next(&far).await;
    let never = far.send::<_, i64>(&2);
    let closing = tokio::task::spawn_local({
        let far = far.clone();
        async move { far.close().await }
    });
    assert!(matches!(never.await, Err(CallError::Disconnected { may_have_run: true, .. })));
    drop(next(&near).await);
    request.reply(&11).unwrap();
    assert_eq!(in_hand.await, Ok(11));
    closing.await.unwrap();
    assert!(!far.is_open());
    assert!(matches!(far.send::<_, i64>(&3).await, Err(CallError::Disconnected { may_have_run: false, .. })));
    near.ended().await;
    assert!(matches!(
        near.send::<_, i64>(&4).await,
        Err(CallError::Disconnected { may_have_run: false, .. })
    ));
}

/// TCP, held by whatever holds a channel.
struct Held(TcpTransport, #[expect(dead_code)] Arc<()>);

impl Transport for Held {
    fn scheme(&self) -> &'static str {
        "tcp"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn folkmoot_transports::Listener>, TransportError>> {
        self.0.listen(endpoint)
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        self.0.dial(endpoint, expected_peer)
    }
}

fn held() -> (Options, Weak<()>) {
    let token = Arc::new(());
    let held = Arc::downgrade(&token);
    (Options::new().transport(Held(TcpTransport::new(), token)), held)
}

#[folkmoot::test]
async fn the_last_handle_closes_the_channel_and_leaves_nothing_behind() {
    let ((listen, listening), (open, opened)) = (held(), held());
    let (listener, near, far) = pair(listen, open, "tcp://127.0.0.1:0").await;
    let other = near.clone();
    let never = far.send::<_, i64>(&1);
    drop(near);
    assert_eq!(next(&other).await.content(), Ok(1));
    drop(other);
    let error = never.await.unwrap_err();
    assert!(error.to_string().contains("dropped without an answer"), "{error}");
    assert!(far.recv().await.is_none());
    assert!(listening.upgrade().is_some());
    drop((listener, far));
    let gone = async {
        while opened.upgrade().is_some() || listening.upgrade().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("nothing holds what the channels were made of");
}

#[folkmoot::test]
async fn who_begins_with_another_codec_is_told_so() {
    let only = || Options::new().take_codecs([Codec::MsgPack, Codec::Cbor]);
    let listener = only().listen("tcp://127.0.0.1:0").await.unwrap();
    let url = listener.endpoint().to_string();
    let near = Options::new().open(&url).await.unwrap();
    let error = near.send::<_, Value>(&1).await.unwrap_err().to_string();
    assert!(error.contains("takes MsgPack, CBOR alone, and the link began with JSON"), "{error}");
    near.ended().await;
    // A container says Hello, and its callers hear it in the error.
    let node = Container::builder("local://other-codec").codec(Codec::Json).start().await.unwrap();
    let error = node.connect::<Untyped>(format!("{url}/0")).await.unwrap_err().to_string();
    assert!(error.contains("takes MsgPack, CBOR alone, and the link began with JSON"), "{error}");

    let server = Container::builder("tcp://127.0.0.1:0").name("picky").take_codecs([Codec::Cbor]);
    let server = server.start().await.unwrap();
    let url = server.url("0");
    let error = node.connect::<Untyped>(url.clone()).await.unwrap_err().to_string();
    assert!(error.contains("picky takes CBOR alone, and the link began with JSON"), "{error}");
    let error = node.connect::<Untyped>(url).codec(Codec::Cbor).await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    node.shutdown().await;
    server.shutdown().await;
    let none = Container::builder("tcp://127.0.0.1:0").take_codecs([]).start().await.unwrap_err();
    assert!(none.to_string().contains("nobody could connect"), "{none}");
}

#[folkmoot::test]
async fn what_keeps_a_channel_from_being_opened_is_a_sentence() {
    for (url, words) in [
        ("tcp://127.0.0.1:1", "no channel to tcp://127.0.0.1:1: "),
        ("tls://127.0.0.1:1", "needs certificates"),
        ("carrier-pigeon://x", "carrier-pigeon"),
    ] {
        let error = Options::new().open(url).await.unwrap_err().to_string();
        assert!(error.contains(words), "{url}: {error}");
    }
    let error = Options::new().listen("tcp://0.0.0.0:0").await.unwrap_err().to_string();
    assert!(error.contains("would let everyone on the network in"), "{error}");
    // Nobody listens yet.
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", place.local_addr().unwrap());
    drop(place);
    let opening = tokio::task::spawn_local({
        let url = url.clone();
        async move { Options::new().retry_for(PATIENCE).open(&url).await }
    });
    tokio::task::yield_now().await;
    let mut listener = Options::new().listen(&url).await.unwrap();
    let near = opening.await.unwrap().unwrap();
    let asked = near.send::<_, i64>(&1);
    next(&listener.accept().await.unwrap()).await.reply(&2).unwrap();
    assert_eq!(asked.await, Ok(2));
}
