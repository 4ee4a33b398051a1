//! A node's certificate as this crate sees it: the one single place that reads names out of certificates.
//!
//! Always: a name that comes out of [`Leaf::node_name`] cannot be mistaken for one of another kind: a URI has
//! a scheme, a DNS name has only a host name's letters, a fingerprint starts with `sha256:`.
//! The rules are SPIFFE's X.509-SVID (one URI SAN; no CA bit, keyCertSign or cRLSign on a leaf).
//! Neighbours: `verify.rs` asks during a handshake, `handshake.rs` after it, [`crate::certs`] at start.

use std::net::IpAddr;

use folkmoot_codecs::Principal;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use crate::certificate_fault::CertificateFault;
use crate::provider::sha256_hex;

/// The longest name a node may have, in bytes (SPIFFE allows a URI of 2048).
pub const MAX_NAME_BYTES: usize = 2048;

/// The parts of a certificate that say who its holder is.
#[derive(Clone, Debug)]
pub struct Leaf {
    uris: Vec<String>,
    dns: Vec<String>,
    ips: Vec<IpAddr>,
    authority: bool,
    expired: bool,
    begun: bool,
    key_fingerprint: String,
    raw_serial: Vec<u8>,
    serial: String,
    not_before: ASN1Time,
    not_after: ASN1Time,
}

impl Leaf {
    /// Reads a DER certificate. It judges only form; see [`Leaf::check`].
    ///
    /// # Errors
    /// [`CertificateFault::OldVersion`] and [`CertificateFault::Unusable`].
    pub fn read(der: &[u8]) -> Result<Leaf, CertificateFault> {
        let unusable = |reason: &str| CertificateFault::Unusable(reason.to_owned());
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| unusable("it is no X.509 certificate"))?;
        if certificate.version() != X509Version::V3 {
            return Err(CertificateFault::OldVersion);
        }
        let constraints =
            certificate.basic_constraints().map_err(|_| unusable("its basic constraints are damaged"))?;
        let usage = certificate.key_usage().map_err(|_| unusable("its key usage is damaged"))?;
        let signs = usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign());
        let validity = certificate.validity();
        let now = ASN1Time::now();
        let mut leaf = Leaf {
            uris: Vec::new(),
            dns: Vec::new(),
            ips: Vec::new(),
            authority: signs || constraints.is_some_and(|constraints| constraints.value.ca),
            expired: now > validity.not_after,
            begun: now >= validity.not_before,
            key_fingerprint: format!("sha256:{}", sha256_hex(certificate.public_key().raw)),
            raw_serial: certificate.raw_serial().to_owned(),
            serial: hex(certificate.raw_serial()),
            not_before: validity.not_before,
            not_after: validity.not_after,
        };
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| unusable("its subject alternative name is damaged or stands twice"))?;
        for name in names.iter().flat_map(|names| &names.value.general_names) {
            leaf.add(name)?;
        }
        Ok(leaf)
    }

    fn add(&mut self, name: &GeneralName<'_>) -> Result<(), CertificateFault> {
        match name {
            GeneralName::URI(uri) => self.uris.push((*uri).to_owned()),
            GeneralName::DNSName(name) => self.dns.push(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let v6 = <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
                self.ips.extend(v4.or(v6));
            }
            GeneralName::Invalid(..) => {
                return Err(CertificateFault::Unusable("one of its names is damaged".to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a node may use this certificate at all, and now.
    ///
    /// # Errors
    /// [`CertificateFault::Authority`], [`CertificateFault::SeveralUris`], [`CertificateFault::UnusableName`],
    /// [`CertificateFault::Expired`] and [`CertificateFault::NotYetValid`].
    pub fn check(&self) -> Result<(), CertificateFault> {
        if self.authority {
            return Err(CertificateFault::Authority);
        }
        self.node_name()?;
        self.check_time()
    }

    /// Whether now is within its validity.
    ///
    /// # Errors
    /// [`CertificateFault::Expired`] and [`CertificateFault::NotYetValid`].
    pub fn check_time(&self) -> Result<(), CertificateFault> {
        match (self.begun, self.expired) {
            (_, true) => Err(CertificateFault::Expired),
            (false, _) => Err(CertificateFault::NotYetValid),
            (true, false) => Ok(()),
        }
    }

    /// The node's name: the one URI SAN, else the first DNS SAN that is no wildcard, else the SHA-256 of the
    /// public key (its SubjectPublicKeyInfo) as `sha256:HEX`.
    ///
    /// # Errors
    /// [`CertificateFault::SeveralUris`] and [`CertificateFault::UnusableName`].
    pub fn node_name(&self) -> Result<String, CertificateFault> {
        match self.uris.as_slice() {
            [uri] => return check_uri(uri).map(|()| uri.clone()),
            [] => {}
            several => return Err(CertificateFault::SeveralUris { found: several.to_vec() }),
        }
        match self.dns.iter().find(|name| !name.contains('*')) {
            Some(name) => check_dns(name).map(|()| name.clone()),
            None => Ok(self.key_fingerprint.clone()),
        }
    }

    /// Whether its one URI SAN is `expected`, to the byte.
    ///
    /// # Errors
    /// [`CertificateFault::WrongName`] with the names it has.
    pub fn check_uri_is(&self, expected: &str) -> Result<(), CertificateFault> {
        match self.uris.as_slice() {
            [uri] if uri == expected => Ok(()),
            _ => Err(self.wrong_name(expected)),
        }
    }

    /// All names: URIs, DNS names, IP addresses.
    pub fn names(&self) -> Vec<String> {
        let ips = self.ips.iter().map(IpAddr::to_string);
        self.uris.iter().chain(&self.dns).cloned().chain(ips).collect()
    }

    /// The fault that this certificate is not for `expected`.
    pub(crate) fn wrong_name(&self, expected: &str) -> CertificateFault {
        CertificateFault::WrongName { expected: expected.to_owned(), found: self.names() }
    }

    /// The SHA-256 of its public key, `sha256:HEX`.
    pub fn key_fingerprint(&self) -> &str {
        &self.key_fingerprint
    }

    /// Its serial number, in lower-case hex.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Its serial number as it stands in the certificate.
    pub(crate) fn raw_serial(&self) -> &[u8] {
        &self.raw_serial
    }

    /// When its time begins, as in `2026-01-31T12:00:00Z`.
    pub fn valid_from(&self) -> String {
        utc(self.not_before)
    }

    /// When its time ends, as in `2027-01-31T12:00:00Z`.
    pub fn valid_until(&self) -> String {
        utc(self.not_after)
    }

    /// How many whole days it is valid from now; negative once it has expired.
    pub fn days_left(&self) -> i64 {
        (self.not_after.timestamp() - ASN1Time::now().timestamp()).div_euclid(24 * 60 * 60)
    }

    /// Its DNS names, in lower case.
    pub fn dns(&self) -> &[String] {
        &self.dns
    }

    /// Its IP addresses.
    pub fn ips(&self) -> &[IpAddr] {
        &self.ips
    }

    /// Its URI SANs; an authority of ours has `spiffe://TRUST_DOMAIN` here.
    pub fn uris(&self) -> &[String] {
        &self.uris
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn utc(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
}

fn check_uri(uri: &str) -> Result<(), CertificateFault> {
    let fail = |reason| Err(CertificateFault::UnusableName { name: uri.escape_debug().to_string(), reason });
    let scheme = uri.split_once("://").map(|(scheme, _)| scheme);
    if uri.len() > MAX_NAME_BYTES {
        fail("it is longer than 2048 bytes")
    } else if !scheme.is_some_and(|scheme| scheme.starts_with(|c: char| c.is_ascii_alphabetic())) {
        fail("a URI name starts with a scheme, as in spiffe://")
    } else if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        fail("it has characters that no URI has")
    } else {
        Ok(())
    }
}

fn check_dns(name: &str) -> Result<(), CertificateFault> {
    let fail = |reason| Err(CertificateFault::UnusableName { name: name.escape_debug().to_string(), reason });
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || name.len() > 253 || !name.bytes().all(of_a_host) {
        fail("it is no DNS name")
    } else if name == Principal::ANONYMOUS {
        fail("it stands for peers without a name")
    } else {
        Ok(())
    }
}
