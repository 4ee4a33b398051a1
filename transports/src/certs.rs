//! A node's certificates: the CA it trusts, its own certificate, its private key.
//!
//! Always: what is wrong with them is found here, when the node starts, and not in the first handshake.
//! Neighbours: [`crate::dev_certs`] writes what [`SslCerts::from_dir`] reads; [`crate::tls`] uses them;
//! [`crate::verify`] holds the judges that go into the configurations.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::error::CertificateFault;
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

/// Certificates that cannot be read, used or issued. A `place` is a file's path, or the part's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The text is no complete PEM.
    #[error("{place} is no complete PEM file ({reason}); was it cut off?")]
    Pem {
        /// Which part.
        place: String,
        /// What is missing.
        reason: String,
    },
    /// There is no certificate in it.
    #[error("{place} has no certificate; it needs a `BEGIN CERTIFICATE` section")]
    NoCertificate {
        /// Which part.
        place: String,
    },
    /// There is no private key in it.
    #[error(
        "{place} has no private key that can be read; it needs an unencrypted `BEGIN PRIVATE KEY` section"
    )]
    NoKey {
        /// Which part.
        place: String,
    },
    /// Key and certificate are not of one pair.
    #[error("{key} is not the key of {cert}; take both from one issuing")]
    KeyMismatch {
        /// The certificate's place.
        cert: String,
        /// The key's place.
        key: String,
    },
    /// The own certificate would be refused by every peer.
    #[error("{place}: {fault}")]
    Own {
        /// The certificate's place.
        place: String,
        /// What is wrong with it.
        #[source]
        fault: CertificateFault,
    },
    /// The TLS library cannot use it.
    #[error("{place} cannot be used: {reason}")]
    Unusable {
        /// Which part.
        place: String,
        /// The library's reason.
        reason: String,
    },
    /// A name that is not allowed for a node, a trust domain or a host.
    #[error("`{name}` is no {what}: {rule}")]
    BadName {
        /// `node name`, `trust domain` or `DNS name`.
        what: &'static str,
        /// The name.
        name: String,
        /// What is allowed.
        rule: &'static str,
    },
    /// The folder has no certificate authority.
    #[error("{} has no certificate authority; make one with `certs init` or DevCerts", .dir.display())]
    NoAuthority {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder's certificate authority is damaged or not one of ours.
    #[error("the certificate authority in {} cannot be used: {reason}", .dir.display())]
    Authority {
        /// The folder.
        dir: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The folder belongs to another trust domain.
    #[error("{} is of the trust domain `{found}`, not `{wanted}`; choose another folder", .dir.display())]
    TrustDomain {
        /// The folder.
        dir: PathBuf,
        /// The trust domain asked for.
        wanted: String,
        /// The trust domain it has.
        found: String,
    },
    /// The files are there already, and files are never overwritten.
    #[error("{} exists already and is never overwritten; remove it to have it issued anew", .path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Files from an earlier issuing that can no longer serve, and are never overwritten.
    #[error("{} can no longer be used: {reason}; remove the folder to have it issued anew", .path.display())]
    Stale {
        /// The node's folder.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate could not be made.
    #[error("cannot issue the certificate")]
    Issue(#[source] rcgen::Error),
}

impl CertsError {
    fn pem(place: &str, error: &pem::Error) -> CertsError {
        let reason = match error {
            pem::Error::MissingSectionEnd { .. } => "a section has no END line".to_owned(),
            pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed".to_owned(),
            pem::Error::NoItemsFound => "it has no section".to_owned(),
            other => other.to_string(),
        };
        CertsError::Pem { place: place.to_owned(), reason }
    }

    fn tls(place: &str, error: rustls::Error) -> CertsError {
        CertsError::Unusable { place: place.to_owned(), reason: error.to_string() }
    }

    fn of_own(cert: &str, key: &str, error: rustls::Error) -> CertsError {
        match error {
            rustls::Error::InconsistentKeys(_) => {
                CertsError::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            error @ rustls::Error::General(_) => CertsError::tls(key, error),
            error => CertsError::tls(cert, error),
        }
    }
}
