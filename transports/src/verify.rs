//! The judges of certificates inside a handshake, so that a refused peer gets a TLS alert.
//!
//! Always: the chain is verified by webpki against our CA, whatever name is asked for; on top of it stand
//! our revocation lists and the rules of [`crate::leaf`]. Neighbours: [`crate::certs`] puts these into configurations;
//! `handshake.rs` applies the leaf's rules once more after a handshake, for resumed sessions and for
//! configurations that users made.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::certificate_fault::CertificateFault;
use crate::leaf::Leaf;
use crate::revocation::Revocations;

/// The trust of one node: its CA, what that revoked, and how chains are judged by it.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    roots: Arc<RootCertStore>,
    revocations: Arc<Revocations>,
    web: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Trust in `roots`; fails when there are none.
    pub(crate) fn new(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        revocations: Revocations,
    ) -> Result<Trust, String> {
        let web = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Trust { roots, revocations: Arc::new(revocations), web, provider })
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// A judge of clients: every client shows a certificate of our CA.
    pub(crate) fn of_clients(&self) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let web = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), self.provider.clone())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(ClientJudge { web, revocations: self.revocations.clone() }))
    }

    /// A judge of servers: by `expected` (a URI SAN) where given, else by the host dialed.
    pub(crate) fn of_servers(&self, expected: Option<&str>) -> Arc<dyn ServerCertVerifier> {
        Arc::new(ServerJudge { trust: self.clone(), expected: expected.map(str::to_owned) })
    }
}

/// The fault that a TLS certificate error stands for.
pub(crate) fn fault_of(error: &CertificateError) -> CertificateFault {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateFault::NotYetValid
        }
        CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer,
        CertificateError::Revoked => CertificateFault::Revoked,
        CertificateError::BadSignature => CertificateFault::BadSignature,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateFault::WrongPurpose
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            CertificateFault::WrongName { expected: expected.to_str().into_owned(), found: presented.clone() }
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<CertificateFault>() {
            Some(fault) => fault.clone(),
            None => CertificateFault::Unusable(other.to_string()),
        },
        other => CertificateFault::Unusable(other.to_string()),
    }
}

fn refusal(fault: CertificateFault) -> Error {
    match fault {
        // The TLS library's own words for these send the peer a nearer alert.
        CertificateFault::Expired => CertificateError::Expired.into(),
        CertificateFault::NotYetValid => CertificateError::NotValidYet.into(),
        CertificateFault::Revoked => CertificateError::Revoked.into(),
        fault => CertificateError::Other(OtherError(Arc::new(fault))).into(),
    }
}

/// Holds the chain to our lists and the leaf to our rules, once webpki has judged the chain.
fn check<T>(
    verified: Result<T, Error>,
    chain: (&CertificateDer<'_>, &[CertificateDer<'_>]),
    revocations: &Revocations,
) -> Result<(T, Leaf), Error> {
    let (certificate, between) = chain;
    let verified = verified.map_err(|error| sharpen(error, certificate))?;
    revocations.check_chain(certificate, between).map_err(refusal)?;
    Ok((verified, check_leaf(certificate)?))
}

fn check_leaf(certificate: &CertificateDer<'_>) -> Result<Leaf, Error> {
    let leaf = Leaf::read(certificate).map_err(refusal)?;
    leaf.check().map_err(refusal)?;
    Ok(leaf)
}

/// Puts our own, nearer fault in the place of an error that has no name in the TLS library.
fn sharpen(error: Error, certificate: &CertificateDer<'_>) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::Other(_) | CertificateError::BadEncoding) => {
            check_leaf(certificate).err().unwrap_or(error)
        }
        other => other,
    }
}

fn is_about_name(error: &Error) -> bool {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(error, Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }))
}

#[derive(Debug)]
struct ClientJudge {
    web: Arc<dyn ClientCertVerifier>,
    revocations: Arc<Revocations>,
}

impl ClientCertVerifier for ClientJudge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.web.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.web.verify_client_cert(end_entity, intermediates, now);
        check(verified, (end_entity, intermediates), &self.revocations).map(|(verified, _)| verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.web.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.web.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.web.supported_verify_schemes()
    }
}

#[derive(Debug)]
struct ServerJudge {
    trust: Trust,
    expected: Option<String>,
}

impl ServerCertVerifier for ServerJudge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust { roots, revocations, web, provider } = &self.trust;
        let Some(expected) = &self.expected else {
            let verified = web.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
            if verified.as_ref().is_err_and(is_about_name) {
                let leaf = Leaf::read(end_entity).map_err(refusal)?;
                return Err(refusal(leaf.wrong_name(&server_name.to_str())));
            }
            return check(verified, (end_entity, intermediates), revocations).map(|(verified, _)| verified);
        };
        let algorithms = provider.signature_verification_algorithms.all;
        let chain = ParsedCertificate::try_from(end_entity).and_then(|parsed| {
            verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)
        });
        let (_, leaf) = check(chain, (end_entity, intermediates), revocations)?;
        leaf.check_uri_is(expected).map_err(refusal)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.web.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.trust.web.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.web.supported_verify_schemes()
    }
}
