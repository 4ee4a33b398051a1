//! Making certificates: an authority's own, and those of its nodes. In memory only.
//!
//! Always: ECDSA P-256, X.509 version 3. An authority has its trust domain as a URI SAN
//! (`spiffe://TRUST_DOMAIN`), by which it is known again; a node has `spiffe://TRUST_DOMAIN/node/NAME`.
//! Neighbours: [`crate::dev_certs`] keeps the results in a folder; [`crate::leaf`] has the rules they meet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, DnsName};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use crate::certs_error::CertsError;
use crate::leaf::{Leaf, hex};
use crate::provider::sha256_hex;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const AUTHORITY_DAYS: u32 = 3650;
const NODE_DAYS: u32 = 365;
/// By then every certificate that a list revokes has expired.
const LIST_DAYS: u32 = NODE_DAYS;
/// How far certificates begin in the past, for peers whose clocks are behind.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// A certificate and its key, both PEM.
pub(crate) struct Issued {
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
}

/// Makes a key for an authority, as PEM.
pub(crate) fn new_key() -> Result<String, CertsError> {
    Ok(key_pair()?.serialize_pem())
}

/// Makes an authority's certificate for its key, both PEM.
pub(crate) fn new_authority(trust_domain: &str, key_pem: &str) -> Result<String, CertsError> {
    let key = KeyPair::from_pem(key_pem).map_err(CertsError::Issue)?;
    // The key's hash makes each authority's name its own; else a peer that trusts another
    // authority of the same domain would see a wrong signature in place of an unknown issuer.
    let mut mark = sha256_hex(key.der_bytes());
    mark.truncate(8);
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Folkmoot development CA {trust_domain} {mark}"));
    params.subject_alt_names = vec![uri(format!("spiffe://{trust_domain}"))?];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, AUTHORITY_DAYS);
    Ok(params.self_signed(&key).map_err(CertsError::Issue)?.pem())
}

/// An authority that can sign.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    trust_domain: String,
}

impl Authority {
    /// Takes an authority up again; the error says what is wrong with it.
    pub(crate) fn load(cert_pem: &str, key_pem: &str) -> Result<Authority, String> {
        let der = CertificateDer::from_pem_slice(cert_pem.as_bytes())
            .map_err(|_| "its certificate is no complete PEM file")?;
        let key = KeyPair::from_pem(key_pem).map_err(|_| "its key is no complete PEM file")?;
        let leaf = Leaf::read(&der).map_err(|fault| fault.to_string())?;
        leaf.check_time().map_err(|fault| fault.to_string())?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
        if certificate.public_key().subject_public_key.data.as_ref() != key.der_bytes() {
            return Err("its key is not the key of its certificate".to_owned());
        }
        let domains: Vec<&str> = leaf.uris().iter().filter_map(|uri| uri.strip_prefix("spiffe://")).collect();
        let [trust_domain] = domains.as_slice() else {
            return Err("its certificate names no trust domain (one URI spiffe://TRUST_DOMAIN)".to_owned());
        };
        let trust_domain = (*trust_domain).to_owned();
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|error| error.to_string())?;
        Ok(Authority { issuer, trust_domain })
    }

    /// The trust domain it signs for.
    pub(crate) fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Signs a new certificate for the node `name`, valid also for `dns` and `ips`, `localhost`,
    /// `127.0.0.1` and `::1`.
    pub(crate) fn issue(&self, name: &str, dns: &[String], ips: &[IpAddr]) -> Result<Issued, CertsError> {
        let key = key_pair()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![uri(format!("spiffe://{}/node/{name}", self.trust_domain))?];
        for name in std::iter::once("localhost").chain(dns.iter().map(String::as_str)) {
            add_once(&mut params.subject_alt_names, dns_name(name)?);
        }
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        for ip in loopback.iter().chain(ips) {
            add_once(&mut params.subject_alt_names, SanType::IpAddress(*ip));
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, NODE_DAYS);
        let certificate = params.signed_by(&key, &self.issuer).map_err(CertsError::Issue)?;
        Ok(Issued { cert_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// Signs a revocation list, PEM; its number is one above the one it was read with.
    pub(crate) fn sign_list(&self, list: &RevocationList) -> Result<String, CertsError> {
        let now = now();
        let entry = |(serial, since): &(Vec<u8>, SystemTime)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: (*since).into(),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: (now - CLOCK_SLACK).into(),
            next_update: (now + DAY * LIST_DAYS).into(),
            crl_number: SerialNumber::from(list.number + 1),
            issuing_distribution_point: None,
            revoked_certs: list.entries.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = params.signed_by(&self.issuer).map_err(CertsError::Issue)?;
        signed.pem().map_err(CertsError::Issue)
    }
}

/// What an authority of ours has revoked.
#[derive(Debug, Default)]
pub(crate) struct RevocationList {
    number: u64,
    /// Serial numbers, and when they were revoked.
    entries: Vec<(Vec<u8>, SystemTime)>,
}

impl RevocationList {
    /// Takes a list up again; the error says what is wrong with it.
    pub(crate) fn read(der: &[u8]) -> Result<RevocationList, String> {
        let (_, list) = CertificateRevocationList::from_der(der).map_err(|error| error.to_string())?;
        let number = list.crl_number().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let entries = list
            .iter_revoked_certificates()
            .map(|entry| (entry.raw_serial().to_owned(), entry.revocation_date.to_datetime().into()))
            .collect();
        Ok(RevocationList { number, entries })
    }

    /// Whether a certificate is on it; `serial` in hex, as [`Leaf::serial`] gives it.
    pub(crate) fn has(&self, serial: &str) -> bool {
        self.entries.iter().any(|(bytes, _)| hex(bytes) == serial)
    }

    /// Puts a certificate on it, unless it is there already; says whether it was not.
    pub(crate) fn add(&mut self, leaf: &Leaf) -> bool {
        let new = !self.has(leaf.serial());
        if new {
            self.entries.push((leaf.raw_serial().to_owned(), now()));
        }
        new
    }
}

fn key_pair() -> Result<KeyPair, CertsError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CertsError::Issue)
}

fn uri(text: String) -> Result<SanType, CertsError> {
    Ok(SanType::URI(text.try_into().map_err(CertsError::Issue)?))
}

fn dns_name(name: &str) -> Result<SanType, CertsError> {
    let bad = || CertsError::BadName {
        what: "DNS name",
        name: name.to_owned(),
        rule: "write letters, digits, `-` and dots, as in market.example",
    };
    DnsName::try_from(name.strip_prefix("*.").unwrap_or(name)).map_err(|_| bad())?;
    Ok(SanType::DnsName(name.to_ascii_lowercase().try_into().map_err(|_| bad())?))
}

fn add_once(names: &mut Vec<SanType>, name: SanType) {
    if !names.contains(&name) {
        names.push(name);
    }
}

#[allow(clippy::disallowed_methods, reason = "a certificate is dated by the world's time, not by an agent's")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn set_validity(params: &mut CertificateParams, days: u32) {
    let now = now();
    params.not_before = (now - CLOCK_SLACK).into();
    params.not_after = (now + DAY * days).into();
}
