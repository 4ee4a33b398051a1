//! One listener and one dialer meet, once; both results are looked at.
//!
//! Always: within [`PATIENCE`], else the test fails. Neighbours: the tests beside this folder.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::time::Duration;

use folkmoot_transports::{
    Connection, Endpoint, Listener, SslCerts, TlsTransport, Transport, TransportError,
};
use tokio::io::AsyncReadExt;

/// How long a test waits for what should take milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Side = Result<Connection, TransportError>;

/// Accepts one connection and finishes its handshake.
pub async fn accept(listener: &mut Box<dyn Listener>) -> Side {
    listener.accept().await?.handshake().await
}

/// A TLS listener on a free port of 127.0.0.1.
pub async fn tls_listener(certs: SslCerts) -> Box<dyn Listener> {
    let endpoint: Endpoint = "tls://127.0.0.1:0".parse().unwrap();
    TlsTransport::new(certs).listen(&endpoint).await.unwrap()
}

/// Listens with one, dials with the other; gives the listener's side and the dialer's.
pub async fn meet(listens: SslCerts, dials: SslCerts, expected: Option<&str>) -> (Side, Side) {
    let mut listener = tls_listener(listens).await;
    let endpoint = listener.endpoint().clone();
    let dialer = TlsTransport::new(dials);
    tokio::time::timeout(PATIENCE, async {
        tokio::join!(accept(&mut listener), dialer.dial(&endpoint, expected))
    })
    .await
    .expect("both sides come to an end")
}

/// What the dialer learns from its first read, in words.
pub async fn first_read(connection: Connection) -> String {
    let mut stream = connection.stream;
    let read = tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("the read ends");
    folkmoot_transports::explain_io(&read.expect_err("the peer refused us"))
}
