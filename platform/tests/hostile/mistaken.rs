//! Peers at the wrong port: plain text and HTTP to either kind, TLS to plain, plain to TLS.
//!
//! Neighbours: `certificates.rs`; the transports' own tests have more forms of the same.

use folkmoot::prelude::*;
use folkmoot_transports::DevCerts;

use super::log::Log;
use super::raw::{encoded, frame};
use super::rig::{Rig, Victim, tight};

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_is_no_frame_is_named_by_a_plain_port() {
    let rig = Rig::start().await;
    for (nth, (bytes, words)) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], "it speaks HTTP"),
        (b"POST /agents HTTP/1.1\r\n\r\n", "it speaks HTTP"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "it speaks HTTP"),
        (&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], "it speaks TLS to a plain port"),
        (b"hello, is it me\r\n", "neither JSON, MsgPack, MsgPackBlosc nor CBOR"),
        (b"SSH-2.0-OpenSSH_9\r\n", "neither JSON, MsgPack, MsgPackBlosc nor CBOR"),
        (&[0, 0, 0, 9, 0x01, 0x01, 0, 0, 0, 0, 0, 0, 0], "neither JSON, MsgPack, MsgPackBlosc nor CBOR"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut raw = rig.raw(Codec::Json).await;
        raw.send_bytes(bytes).await;
        let heard = String::from_utf8(raw.rest_of_bytes().await).unwrap();
        if words.contains("HTTP") {
            assert!(heard.starts_with("HTTP/1.1 400 "), "{heard}");
            let (head, body) = heard.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{heard}");
            assert!(body.contains("not HTTP"), "{body}");
        } else {
            assert!(heard.is_empty(), "{heard}");
        }
        rig.counted("links_refused", nth as u64 + 1).await;
        rig.logged_once(&raw, words).await;
    }
    rig.end().await;
}

async fn tls_rig(dir: &std::path::Path) -> (Rig, DevCerts) {
    let certs = DevCerts::in_dir(dir).unwrap();
    let target = Container::builder("tls://127.0.0.1:0").certs(certs.node("target").unwrap()).limits(tight());
    let honest = Container::builder("tls://127.0.0.1:0").certs(certs.node("honest").unwrap());
    (Rig::of(target.allow("spiffe://demo/node/honest", "*", "*"), honest).await, certs)
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn what_is_no_tls_is_named_by_a_tls_port() {
    let dir = tempfile::tempdir().unwrap();
    let (rig, _) = tls_rig(dir.path()).await;
    let plain = frame(&encoded(Codec::Json, r#"[0, 1, ["folkmoot/ping", [], {}]]"#));
    for (nth, (bytes, words)) in [
        (&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], "an HTTP request"),
        (b"hello, is it me\r\n", "plain text"),
        (&plain, "a plain frame"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut raw = rig.raw(Codec::Json).await;
        raw.send_bytes(bytes).await;
        let heard = raw.rest_of_bytes().await;
        match words {
            "an HTTP request" => assert!(heard.starts_with(b"HTTP/1.1 400 ")),
            _ => assert_eq!(heard, [0x15, 3, 1, 0, 2, 2, 10], "an alert"),
        }
        rig.counted("links_refused", nth as u64 + 1).await;
        rig.logged_once(&raw, words).await;
    }
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn nodes_that_dial_the_wrong_scheme_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (rig, certs) = tls_rig(dir.path()).await;
    let stray =
        Container::builder("tcp://127.0.0.1:0").certs(certs.node("stray").unwrap()).start().await.unwrap();
    let plain_url = rig.node.url("victim").replace("tls://", "tcp://");
    let error = stray.connect::<Victim>(plain_url).await.unwrap_err().to_string();
    assert!(error.contains("speaks TLS"), "{error}");
    rig.counted("links_refused", 1).await;

    let plain = Container::builder("tcp://127.0.0.1:0").allow("*", "*", "*").start().await.unwrap();
    let tls_url = plain.url("victim").replace("tcp://", "tls://");
    let error = stray.connect::<Victim>(tls_url).await.unwrap_err().to_string();
    assert!(error.contains("tcp:// port"), "{error}");
    stray.shutdown().await;
    plain.shutdown().await;
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_node_on_all_addresses_is_told_once_how_to_be_reached() {
    let log = Log::default();
    let _logging = log.listen();
    for (endpoint, host) in [("tcp://0.0.0.0:0", None), ("tcp://0.0.0.0:0", Some("localhost"))] {
        let builder = Container::builder(endpoint).insecure();
        let builder = host.into_iter().fold(builder, folkmoot::Builder::advertise);
        builder.start().await.unwrap().shutdown().await;
        assert_eq!(log.with(&["0.0.0.0", ".advertise("]).len(), 1, "{:#?}", log.all());
    }
}
