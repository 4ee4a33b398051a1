//! Mutual TLS over unix sockets: who may connect is the file's affair, who speaks the certificate's.
//!
//! Always: a URL without a host means this machine, so a listener's certificate is valid for `localhost`, unless the
//! dialer says whom it expects. Neighbours: [`crate::unix`] has the sockets, `handshake.rs` the rest.

use folkmoot_codecs::Endpoint;
use rustls::pki_types::ServerName;

use crate::certs::SslCerts;
use crate::error::TransportError;
use crate::handshake;
use crate::transport::{BoxFuture, Connection, Listener, Transport};
use crate::unix;

/// The name that a listener's certificate has to match where the dialer expects no other.
const OWN_HOST: &str = "localhost";

/// Serves `unix+tls://`.
#[derive(Clone, Debug)]
pub struct UnixTlsTransport {
    certs: SslCerts,
}

impl UnixTlsTransport {
    /// A transport that speaks with these certificates.
    pub fn new(certs: SslCerts) -> UnixTlsTransport {
        UnixTlsTransport { certs }
    }
}

impl Transport for UnixTlsTransport {
    fn scheme(&self) -> &'static str {
        "unix+tls"
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            let certs = self.certs.clone();
            unix::listen(self.scheme(), endpoint, move |socket, peer| {
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
            let name = ServerName::try_from(OWN_HOST)
                .map_err(|_| TransportError::BadHost { host: OWN_HOST.to_owned() })?;
            let socket = unix::connect(self.scheme(), endpoint).await?;
            handshake::greet(socket, endpoint.to_string(), &self.certs, name, expected_peer).await
        })
    }
}
