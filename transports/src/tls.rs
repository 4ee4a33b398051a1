//! Mutual TLS over TCP, 1.3 and 1.2: both sides show a certificate, and its name is the principal's.
//!
//! Always: no peer without a certificate; the leaf's rules are checked inside the handshake and once more
//! after it; early data is off. Under TLS 1.3 a dialer's handshake ends before the listener has judged the
//! dialer's certificate: a refusal comes with the first read, and [`crate::explain_io`] puts it into words.
//! Neighbours: [`crate::certs`] has the configurations, [`crate::leaf`] the names, [`crate::tcp`] the sockets.

use std::io;

use folkmoot_codecs::{Endpoint, Principal};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{Error, InvalidMessage};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::certificate_fault::CertificateFault;
use crate::certs::SslCerts;
use crate::error::TransportError;
use crate::explain::{is_about_certificate, tls_error};
use crate::leaf::Leaf;
use crate::sniff::{SNIFF_BYTES, describe, looks_like_http};
use crate::tcp;
use crate::transport::{BoxFuture, Connection, Listener, Transport};
use crate::verify::fault_of;

/// The first byte of a TLS handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;
/// A fatal `unexpected_message` alert: what a TLS port says to plain text.
const ALERT: [u8; 7] = [0x15, 3, 1, 0, 2, 2, 10];
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
    Content-Length: 40\r\n\r\nThis port speaks mutual TLS, not HTTP.\r\n";
/// How much of what a refused peer already sent is thrown away before its socket is closed, in bytes.
const FAREWELL_BYTES: usize = 64 * 1024;

/// Serves `tls://`.
#[derive(Clone, Debug)]
pub struct TlsTransport {
    certs: SslCerts,
}

impl TlsTransport {
    /// A transport that speaks with these certificates.
    pub fn new(certs: SslCerts) -> TlsTransport {
        TlsTransport { certs }
    }
}

impl Transport for TlsTransport {
    fn scheme(&self) -> &'static str {
        "tls"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            let acceptor = TlsAcceptor::from(self.certs.server());
            tcp::listen(self.scheme(), endpoint, move |socket, peer| admit(socket, peer, acceptor.clone()))
                .await
        })
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        Box::pin(async move {
            let (host, _) = tcp::place(self.scheme(), endpoint)?;
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| TransportError::BadHost { host: host.to_owned() })?;
            let (socket, peer) = tcp::connect(self.scheme(), endpoint).await?;
            let peer = peer.to_string();
            let connector = TlsConnector::from(self.certs.client(expected_peer));
            let stream = match connector.connect(name, socket).into_fallible().await {
                Ok(stream) => stream,
                Err((error, socket)) => {
                    farewell(socket).await;
                    return Err(dial_error(peer, error));
                }
            };
            proven(stream.into(), peer, expected_peer)
        })
    }
}

/// The listener's side of the handshake.
async fn admit(
    mut socket: TcpStream,
    peer: String,
    acceptor: TlsAcceptor,
) -> Result<Connection, TransportError> {
    let failed = |source| TransportError::Handshake { peer: peer.clone(), source };
    let mut first = [0; SNIFF_BYTES];
    let length = socket.peek(&mut first).await.map_err(failed)?;
    let first = first.get(..length).unwrap_or_default();
    match first.first() {
        None => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
        Some(&HANDSHAKE_RECORD) => {}
        Some(_) => {
            let answer = if looks_like_http(first) { HTTP_ANSWER } else { &ALERT };
            // The peer may be gone already; what it spoke is worth more than that.
            let _ = socket.write_all(answer).await;
            farewell(socket).await;
            return Err(TransportError::PlainText { what: describe(first), peer });
        }
    }
    let stream = match acceptor.accept(socket).into_fallible().await {
        Ok(stream) => stream,
        Err((error, socket)) => {
            farewell(socket).await;
            return Err(handshake_error(peer, error));
        }
    };
    proven(stream.into(), peer, None)
}

/// The connection over a stream whose handshake is done.
fn proven(
    stream: TlsStream<TcpStream>,
    peer: String,
    expected: Option<&str>,
) -> Result<Connection, TransportError> {
    match principal_of(stream.get_ref().1.peer_certificates(), expected) {
        Ok(principal) => {
            Ok(Connection { stream: Box::new(stream), principal, proven: true, peer_address: peer })
        }
        Err(fault) => Err(TransportError::PeerCertificate { peer, fault }),
    }
}

/// Who the peer is, by the certificate it showed. This also holds for resumed sessions, which no judge in
/// the handshake sees, and for configurations that users made.
fn principal_of(
    shown: Option<&[CertificateDer<'_>]>,
    expected: Option<&str>,
) -> Result<Principal, CertificateFault> {
    let certificate = shown.and_then(<[_]>::first).ok_or(CertificateFault::Missing)?;
    let leaf = Leaf::read(certificate)?;
    leaf.check()?;
    if let Some(expected) = expected {
        leaf.check_uri_is(expected)?;
    }
    Ok(Principal::node(leaf.node_name()?))
}

/// Closes a refused peer's socket so that the last words (an alert) can reach it: bytes that arrived but
/// were never read would make the system reset the connection and throw those words away. Waits for nothing.
async fn farewell(mut socket: TcpStream) {
    let _ = socket.shutdown().await;
    let mut waste = [0; 4096];
    for _ in 0..FAREWELL_BYTES / waste.len() {
        if !matches!(socket.try_read(&mut waste), Ok(1..)) {
            break;
        }
    }
}

fn handshake_error(peer: String, source: io::Error) -> TransportError {
    match tls_error(&source) {
        Some(Error::InvalidCertificate(fault)) => {
            TransportError::PeerCertificate { peer, fault: fault_of(fault) }
        }
        Some(Error::NoCertificatesPresented) => {
            TransportError::PeerCertificate { peer, fault: CertificateFault::Missing }
        }
        Some(Error::AlertReceived(alert)) if is_about_certificate(*alert) => {
            TransportError::CertificateRefused { peer, source }
        }
        _ => TransportError::Handshake { peer, source },
    }
}

fn dial_error(peer: String, source: io::Error) -> TransportError {
    match tls_error(&source) {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            TransportError::NotTls { peer, source }
        }
        None if hung_up(&source) => TransportError::HungUp { peer, source },
        _ => handshake_error(peer, source),
    }
}

fn hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}
