//! Containers that dial, and what answers there is no container, or a bad one.
//!
//! Neighbour: `hello.rs` has the listener's side.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{CallError, Untyped, Value};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::raw::Raw;
use super::rig::{Victim, tight};

/// A container that dials, and the raw end of its link.
pub(super) struct Dialed {
    pub(super) node: Container,
    pub(super) connecting: tokio::task::JoinHandle<Result<Proxy<Victim>, CallError>>,
    pub(super) raw: Raw,
}

pub(super) async fn dialed(codec: Codec) -> Dialed {
    super::limit::watch();
    let node = Container::builder("local://dialer").network(&folkmoot::LocalNetwork::new());
    let node = node.codec(codec).limits(tight()).name("dialer").start().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}/victim", listener.local_addr().unwrap());
    let connecting = {
        let node = node.clone();
        actix_rt::spawn(async move { node.connect::<Victim>(url).await })
    };
    let (stream, address) = listener.accept().await.unwrap();
    Dialed { node, connecting, raw: Raw { stream: Box::new(stream), codec, address: address.to_string() } }
}

impl Dialed {
    /// What came of the attempt.
    async fn error(self) -> String {
        let outcome = tokio::time::timeout(super::raw::PATIENCE, self.connecting).await.expect("it ends");
        self.node.shutdown().await;
        outcome.unwrap().unwrap_err().to_string()
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_answers_a_hello_wrongly_is_told_apart() {
    for (answer, words) in [
        (
            r#"[1, 0, {"versions": [7, 9], "node": "new", "max_frame_bytes": 9, "software": "raw 9"}]"#,
            "\"dialer\" (folkmoot 0.1.0) speaks 1 to 2 and \"new\" (raw 9) speaks 7 to 9",
        ),
        (
            r#"[1, 0, {"versions": [1, 1], "node": "x", "max_frame_bytes": 0, "software": "raw 9"}]"#,
            "of the Hello, max_frame_bytes is 0",
        ),
        (r#"[1, 0, 5]"#, "the peer's Hello cannot be read: expected a Hello"),
        (r#"[1, 0, {"versions": [1, 1]}]"#, "the peer's Hello cannot be read"),
        (
            r#"[2, 0, {"code": "disconnected", "text": "no", "data": {"may_have_run": false, "cause": "too old"}}]"#,
            "too old",
        ),
        (r#"[5, 0, null]"#, "the kind is neither"),
        (r#"[0, 0, ["folkmoot/goodbye", ["full"], {}]]"#, "the peer said goodbye: full"),
    ] {
        for codec in Codec::ALL {
            let mut dialed = dialed(codec).await;
            dialed.raw.answer().await;
            dialed.raw.send(answer).await;
            let error = dialed.error().await;
            assert!(error.contains(words), "{codec} {answer}: {error}");
            assert!(error.contains("no link to tcp://127.0.0.1:"), "{error}");
        }
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn silence_text_and_hanging_up_are_told_apart() {
    let silent = dialed(Codec::Json).await;
    let error = silent.error().await;
    assert!(error.contains("did not answer the Hello within 200ms"), "{error}");

    let mut text = dialed(Codec::Json).await;
    text.raw.send_bytes(b"220 mail.example ESMTP\r\n").await;
    let error = text.error().await;
    assert!(error.contains("bytes was announced"), "{error}");

    let mut closed = dialed(Codec::Json).await;
    closed.raw.answer().await;
    closed.raw.shut().await;
    let error = closed.error().await;
    assert!(
        error.contains("the peer closed the link, and nothing came before: does it speak JSON?"),
        "{error}"
    );

    let mut other = dialed(Codec::Json).await;
    other.raw.answer().await;
    other.raw.codec = Codec::MsgPackBlosc;
    other.raw.send("[2, 0, \"LookupError: there is no such name\"]").await;
    let error = other.error().await;
    assert!(error.contains("a MsgPackBlosc frame came on a link that began with JSON"), "{error}");

    let mut cut = dialed(Codec::Json).await;
    cut.raw.answer().await;
    cut.raw.send_bytes(&[0, 0, 1]).await;
    cut.raw.shut().await;
    let error = cut.error().await;
    assert!(error.contains("inside a frame, 3 bytes of which had come"), "{error}");
}

/// A dialer with a proxy, and the raw end that behaved so far.
pub(super) async fn met(codec: Codec, max_frame_bytes: u32) -> (Container, Proxy<Victim>, Raw) {
    let Dialed { node, connecting, mut raw } = dialed(codec).await;
    raw.answer().await;
    let limits = format!(r#""max_frame_bytes": {max_frame_bytes}, "max_depth": 9, "max_nodes": 300"#);
    let hello = format!(r#"{{"versions": [1, 1], "node": "raw", {limits}, "software": "raw 1"}}"#);
    raw.send(&format!("[1, 0, {hello}]")).await;
    let id = raw.answer().await.id.as_u64().unwrap();
    raw.send(&format!(r#"[1, {id}, "Victim"]"#)).await;
    (node, connecting.await.unwrap().unwrap(), raw)
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn replies_that_do_not_fit_fail_their_call_alone() {
    for codec in Codec::ALL {
        let (node, proxy, mut raw) = met(codec, 1000).await;
        for (reply, words) in [
            ("\"text\"", "the reply does not decode into the expected type: expected i64"),
            ("null", "the reply does not decode"),
            ("123456789012345678901", "the reply does not decode"),
        ] {
            if codec.of_values() == Codec::MsgPack && reply.len() > 20 {
                continue;
            }
            let call = actix_rt::spawn({
                let proxy = proxy.clone();
                async move { proxy.total().await }
            });
            let id = raw.answer().await.id.as_u64().unwrap();
            raw.send(&format!("[1, {}, 7]", id + 1)).await;
            raw.send(&format!("[1, {id}, {reply}]")).await;
            let error = call.await.unwrap().unwrap_err().to_string();
            assert!(error.contains(words), "{codec} {reply}: {error}");
        }
        let call = actix_rt::spawn(async move { proxy.total().await });
        let id = raw.answer().await.id.as_u64().unwrap();
        raw.send(&format!("[1, {id}, 7]")).await;
        raw.send(&format!("[1, {id}, 8]")).await;
        assert_eq!(call.await.unwrap(), Ok(7), "the first reply counts");
        node.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_call_over_the_peers_limit_is_refused_here_and_the_link_lives() {
    let (node, proxy, mut raw) = met(Codec::MsgPack, 1000).await;
    let untyped: Proxy<Untyped> = Proxy::cast(&proxy).unwrap();
    let nested = (0..7).fold(Value::Null, |value, _| Value::List(vec![value]));
    for (argument, words) in [
        (Value::from("x".repeat(2000)), "longer than 1000 bytes"),
        (Value::List(vec![Value::Null; 301]), "more values than max_nodes allows"),
        (nested, "nested deeper than max_depth allows"),
    ] {
        let error = untyped.call("length", [argument]).await.unwrap_err();
        let CallError::Unencodable { reason } = error else { panic!("{error:?}") };
        assert!(reason.contains(words), "{reason}");
    }
    let call = actix_rt::spawn(async move { proxy.total().await });
    let id = raw.answer().await.id.as_u64().unwrap();
    raw.send(&format!("[1, {id}, 7]")).await;
    assert_eq!(call.await.unwrap(), Ok(7));
    node.shutdown().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_peer_that_dies_fails_what_waits_and_says_that_it_may_have_run() {
    let (node, proxy, mut raw) = met(Codec::Json, 1000).await;
    let call = actix_rt::spawn({
        let proxy = proxy.clone();
        async move { proxy.total().await }
    });
    raw.answer().await;
    drop(raw);
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error:?}");
    let url = Proxy::url(&proxy);
    let endpoint = url.strip_suffix("/victim").unwrap();
    assert!(error.to_string().contains(&format!("the link to {endpoint} ended: ")), "{error}");
    let again =
        tokio::time::timeout(Duration::from_secs(5), proxy.total()).await.expect("at once").unwrap_err();
    assert!(matches!(again, CallError::Disconnected { may_have_run: false, .. }), "{again:?}");
    node.shutdown().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_a_peer_said_before_it_reset_the_link_is_the_cause() {
    for _ in 0..10 {
        let (node, proxy, mut raw) = met(Codec::MsgPack, u32::MAX).await;
        let call = actix_rt::spawn(async move { proxy.length("x".repeat(12 << 20)).await });
        let mut first = [0];
        raw.stream.read_exact(&mut first).await.unwrap();
        raw.send(r#"[0, 5, ["folkmoot/goodbye", ["you ask too much"], {}]]"#).await;
        // With much of the call unread, the system resets the connection.
        drop(raw);
        let error = call.await.unwrap().unwrap_err();
        let CallError::Disconnected { may_have_run: true, cause } = error else { panic!("{error:?}") };
        assert!(cause.ends_with(" ended: the peer said goodbye: you ask too much"), "{cause}");
        assert!(cause.starts_with("the link to tcp://127.0.0.1:"), "{cause}");
        node.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn of_a_deadline_the_time_that_is_left_is_told_and_of_no_clock_anything() {
    let (node, proxy, mut raw) = met(Codec::MsgPack, 10_000).await;
    let call = actix_rt::spawn(proxy.total().deadline(Duration::from_secs(20)).into_future());
    let request = raw.answer().await;
    let left = request.headers.get("deadline_ms").and_then(Value::as_u64).unwrap();
    assert!((1..=20_100).contains(&left), "{left} ms of 20 s, and of a tick");
    assert_eq!(request.headers, Value::Map(vec![(Value::from("deadline_ms"), Value::from(left))]));
    raw.send(&format!("[1, {}, 7]", request.id.as_u64().unwrap())).await;
    assert_eq!(call.await.unwrap(), Ok(7));
    node.shutdown().await;
}

/// Asks the next one, up to the remote agent.
#[derive(Agent)]
struct Relay {
    remote: Proxy<Victim>,
    next: Option<Proxy<Relay>>,
}

#[agent]
impl Relay {
    #[expose]
    async fn ask_alone(&mut self) -> Result<i64, String> {
        match &self.next {
            Some(next) => next.ask_beside_others().await.map_err(|error| error.to_string()),
            None => Err("there is no next one".to_owned()),
        }
    }

    #[expose]
    async fn ask_beside_others(&self) -> Result<i64, String> {
        self.remote.total().await.map_err(|error| error.to_string())
    }
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn the_chain_of_callers_is_told_outermost_first() {
    let (node, remote, mut raw) = met(Codec::Json, 10_000).await;
    let to = remote.clone();
    let inner = node.spawn("inner", move || Relay { remote: to.clone(), next: None }).await.unwrap();
    let outer = move || Relay { remote: remote.clone(), next: Some(inner.clone()) };
    let outer = node.spawn("outer", outer).await.unwrap();
    let call = actix_rt::spawn(async move { outer.ask_alone().await });
    let request = raw.answer().await;
    let link = |agent: &str, exclusive| Value::List(vec![Value::Text(agent.into()), Value::Bool(exclusive)]);
    let chain = Value::List(vec![link("dialer/outer", true), link("dialer/inner", false)]);
    assert_eq!(request.headers.get("chain"), Some(&chain));
    raw.send(&format!("[1, {}, 7]", request.id.as_u64().unwrap())).await;
    assert_eq!(call.await.unwrap(), Ok(7));
    node.shutdown().await;
}
