//! A node's certificates: the CA it trusts, its own certificate, its private key.
//!
//! Always: what is wrong with them is found here, when the node starts, and not in the first handshake.
//! Neighbours: [`crate::dev_certs`] writes what [`SslCerts::from_dir`] reads; [`crate::tls`] uses them;
//! `verify.rs` holds the judges that go into the configurations.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::certs_error::CertsError;
use crate::leaf::Leaf;
use crate::provider::{VERSIONS, provider};
use crate::verify::Trust;

/// The CA's certificate in a folder of certificates.
pub const CA_FILE: &str = "ca.pem";
/// The node's certificate, and those between it and the CA, in a folder of certificates.
pub const CERT_FILE: &str = "cert.pem";
/// The node's private key in a folder of certificates.
pub const KEY_FILE: &str = "key.pem";

/// Ready TLS configurations for both directions; cheap to clone.
#[derive(Clone)]
pub struct SslCerts {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    trust: Option<Trust>,
    node_name: Option<Arc<str>>,
}

impl SslCerts {
    /// Reads three PEM files: trusted CA certificates, own certificate (with its chain), private key.
    ///
    /// # Errors
    /// [`CertsError`], naming the file.
    pub fn from_files(
        ca: impl AsRef<Path>,
        cert: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<SslCerts, CertsError> {
        let (ca, cert, key) = (ca.as_ref(), cert.as_ref(), key.as_ref());
        SslCerts::build([
            (&ca.display().to_string(), &read(ca)?),
            (&cert.display().to_string(), &read(cert)?),
            (&key.display().to_string(), &read(key)?),
        ])
    }

    /// Reads `ca.pem`, `cert.pem` and `key.pem` of one folder.
    ///
    /// # Errors
    /// [`CertsError`], naming the file.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<SslCerts, CertsError> {
        let dir = dir.as_ref();
        SslCerts::from_files(dir.join(CA_FILE), dir.join(CERT_FILE), dir.join(KEY_FILE))
    }

    /// The same from PEM bytes.
    ///
    /// # Errors
    /// [`CertsError`], naming the part.
    pub fn from_pem(ca: &[u8], cert: &[u8], key: &[u8]) -> Result<SslCerts, CertsError> {
        SslCerts::build([("the CA", ca), ("the certificate", cert), ("the key", key)])
    }

    /// Two ready configurations, one for listening and one for dialing.
    ///
    /// What they allow is their maker's affair, but for three things: a peer without a certificate is still
    /// refused, the rules for names (one URI SAN, no authority) still hold, and early data is never read.
    /// A name asked for with a dial is checked after the handshake, beside the host name that
    /// the configuration checks.
    pub fn pair(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> SslCerts {
        SslCerts { server, client, trust: None, node_name: None }
    }

    /// The name that peers see, by the rule of [`Leaf::node_name`]; unknown for a [`SslCerts::pair`].
    pub fn node_name(&self) -> Option<&str> {
        self.node_name.as_deref()
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server.clone()
    }

    /// The configuration to dial with; it looks for `expected` itself where it can.
    pub(crate) fn client(&self, expected: Option<&str>) -> Arc<ClientConfig> {
        let (Some(expected), Some(trust)) = (expected, &self.trust) else {
            return self.client.clone();
        };
        let mut config = ClientConfig::clone(&self.client);
        config.dangerous().set_certificate_verifier(trust.of_servers(Some(expected)));
        // A session opened under another name's check must not be taken up again under this one.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    fn build(parts: [(&str, &[u8]); 3]) -> Result<SslCerts, CertsError> {
        let [(ca_place, ca), (cert_place, cert), (key_place, key)] = parts;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca_place, ca)? {
            roots.add(certificate).map_err(|error| CertsError::tls(ca_place, error))?;
        }
        let chain = certificates(cert_place, cert)?;
        let node_name = own_name(cert_place, &chain)?;
        let key = private_key(key_place, key)?;
        let provider = provider();
        let trust = Trust::new(roots, provider.clone())
            .map_err(|reason| CertsError::Unusable { place: ca_place.to_owned(), reason })?;
        let clients = trust
            .of_clients()
            .map_err(|reason| CertsError::Unusable { place: ca_place.to_owned(), reason })?;
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(VERSIONS)
            .and_then(|builder| {
                builder.with_client_cert_verifier(clients).with_single_cert(chain.clone(), key.clone_key())
            })
            .map_err(|error| CertsError::of_own(cert_place, key_place, error))?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .and_then(|builder| {
                let servers = trust.of_servers(None);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(servers)
                    .with_client_auth_cert(chain, key)
            })
            .map_err(|error| CertsError::of_own(cert_place, key_place, error))?;
        Ok(SslCerts {
            server: Arc::new(server),
            client: Arc::new(client),
            trust: Some(trust),
            node_name: Some(node_name.into()),
        })
    }
}

impl fmt::Debug for SslCerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslCerts").field("node_name", &self.node_name).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertsError> {
    std::fs::read(path).map_err(|source| CertsError::Read { path: path.to_owned(), source })
}

fn certificates(place: &str, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertsError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let certificates = parsed.map_err(|error| CertsError::pem(place, &error))?;
    if certificates.is_empty() {
        return Err(CertsError::NoCertificate { place: place.to_owned() });
    }
    Ok(certificates)
}

fn private_key(place: &str, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, CertsError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => CertsError::NoKey { place: place.to_owned() },
        error => CertsError::pem(place, &error),
    })
}

fn own_name(place: &str, chain: &[CertificateDer<'static>]) -> Result<String, CertsError> {
    let fail = |fault| CertsError::Own { place: place.to_owned(), fault };
    let own = chain.first().ok_or_else(|| CertsError::NoCertificate { place: place.to_owned() })?;
    let leaf = Leaf::read(own).map_err(fail)?;
    leaf.check().map_err(fail)?;
    leaf.node_name().map_err(fail)
}
