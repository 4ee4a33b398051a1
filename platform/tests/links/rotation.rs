//! Certificates that change under a running node: taken without a failed call, refused with a word, revoked at once.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Endpoint, LinkLimits};
use folkmoot_transports::transport::{Accepted, BoxFuture, Connection, Listener, Transport};
use folkmoot_transports::{TlsTransport, TransportError};

use super::conformance::Mirror;
use super::counts::Counts;
use super::left_behind::Watch;
use super::log::Log;

/// Rotations while calls run.
const ROTATIONS: u32 = 100;

fn limits() -> LinkLimits {
    let mut limits = LinkLimits::default();
    limits.certs_check_time = Duration::from_millis(2);
    limits
}

/// A node on a free port whose certificates are read from `DIR/NAME`, with what it counts.
async fn node(dir: &Path, name: &str) -> (Container, SslCerts, Counts) {
    node_at("tls://127.0.0.1:0", dir, name).await
}

/// The same at `endpoint`.
async fn node_at(endpoint: &str, dir: &Path, name: &str) -> (Container, SslCerts, Counts) {
    let counts = Counts::default();
    let certs = SslCerts::from_dir(dir.join(name)).unwrap();
    let builder = Container::builder(endpoint).certs(certs.clone()).limits(limits());
    let container = counts.during(builder.allow("*", "mirror", "*").watched()).await.unwrap();
    container.spawn("mirror", Mirror::default).await.unwrap();
    (container, certs, counts)
}

fn village(names: &[&str]) -> (tempfile::TempDir, DevCerts) {
    let dir = tempfile::tempdir().unwrap();
    let authority = DevCerts::in_dir(dir.path()).unwrap();
    for name in names {
        authority.issue(name, &[], &[]).unwrap();
    }
    (dir, authority)
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

fn serial(certs: &SslCerts) -> String {
    certs.in_use().own.unwrap().serial().to_owned()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn no_call_fails_while_certificates_rotate() {
    super::limit::watch();
    let (dir, authority) = village(&["server", "client"]);
    let (server, server_certs, counts) = node(dir.path(), "server").await;
    let (client, client_certs, _) = node(dir.path(), "client").await;
    let url = server.url("mirror");
    let held: Proxy<Mirror> = client.connect(&url).await.unwrap();
    let over = Rc::new(Cell::new(false));
    let (calls, links) = (Rc::new(Cell::new(0_u32)), Rc::new(Cell::new(0_u32)));

    let calling = actix::spawn({
        let (held, calls, over) = (held.clone(), calls.clone(), over.clone());
        async move {
            while !over.get() {
                assert_eq!(held.text("held".into()).await.unwrap(), "held");
                calls.set(calls.get() + 1);
            }
        }
    });
    let connecting = actix::spawn({
        let (url, links, over, certs) = (url.clone(), links.clone(), over.clone(), client_certs.clone());
        async move {
            while !over.get() {
                let fresh =
                    Container::builder("tcp://127.0.0.1:0").certs(certs.clone()).watched().await.unwrap();
                let peer = fresh.connect::<Mirror>(&url).peer("spiffe://demo/node/server").await.unwrap();
                assert_eq!(peer.text("peer".into()).await.unwrap(), "peer");
                fresh.shutdown().await;
                links.set(links.get() + 1);
            }
        }
    });
    // What has failed is told by the await of it, at the end.
    let failed = || calling.is_finished() || connecting.is_finished();
    for turn in 0..ROTATIONS {
        let server_has = authority.rotate("server").unwrap().new;
        let client_has = authority.rotate("client").unwrap().new;
        let both_taken =
            || serial(&server_certs) == server_has.serial() && serial(&client_certs) == client_has.serial();
        until(|| failed() || both_taken()).await;
        // A call on the old link and a whole new link, both since the change.
        let (called, linked) = (calls.get(), links.get());
        until(|| failed() || calls.get() > called && links.get() > linked + 1).await;
        until(|| failed() || counts.of("certs_reloaded") > u64::from(turn)).await;
    }
    over.set(true);
    calling.await.unwrap();
    connecting.await.unwrap();
    assert_eq!(client.connect::<Mirror>(&url).await.unwrap().text("end".into()).await.unwrap(), "end");
    assert_eq!(counts.of("links_refused"), 0);
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_refused_change_is_told_once_and_taken_when_it_is_right() {
    super::limit::watch();
    let log = Log::default();
    let _telling = log.listen();
    let (dir, authority) = village(&["server", "other"]);
    let (server, certs, counts) = node(dir.path(), "server").await;
    let (old, place) = (serial(&certs), dir.path().join("server"));
    let good = fs::read_to_string(place.join("cert.pem")).unwrap();
    let bad = [
        (good[..good.len() / 2].to_owned(), "cut off"),
        (fs::read_to_string(dir.path().join("other/cert.pem")).unwrap(), "is not the key of"),
        (fs::read_to_string(dir.path().join("ca.pem")).unwrap(), "an authority's own"),
    ];
    for (refused, (text, reason)) in (1..).zip(bad) {
        fs::write(place.join("draft"), text).unwrap();
        fs::rename(place.join("draft"), place.join("cert.pem")).unwrap();
        until(|| counts.of("certs_refused") == refused).await;
        // Several looks later it was not told again.
        for _ in 0..3 {
            certs.reload().unwrap_err();
            tokio::task::yield_now().await;
        }
        assert_eq!(log.with(&["WARN", "changed certificates were refused", "cert.pem", reason]).len(), 1);
    }
    assert_eq!((counts.of("certs_refused"), serial(&certs)), (3, old.clone()));
    fs::write(place.join("draft"), good).unwrap();
    fs::rename(place.join("draft"), place.join("cert.pem")).unwrap();
    let new = authority.rotate("server").unwrap().new;
    until(|| counts.of("certs_reloaded") == 1).await;
    assert_eq!(serial(&certs), new.serial());
    let told = log.with(&["INFO", "the certificates have changed", &old, new.serial(), &new.valid_until()]);
    assert_eq!(told.len(), 1, "{:?}", log.all());
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_links_of_a_revoked_peer_are_closed_on_either_side_and_it_finds_no_way_back() {
    revoked_then_rotated(|_, _| "tls://127.0.0.1:0".to_owned()).await;
}

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_on_a_unix_socket_is_refused_once_revoked_and_takes_its_rotated_certificate() {
    let socket = |dir: &Path, name: &str| format!("unix+tls://{}", dir.join(name).join("socket").display());
    revoked_then_rotated(socket).await;
}

/// The life of a node that is revoked and gets a new certificate, where `place` says in a village's folder by name.
async fn revoked_then_rotated(place: impl Fn(&Path, &str) -> String) {
    super::limit::watch();
    let log = Log::default();
    let _telling = log.listen();
    let (dir, authority) = village(&["server", "client", "honest"]);
    let node = async |name: &str| node_at(&place(dir.path(), name), dir.path(), name).await;
    let (server, ..) = node("server").await;
    let (client, client_certs, _) = node("client").await;
    let (honest, ..) = node("honest").await;
    let to_server: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    let to_client: Proxy<Mirror> = server.connect(client.url("mirror")).await.unwrap();
    let from_honest: Proxy<Mirror> = honest.connect(server.url("mirror")).await.unwrap();
    for proxy in [&to_server, &to_client, &from_honest] {
        assert_eq!(proxy.text("before".into()).await.unwrap(), "before");
    }

    authority.revoke("client").unwrap();
    let closed = || log.with(&["a link is closed", "spiffe://demo/node/client", "revoked"]).len();
    // The server's two: the one it accepted, the one it dialed.
    until(|| closed() == 2).await;
    until(|| client_certs.in_use().own_revoked).await;
    let error = to_server.text("after".into()).await.unwrap_err().to_string();
    assert!(error.contains("revoked") || error.contains("link to"), "{error}");
    let error = client.connect::<Mirror>(server.url("mirror")).await.unwrap_err().to_string();
    assert!(error.contains("the peer refused our certificate: it is revoked"), "{error}");
    let error = server.connect::<Mirror>(client.url("mirror")).await.unwrap_err().to_string();
    assert!(error.contains("the certificate is revoked"), "{error}");
    until(|| !log.with(&["a connection was refused", "is revoked"]).is_empty()).await;
    until(|| log.with(&["ERROR", "own certificate is revoked", "node/client"]).len() == 1).await;
    assert_eq!(from_honest.text("after".into()).await.unwrap(), "after");

    // A new certificate is another one, for the dialer and for the listener.
    authority.rotate("client").unwrap();
    until(|| !client_certs.in_use().own_revoked).await;
    for proxy in [&to_server, &to_client] {
        assert_eq!(proxy.text("again".into()).await.unwrap(), "again");
    }
    for container in [client, honest, server] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_list_past_its_date_is_told_once() {
    super::limit::watch();
    let log = Log::default();
    let _telling = log.listen();
    let dir = tempfile::tempdir().unwrap();
    let forged = past_its_date(dir.path());
    let counts = Counts::default();
    let container = {
        let _recording = metrics::set_default_local_recorder(&counts);
        let builder = Container::builder("tls://127.0.0.1:0").certs(forged).limits(limits());
        builder.watched().await.unwrap()
    };
    until(|| !log.with(&["ERROR", "past its date", "crl.pem"]).is_empty()).await;
    // A change that is taken is proof of a later look.
    let ca = fs::read_to_string(dir.path().join("ca.pem")).unwrap();
    fs::write(dir.path().join("draft"), ca + "\n").unwrap();
    fs::rename(dir.path().join("draft"), dir.path().join("ca.pem")).unwrap();
    until(|| counts.of("certs_reloaded") == 1).await;
    assert_eq!(log.with(&["past its date"]).len(), 1);
    container.shutdown().await;
}

/// Certificates in `dir` whose authority's list should have had a successor long ago.
fn past_its_date(dir: &Path) -> SslCerts {
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
        KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
    };
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let cert =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(2024, 2, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&issuer).unwrap().pem().unwrap();
    for (name, text) in
        [("ca.pem", ca), ("cert.pem", cert.pem()), ("key.pem", own.serialize_pem()), ("crl.pem", list)]
    {
        fs::write(dir.join(name), text).unwrap();
    }
    SslCerts::from_dir(dir).unwrap()
}

/// TLS with a revocation that comes when the handshake is over and the link not yet there.
struct Late {
    tls: TlsTransport,
    revoke: Arc<dyn Fn() + Send + Sync>,
}

struct LateDoor(Box<dyn Listener>, Arc<dyn Fn() + Send + Sync>);

impl Transport for Late {
    fn scheme(&self) -> &'static str {
        self.tls.scheme()
    }

    fn listen<'a>(
        &'a self,
        endpoint: &'a Endpoint,
    ) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async move {
            let door: Box<dyn Listener> =
                Box::new(LateDoor(self.tls.listen(endpoint).await?, self.revoke.clone()));
            Ok(door)
        })
    }

    fn dial<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        expected_peer: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Connection, TransportError>> {
        Box::pin(async move { self.tls.dial(endpoint, expected_peer).await.inspect(|_| (self.revoke)()) })
    }
}

impl Listener for LateDoor {
    fn endpoint(&self) -> &Endpoint {
        self.0.endpoint()
    }

    fn accept(&mut self) -> BoxFuture<'_, Result<Accepted, TransportError>> {
        let revoke = self.1.clone();
        Box::pin(async move {
            let accepted = self.0.accept().await?;
            let peer_address = accepted.peer_address().to_owned();
            let handshake = async move { accepted.handshake().await.inspect(|_| revoke()) };
            Ok(Accepted::new(peer_address, handshake))
        })
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_revocation_between_the_handshake_and_the_link_is_not_missed() {
    super::limit::watch();
    let log = Log::default();
    let _telling = log.listen();
    let (dir, authority) = village(&["server", "dialer", "dialed"]);
    let (dialed, ..) = node(dir.path(), "dialed").await;
    let certs = SslCerts::from_dir(dir.path().join("server")).unwrap();
    let revoke = {
        let certs = certs.clone();
        move || {
            authority.revoke("dialer").unwrap();
            authority.revoke("dialed").unwrap();
            certs.reload().unwrap();
        }
    };
    let late = Late { tls: TlsTransport::new(certs.clone()), revoke: Arc::new(revoke) };
    // Nothing but the link's own beginning looks: the next look at the files is far away.
    let mut limits = limits();
    limits.certs_check_time = Duration::from_secs(3600);
    let builder = Container::builder("tls://127.0.0.1:0").certs(certs).transport(late).limits(limits);
    let server = builder.allow("*", "*", "*").watched().await.unwrap();
    let error = server.connect::<Mirror>(dialed.url("mirror")).await.unwrap_err().to_string();
    assert!(error.contains("the certificate is revoked"), "{error}");
    // That one is revoked for good now; the dialer gets a new certificate, which is revoked in its turn.
    DevCerts::open(dir.path()).unwrap().rotate("dialer").unwrap();
    let (dialer, ..) = node(dir.path(), "dialer").await;
    dialer.connect::<Mirror>(server.url("mirror")).await.unwrap_err();
    until(|| !log.with(&["a connection was refused", "is revoked"]).is_empty()).await;
    assert!(log.with(&["a link was opened", "node/dialer"]).is_empty(), "{:?}", log.all());
    for container in [dialer, dialed, server] {
        container.shutdown().await;
    }
}
