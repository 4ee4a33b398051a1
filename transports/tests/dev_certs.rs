//! The development authority in its folder: made once, reused, never overwritten, safe to race for.
//!
//! Neighbours: `ssl_certs.rs` has the loading of files, `certificates.rs` the handshakes.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/meeting.rs"]
mod meeting;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use folkmoot_transports::leaf::Leaf;
use folkmoot_transports::{CertsError, DevCerts};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};

use meeting::meet;

fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

fn der(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

#[tokio::test]
async fn nodes_of_one_folder_know_each_other_and_strangers_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let authority = DevCerts::in_dir(dir.path().join("certs")).unwrap();
    let (market, house) = (authority.node("market").unwrap(), authority.node("house").unwrap());
    assert_eq!(market.node_name(), Some("spiffe://demo/node/market"));
    let (listener, dialer) = meet(market.clone(), house, Some(&authority.spiffe_id("market"))).await;
    assert_eq!(listener.unwrap().principal.node_name(), "spiffe://demo/node/house");
    assert_eq!(dialer.unwrap().principal.node_name(), "spiffe://demo/node/market");

    let stranger = DevCerts::in_dir(dir.path().join("other")).unwrap().node("house").unwrap();
    let (listener, dialer) = meet(market, stranger, None).await;
    assert!(listener.is_err());
    assert!(dialer.unwrap_err().to_string().contains("unknown issuer"), "even of the same trust domain");
}

#[test]
fn the_second_time_finds_what_the_first_made() {
    let dir = tempfile::tempdir().unwrap();
    DevCerts::in_dir(dir.path()).unwrap().node("market").unwrap();
    let before = files(dir.path());
    DevCerts::in_dir(dir.path()).unwrap().node("market").unwrap();
    let opened = DevCerts::open(dir.path()).unwrap();
    assert_eq!((opened.trust_domain(), opened.dir()), ("demo", dir.path()));
    let error = opened.issue("market", &[], &[]).unwrap_err();
    assert!(matches!(error, CertsError::Exists { .. }), "{error:?}");
    assert!(error.to_string().contains("never overwritten"), "{error}");
    assert_eq!(files(dir.path()), before);
}

#[test]
fn certificates_have_the_promised_shape() {
    let dir = tempfile::tempdir().unwrap();
    let authority = DevCerts::with_trust_domain(dir.path(), "village").unwrap();
    let dns = ["market.example".to_owned(), "*.market.example".to_owned(), "LOCALHOST".to_owned()];
    let ips: [IpAddr; 2] = ["192.0.2.7".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    let folder = authority.issue("market", &dns, &ips).unwrap();
    assert_eq!(folder, dir.path().join("market"));

    let leaf_der = der(&folder.join("cert.pem"));
    let leaf = Leaf::read(&leaf_der).unwrap();
    leaf.check().unwrap();
    assert_eq!(
        leaf.names(),
        [
            "spiffe://village/node/market",
            "localhost",
            "market.example",
            "*.market.example",
            "127.0.0.1",
            "::1",
            "192.0.2.7"
        ]
    );
    let (_, leaf) = X509Certificate::from_der(&leaf_der).unwrap();
    let usage = leaf.key_usage().unwrap().unwrap().value;
    assert!(usage.digital_signature() && usage.flags == 1, "digitalSignature alone");
    let purposes = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(purposes.server_auth && purposes.client_auth && !purposes.any);
    assert!(!leaf.basic_constraints().unwrap().unwrap().value.ca);
    assert_eq!(days(&leaf), 365);

    let ca_der = der(&folder.join("ca.pem"));
    let (_, ca) = X509Certificate::from_der(&ca_der).unwrap();
    let usage = ca.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    assert!(ca.basic_constraints().unwrap().unwrap().value.ca);
    assert_eq!(days(&ca), 3650);
    assert_eq!(leaf.issuer(), ca.subject());
}

fn days(certificate: &X509Certificate<'_>) -> i64 {
    let validity = certificate.validity();
    (validity.not_after.timestamp() - validity.not_before.timestamp()) / (24 * 60 * 60)
}

#[cfg(unix)]
#[test]
fn keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    DevCerts::in_dir(dir.path()).unwrap().node("market").unwrap();
    for key in ["ca-key.pem", "market/key.pem"] {
        let mode = fs::metadata(dir.path().join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    assert!(!dir.path().join("market/ca-key.pem").exists());
}

#[test]
fn names_that_could_leave_the_folder_or_be_mistaken_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let authority = DevCerts::in_dir(dir.path()).unwrap();
    let long = "n".repeat(129);
    for name in
        ["", ".", "..", "../x", "a/b", "a\\b", "Market", "markt platz", "\u{fc}", ".hidden", "a\0b", &long]
    {
        for error in [authority.node(name).map(drop), authority.issue(name, &[], &[]).map(drop)] {
            let error = error.unwrap_err();
            assert!(matches!(error, CertsError::BadName { what: "node name", .. }), "{name}: {error:?}");
        }
        let error = DevCerts::with_trust_domain(dir.path().join("other"), name).unwrap_err();
        assert!(matches!(error, CertsError::BadName { what: "trust domain", .. }), "{name}: {error:?}");
    }
    assert!(!dir.path().join("other").exists());
    for name in ["", "no host", "a..b", "*", "-a"] {
        let error = authority.issue("market", &[name.to_owned()], &[]).unwrap_err();
        assert!(matches!(error, CertsError::BadName { what: "DNS name", .. }), "{name}: {error:?}");
    }
    assert!(!dir.path().join("market").exists(), "a refused issuing leaves nothing");
    authority.issue(&long[..128], &[], &[]).unwrap();
}

#[test]
fn another_trust_domain_needs_another_folder() {
    let dir = tempfile::tempdir().unwrap();
    DevCerts::in_dir(dir.path()).unwrap();
    let error = DevCerts::with_trust_domain(dir.path(), "village").unwrap_err();
    assert!(error.to_string().contains("of the trust domain `demo`, not `village`"), "{error}");
}

#[test]
fn a_folder_without_an_authority_or_with_half_of_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let error = DevCerts::open(dir.path()).unwrap_err();
    assert!(matches!(error, CertsError::NoAuthority { .. }), "{error:?}");

    DevCerts::in_dir(dir.path()).unwrap();
    let ca = dir.path().join("ca.pem");
    let whole = fs::read(&ca).unwrap();
    fs::write(&ca, &whole[..whole.len() / 2]).unwrap();
    let error = DevCerts::in_dir(dir.path()).unwrap_err();
    assert!(matches!(error, CertsError::Authority { .. }), "{error:?}");
    assert_eq!(fs::read(&ca).unwrap(), whole[..whole.len() / 2], "never overwritten");

    // A crash between key and certificate: the key gets its certificate.
    fs::remove_file(&ca).unwrap();
    DevCerts::in_dir(dir.path()).unwrap().node("market").unwrap();

    fs::remove_file(dir.path().join("ca-key.pem")).unwrap();
    let error = DevCerts::in_dir(dir.path()).unwrap_err();
    assert!(error.to_string().contains("no ca-key.pem"), "{error}");
}

#[test]
fn a_key_of_another_authority_is_told() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    DevCerts::in_dir(one.path()).unwrap();
    DevCerts::in_dir(two.path()).unwrap();
    fs::copy(two.path().join("ca-key.pem"), one.path().join("ca-key.pem")).unwrap();
    let error = DevCerts::open(one.path()).unwrap_err();
    assert!(error.to_string().contains("not the key of its certificate"), "{error}");
}

#[test]
fn certificates_of_an_earlier_authority_are_stale() {
    let dir = tempfile::tempdir().unwrap();
    DevCerts::in_dir(dir.path()).unwrap().node("market").unwrap();
    fs::remove_file(dir.path().join("ca.pem")).unwrap();
    fs::remove_file(dir.path().join("ca-key.pem")).unwrap();
    let authority = DevCerts::in_dir(dir.path()).unwrap();
    let error = authority.node("market").unwrap_err();
    assert!(matches!(error, CertsError::Stale { .. }), "{error:?}");
    assert!(error.to_string().contains("remove the folder"), "{error}");

    authority.node("house").unwrap();
    fs::rename(dir.path().join("house"), dir.path().join("villa")).unwrap();
    let error = authority.node("villa").unwrap_err();
    assert!(error.to_string().contains("it is for `spiffe://demo/node/house`"), "{error}");
}

#[test]
fn many_starters_on_one_folder_agree() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("certs");
    let starters: Vec<_> = (0..8)
        .map(|number| {
            let place = place.clone();
            std::thread::spawn(move || {
                let authority = DevCerts::in_dir(&place).unwrap();
                authority.node("shared").unwrap();
                authority.node(&format!("own-{number}")).unwrap();
            })
        })
        .collect();
    for starter in starters {
        starter.join().unwrap();
    }
    let authorities: Vec<_> =
        files(&place).into_iter().filter(|(path, _)| path.ends_with("ca.pem")).collect();
    assert_eq!(authorities.len(), 1 + 1 + 8);
    assert!(authorities.iter().all(|(_, bytes)| *bytes == authorities[0].1), "one authority for all");
}
