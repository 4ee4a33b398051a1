//! Who is let in: every kind of certificate against a listener and against a dialer.
//!
//! Neighbours: `conformance.rs` is about bytes, `mistaken_protocols.rs` about peers that speak no TLS of ours,
//! `resumption.rs` about sessions taken up again, `ssl_certs.rs` about files.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;
#[path = "support/version_one.rs"]
mod version_one;

use std::sync::Arc;

use folkmoot_transports::provider::provider;
use folkmoot_transports::{AtFault, CertificateFault, SslCerts, TransportError};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, date_time_ymd,
};
use rustls::CipherSuite;
use tokio::io::AsyncWriteExt;

use forge::{Forge, Identity, dns, uri};
use meeting::{Side, first_read, meet};

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}

fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
    params.not_after = date_time_ymd(4001, 1, 1);
}

fn two_uris(params: &mut CertificateParams) {
    params.subject_alt_names.push(uri("spiffe://test/node/admin"));
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn signs_certificates(params: &mut CertificateParams) {
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
}

fn signs_revocations(params: &mut CertificateParams) {
    params.key_usages.push(KeyUsagePurpose::CrlSign);
}

fn for_servers_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

fn for_clients_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn uri_without_scheme(params: &mut CertificateParams) {
    params.subject_alt_names[0] = uri("sha256:00");
}

fn dns_that_looks_like_a_uri(params: &mut CertificateParams) {
    params.subject_alt_names[0] = dns("spiffe://test/node/admin");
}

fn dns_anonymous(params: &mut CertificateParams) {
    params.subject_alt_names[0] = dns("anonymous");
}

fn fault(side: Side) -> CertificateFault {
    let error = side.expect_err("the peer must be refused");
    match error {
        TransportError::PeerCertificate { fault, .. } => fault,
        other => panic!("no certificate fault: {other:?}"),
    }
}

fn found(name: &str, side: &Side) {
    assert_eq!(side.as_ref().expect("admitted").principal.node_name(), name);
}

/// A bent certificate, the text of the fault, and what its holder learns.
type Case = (fn(&mut CertificateParams), &'static str, &'static str);

const REFUSED_EITHER_WAY: [Case; 9] = [
    (expired, "has expired", "expired"),
    (not_yet_valid, "not valid yet", "not valid yet"),
    (two_uris, "has 2 URI names (`spiffe://test/node/", "the peer's log"),
    (authority, "an authority's own", "the peer's log"),
    (signs_certificates, "an authority's own", "the peer's log"),
    (signs_revocations, "an authority's own", "the peer's log"),
    (uri_without_scheme, "`sha256:00` cannot be used: a URI name starts with a scheme", "the peer's log"),
    (dns_that_looks_like_a_uri, "cannot be used: it is no DNS name", "the peer's log"),
    (dns_anonymous, "`anonymous` cannot be used: it stands for peers without a name", "the peer's log"),
];

#[tokio::test]
async fn a_listener_refuses_each_bad_dialer_and_the_dialer_learns_why() {
    let forge = Forge::new("ca");
    let only_as_server: Case = (for_servers_only, "extended key usage", "kind or its key usage");
    for (bend, ours, theirs) in REFUSED_EITHER_WAY.into_iter().chain([only_as_server]) {
        let bad = forge.bent("bad", bend).unchecked(&forge);
        let (listener, dialer) = meet(forge.certs("market"), bad, None).await;
        let error = listener.expect_err(ours);
        assert!(error.to_string().contains(ours), "{error} does not say: {ours}");
        assert_eq!(error.at_fault(), AtFault::Peer);
        assert!(error.to_string().starts_with("127.0.0.1:"), "{error} does not say who");
        let learnt = first_read(dialer.expect("TLS 1.3 ends the dialer's handshake first")).await;
        assert!(learnt.contains("the peer refused our certificate"), "{learnt}");
        assert!(learnt.contains(theirs), "{learnt} does not say: {theirs}");
    }
}

#[tokio::test]
async fn a_dialer_refuses_each_bad_listener_and_the_listener_learns_why() {
    let forge = Forge::new("ca");
    let only_as_client: Case = (for_clients_only, "extended key usage", "kind or its key usage");
    for (bend, ours, theirs) in REFUSED_EITHER_WAY.into_iter().chain([only_as_client]) {
        for expected in [None, Some("spiffe://test/node/bad")] {
            let bad = forge.bent("bad", bend).unchecked(&forge);
            let (listener, dialer) = meet(bad, forge.certs("house"), expected).await;
            let error = dialer.expect_err(ours);
            assert!(error.to_string().contains(ours), "{error} does not say: {ours}");
            let learnt = listener.expect_err(theirs);
            assert!(matches!(learnt, TransportError::CertificateRefused { .. }), "{learnt:?}");
            assert_eq!(learnt.at_fault(), AtFault::Us);
            assert!(learnt.to_string().contains(theirs), "{learnt} does not say: {theirs}");
        }
    }
}

#[tokio::test]
async fn a_dialer_without_a_certificate_is_refused() {
    let forge = Forge::new("ca");
    let (listener, dialer) = meet(forge.certs("market"), forge.dials_without_certificate(), None).await;
    assert_eq!(fault(listener), CertificateFault::Missing);
    let learnt = first_read(dialer.unwrap()).await;
    assert!(learnt.contains("we showed none"), "{learnt}");
}

#[tokio::test]
async fn a_refused_dialer_that_writes_before_it_reads_still_learns_why() {
    let forge = Forge::new("ca");
    for bytes in [5, 200_000] {
        let (listener, dialer) = meet(forge.certs("market"), forge.dials_without_certificate(), None).await;
        assert_eq!(fault(listener), CertificateFault::Missing);
        let mut dialer = dialer.unwrap();
        // The peer has closed: the write may fail, and does not tell why.
        let _ = dialer.stream.write_all(&vec![0; bytes]).await;
        let _ = dialer.stream.flush().await;
        let learnt = first_read(dialer).await;
        assert!(learnt.contains("we showed none"), "{learnt}");
    }
}

#[tokio::test]
async fn strangers_are_refused_even_under_the_same_name() {
    let (ours, theirs) = (Forge::new("ca"), Forge::new("another"));
    let stranger = theirs.node("house").unchecked(&ours);
    let (listener, dialer) = meet(ours.certs("market"), stranger, None).await;
    assert_eq!(fault(listener), CertificateFault::UnknownIssuer);
    let learnt = first_read(dialer.unwrap()).await;
    assert!(learnt.contains("no CA that the peer trusts"), "{learnt}");

    for expected in [None, Some("spiffe://test/node/market")] {
        let (listener, dialer) =
            meet(theirs.node("market").unchecked(&ours), ours.certs("house"), expected).await;
        assert_eq!(fault(dialer), CertificateFault::UnknownIssuer);
        assert!(listener.unwrap_err().to_string().contains("no CA that the peer trusts"));
    }

    let twin = Forge::new("ca");
    let (listener, _) = meet(ours.certs("market"), twin.node("house").unchecked(&ours), None).await;
    assert!(matches!(fault(listener), CertificateFault::BadSignature | CertificateFault::UnknownIssuer));
}

#[tokio::test]
async fn a_self_signed_certificate_is_refused() {
    let (ours, own) = (Forge::new("ca"), Forge::new("self"));
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.ca_key().serialize_der()).unwrap();
    let selfish =
        Identity { cert_pem: own.ca_pem(), key_pem: own.ca_key().serialize_pem(), der: own.ca_der(), key };
    let (listener, _) = meet(ours.certs("market"), selfish.unchecked(&ours), None).await;
    let fault = fault(listener);
    assert!(
        matches!(fault, CertificateFault::UnknownIssuer | CertificateFault::Authority),
        "{fault:?} for a self-signed certificate"
    );
}

#[tokio::test]
async fn the_host_dialed_must_be_in_the_certificate() {
    let forge = Forge::new("ca");
    let elsewhere = forge.bent("market", |params| params.subject_alt_names.truncate(2));
    let (listener, dialer) = meet(elsewhere.certs(&forge), forge.certs("house"), None).await;
    let wanted = CertificateFault::WrongName {
        expected: "127.0.0.1".to_owned(),
        found: vec!["spiffe://test/node/market".to_owned(), "localhost".to_owned()],
    };
    let error = dialer.unwrap_err();
    assert_eq!(error.certificate_fault(), Some(&wanted));
    assert!(
        error.to_string().contains("`spiffe://test/node/market`, `localhost`, not for `127.0.0.1`"),
        "{error}"
    );
    assert!(matches!(listener, Err(TransportError::CertificateRefused { .. })));
}

#[tokio::test]
async fn an_expected_peer_is_looked_for_in_place_of_the_host() {
    let forge = Forge::new("ca");
    let elsewhere = forge.bent("market", |params| params.subject_alt_names.truncate(1));
    let right = Some("spiffe://test/node/market");
    let (listener, dialer) = meet(elsewhere.certs(&forge), forge.certs("house"), right).await;
    found("spiffe://test/node/house", &listener);
    found("spiffe://test/node/market", &dialer);

    for wrong in ["spiffe://test/node/marke", "spiffe://test/node/MARKET", "localhost", ""] {
        let (listener, dialer) = meet(forge.certs("market"), forge.certs("house"), Some(wrong)).await;
        let fault = fault(dialer);
        let CertificateFault::WrongName { expected, found } = &fault else { panic!("{fault:?}") };
        assert_eq!(expected, wrong);
        assert_eq!(found, &["spiffe://test/node/market", "localhost", "127.0.0.1", "::1"]);
        assert!(listener.is_err(), "the listener must hear of it");
    }
}

#[tokio::test]
async fn names_are_the_uri_else_dns_else_the_key() {
    let forge = Forge::new("ca");
    let dns_named = forge.bent("x", |params| {
        params.subject_alt_names = vec![dns("*.example"), dns("Market.Example"), dns("second.example")];
    });
    let (listener, _) = meet(forge.certs("market"), dns_named.certs(&forge), None).await;
    found("market.example", &listener);
    assert_eq!(dns_named.certs(&forge).node_name(), Some("market.example"));

    // The common name is no name.
    let nameless = forge.bent("admin", |params| params.subject_alt_names.clear());
    let (listener, _) = meet(forge.certs("market"), nameless.certs(&forge), None).await;
    let name = listener.unwrap().principal.node_name().to_owned();
    assert!(name.starts_with("sha256:") && name.len() == "sha256:".len() + 64, "{name}");
    assert_eq!(nameless.certs(&forge).node_name(), Some(name.as_str()));
    let (_, dialer) = meet(nameless.certs(&forge), forge.certs("house"), None).await;
    assert_eq!(
        fault(dialer),
        CertificateFault::WrongName { expected: "127.0.0.1".to_owned(), found: vec![] }
    );
}

#[tokio::test]
async fn version_one_certificates_are_refused_by_name() {
    let forge = Forge::new("ca");
    let dials = version_one::dialing(&forge);
    let (listener, dialer) = meet(forge.certs("market"), dials, None).await;
    assert_eq!(fault(listener), CertificateFault::OldVersion);
    assert!(first_read(dialer.unwrap()).await.contains("refused our certificate"));
}

#[tokio::test]
async fn tls_1_2_with_ecdhe_and_aes_gcm_works_with_both_kinds_of_key() {
    let forge = Forge::new("ca");
    let house = forge.node("house");
    let ecdsa = forge.node("market");
    let rsa = forge.signed(&rcgen::PKCS_RSA_SHA256, "market", |_| {});
    for (listens, suite) in [
        (&ecdsa, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        (&ecdsa, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        (&rsa, CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        (&rsa, CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ] {
        let (listener, dialer) = meet(listens.certs(&forge), tls12_with(&forge, &house, suite), None).await;
        found("spiffe://test/node/house", &listener);
        found("spiffe://test/node/market", &dialer);
    }
}

#[tokio::test]
async fn under_tls_1_2_a_refused_dialer_knows_at_once() {
    let forge = Forge::new("ca");
    let old = forge.bent("old", expired);
    let client = Arc::new(old.tls12_client(&forge, provider()));
    let dials = SslCerts::pair(Arc::new(old.server(&forge)), client);
    let (listener, dialer) = meet(forge.certs("market"), dials, None).await;
    assert_eq!(fault(listener), CertificateFault::Expired);
    let learnt = dialer.unwrap_err();
    assert!(matches!(learnt, TransportError::CertificateRefused { .. }), "{learnt:?}");
}

#[tokio::test]
async fn a_tls_1_2_suite_that_we_do_not_speak_is_refused() {
    let forge = Forge::new("ca");
    let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let dials = tls12_with(&forge, &forge.node("house"), suite);
    let (listener, dialer) = meet(forge.certs("market"), dials, None).await;
    let (ours, theirs) = (listener.unwrap_err(), dialer.unwrap_err());
    assert!(ours.to_string().contains("nothing in common with ours"), "{ours}");
    assert_eq!(ours.at_fault(), AtFault::Peer);
    assert!(theirs.to_string().contains("no common cipher"), "{theirs}");
}

/// Certificates that dial with one suite of TLS 1.2 only.
fn tls12_with(forge: &Forge, identity: &Identity, suite: CipherSuite) -> SslCerts {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|candidate| candidate.suite() == suite);
    assert_eq!(provider.cipher_suites.len(), 1);
    let client = identity.tls12_client(forge, Arc::new(provider));
    SslCerts::pair(Arc::new(identity.server(forge)), Arc::new(client))
}
