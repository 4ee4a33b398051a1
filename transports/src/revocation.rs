//! Revocation lists (CRLs): which certificates no longer speak for anyone, although a CA of ours signed them.
//!
//! Always: a list counts only if a CA of our `ca.pem` has signed it; a certificate is known by its issuer and its
//! serial. A list past its date still counts, since what it revokes stays revoked. Neighbours: `verify.rs` asks
//! in a handshake, `handshake.rs` after it, [`crate::certs`] for links that are open.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

use crate::certificate_fault::CertificateFault;
use crate::certs_error::CertsError;

/// A certificate as revocation lists name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct CertificateId {
    /// The issuer's name, DER.
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

impl CertificateId {
    fn of(der: &CertificateDer<'_>) -> Result<CertificateId, CertificateFault> {
        let (_, certificate) = X509Certificate::from_der(der)
            .map_err(|_| CertificateFault::Unusable("it is no X.509 certificate".to_owned()))?;
        Ok(CertificateId {
            issuer: certificate.issuer().as_raw().to_owned(),
            serial: certificate.raw_serial().to_owned(),
        })
    }
}

/// The certificates that a peer showed, remembered so that it can be asked later whether one was revoked, and for which
/// hosts the peer's own stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    chain: Vec<CertificateId>,
    own: CertificateDer<'static>,
}

impl PeerCertificate {
    /// Of the chain that was shown, the peer's own certificate first.
    pub(crate) fn of(shown: &[CertificateDer<'_>]) -> Result<PeerCertificate, CertificateFault> {
        let own = shown.first().ok_or(CertificateFault::Missing)?.clone().into_owned();
        Ok(PeerCertificate { chain: shown.iter().map(CertificateId::of).collect::<Result<_, _>>()?, own })
    }

    /// Whether it stands for `host`: whoever dialed a URL with that host would take it.
    #[must_use]
    pub fn stands_for(&self, host: &str) -> bool {
        let name = ServerName::try_from(host);
        let own = ParsedCertificate::try_from(&self.own);
        matches!((name, own), (Ok(name), Ok(own)) if verify_server_name(&own, &name).is_ok())
    }
}

/// All that our lists revoke.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    revoked: HashSet<CertificateId>,
    /// The earliest date, in seconds since 1970, by which a list should have had a successor.
    due: Option<i64>,
}

impl Revocations {
    /// Reads one or more lists, PEM, each of them signed by one of `authorities`.
    pub(crate) fn read(
        place: &str,
        pem: &[u8],
        authorities: &[CertificateDer<'_>],
        (roots, provider): (&Arc<RootCertStore>, &Arc<CryptoProvider>),
    ) -> Result<Revocations, CertsError> {
        let parsed: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        let lists = parsed.map_err(|error| CertsError::pem(place, &error))?;
        if lists.is_empty() {
            return Err(CertsError::NoRevocationList { place: place.to_owned() });
        }
        let unusable = |reason| CertsError::Unusable { place: place.to_owned(), reason };
        // The TLS library knows which kinds of lists (of changes only, of other issuers) cannot be judged alone.
        WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
            .with_crls(lists.iter().cloned())
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let mut revocations = Revocations::default();
        for list in &lists {
            revocations.add(list, authorities).map_err(unusable)?;
        }
        Ok(revocations)
    }

    fn add(&mut self, der: &[u8], authorities: &[CertificateDer<'_>]) -> Result<(), String> {
        let (_, list) = CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
        if !authorities.iter().any(|authority| has_signed(authority, &list)) {
            return Err(format!("no CA in our ca.pem has signed the list of `{}`", list.issuer()));
        }
        let issuer = list.issuer().as_raw();
        self.revoked.extend(
            list.iter_revoked_certificates().map(|entry| CertificateId {
                issuer: issuer.to_owned(),
                serial: entry.raw_serial().to_owned(),
            }),
        );
        let due = list.next_update().map(|time| time.timestamp());
        self.due = [self.due, due].into_iter().flatten().min();
        Ok(())
    }

    /// Refuses what is revoked.
    pub(crate) fn check(&self, peer: &PeerCertificate) -> Result<(), CertificateFault> {
        peer.chain.iter().try_for_each(|id| self.check_one(id))
    }

    fn check_one(&self, id: &CertificateId) -> Result<(), CertificateFault> {
        match self.revoked.contains(id) {
            true => Err(CertificateFault::Revoked),
            false => Ok(()),
        }
    }

    /// The same for a chain as it is shown in a handshake.
    pub(crate) fn check_chain(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
    ) -> Result<(), CertificateFault> {
        if self.revoked.is_empty() {
            return Ok(());
        }
        let mut chain = std::iter::once(own).chain(between);
        chain.try_for_each(|certificate| self.check_one(&CertificateId::of(certificate)?))
    }

    /// Whether a list should have had a successor by now.
    pub(crate) fn overdue(&self) -> bool {
        self.due.is_some_and(|due| due < ASN1Time::now().timestamp())
    }
}

/// Whether a CA has signed a list, and may.
fn has_signed(authority: &[u8], list: &CertificateRevocationList<'_>) -> bool {
    let Ok((_, authority)) = X509Certificate::from_der(authority) else { return false };
    let may_sign = match authority.key_usage() {
        Ok(usage) => usage.is_none_or(|usage| usage.value.crl_sign()),
        Err(_) => false,
    };
    may_sign
        && authority.subject().as_raw() == list.issuer().as_raw()
        && list.verify_signature(authority.public_key()).is_ok()
}
