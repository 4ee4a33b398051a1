//! Certificates from files and bytes: what is good is taken, what is not is named with its file.
//!
//! Neighbours: `dev_certs.rs` has the folders, `certificates.rs` the handshakes.

#[path = "support/forge.rs"]
mod forge;

use std::error::Error;
use std::fs;

use folkmoot_transports::leaf::Leaf;
use folkmoot_transports::{CertificateFault, CertsError, SslCerts};
use rcgen::{BasicConstraints, IsCa, date_time_ymd};

use forge::{Forge, Identity, uri};

fn load(forge: &Forge, cert: &str, key: &str) -> Result<SslCerts, CertsError> {
    SslCerts::from_pem(forge.ca_pem().as_bytes(), cert.as_bytes(), key.as_bytes())
}

fn refused(forge: &Forge, identity: &Identity) -> CertificateFault {
    let error = load(forge, &identity.cert_pem, &identity.key_pem).unwrap_err();
    assert!(error.source().is_some());
    let CertsError::Own { fault, place } = error else { panic!("{error:?}") };
    assert_eq!(place, "the certificate");
    fault
}

#[test]
fn three_ways_to_load_the_same() {
    let forge = Forge::new("ca");
    let node = forge.node("market");
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in
        [("ca.pem", &forge.ca_pem()), ("cert.pem", &node.cert_pem), ("key.pem", &node.key_pem)]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let place = |name: &str| dir.path().join(name);
    for certs in [
        load(&forge, &node.cert_pem, &node.key_pem).unwrap(),
        SslCerts::from_dir(dir.path()).unwrap(),
        SslCerts::from_files(place("ca.pem"), place("cert.pem"), place("key.pem")).unwrap(),
    ] {
        assert_eq!(certs.node_name(), Some("spiffe://test/node/market"));
        assert!(!format!("{certs:?}").contains("KEY"));
    }
    assert_eq!(node.unchecked(&forge).node_name(), None);
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = SslCerts::from_dir(dir.path()).unwrap_err();
    assert!(matches!(error, CertsError::Read { .. }));
    assert!(error.to_string().contains("ca.pem"), "{error}");
    assert!(error.source().is_some());
}

#[test]
fn half_written_files_are_told_at_every_length() {
    let forge = Forge::new("ca");
    let node = forge.node("market");
    for cut in 0..node.cert_pem.trim_end().len() {
        let error = load(&forge, &node.cert_pem[..cut], &node.key_pem).unwrap_err();
        let told = matches!(error, CertsError::Pem { .. } | CertsError::NoCertificate { .. });
        assert!(told && error.to_string().contains("the certificate"), "{cut} bytes: {error:?}");
    }
    for cut in 0..node.key_pem.trim_end().len() {
        let error = load(&forge, &node.cert_pem, &node.key_pem[..cut]).unwrap_err();
        let told = matches!(error, CertsError::Pem { .. } | CertsError::NoKey { .. });
        assert!(told && error.to_string().contains("the key"), "{cut} bytes: {error:?}");
    }
}

#[test]
fn damaged_contents_are_no_certificate() {
    let forge = Forge::new("ca");
    let node = forge.node("market");
    let mut lines: Vec<&str> = node.cert_pem.lines().collect();
    lines.remove(2);
    let error = load(&forge, &lines.join("\n"), &node.key_pem).unwrap_err();
    assert!(matches!(error, CertsError::Own { fault: CertificateFault::Unusable(_), .. }), "{error:?}");
    let error = SslCerts::from_pem(
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        node.cert_pem.as_bytes(),
        node.key_pem.as_bytes(),
    )
    .unwrap_err();
    assert!(matches!(&error, CertsError::Unusable { place, .. } if place == "the CA"), "{error:?}");
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let error = load(&forge, &node.cert_pem, bad_key).unwrap_err();
    assert!(matches!(&error, CertsError::Unusable { place, .. } if place == "the key"), "{error:?}");
}

#[test]
fn no_damaged_byte_makes_the_reader_panic() {
    let good = Forge::new("ca").node("market").der.to_vec();
    let mut unreadable = 0;
    for place in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[place] ^= flip;
            match Leaf::read(&bad) {
                Err(_) => unreadable += 1,
                Ok(leaf) => assert!(leaf.names().iter().all(|name| name.len() < bad.len())),
            }
        }
        assert!(Leaf::read(&good[..place]).is_err(), "{place} of {} bytes", good.len());
    }
    assert!(unreadable > good.len() / 2, "only {unreadable} of the damaged ones were noticed");
}

#[test]
fn swapped_and_foreign_parts_are_told() {
    let forge = Forge::new("ca");
    let (node, other) = (forge.node("market"), forge.node("other"));
    let error = load(&forge, &node.cert_pem, &other.key_pem).unwrap_err();
    assert!(matches!(error, CertsError::KeyMismatch { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the key is not the key of the certificate; take both from one issuing");
    assert!(matches!(load(&forge, &node.key_pem, &node.cert_pem), Err(CertsError::NoCertificate { .. })));
    assert!(matches!(load(&forge, &node.cert_pem, &node.cert_pem), Err(CertsError::NoKey { .. })));
    let encrypted = node.key_pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let error = load(&forge, &node.cert_pem, &encrypted).unwrap_err();
    assert!(error.to_string().contains("unencrypted"), "{error}");
}

#[test]
fn an_own_certificate_that_every_peer_would_refuse_is_refused_at_the_start() {
    let forge = Forge::new("ca");
    let old = forge.bent("n", |params| params.not_after = date_time_ymd(2021, 1, 1));
    assert_eq!(refused(&forge, &old), CertificateFault::Expired);
    let early = forge.bent("n", |params| params.not_before = date_time_ymd(4000, 1, 1));
    assert_eq!(refused(&forge, &early), CertificateFault::NotYetValid);
    let double = forge.bent("n", |params| params.subject_alt_names.push(uri("spiffe://test/node/m")));
    assert!(matches!(refused(&forge, &double), CertificateFault::SeveralUris { found } if found.len() == 2));
    let authority = forge.bent("n", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(refused(&forge, &authority), CertificateFault::Authority);
}
