//! One body of tests over every transport: what `Transport`, `Listener` and `Connection` promise.
//!
//! Neighbours: `certificates.rs` tests who is let in; this is about bytes, order and addresses.
#![allow(clippy::disallowed_methods, reason = "a test that hangs should fail instead")]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/meeting.rs"]
mod meeting;

use std::future::Future;
use std::sync::Arc;
use std::task::Poll;

use folkmoot_transports::provider::provider;
use folkmoot_transports::{
    AtFault, Connection, Endpoint, Listener, LocalNetwork, LocalTransport, SslCerts, TcpTransport,
    TlsTransport, Transport, TransportError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use forge::Forge;
use meeting::{PATIENCE, accept};

/// Two nodes that can reach one another, and what each is to know of the other.
struct Pair {
    listens: Arc<dyn Transport>,
    dials: Arc<dyn Transport>,
    endpoint: Endpoint,
    listener_name: String,
    dialer_name: String,
    proven: bool,
    /// Where the socket lies, if it is a file.
    _folder: Option<tempfile::TempDir>,
}

fn tcp() -> Pair {
    Pair {
        listens: Arc::new(TcpTransport::new()),
        dials: Arc::new(TcpTransport::new()),
        endpoint: "tcp://127.0.0.1:0".parse().unwrap(),
        listener_name: "anonymous".to_owned(),
        dialer_name: "anonymous".to_owned(),
        proven: false,
        _folder: None,
    }
}

fn tls_of(listens: SslCerts, dials: SslCerts) -> Pair {
    Pair {
        listens: Arc::new(TlsTransport::new(listens)),
        dials: Arc::new(TlsTransport::new(dials)),
        endpoint: "tls://127.0.0.1:0".parse().unwrap(),
        listener_name: "spiffe://test/node/market".to_owned(),
        dialer_name: "spiffe://test/node/house".to_owned(),
        proven: true,
        _folder: None,
    }
}

fn tls() -> Pair {
    let forge = Forge::new("conformance");
    tls_of(forge.certs("market"), forge.certs("house"))
}

fn tls12() -> Pair {
    let forge = Forge::new("conformance");
    let house = forge.node("house");
    let old = house.tls12_client(&forge, provider());
    tls_of(forge.certs("market"), SslCerts::pair(Arc::new(house.server(&forge)), Arc::new(old)))
}

#[cfg(unix)]
fn unix() -> Pair {
    use std::os::unix::fs::MetadataExt;

    let folder = tempfile::tempdir().unwrap();
    let own = format!("unix:uid={}", std::fs::metadata(folder.path()).unwrap().uid());
    Pair {
        listens: Arc::new(folkmoot_transports::UnixTransport::new()),
        dials: Arc::new(folkmoot_transports::UnixTransport::new()),
        endpoint: format!("unix://{}/hall", folder.path().display()).parse().unwrap(),
        listener_name: own.clone(),
        dialer_name: own,
        proven: true,
        _folder: Some(folder),
    }
}

#[cfg(unix)]
fn unix_tls() -> Pair {
    let (forge, folder) = (Forge::new("conformance"), tempfile::tempdir().unwrap());
    Pair {
        listens: Arc::new(folkmoot_transports::UnixTlsTransport::new(forge.certs("market"))),
        dials: Arc::new(folkmoot_transports::UnixTlsTransport::new(forge.certs("house"))),
        endpoint: format!("unix+tls://{}/hall", folder.path().display()).parse().unwrap(),
        _folder: Some(folder),
        ..tls()
    }
}

fn local() -> Pair {
    let network = LocalNetwork::new();
    Pair {
        listens: Arc::new(LocalTransport::named(network.clone(), "market")),
        dials: Arc::new(LocalTransport::named(network, "house")),
        endpoint: "local://hall".parse().unwrap(),
        listener_name: "market".to_owned(),
        dialer_name: "house".to_owned(),
        proven: false,
        _folder: None,
    }
}

macro_rules! over_every_transport {
    ($($test:ident),* $(,)?) => {
        over_every_transport!(@ tcp $($test)*);
        over_every_transport!(@ tls $($test)*);
        over_every_transport!(@ tls12 $($test)*);
        over_every_transport!(@ local $($test)*);
        #[cfg(unix)]
        over_every_transport!(@ unix $($test)*);
        #[cfg(unix)]
        over_every_transport!(@ unix_tls $($test)*);
    };
    (@ $pair:ident $($test:ident)*) => {
        mod $pair {
            $(#[tokio::test]
            async fn $test() {
                super::within_patience(super::$test(super::$pair())).await;
            })*
        }
    };
}

over_every_transport!(
    both_sides_know_each_other,
    bytes_come_back_as_sent,
    big_transfers_both_ways_at_once,
    half_a_connection_can_be_closed,
    a_dropped_connection_ends_the_peers_reading,
    many_connections_at_once,
    a_cancelled_accept_loses_nobody,
    a_closed_listener_is_nobody,
    a_place_is_taken_once,
    foreign_schemes_are_refused,
);

async fn within_patience(test: impl Future<Output = ()>) {
    tokio::time::timeout(PATIENCE, test).await.expect("the test ends");
}

async fn listen(pair: &Pair) -> Box<dyn Listener> {
    pair.listens.listen(&pair.endpoint).await.unwrap()
}

async fn connect(pair: &Pair) -> (Connection, Connection) {
    let mut listener = listen(pair).await;
    let endpoint = listener.endpoint().clone();
    let (accepted, dialed) = tokio::join!(accept(&mut listener), pair.dials.dial(&endpoint, None));
    (accepted.unwrap(), dialed.unwrap())
}

async fn both_sides_know_each_other(pair: Pair) {
    let (accepted, dialed) = connect(&pair).await;
    assert_eq!(accepted.principal.node_name(), pair.dialer_name);
    assert_eq!(dialed.principal.node_name(), pair.listener_name);
    assert_eq!((accepted.proven, dialed.proven), (pair.proven, pair.proven));
    assert_eq!(accepted.principal.is_anonymous(), pair.dialer_name == "anonymous");
    let by_certificate = matches!(pair.endpoint.scheme(), "tls" | "unix+tls");
    for side in [&accepted, &dialed] {
        assert_eq!(side.certificate.is_some(), by_certificate);
        let begins = |start: &&str| side.peer_address.starts_with(start);
        assert!(["127.0.0.1:", "local:", "unix:", "unix+tls:"].iter().any(begins));
    }
}

async fn bytes_come_back_as_sent(pair: Pair) {
    let (mut accepted, mut dialed) = connect(&pair).await;
    for length in [1_usize, 4, 1000, 70_000] {
        let sent: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
        let echo = async {
            let mut buffer = vec![0; length];
            accepted.stream.read_exact(&mut buffer).await.unwrap();
            accepted.stream.write_all(&buffer).await.unwrap();
            accepted.stream.flush().await.unwrap();
        };
        let ask = async {
            dialed.stream.write_all(&sent).await.unwrap();
            dialed.stream.flush().await.unwrap();
            let mut back = vec![0; length];
            dialed.stream.read_exact(&mut back).await.unwrap();
            back
        };
        let ((), back) = tokio::join!(echo, ask);
        assert!(back == sent, "{length} bytes changed on their way");
    }
}

async fn big_transfers_both_ways_at_once(pair: Pair) {
    const BYTES: usize = 4 * 1024 * 1024;
    async fn exchange(connection: Connection, own: u8, theirs: u8) {
        let (mut reader, mut writer) = tokio::io::split(connection.stream);
        let write = async {
            writer.write_all(&vec![own; BYTES]).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let read = async {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await.unwrap();
            all
        };
        let ((), all) = tokio::join!(write, read);
        assert_eq!(all.len(), BYTES);
        assert!(all.iter().all(|byte| *byte == theirs));
    }
    let (accepted, dialed) = connect(&pair).await;
    tokio::join!(exchange(accepted, 1, 2), exchange(dialed, 2, 1));
}

async fn half_a_connection_can_be_closed(pair: Pair) {
    let (mut accepted, mut dialed) = connect(&pair).await;
    let mut question = String::new();
    let mut answer = String::new();
    dialed.stream.write_all(b"who is there?").await.unwrap();
    dialed.stream.shutdown().await.unwrap();
    accepted.stream.read_to_string(&mut question).await.unwrap();
    accepted.stream.write_all(b"the market").await.unwrap();
    accepted.stream.shutdown().await.unwrap();
    dialed.stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!((question.as_str(), answer.as_str()), ("who is there?", "the market"));
}

async fn a_dropped_connection_ends_the_peers_reading(pair: Pair) {
    let (accepted, mut dialed) = connect(&pair).await;
    drop(accepted);
    // An end or an error, but never a wait.
    assert_eq!(dialed.stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

async fn many_connections_at_once(pair: Pair) {
    const CONNECTIONS: u32 = 150;
    let mut listener = listen(&pair).await;
    let endpoint = listener.endpoint().clone();
    let server = tokio::spawn(async move {
        let mut echoes = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let accepted = listener.accept().await.unwrap();
            echoes.spawn(async move {
                let mut stream = accepted.handshake().await.unwrap().stream;
                let number = stream.read_u32().await.unwrap();
                stream.write_u32(number).await.unwrap();
                stream.flush().await.unwrap();
                // The dialer closes first.
                let _ = stream.read_u8().await;
                number
            });
        }
        let mut numbers = echoes.join_all().await;
        numbers.sort_unstable();
        numbers
    });
    let mut dialers = tokio::task::JoinSet::new();
    for number in 0..CONNECTIONS {
        let (dials, endpoint) = (pair.dials.clone(), endpoint.clone());
        dialers.spawn(async move {
            let mut stream = dials.dial(&endpoint, None).await.unwrap().stream;
            stream.write_u32(number).await.unwrap();
            stream.flush().await.unwrap();
            assert_eq!(stream.read_u32().await.unwrap(), number);
        });
    }
    dialers.join_all().await;
    assert_eq!(server.await.unwrap(), (0..CONNECTIONS).collect::<Vec<_>>());
}

async fn a_cancelled_accept_loses_nobody(pair: Pair) {
    const CONNECTIONS: usize = 20;
    let mut listener = listen(&pair).await;
    let endpoint = listener.endpoint().clone();
    let mut dialers = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (dials, endpoint) = (pair.dials.clone(), endpoint.clone());
        dialers.spawn(async move { dials.dial(&endpoint, None).await.map(drop) });
    }
    let (mut arrived, mut cancelled) = (tokio::task::JoinSet::new(), 0);
    while arrived.len() < CONNECTIONS {
        let mut accept = listener.accept();
        let polled = std::future::poll_fn(|context| Poll::Ready(accept.as_mut().poll(context))).await;
        drop(accept);
        match polled {
            Poll::Ready(accepted) => drop(arrived.spawn(accepted.unwrap().handshake())),
            Poll::Pending => {
                cancelled += 1;
                tokio::task::yield_now().await;
            }
        }
    }
    assert!(cancelled > 0, "no accept was cancelled, so nothing was tested");
    for dialed in dialers.join_all().await {
        dialed.unwrap();
    }
}

async fn a_closed_listener_is_nobody(pair: Pair) {
    let listener = listen(&pair).await;
    let endpoint = listener.endpoint().clone();
    drop(listener);
    let error = pair.dials.dial(&endpoint, None).await.unwrap_err();
    assert!(matches!(error, TransportError::Dial { .. }), "{error:?}");
    assert!(error.is_transient() && error.to_string().contains(&endpoint.to_string()), "{error}");
}

async fn a_place_is_taken_once(pair: Pair) {
    let listener = listen(&pair).await;
    let endpoint = listener.endpoint().clone();
    let error = pair.listens.listen(&endpoint).await.err().expect("the place is taken");
    assert!(matches!(error, TransportError::Listen { .. }), "{error:?}");
    assert_eq!(error.at_fault(), AtFault::Us);
    drop(listener);
    assert_eq!(*pair.listens.listen(&endpoint).await.unwrap().endpoint(), endpoint);
}

async fn foreign_schemes_are_refused(pair: Pair) {
    for text in ["tcp://127.0.0.1:1", "tls://127.0.0.1:1", "local://hall", "unix:///x", "unix+tls:///x"] {
        let endpoint: Endpoint = text.parse().unwrap();
        if endpoint.scheme() == pair.dials.scheme() {
            continue;
        }
        let listening = pair.listens.listen(&endpoint).await.err().expect("a foreign scheme");
        let dialing = pair.dials.dial(&endpoint, None).await.unwrap_err();
        for error in [listening, dialing] {
            assert!(matches!(error, TransportError::WrongScheme { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn port_zero_becomes_a_real_port() {
    for pair in [tcp(), tls()] {
        let (first, second) = (listen(&pair).await, listen(&pair).await);
        let port = |listener: &dyn Listener| listener.endpoint().host_and_port().unwrap().1;
        assert_ne!(port(&*first), 0);
        assert_ne!(port(&*first), port(&*second));
        assert!(first.endpoint().to_string().starts_with(&format!("{}://127.0.0.1:", pair.listens.scheme())));
    }
}

#[tokio::test]
async fn ipv6_works_where_the_machine_has_it() {
    for pair in [tcp(), tls()] {
        let endpoint: Endpoint = format!("{}://[::1]:0", pair.listens.scheme()).parse().unwrap();
        let mut listener = match pair.listens.listen(&endpoint).await {
            Ok(listener) => listener,
            Err(error) => {
                println!("no IPv6 on this machine ({error}); checked the error instead");
                assert!(matches!(error, TransportError::Listen { .. }), "{error:?}");
                assert!(error.to_string().contains("[::1]:0"), "{error}");
                continue;
            }
        };
        let endpoint = listener.endpoint().clone();
        let (accepted, dialed) = tokio::join!(accept(&mut listener), pair.dials.dial(&endpoint, None));
        assert!(accepted.unwrap().peer_address.starts_with("[::1]:"));
        assert_eq!(dialed.unwrap().peer_address, endpoint.to_string().split_once("//").unwrap().1);
    }
}

#[tokio::test]
async fn local_connections_arrive_in_the_order_they_were_dialed() {
    let network = LocalNetwork::new();
    let endpoint: Endpoint = "local://hall".parse().unwrap();
    let mut listener = LocalTransport::named(network.clone(), "hall").listen(&endpoint).await.unwrap();
    let mut open = Vec::new();
    for name in ["b", "a", "c", "a"] {
        let dialer = LocalTransport::named(network.clone(), name);
        open.push(dialer.dial(&endpoint, Some("hall")).await.unwrap());
    }
    for wanted in ["local:b#1", "local:a#2", "local:c#3", "local:a#4"] {
        assert_eq!(listener.accept().await.unwrap().peer_address(), wanted);
    }
    let stranger = LocalTransport::new(network);
    let error = stranger.dial(&endpoint, Some("market")).await.unwrap_err();
    assert!(error.to_string().contains("`hall`, not for `market`"), "{error}");
}

#[tokio::test]
async fn plain_tcp_proves_nobody() {
    let pair = tcp();
    let endpoint = listen(&pair).await.endpoint().clone();
    let error = pair.dials.dial(&endpoint, Some("spiffe://test/node/market")).await.unwrap_err();
    assert!(matches!(error, TransportError::CannotProve { scheme: "tcp", .. }), "{error:?}");
}
