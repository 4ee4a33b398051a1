//! The one place that names the crypto provider.
//!
//! Always: configurations are built with the provider given here and never with the process's default, so a
//! user's program may carry another one beside it. TLS 1.3 with all its suites; TLS 1.2 with ECDHE and
//! AES-GCM only (what aiomas speaks). Neighbours: [`crate::certs`] builds configurations with it.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

/// The protocol versions we speak, best first.
pub static VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// The TLS 1.2 suites we speak: forward secret and authenticated.
const TLS12_SUITES: [CipherSuite; 4] = [
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Our crypto provider.
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| match suite {
        SupportedCipherSuite::Tls13(_) => true,
        SupportedCipherSuite::Tls12(_) => TLS12_SUITES.contains(&suite.suite()),
    });
    Arc::new(provider)
}

/// The SHA-256 of `data` in lower-case hex.
pub fn sha256_hex(data: &[u8]) -> String {
    let hash = match aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider.hash(data),
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider.hash(data),
    };
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_is_sha256() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn every_wanted_suite_is_there_and_no_other_of_tls_1_2() {
        let suites = provider().cipher_suites.clone();
        assert_eq!(suites.iter().filter(|s| matches!(s, SupportedCipherSuite::Tls12(_))).count(), 4);
        assert_eq!(suites.iter().filter(|s| matches!(s, SupportedCipherSuite::Tls13(_))).count(), 3);
    }
}
