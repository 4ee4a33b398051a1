//! Revocation lists: who is on one is refused in both directions, and both sides hear why.
//!
//! Neighbours: `reloading.rs` has other changes, `dev_certs.rs` the folders of an authority.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;

use std::fs;

use folkmoot_transports::{CertificateFault, CertsError, DevCerts, Leaf, SslCerts};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use forge::{Forge, Identity};
use meeting::{first_read, meet};

/// An authority with the nodes `market` and `house`.
fn village() -> (TempDir, DevCerts) {
    let dir = tempfile::tempdir().unwrap();
    let authority = DevCerts::in_dir(dir.path()).unwrap();
    for name in ["market", "house"] {
        authority.issue(name, &[], &[]).unwrap();
    }
    (dir, authority)
}

fn certs(dir: &TempDir, name: &str) -> SslCerts {
    SslCerts::from_dir(dir.path().join(name)).unwrap()
}

#[tokio::test]
async fn a_revoked_dialer_is_refused_and_both_sides_hear_why() {
    let (dir, authority) = village();
    let (market, house) = (certs(&dir, "market"), certs(&dir, "house"));
    meet(market.clone(), house.clone(), None).await.0.unwrap();
    assert!(authority.revoke("house").unwrap());
    assert!(market.reload().unwrap());
    let (accepted, dialed) = meet(market, house, None).await;
    let error = accepted.unwrap_err();
    assert_eq!(error.certificate_fault(), Some(&CertificateFault::Revoked));
    assert!(error.to_string().contains("is revoked"), "{error}");
    let told = first_read(dialed.unwrap()).await;
    assert!(told.contains("the peer refused our certificate: it is revoked"), "{told}");
}

#[tokio::test]
async fn a_revoked_listener_is_refused_by_host_and_by_name() {
    let (dir, authority) = village();
    let (market, house) = (certs(&dir, "market"), certs(&dir, "house"));
    authority.revoke("market").unwrap();
    assert!(house.reload().unwrap());
    for expected in [None, Some("spiffe://demo/node/market")] {
        let (accepted, dialed) = meet(market.clone(), house.clone(), expected).await;
        assert_eq!(dialed.unwrap_err().certificate_fault(), Some(&CertificateFault::Revoked));
        let told = accepted.unwrap_err().to_string();
        assert!(told.contains("it is revoked"), "{told}");
    }
}

#[tokio::test]
async fn an_open_connection_can_be_asked_for_and_a_new_certificate_is_welcome() {
    let (dir, authority) = village();
    let (market, house) = (certs(&dir, "market"), certs(&dir, "house"));
    let (accepted, _dialed) = meet(market.clone(), house.clone(), None).await;
    let certificate = accepted.unwrap().certificate.unwrap();
    assert_eq!(market.check_revoked(&certificate), Ok(()));
    authority.revoke("house").unwrap();
    assert_eq!(market.check_revoked(&certificate), Ok(()), "the list was not read yet");
    assert!(market.reload().unwrap());
    assert_eq!(market.check_revoked(&certificate), Err(CertificateFault::Revoked));
    assert!(house.reload().unwrap());
    assert!(house.in_use().own_revoked);

    authority.rotate("house").unwrap();
    assert!(house.reload().unwrap());
    assert!(!house.in_use().own_revoked);
    market.reload().unwrap();
    meet(market, house, None).await.0.unwrap();
}

/// A list of `forge` that revokes `nodes`.
fn list(
    forge: &Forge,
    nodes: &[&Identity],
    bend: impl FnOnce(&mut CertificateRevocationListParams),
) -> String {
    let revoked = |node: &&Identity| {
        let serial = Leaf::read(&node.der).unwrap().serial().to_owned();
        let bytes: Vec<u8> = (0..serial.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&serial[at..at + 2], 16).unwrap())
            .collect();
        RevokedCertParams {
            serial_number: SerialNumber::from_slice(&bytes),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }
    };
    let mut params = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: nodes.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    bend(&mut params);
    params.signed_by(forge.issuer()).unwrap().pem().unwrap()
}

/// A folder of `node`, with these lists.
fn folder(trusted: &[&Forge], node: &Identity, lists: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ca: String = trusted.iter().map(|forge| forge.ca_pem()).collect();
    for (name, text) in
        [("ca.pem", &*ca), ("cert.pem", &node.cert_pem), ("key.pem", &node.key_pem), ("crl.pem", lists)]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[tokio::test]
async fn each_list_speaks_for_its_own_authority_and_one_without_a_list_is_trusted() {
    let (a, b, c) = (Forge::new("a"), Forge::new("b"), Forge::new("c"));
    let (of_a, of_b, of_c) = (a.node("house"), b.node("house"), c.node("house"));
    let lists = list(&a, &[&of_a], |_| {}) + &list(&b, &[&of_b, &of_c], |_| {});
    let market = a.node("market");
    let dir = folder(&[&a, &b, &c], &market, &lists);
    let certs = SslCerts::from_dir(dir.path()).unwrap();
    for (node, fault) in [(&of_a, true), (&of_b, true), (&of_c, false), (&a.node("house"), false)] {
        let dials =
            SslCerts::from_pem(a.ca_pem().as_bytes(), node.cert_pem.as_bytes(), node.key_pem.as_bytes());
        let (accepted, _) = meet(certs.clone(), dials.unwrap(), None).await;
        assert_eq!(accepted.err().and_then(|error| error.certificate_fault().cloned()).is_some(), fault);
    }
}

#[tokio::test]
async fn a_list_past_its_date_still_counts_and_is_told() {
    let forge = Forge::new("ca");
    let (house, guest) = (forge.node("house"), forge.node("guest"));
    let old = list(&forge, &[&house], |params| params.next_update = date_time_ymd(2024, 2, 1));
    let dir = folder(&[&forge], &forge.node("market"), &old);
    let market = SslCerts::from_dir(dir.path()).unwrap();
    assert!(market.in_use().overdue_list.unwrap().ends_with("crl.pem"));
    let (accepted, _) = meet(market.clone(), house.certs(&forge), None).await;
    assert_eq!(accepted.unwrap_err().certificate_fault(), Some(&CertificateFault::Revoked));
    meet(market.clone(), guest.certs(&forge), None).await.0.unwrap();

    fs::write(dir.path().join("crl.pem"), list(&forge, &[&house], |_| {})).unwrap();
    assert!(market.reload().unwrap());
    assert_eq!(market.in_use().overdue_list, None);
}

#[test]
fn lists_that_cannot_be_judged_are_refused_and_the_old_ones_stay() {
    let (forge, stranger) = (Forge::new("ca"), Forge::new("stranger"));
    // Of the same name, but with another key.
    let forger = Forge::new("ca");
    let house = forge.node("house");
    let good = list(&forge, &[&house], |_| {});
    let dir = folder(&[&forge], &forge.node("market"), &good);
    let market = SslCerts::from_dir(dir.path()).unwrap();
    let place = dir.path().join("crl.pem");
    for (text, reason) in [
        (String::new(), "no revocation list"),
        (forge.ca_pem(), "no revocation list"),
        (good[..good.len() / 2].to_owned(), "cut off"),
        ("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".to_owned(), "cannot be used"),
        (list(&stranger, &[&house], |_| {}), "no CA in our ca.pem has signed"),
        (list(&forger, &[&house], |_| {}), "no CA in our ca.pem has signed"),
        (good.clone() + &list(&stranger, &[], |_| {}), "no CA in our ca.pem has signed"),
    ] {
        fs::write(&place, text).unwrap();
        let error = market.reload().unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("crl.pem"), "{error}");
    }
    fs::remove_file(&place).unwrap();
    let error = market.reload().unwrap_err();
    assert!(matches!(&error, CertsError::ListsGone { .. }), "{error:?}");
    assert_eq!(market.in_use().generation, 0);
    fs::write(&place, list(&forge, &[], |_| {})).unwrap();
    assert!(market.reload().unwrap());
}

#[test]
fn a_list_of_an_authority_that_may_not_sign_lists_is_refused() {
    let forge = Forge::new("ca");
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "no lists");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signer = Issuer::new(params.clone(), &key);
    let text = list_by(&signer);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = params.self_signed(&key).unwrap().pem();
    let dir = folder(&[&forge], &forge.node("market"), &text);
    fs::write(dir.path().join("ca.pem"), forge.ca_pem() + &ca).unwrap();
    let error = SslCerts::from_dir(dir.path()).unwrap_err().to_string();
    assert!(error.contains("no CA in our ca.pem has signed"), "{error}");
}

fn list_by(issuer: &Issuer<'_, &KeyPair>) -> String {
    let scope = CrlDistributionPoint { uris: vec!["http://example.test/crl".to_owned()] };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: Some(CrlIssuingDistributionPoint {
            distribution_point: scope,
            scope: None,
        }),
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}

#[test]
fn a_node_of_an_authority_is_listed_rotated_and_revoked() {
    let (dir, authority) = village();
    authority.issue("shop", &["shop.example".to_owned()], &["192.0.2.7".parse().unwrap()]).unwrap();
    let key = fs::read(dir.path().join("shop/key.pem")).unwrap();
    let ca = dir.path().join("shop/ca.pem");
    let both = fs::read_to_string(&ca).unwrap() + &Forge::new("another").ca_pem();
    fs::write(&ca, &both).unwrap();
    let renewed = authority.rotate("shop").unwrap();
    assert_eq!(fs::read_to_string(&ca).unwrap(), both, "it trusts whom it trusted");
    assert_eq!(renewed.dir, dir.path().join("shop"));
    assert_eq!(renewed.new.names(), renewed.old.names());
    assert!(renewed.new.names().contains(&"192.0.2.7".to_owned()), "{:?}", renewed.new.names());
    assert_ne!(renewed.new.serial(), renewed.old.serial());
    assert_ne!(fs::read(dir.path().join("shop/key.pem")).unwrap(), key);
    assert_eq!(certs(&dir, "shop").node_name(), Some("spiffe://demo/node/shop"));

    assert!(authority.revoke("house").unwrap());
    assert!(!authority.revoke("house").unwrap(), "it is revoked already");
    assert!(authority.revoke("shop").unwrap());
    authority.rotate("shop").unwrap();
    fs::write(dir.path().join("market/cert.pem"), "nonsense").unwrap();
    let nodes = authority.nodes().unwrap();
    let told: Vec<_> =
        nodes.iter().map(|node| (&*node.name, node.certificate.is_ok(), node.revoked)).collect();
    assert_eq!(told, [("house", true, true), ("market", false, false), ("shop", true, false)]);
    let left = nodes[0].certificate.as_ref().unwrap().days_left();
    assert!((360..=365).contains(&left), "{left}");

    let stale = authority.node("house").unwrap_err();
    assert!(matches!(&stale, CertsError::Stale { reason, .. } if reason == "it is revoked"), "{stale}");
    for name in ["nobody", "crl.pem"] {
        let error = authority.rotate(name).unwrap_err();
        assert!(matches!(error, CertsError::NotIssued { .. }), "{error}");
        assert!(matches!(authority.revoke(name).unwrap_err(), CertsError::NotIssued { .. }));
    }
}

#[test]
fn a_new_node_gets_the_list_and_drafts_of_an_interrupted_rotation_are_no_hindrance() {
    let (dir, authority) = village();
    authority.revoke("house").unwrap();
    authority.issue("late", &[], &[]).unwrap();
    assert_eq!(
        fs::read(dir.path().join("late/crl.pem")).unwrap(),
        fs::read(dir.path().join("crl.pem")).unwrap()
    );
    for draft in ["key.pem.new", "cert.pem.new", "crl.pem.new"] {
        fs::write(dir.path().join("late").join(draft), "half").unwrap();
    }
    authority.rotate("late").unwrap();
    let mut names: Vec<_> = fs::read_dir(dir.path().join("late"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["ca.pem", "cert.pem", "crl.pem", "key.pem"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.path().join("late/key.pem")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode | 0o600, 0o600, "{mode:o}");
    }
}
