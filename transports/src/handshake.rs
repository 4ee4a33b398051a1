//! The TLS handshake over any socket, for listeners and dialers.
//!
//! Certificates that change are taken by the next handshake, on the listener's side and on the dialer's.
//! Always: no peer without a certificate; the leaf's rules are checked inside the handshake and once more after
//! it; a refused peer gets an alert, or words, before its socket is closed. Neighbours: [`crate::tls`] and
//! `unix_tls.rs` bring the sockets, [`crate::certs`] the configurations, [`crate::leaf`] the names.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use folkmoot_codecs::Principal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{Error, InvalidMessage};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::certificate_fault::CertificateFault;
use crate::certs::SslCerts;
use crate::error::TransportError;
use crate::explain::{is_about_certificate, tls_error};
use crate::leaf::Leaf;
use crate::revocation::PeerCertificate;
use crate::sniff::{SNIFF_BYTES, describe, looks_like_http};
use crate::transport::{ByteStream, Connection};
use crate::verify::fault_of;

/// The first byte of a TLS handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;
/// A fatal `unexpected_message` alert: what a TLS port says to plain text.
const ALERT: [u8; 7] = [0x15, 3, 1, 0, 2, 2, 10];
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
    Content-Length: 40\r\n\r\nThis port speaks mutual TLS, not HTTP.\r\n";
/// How much of what a refused peer already sent is thrown away before its socket is closed, in bytes.
const FAREWELL_BYTES: usize = 64 * 1024;

/// A stream of the system's, before its handshake.
pub(crate) trait Socket: ByteStream {
    /// Reads what has come already; waits for nothing.
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl Socket for TcpStream {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

#[cfg(unix)]
impl Socket for tokio::net::UnixStream {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_read(buffer)
    }
}

/// The dialer's side of the handshake: the other end proves `expected`, else `name`.
pub(crate) async fn greet<S: Socket>(
    socket: S,
    peer: String,
    certs: &SslCerts,
    name: ServerName<'static>,
    expected: Option<&str>,
) -> Result<Connection, TransportError> {
    let connector = TlsConnector::from(certs.client(expected));
    match connector.connect(name, socket).into_fallible().await {
        Ok(stream) => proven(stream.into(), peer, (certs, expected)),
        Err((error, socket)) => {
            farewell(socket).await;
            Err(dial_error(peer, error))
        }
    }
}

/// The listener's side of the handshake.
pub(crate) async fn admit<S: Socket>(
    mut socket: S,
    peer: String,
    certs: SslCerts,
) -> Result<Connection, TransportError> {
    let failed = |source| TransportError::Handshake { peer: peer.clone(), source };
    let mut buffer = [0; SNIFF_BYTES];
    let length = socket.read(&mut buffer).await.map_err(failed)?;
    let first = buffer.get(..length).unwrap_or_default();
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
    let socket = Replayed { first: buffer, given: 0, length, socket };
    let stream = match TlsAcceptor::from(certs.server()).accept(socket).into_fallible().await {
        Ok(stream) => stream,
        Err((error, socket)) => {
            farewell(socket).await;
            return Err(handshake_error(peer, error));
        }
    };
    proven(stream.into(), peer, (&certs, None))
}

/// The connection over a stream whose handshake is done.
fn proven<S: Socket>(
    stream: TlsStream<S>,
    peer: String,
    rules: (&SslCerts, Option<&str>),
) -> Result<Connection, TransportError> {
    match principal_of(stream.get_ref().1.peer_certificates(), rules) {
        Ok((principal, certificate)) => Ok(Connection {
            stream: Box::new(stream),
            principal,
            proven: true,
            certificate: Some(certificate),
            peer_address: peer,
        }),
        Err(fault) => Err(TransportError::PeerCertificate { peer, fault }),
    }
}

/// Who the peer is, by the certificate it showed. This also holds for resumed sessions, which no judge in
/// the handshake sees, for configurations that users made, and for what was revoked during the handshake.
fn principal_of(
    shown: Option<&[CertificateDer<'_>]>,
    (certs, expected): (&SslCerts, Option<&str>),
) -> Result<(Principal, PeerCertificate), CertificateFault> {
    let shown = shown.unwrap_or_default();
    let leaf = Leaf::read(shown.first().ok_or(CertificateFault::Missing)?)?;
    let certificate = PeerCertificate::of(shown)?;
    certs.check_revoked(&certificate)?;
    leaf.check()?;
    if let Some(expected) = expected {
        leaf.check_uri_is(expected)?;
    }
    Ok((Principal::node(leaf.node_name()?), certificate))
}

/// Closes a refused peer's socket so that the last words (an alert) can reach it: bytes that arrived but
/// were never read would make the system reset the connection and throw those words away. Waits for nothing.
async fn farewell<S: Socket>(mut socket: S) {
    let _ = socket.shutdown().await;
    let mut waste = [0; 4096];
    for _ in 0..FAREWELL_BYTES / waste.len() {
        if !matches!(socket.read_now(&mut waste), Ok(1..)) {
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

/// A socket whose first bytes have been read to see what they are, and are given once more.
struct Replayed<S> {
    first: [u8; SNIFF_BYTES],
    given: usize,
    length: usize,
    socket: S,
}

impl<S: Socket> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.length {
            return Pin::new(&mut self.socket).poll_read(cx, buffer);
        }
        let end = self.length.min(self.given.saturating_add(buffer.remaining()));
        buffer.put_slice(self.first.get(self.given..end).unwrap_or_default());
        self.given = end;
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket> AsyncWrite for Replayed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl<S: Socket> Socket for Replayed<S> {
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read_now(buffer)
    }
}
