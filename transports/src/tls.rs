//! Mutual TLS over TCP, 1.3 and 1.2: both sides show a certificate, and its name is the principal's.
//!
//! Always: early data is off. Under TLS 1.3 a dialer's handshake ends before the listener has judged the
//! dialer's certificate: a refusal comes with the first read, and [`crate::explain_io`] puts it into words.
//! Neighbours: `handshake.rs` does what its name says, [`crate::certs`] has the configurations,
//! [`crate::tcp`] the sockets.

use folkmoot_codecs::Endpoint;
use rustls::pki_types::ServerName;

use crate::certs::SslCerts;
use crate::error::TransportError;
use crate::handshake;
use crate::tcp;
use crate::transport::{BoxFuture, Connection, Listener, Transport};

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
            let certs = self.certs.clone();
            tcp::listen(self.scheme(), endpoint, move |socket, peer| {
                handshake::admit(socket, peer, certs.clone())
            })
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
            handshake::greet(socket, peer.to_string(), &self.certs, name, expected_peer).await
        })
    }
}
