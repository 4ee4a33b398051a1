//! Certificates of every kind for tests: good ones, and ones that a real authority would never sign.
//!
//! Always: valid for `localhost`, `127.0.0.1` and `::1` unless a test bends it. Neighbours: the tests beside
//! this folder; what they bend is what `src/leaf.rs` and `src/verify.rs` judge.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::sync::Arc;

use folkmoot_transports::SslCerts;
use folkmoot_transports::provider::provider;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SignatureAlgorithm,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// An authority that signs whatever it is given.
pub struct Forge {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    pub cert_pem: String,
    pub key_pem: String,
    pub der: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
}

impl Forge {
    /// An authority; two of the same name are strangers all the same.
    pub fn new(name: &str) -> Forge {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap();
        Forge { certificate, issuer: Issuer::new(params, key) }
    }

    pub fn ca_pem(&self) -> String {
        self.certificate.pem()
    }

    pub fn ca_key(&self) -> &KeyPair {
        self.issuer.key()
    }

    pub fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    pub fn ca_der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca_der()).unwrap();
        Arc::new(roots)
    }

    /// A good certificate for `spiffe://test/node/NAME`.
    pub fn node(&self, name: &str) -> Identity {
        self.bent(name, |_| {})
    }

    /// A good certificate that `bend` may make a bad one.
    pub fn bent(&self, name: &str, bend: impl FnOnce(&mut CertificateParams)) -> Identity {
        self.signed(&rcgen::PKCS_ECDSA_P256_SHA256, name, bend)
    }

    /// The same with another kind of key.
    pub fn signed(
        &self,
        algorithm: &'static SignatureAlgorithm,
        name: &str,
        bend: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![
            uri(&format!("spiffe://test/node/{name}")),
            dns("localhost"),
            SanType::IpAddress("127.0.0.1".parse().unwrap()),
            SanType::IpAddress("::1".parse().unwrap()),
        ];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        bend(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            der: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    /// Certificates of a well-behaved node.
    pub fn certs(&self, name: &str) -> SslCerts {
        self.node(name).certs(self)
    }

    /// A node that dials without any certificate.
    pub fn dials_without_certificate(&self) -> SslCerts {
        let client = client_builder(self, provider()).with_no_client_auth();
        SslCerts::pair(Arc::new(self.node("unused").server(self)), Arc::new(client))
    }
}

impl Identity {
    /// The way a node loads them, with all its checks.
    pub fn certs(&self, trusted: &Forge) -> SslCerts {
        SslCerts::from_pem(trusted.ca_pem().as_bytes(), self.cert_pem.as_bytes(), self.key_pem.as_bytes())
            .unwrap()
    }

    /// Past all our checks: plain configurations of the TLS library.
    pub fn unchecked(&self, trusted: &Forge) -> SslCerts {
        SslCerts::pair(Arc::new(self.server(trusted)), Arc::new(self.client(trusted, provider())))
    }

    /// The same, dialing with `provider` only.
    pub fn unchecked_with(&self, trusted: &Forge, provider: Arc<CryptoProvider>) -> SslCerts {
        SslCerts::pair(Arc::new(self.server(trusted)), Arc::new(self.client(trusted, provider)))
    }

    pub fn server(&self, trusted: &Forge) -> ServerConfig {
        let clients =
            WebPkiClientVerifier::builder_with_provider(trusted.roots(), provider()).build().unwrap();
        ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![self.der.clone()], self.key.clone_key())
            .unwrap()
    }

    pub fn client(&self, trusted: &Forge, provider: Arc<CryptoProvider>) -> ClientConfig {
        client_builder(trusted, provider)
            .with_client_auth_cert(vec![self.der.clone()], self.key.clone_key())
            .unwrap()
    }

    /// A dialing configuration for TLS 1.2 alone.
    pub fn tls12_client(&self, trusted: &Forge, provider: Arc<CryptoProvider>) -> ClientConfig {
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(trusted.roots())
            .with_client_auth_cert(vec![self.der.clone()], self.key.clone_key())
            .unwrap()
    }
}

fn client_builder(
    trusted: &Forge,
    provider: Arc<CryptoProvider>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(trusted.roots())
}

pub fn uri(text: &str) -> SanType {
    SanType::URI(text.to_owned().try_into().unwrap())
}

pub fn dns(text: &str) -> SanType {
    SanType::DnsName(text.to_owned().try_into().unwrap())
}
