//! TLS over unix sockets: the certificate says who speaks, and whoever speaks no TLS is told so.
//!
//! Neighbours: `certificates.rs` and `mistaken_protocols.rs` test the same handshake over TCP.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;

use folkmoot_transports::{
    AtFault, CertificateFault, Connection, Endpoint, Listener, SslCerts, Transport, TransportError,
    UnixTlsTransport, UnixTransport, looks_like_http, looks_like_tls,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use forge::{Forge, uri};
use meeting::{PATIENCE, Side, accept, first_read};

struct Hall {
    folder: TempDir,
    listener: Box<dyn Listener>,
}

impl Hall {
    async fn tls(certs: SslCerts) -> Hall {
        Hall::of(&UnixTlsTransport::new(certs)).await
    }

    async fn of(transport: &dyn Transport) -> Hall {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hall").display().to_string();
        let endpoint = format!("{}://{path}", transport.scheme()).parse().unwrap();
        Hall { listener: transport.listen(&endpoint).await.unwrap(), folder }
    }

    fn endpoint(&self, scheme: &str) -> Endpoint {
        format!("{scheme}://{}/hall", self.folder.path().display()).parse().unwrap()
    }

    /// Dials with TLS; gives the listener's side and the dialer's.
    async fn meet(&mut self, dials: SslCerts, expected: Option<&str>) -> (Side, Side) {
        let (dialer, endpoint) = (UnixTlsTransport::new(dials), self.endpoint("unix+tls"));
        let both = async { tokio::join!(accept(&mut self.listener), dialer.dial(&endpoint, expected)) };
        tokio::time::timeout(PATIENCE, both).await.expect("both sides come to an end")
    }
}

fn wrong_name(side: Side) -> TransportError {
    let error = side.expect_err("the name is another one");
    assert!(matches!(error.certificate_fault(), Some(CertificateFault::WrongName { .. })), "{error:?}");
    error
}

#[tokio::test]
async fn without_an_expected_name_the_certificate_is_for_this_machine() {
    let forge = Forge::new("ca");
    let mut hall = Hall::tls(forge.certs("market")).await;
    let (accepted, dialed) = hall.meet(forge.certs("house"), None).await;
    let (accepted, dialed) = (accepted.unwrap(), dialed.unwrap());
    assert_eq!(accepted.principal.node_name(), "spiffe://test/node/house");
    assert_eq!(dialed.principal.node_name(), "spiffe://test/node/market");
    assert!(accepted.peer_address.starts_with("unix:uid="), "{}", accepted.peer_address);

    let elsewhere = forge
        .bent("market", |params| params.subject_alt_names = vec![uri("spiffe://test/node/market")])
        .certs(&forge);
    let mut hall = Hall::tls(elsewhere).await;
    let error = wrong_name(hall.meet(forge.certs("house"), None).await.1);
    assert!(error.to_string().contains("not for `localhost`"), "{error}");
    let dialed = hall.meet(forge.certs("house"), Some("spiffe://test/node/market")).await.1;
    assert_eq!(dialed.unwrap().principal.node_name(), "spiffe://test/node/market");
}

#[tokio::test]
async fn an_expected_name_is_the_one_that_counts() {
    let forge = Forge::new("ca");
    let mut hall = Hall::tls(forge.certs("market")).await;
    for expected in ["spiffe://test/node/bank", "unix:uid=0"] {
        let error = wrong_name(hall.meet(forge.certs("house"), Some(expected)).await.1);
        assert!(error.to_string().contains("spiffe://test/node/market"), "{error}");
    }
}

#[tokio::test]
async fn strangers_and_those_without_a_certificate_are_refused() {
    let forge = Forge::new("ca");
    let mut hall = Hall::tls(forge.certs("market")).await;
    let (accepted, dialed) = hall.meet(forge.dials_without_certificate(), None).await;
    assert!(matches!(accepted.unwrap_err().certificate_fault(), Some(CertificateFault::Missing)));
    assert!(first_read(dialed.unwrap()).await.contains("we showed none"));
    let (accepted, dialed) = hall.meet(Forge::new("other").certs("house"), None).await;
    assert!(accepted.is_err() && dialed.is_err());
}

async fn plain(hall: &Hall) -> Connection {
    UnixTransport::new().dial(&hall.endpoint("unix"), None).await.unwrap()
}

/// Whether an answer is of the wanted kind.
type Answered = fn(&[u8]) -> bool;

#[tokio::test]
async fn a_plain_peer_of_a_tls_socket_is_named_and_answered() {
    let long = vec![b'x'; 200_000];
    let cases: [(&[u8], &str, Answered); 4] = [
        (&[0, 0, 0, 12, b'[', b'0', b','], "a plain frame", looks_like_tls),
        (b"x", "plain text", looks_like_tls),
        (&long, "plain text", looks_like_tls),
        (b"GET / HTTP/1.1\r\n\r\n", "an HTTP request", looks_like_http),
    ];
    for (bytes, what, answered) in cases {
        let mut hall = Hall::tls(Forge::new("ca").certs("market")).await;
        let mut peer = plain(&hall).await.stream;
        let speak = async {
            // The listener may have heard enough before all is written.
            let _ = peer.write_all(bytes).await;
            let mut heard = vec![0; 7];
            let read = peer.read_exact(&mut heard).await;
            assert!(read.is_ok() || bytes.len() > 100_000, "{read:?}");
            heard
        };
        let both = async { tokio::join!(accept(&mut hall.listener), speak) };
        let (accepted, heard) = tokio::time::timeout(PATIENCE, both).await.expect("the meeting ends");
        let error = accepted.unwrap_err();
        assert!(matches!(error, TransportError::PlainText { .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("sent {what} to a TLS port")), "{error}");
        assert_eq!(error.at_fault(), AtFault::Peer);
        assert!(answered(&heard) || bytes.len() > 100_000, "{heard:?}");
    }
}

#[tokio::test]
async fn a_peer_that_says_nothing_or_garbles_its_handshake_is_an_error() {
    for bytes in [&b""[..], &[0x16], &[0x16, 3, 1, 0, 4, 0xff, 0, 0, 0], &[0x16; 70_000]] {
        let mut hall = Hall::tls(Forge::new("ca").certs("market")).await;
        let mut peer = plain(&hall).await.stream;
        let speak = async {
            let _ = peer.write_all(bytes).await;
            let _ = peer.shutdown().await;
            let _ = peer.read_to_end(&mut Vec::new()).await;
        };
        let both = async { tokio::join!(accept(&mut hall.listener), speak) };
        let (accepted, ()) = tokio::time::timeout(PATIENCE, both).await.expect("the meeting ends");
        assert!(matches!(accepted.unwrap_err(), TransportError::Handshake { .. }));
    }
}

#[tokio::test]
async fn tls_to_a_plain_socket_is_seen_by_its_first_bytes_and_explained_to_the_dialer() {
    for answer in [&b""[..], b"\0\0\0\x0c[2, 1, null]"] {
        let mut hall = Hall::of(&UnixTransport::new()).await;
        let wrong = hall.endpoint("unix+tls");
        let dialer = UnixTlsTransport::new(Forge::new("ca").certs("house"));
        let plain = async {
            let mut stream = accept(&mut hall.listener).await.unwrap().stream;
            let mut first = [0; 8];
            stream.read_exact(&mut first).await.unwrap();
            assert!(looks_like_tls(&first));
            stream.write_all(answer).await.unwrap();
        };
        let both = async { tokio::join!(plain, dialer.dial(&wrong, None)) };
        let error = tokio::time::timeout(PATIENCE, both).await.expect("the meeting ends").1.unwrap_err();
        match answer {
            b"" => assert!(matches!(error, TransportError::HungUp { .. }), "{error:?}"),
            _ => assert!(matches!(error, TransportError::NotTls { .. }), "{error:?}"),
        }
        assert!(error.to_string().contains("or a unix:// socket"), "{error}");
    }
}
