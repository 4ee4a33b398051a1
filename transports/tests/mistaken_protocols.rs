//! Peers that speak no TLS to a TLS port, TLS to a plain port, or a TLS that is too old.
//!
//! Each gets an answer it can read, and the node a text that names the mistake. Neighbour: `certificates.rs`.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;

use folkmoot_transports::{
    AtFault, Endpoint, Listener, TcpTransport, TlsTransport, Transport, TransportError, looks_like_http,
    looks_like_tls,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use forge::Forge;
use meeting::{PATIENCE, accept, tls_listener};

async fn raw(listener: &dyn Listener) -> TcpStream {
    let (host, port) = listener.endpoint().host_and_port().unwrap();
    TcpStream::connect((host, port)).await.unwrap()
}

/// Sends `bytes` to a TLS port; gives the node's error and all that the sender hears.
async fn say_to_tls_port(bytes: &[u8]) -> (TransportError, Vec<u8>) {
    let mut listener = tls_listener(Forge::new("ca").certs("market")).await;
    let mut peer = raw(&*listener).await;
    let speak = async {
        peer.write_all(bytes).await.unwrap();
        peer.shutdown().await.unwrap();
        let mut heard = Vec::new();
        peer.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let both = async { tokio::join!(accept(&mut listener), speak) };
    let (accepted, heard) = tokio::time::timeout(PATIENCE, both).await.expect("the meeting ends");
    (accepted.unwrap_err(), heard)
}

#[tokio::test]
async fn plain_text_to_a_tls_port_is_named_and_answered_with_an_alert() {
    let frame = [&[0, 0, 0, 12][..], br#"[0, 1, null]"#].concat();
    let long = vec![b'x'; 20_000];
    for (bytes, what) in [
        (&b"hello, is it me"[..], "plain text"),
        (&frame, "a plain frame"),
        (&long, "plain text"),
        (b"SSH-2.0-OpenSSH\r\n", "an SSH greeting"),
        (b"x", "plain text"),
    ] {
        let (error, heard) = say_to_tls_port(bytes).await;
        assert!(matches!(error, TransportError::PlainText { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("sent {what} to a TLS port")), "{error}");
        assert_eq!(error.at_fault(), AtFault::Peer);
        assert!(looks_like_tls(&heard), "{heard:?}");
        assert_eq!(heard.len(), 7, "one alert");
    }
}

#[tokio::test]
async fn http_to_a_tls_port_is_answered_in_http() {
    let (error, heard) = say_to_tls_port(b"GET / HTTP/1.1\r\nHost: market\r\n\r\n").await;
    assert!(error.to_string().contains("an HTTP request"), "{error}");
    assert!(looks_like_http(&heard));
    let answer = String::from_utf8(heard).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 "));
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{answer}");
}

#[tokio::test]
async fn a_peer_that_says_nothing_and_leaves_is_nobodys_fault() {
    let (error, heard) = say_to_tls_port(b"").await;
    assert!(matches!(error, TransportError::Handshake { .. }), "{error:?}");
    assert_eq!(error.at_fault(), AtFault::Way);
    assert!(error.to_string().contains("without a goodbye"), "{error}");
    assert!(heard.is_empty());
}

#[tokio::test]
async fn a_handshake_cut_off_or_garbled_is_an_error() {
    for bytes in
        [&[0x16, 3, 1][..], &[0x16, 3, 1, 0, 5, 1, 0], &[0x16, 3, 1, 0, 4, 0xff, 0, 0, 0], &[0x16; 70_000]]
    {
        let (error, _) = say_to_tls_port(bytes).await;
        assert!(matches!(error, TransportError::Handshake { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn tls_to_a_plain_port_is_seen_by_its_first_bytes_and_explained_to_the_dialer() {
    let endpoint: Endpoint = "tcp://127.0.0.1:0".parse().unwrap();
    let mut listener = TcpTransport::new().listen(&endpoint).await.unwrap();
    let (host, port) = listener.endpoint().host_and_port().unwrap();
    let wrong: Endpoint = format!("tls://{host}:{port}").parse().unwrap();
    let dialer = TlsTransport::new(Forge::new("ca").certs("house"));
    for answer in [&b""[..], b"\0\0\0\x0c[2, 1, null]"] {
        let plain = async {
            let mut stream = accept(&mut listener).await.unwrap().stream;
            let mut first = [0; 8];
            stream.read_exact(&mut first).await.unwrap();
            assert!(looks_like_tls(&first) && !looks_like_http(&first));
            stream.write_all(answer).await.unwrap();
        };
        let both = async { tokio::join!(plain, dialer.dial(&wrong, None)) };
        let ((), dialed) = tokio::time::timeout(PATIENCE, both).await.expect("the meeting ends");
        let error = dialed.unwrap_err();
        if answer.is_empty() {
            assert!(matches!(error, TransportError::HungUp { .. }), "{error:?}");
            assert!(error.is_transient() && error.to_string().contains("is it a tcp:// port"), "{error}");
        } else {
            assert!(matches!(error, TransportError::NotTls { .. }), "{error:?}");
            assert!(error.to_string().contains("is it a tcp:// port or a unix:// socket?"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_plain_dialer_can_tell_that_it_met_a_tls_port() {
    let mut listener = tls_listener(Forge::new("ca").certs("market")).await;
    let (host, port) = listener.endpoint().host_and_port().unwrap();
    let wrong: Endpoint = format!("tcp://{host}:{port}").parse().unwrap();
    let dial = async {
        let mut stream = TcpTransport::new().dial(&wrong, None).await.unwrap().stream;
        stream.write_all(&[0, 0, 0, 2, b'[', b']']).await.unwrap();
        let mut heard = [0; 7];
        stream.read_exact(&mut heard).await.unwrap();
        heard
    };
    let both = async { tokio::join!(accept(&mut listener), dial) };
    let (accepted, heard) = tokio::time::timeout(PATIENCE, both).await.expect("the meeting ends");
    assert!(matches!(accepted, Err(TransportError::PlainText { .. })));
    assert!(looks_like_tls(&heard));
}

/// A hello of TLS `version` that offers one cipher suite.
fn client_hello(version: [u8; 2], suite: [u8; 2]) -> Vec<u8> {
    let extensions = [
        // supported_groups: secp256r1; signature_algorithms: ecdsa_secp256r1_sha256.
        &[0, 10, 0, 4, 0, 2, 0, 23][..],
        &[0, 13, 0, 4, 0, 2, 4, 3],
    ]
    .concat();
    let length = u16::try_from(extensions.len()).unwrap().to_be_bytes();
    let body = [&version[..], &[7; 32], &[0], &[0, 2], &suite, &[1, 0], &length, &extensions].concat();
    let message = [&[1, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat();
    [&[0x16, 3, 1][..], &u16::try_from(message.len()).unwrap().to_be_bytes(), &message].concat()
}

#[tokio::test]
async fn old_versions_and_weak_suites_are_refused_with_the_fitting_alert() {
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    let (tls12, tls11) = ([3, 3], [3, 2]);
    let rsa_aes_128_cbc_sha = [0, 0x2f];
    let ecdhe_ecdsa_aes_128_cbc_sha = [0xc0, 0x09];
    let ecdhe_ecdsa_aes_128_gcm = [0xc0, 0x2b];
    for (version, suite, alert) in [
        (tls12, rsa_aes_128_cbc_sha, HANDSHAKE_FAILURE),
        (tls12, ecdhe_ecdsa_aes_128_cbc_sha, HANDSHAKE_FAILURE),
        (tls11, ecdhe_ecdsa_aes_128_gcm, PROTOCOL_VERSION),
    ] {
        let (error, heard) = say_to_tls_port(&client_hello(version, suite)).await;
        assert!(error.to_string().contains("nothing in common with ours"), "{error}");
        assert_eq!((heard.first(), heard.last()), (Some(&0x15), Some(&alert)), "{heard:?}");
    }
    // The same hello with a good suite is answered: it was the suite and the version that were refused.
    let (_, heard) = say_to_tls_port(&client_hello(tls12, ecdhe_ecdsa_aes_128_gcm)).await;
    assert_eq!(heard.first(), Some(&0x16), "{heard:?}");
}

#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_refused_by_name() {
    let dialer = TlsTransport::new(Forge::new("ca").certs("house"));
    let endpoint: Endpoint = "tls://no!host:1".parse().unwrap();
    let error = dialer.dial(&endpoint, None).await.unwrap_err();
    assert!(matches!(error, TransportError::BadHost { .. }), "{error:?}");
}
