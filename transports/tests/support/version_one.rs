//! A version 1 certificate (no extensions, a common name only), as old recipes with openssl make them.
//!
//! Written byte by byte, for no library here makes one. Neighbour: `certificates.rs`.

use std::sync::Arc;

use folkmoot_transports::SslCerts;
use folkmoot_transports::provider::provider;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::forge::Forge;

const SEQUENCE: u8 = 0x30;
/// AlgorithmIdentifier of ecdsa-with-SHA256.
const ECDSA_SHA256: [u8; 12] = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];

fn tagged(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ ..128) => out.push(short),
        _ => out.extend([&[0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes()].concat()),
    }
    out.extend(content);
    out
}

fn certificate(forge: &Forge, key: &KeyPair) -> CertificateDer<'static> {
    let ca = forge.ca_der();
    let (_, ca) = X509Certificate::from_der(&ca).unwrap();
    let common_name = tagged(SEQUENCE, &[&[6, 3, 0x55, 4, 3], &tagged(0x0c, &[b"house"])]);
    let to_be_signed = tagged(
        SEQUENCE,
        &[
            &[2, 1, 7],
            &ECDSA_SHA256,
            ca.subject().as_raw(),
            &tagged(SEQUENCE, &[&tagged(0x17, &[b"200101000000Z"]), &tagged(0x18, &[b"30000101000000Z"])]),
            &tagged(SEQUENCE, &[&tagged(0x31, &[&common_name])]),
            &key.subject_public_key_info(),
        ],
    );
    let signature = forge.ca_key().sign(&to_be_signed).unwrap();
    tagged(SEQUENCE, &[&to_be_signed, &ECDSA_SHA256, &tagged(3, &[&[0], &signature])]).into()
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A node that dials with a version 1 certificate of `forge`.
pub(crate) fn dialing(forge: &Forge) -> SslCerts {
    let key = KeyPair::generate().unwrap();
    let provider = provider();
    let signer = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let signer = provider.key_provider.load_private_key(signer).unwrap();
    let shown = CertifiedKey::new(vec![certificate(forge, &key)], signer);
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(forge.roots())
        .with_client_cert_resolver(Arc::new(Always(Arc::new(shown))));
    SslCerts::pair(Arc::new(forge.node("unused").server(forge)), Arc::new(client))
}
