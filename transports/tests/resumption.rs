//! Sessions taken up again: the peer's certificate is then not judged in the handshake, so it is after it.
//!
//! Neighbour: `certificates.rs` tests whole handshakes.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use folkmoot_transports::provider::provider;
use folkmoot_transports::{CertificateFault, Connection, SslCerts, TransportError};
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use forge::Forge;
use meeting::{Side, meet};

/// A store that counts the sessions taken up again.
#[derive(Debug)]
struct Counting {
    store: ClientSessionMemoryCache,
    taken: AtomicUsize,
}

impl Counting {
    fn new() -> Arc<Counting> {
        Arc::new(Counting { store: ClientSessionMemoryCache::new(32), taken: AtomicUsize::new(0) })
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

impl ClientSessionStore for Counting {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.store.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.store.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.store.set_tls12_session(name, value);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.store.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.store.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.store.insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let ticket = self.store.take_tls13_ticket(name);
        self.taken.fetch_add(usize::from(ticket.is_some()), Ordering::SeqCst);
        ticket
    }
}

/// The listener says a word, so that the dialer reads the tickets before it.
async fn talk(sides: (Side, Side)) -> (Connection, Connection) {
    let (mut listener, mut dialer) = (sides.0.unwrap(), sides.1.unwrap());
    listener.stream.write_all(b"word").await.unwrap();
    listener.stream.flush().await.unwrap();
    dialer.stream.read_exact(&mut [0; 4]).await.unwrap();
    (listener, dialer)
}

#[tokio::test]
async fn a_resumed_session_keeps_its_names_and_is_held_to_the_expected_peer() {
    let forge = Forge::new("ca");
    let (house, sessions) = (forge.node("house"), Counting::new());
    let mut client = house.client(&forge, provider());
    client.resumption = Resumption::store(sessions.clone());
    let dials = SslCerts::pair(Arc::new(house.server(&forge)), Arc::new(client));
    let listens = forge.certs("market");

    talk(meet(listens.clone(), dials.clone(), None).await).await;
    assert_eq!(sessions.taken(), 0);
    let (listener, dialer) = talk(meet(listens.clone(), dials.clone(), None).await).await;
    assert_eq!(sessions.taken(), 1, "the second connection resumes the first's session");
    assert_eq!(listener.principal.node_name(), "spiffe://test/node/house");
    assert_eq!(dialer.principal.node_name(), "spiffe://test/node/market");
    assert!(listener.proven && dialer.proven);

    let right = Some("spiffe://test/node/market");
    talk(meet(listens.clone(), dials.clone(), right).await).await;
    let (_, dialer) = meet(listens, dials, Some("spiffe://test/node/other")).await;
    assert_eq!(sessions.taken(), 3, "the refused connection was a resumed one");
    let error = dialer.expect_err("another peer was expected");
    let TransportError::PeerCertificate { fault, .. } = error else { panic!("{error:?}") };
    assert!(matches!(fault, CertificateFault::WrongName { .. }), "{fault:?}");
}

#[tokio::test]
async fn a_session_opened_by_host_does_not_serve_for_an_expected_peer() {
    let forge = Forge::new("ca");
    let (listens, dials) = (forge.certs("market"), forge.certs("house"));
    talk(meet(listens.clone(), dials.clone(), None).await).await;
    let (listener, dialer) = meet(listens, dials, Some("spiffe://test/node/other")).await;
    assert!(matches!(dialer, Err(TransportError::PeerCertificate { .. })), "{dialer:?}");
    // Refused inside the handshake: with a resumed session the listener would have seen no alert.
    assert!(matches!(listener, Err(TransportError::CertificateRefused { .. })), "{listener:?}");
}
