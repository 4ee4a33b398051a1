//! Certificates that change while a node runs: what is whole and right is taken, all else leaves the old in use.
//!
//! Neighbours: `revoking.rs` has the revocation lists, `ssl_certs.rs` what is wrong with certificates at a start.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;

use std::fs;
use std::path::Path;

use folkmoot_transports::{
    CertificateFault, CertsError, Leaf, Listener, SslCerts, TlsTransport, Transport, TransportError,
};
use rcgen::date_time_ymd;
use tempfile::TempDir;

use forge::{Forge, Identity};
use meeting::{PATIENCE, accept, first_read, meet, tls_listener};

/// Writes a node's folder, as a careless tool does: file after file, over the old ones.
fn write(dir: &Path, trusted: &[&Forge], node: &Identity) {
    let ca: String = trusted.iter().map(|forge| forge.ca_pem()).collect();
    fs::write(dir.join("ca.pem"), ca).unwrap();
    fs::write(dir.join("cert.pem"), &node.cert_pem).unwrap();
    fs::write(dir.join("key.pem"), &node.key_pem).unwrap();
}

fn market(forge: &Forge) -> (TempDir, SslCerts) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[forge], &forge.node("market"));
    let certs = SslCerts::from_dir(dir.path()).unwrap();
    (dir, certs)
}

fn serial(certs: &SslCerts) -> String {
    certs.in_use().own.unwrap().serial().to_owned()
}

fn serial_of(node: &Identity) -> String {
    Leaf::read(&node.der).unwrap().serial().to_owned()
}

#[test]
fn a_change_is_taken_once_and_by_every_clone() {
    let forge = Forge::new("ca");
    let (dir, certs) = market(&forge);
    let clone = certs.clone();
    for _ in 0..3 {
        assert!(!certs.reload().unwrap(), "nothing has changed");
    }
    let new = forge.node("market");
    write(dir.path(), &[&forge], &new);
    assert!(certs.reload().unwrap());
    assert!(!clone.reload().unwrap(), "it is taken already");
    assert_eq!((serial(&clone), clone.in_use().generation), (serial_of(&new), 1));
    // Written anew with the same in it: another time, but nothing to take.
    write(dir.path(), &[&forge], &new);
    assert!(!certs.reload().unwrap());
    assert_eq!(certs.in_use().generation, 1);
}

#[test]
fn a_second_write_within_the_same_tick_of_the_clock_is_seen() {
    let forge = Forge::new("ca");
    let (dir, certs) = market(&forge);
    let path = dir.path().join("ca.pem");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    assert!(!certs.reload().unwrap());
    // The same length, time and inode; found by the look that follows a change.
    let commented = |letter| format!("{letter}\n{}", forge.ca_pem());
    for (letter, taken) in [("a", true), ("b", true), ("b", false)] {
        fs::write(&path, commented(letter)).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(certs.reload().unwrap(), taken, "{letter}");
    }
}

#[test]
fn what_is_wrong_leaves_the_old_in_use_until_it_is_right() {
    let forge = Forge::new("ca");
    let (dir, certs) = market(&forge);
    let old = serial(&certs);
    let place = |name: &str| dir.path().join(name);
    let right = forge.node("market");
    let expired = forge.bent("market", |params| params.not_after = date_time_ymd(2021, 1, 1));
    let (other, authority) = (forge.node("other"), forge.ca_pem());
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let bad: [(&str, &str, String, String); 6] = [
        ("cut off", "cert.pem", half(&right.cert_pem), right.key_pem.clone()),
        ("cut off", "key.pem", right.cert_pem.clone(), half(&right.key_pem)),
        ("has no certificate", "cert.pem", String::new(), right.key_pem.clone()),
        ("is not the key of", "key.pem", right.cert_pem.clone(), other.key_pem.clone()),
        ("expired", "cert.pem", expired.cert_pem.clone(), expired.key_pem.clone()),
        ("keeps its name", "spiffe://test/node/other", other.cert_pem.clone(), other.key_pem.clone()),
    ];
    for (reason, named, cert, key) in bad {
        fs::write(place("cert.pem"), cert).unwrap();
        fs::write(place("key.pem"), key).unwrap();
        for _ in 0..2 {
            let error = certs.reload().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(named), "{error}");
        }
        assert_eq!((serial(&certs), certs.node_name()), (old.clone(), Some("spiffe://test/node/market")));
    }
    fs::remove_file(place("ca.pem")).unwrap();
    assert!(matches!(certs.reload(), Err(CertsError::Read { path, .. }) if path.ends_with("ca.pem")));
    fs::write(place("ca.pem"), authority).unwrap();
    write(dir.path(), &[&forge], &right);
    assert!(certs.reload().unwrap());
    assert_eq!(serial(&certs), serial_of(&right));
}

#[test]
fn a_change_that_is_taken_back_is_no_change() {
    let forge = Forge::new("ca");
    let (dir, certs) = market(&forge);
    let key = fs::read(dir.path().join("key.pem")).unwrap();
    fs::write(dir.path().join("key.pem"), "").unwrap();
    assert!(matches!(certs.reload(), Err(CertsError::NoKey { .. })));
    fs::write(dir.path().join("key.pem"), key).unwrap();
    assert!(!certs.reload().unwrap());
    assert_eq!(certs.in_use().generation, 0);
}

#[test]
fn certificates_from_bytes_never_change() {
    let certs = Forge::new("ca").certs("market");
    assert!(!certs.is_from_files() && !certs.reload().unwrap());
}

/// One connection through a listener that goes on; gives the certificate's serial that each side shows.
async fn through(listener: &mut Box<dyn Listener>, dialer: &TlsTransport) -> Result<(), TransportError> {
    let endpoint = listener.endpoint().clone();
    let both = async { tokio::join!(accept(listener), dialer.dial(&endpoint, None)) };
    let (accepted, dialed) = tokio::time::timeout(PATIENCE, both).await.expect("both sides come to an end");
    dialed?;
    accepted.map(drop)
}

#[tokio::test]
async fn an_open_listener_and_a_dialer_use_the_new_certificate_at_once() {
    let (ours, theirs) = (Forge::new("ours"), Forge::new("theirs"));
    let (market_dir, market) = market(&ours);
    let house_dir = tempfile::tempdir().unwrap();
    write(house_dir.path(), &[&ours], &ours.node("house"));
    let house = SslCerts::from_dir(house_dir.path()).unwrap();
    let mut listener = tls_listener(market.clone()).await;
    let dialer = TlsTransport::new(house.clone());
    through(&mut listener, &dialer).await.unwrap();

    // The CA is replaced as it should be: first both are trusted, then all is issued anew, then the old one goes.
    for (trusted, issuer) in
        [(&[&ours, &theirs][..], &ours), (&[&ours, &theirs], &theirs), (&[&theirs], &theirs)]
    {
        write(market_dir.path(), trusted, &issuer.node("market"));
        assert!(market.reload().unwrap());
        through(&mut listener, &dialer).await.unwrap();
        write(house_dir.path(), trusted, &issuer.node("house"));
        assert!(house.reload().unwrap());
        through(&mut listener, &dialer).await.unwrap();
    }
    // Only the new CA is trusted now, in both directions.
    let old = TlsTransport::new(ours.certs("house"));
    let refused = through(&mut listener, &old).await.unwrap_err();
    assert_eq!(refused.certificate_fault(), Some(&CertificateFault::UnknownIssuer));
    let (_, refused) = meet(ours.certs("market"), house, None).await;
    assert_eq!(refused.unwrap_err().certificate_fault(), Some(&CertificateFault::UnknownIssuer));
}

#[tokio::test]
async fn a_connection_goes_on_when_certificates_change() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (ours, theirs) = (Forge::new("ours"), Forge::new("theirs"));
    let (dir, market) = market(&ours);
    let (listener, dialer) = meet(market.clone(), ours.certs("house"), None).await;
    let (mut listener, mut dialer) = (listener.unwrap().stream, dialer.unwrap().stream);
    write(dir.path(), &[&theirs], &theirs.node("market"));
    assert!(market.reload().unwrap());
    listener.write_all(b"word").await.unwrap();
    listener.flush().await.unwrap();
    let mut heard = [0; 4];
    dialer.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"word");
}

#[tokio::test]
async fn a_session_of_a_peer_whose_ca_was_removed_is_not_taken_up_again() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (ours, theirs) = (Forge::new("ours"), Forge::new("theirs"));
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[&ours, &theirs], &ours.node("market"));
    let market = SslCerts::from_dir(dir.path()).unwrap();
    // The dialer trusts the market throughout, so only the market's judgement counts.
    let guest = theirs.node("guest");
    let pem = (ours.ca_pem(), &guest.cert_pem, &guest.key_pem);
    let guest = SslCerts::from_pem(pem.0.as_bytes(), pem.1.as_bytes(), pem.2.as_bytes()).unwrap();
    let mut listener = tls_listener(market.clone()).await;
    let endpoint = listener.endpoint().clone();
    let dialer = TlsTransport::new(guest);
    for _ in 0..2 {
        let (listener, dialer) = tokio::join!(accept(&mut listener), dialer.dial(&endpoint, None));
        let (mut listener, mut dialer) = (listener.unwrap(), dialer.unwrap());
        // A word, so that the dialer reads the tickets that come before it.
        listener.stream.write_all(b"word").await.unwrap();
        listener.stream.flush().await.unwrap();
        dialer.stream.read_exact(&mut [0; 4]).await.unwrap();
    }
    write(dir.path(), &[&ours], &ours.node("market"));
    assert!(market.reload().unwrap());
    let (accepted, dialed) = tokio::join!(accept(&mut listener), dialer.dial(&endpoint, None));
    assert_eq!(accepted.unwrap_err().certificate_fault(), Some(&CertificateFault::UnknownIssuer));
    let told = match dialed {
        Ok(connection) => first_read(connection).await,
        Err(error) => error.to_string(),
    };
    assert!(told.contains("no CA that the peer trusts"), "{told}");
}
