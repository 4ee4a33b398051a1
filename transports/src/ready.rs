//! Configurations made of one state of a node's certificates.
//!
//! Always: whole or not at all. Each has session stores of its own, so no session that was opened under an earlier
//! state (another CA, a shorter revocation list) is ever taken up again under a later one.
//! Neighbours: [`crate::certs`] holds the one in use; `cert_files.rs` reads the parts.

use std::fmt::Display;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::certificate_fault::CertificateFault;
use crate::certs_error::CertsError;
use crate::leaf::Leaf;
use crate::provider::{VERSIONS, provider};
use crate::revocation::{PeerCertificate, Revocations};
use crate::verify::Trust;

/// PEM bytes, and where they come from.
pub(crate) struct Part {
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

impl Part {
    pub(crate) fn new(place: impl Display, bytes: impl Into<Vec<u8>>) -> Part {
        Part { place: place.to_string(), bytes: bytes.into() }
    }
}

/// All that a node's certificates are made of.
pub(crate) struct Parts {
    pub(crate) ca: Part,
    pub(crate) cert: Part,
    pub(crate) key: Part,
    pub(crate) crl: Option<Part>,
}

/// Configurations for both directions.
pub(crate) struct Ready {
    pub(crate) server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    /// `None` where a user made the configurations.
    pub(crate) known: Option<Known>,
}

/// What is known of the certificates in a configuration of ours.
pub(crate) struct Known {
    trust: Trust,
    pub(crate) own: Leaf,
    own_chain: PeerCertificate,
    pub(crate) node_name: String,
    pub(crate) cert_place: String,
    /// Where the revocation lists are from.
    pub(crate) crl_place: Option<String>,
}

impl Ready {
    pub(crate) fn pair(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> Ready {
        Ready { server, client, known: None }
    }

    pub(crate) fn build(parts: &Parts) -> Result<Ready, CertsError> {
        let Parts { ca, cert, key, crl } = parts;
        let provider = provider();
        let authorities = certificates(ca)?;
        let mut roots = RootCertStore::empty();
        for certificate in &authorities {
            roots.add(certificate.clone()).map_err(|error| CertsError::tls(&ca.place, error))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(cert)?;
        let (own, node_name) = own_leaf(&cert.place, &chain)?;
        let private = private_key(key)?;
        let revocations = match crl {
            None => Revocations::default(),
            Some(Part { place, bytes }) => {
                Revocations::read(place, bytes, &authorities, (&roots, &provider))?
            }
        };
        let unusable = |reason| CertsError::Unusable { place: ca.place.clone(), reason };
        let trust = Trust::new(roots, provider.clone(), revocations).map_err(unusable)?;
        let clients = trust.of_clients().map_err(unusable)?;
        let of_own = |error| CertsError::of_own(&cert.place, &key.place, error);
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(VERSIONS)
            .and_then(|builder| {
                builder
                    .with_client_cert_verifier(clients)
                    .with_single_cert(chain.clone(), private.clone_key())
            })
            .map_err(of_own)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(VERSIONS)
            .and_then(|builder| {
                let servers = trust.of_servers(None);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(servers)
                    .with_client_auth_cert(chain.clone(), private)
            })
            .map_err(of_own)?;
        let own_chain = PeerCertificate::of(&chain)
            .map_err(|fault| CertsError::Own { place: cert.place.clone(), fault })?;
        let (cert_place, crl_place) = (cert.place.clone(), crl.as_ref().map(|part| part.place.clone()));
        let known = Known { trust, own, own_chain, node_name, cert_place, crl_place };
        Ok(Ready { server: Arc::new(server), client: Arc::new(client), known: Some(known) })
    }

    /// The configuration to dial with; it looks for `expected` itself where it can.
    pub(crate) fn client(&self, expected: Option<&str>) -> Arc<ClientConfig> {
        let (Some(expected), Some(known)) = (expected, &self.known) else {
            return self.client.clone();
        };
        let mut config = ClientConfig::clone(&self.client);
        config.dangerous().set_certificate_verifier(known.trust.of_servers(Some(expected)));
        // A session opened under another name's check must not be taken up again under this one.
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    /// Refuses a peer that our lists revoke.
    pub(crate) fn check_revoked(&self, peer: &PeerCertificate) -> Result<(), CertificateFault> {
        self.known.as_ref().map_or(Ok(()), |known| known.trust.revocations().check(peer))
    }
}

impl Known {
    /// Whether our own certificate is on one of our lists: then every peer that has the list refuses us.
    pub(crate) fn own_revoked(&self) -> bool {
        self.trust.revocations().check(&self.own_chain).is_err()
    }

    /// Where the revocation lists are from, if one should have had a successor by now.
    pub(crate) fn overdue(&self) -> Option<&str> {
        self.crl_place.as_deref().filter(|_| self.trust.revocations().overdue())
    }
}

fn certificates(part: &Part) -> Result<Vec<CertificateDer<'static>>, CertsError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&part.bytes).collect();
    let certificates = parsed.map_err(|error| CertsError::pem(&part.place, &error))?;
    if certificates.is_empty() {
        return Err(CertsError::NoCertificate { place: part.place.clone() });
    }
    Ok(certificates)
}

fn private_key(part: &Part) -> Result<PrivateKeyDer<'static>, CertsError> {
    PrivateKeyDer::from_pem_slice(&part.bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => CertsError::NoKey { place: part.place.clone() },
        error => CertsError::pem(&part.place, &error),
    })
}

fn own_leaf(place: &str, chain: &[CertificateDer<'static>]) -> Result<(Leaf, String), CertsError> {
    let fail = |fault| CertsError::Own { place: place.to_owned(), fault };
    let own = chain.first().ok_or_else(|| CertsError::NoCertificate { place: place.to_owned() })?;
    let leaf = Leaf::read(own).map_err(fail)?;
    leaf.check().map_err(fail)?;
    let name = leaf.node_name().map_err(fail)?;
    Ok((leaf, name))
}
