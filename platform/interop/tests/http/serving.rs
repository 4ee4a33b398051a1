//! Setting up and ending a server: bounds, files, TLS.

use std::sync::Arc;
use std::time::Duration;

use folkmoot::{DevCerts, Mailroom};
use folkmoot_interop::Academy;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{Hall, about, agent, soon};

async fn academy() -> Academy {
    Academy::new(Mailroom::open("memory:").await.unwrap())
}

async fn refused(academy: Academy, address: &str) -> String {
    academy.start(address).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_cannot_be_served_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let taken = Hall::open().await;
    let taken = taken.server.address().to_string();
    let anywhere = "127.0.0.1:0";
    for (academy, address, words) in [
        (academy().await, &*taken, "choose another --listen"),
        (academy().await, "nowhere", "cannot listen on nowhere"),
        (academy().await.listen_timeout(Duration::ZERO), anywhere, "more than 0"),
        (academy().await.listen_timeout(Duration::from_secs(90_000)), anywhere, "86400"),
        (academy().await.max_message(0), anywhere, "1 to 1048576"),
        (academy().await.max_message(2 << 20), anywhere, "1 to 1048576"),
        (academy().await.max_connections(0), anywhere, "1 or more"),
        (academy().await.tokens(dir.path().join("none.yaml")), anywhere, "none.yaml"),
        (academy().await.tls(dir.path()), anywhere, "cert.pem"),
    ] {
        let told = refused(academy, address).await;
        assert!(told.contains(words), "{told}");
    }
    std::fs::write(dir.path().join("tokens.yaml"), "tokens:\n  - x\n").unwrap();
    let told = refused(academy().await.tokens(dir.path().join("tokens.yaml")), anywhere).await;
    assert!(told.contains("tokens.yaml, line 2: "), "{told}");
    for (cert, key, file) in [("", "", "cert.pem"), ("no PEM", "no PEM", "cert.pem")] {
        std::fs::write(dir.path().join("cert.pem"), cert).unwrap();
        std::fs::write(dir.path().join("key.pem"), key).unwrap();
        let told = refused(academy().await.tls(dir.path()), anywhere).await;
        assert!(told.contains(file) && told.contains("BEGIN CERTIFICATE"), "{told}");
    }
    let authority = DevCerts::in_dir(dir.path()).unwrap();
    for node in ["hall", "house"] {
        authority.node(node).unwrap();
    }
    let read = |file: &str| std::fs::read_to_string(dir.path().join(file)).unwrap();
    let cut = &read("hall/cert.pem")[..200];
    for (cert, key, words) in [
        (
            &*read("hall/cert.pem"),
            "house/key.pem",
            "key.pem is not the key of the first certificate in cert.pem",
        ),
        (
            cut,
            "hall/key.pem",
            "cert.pem cannot be used for TLS: a `CERTIFICATE` section of it is cut or damaged",
        ),
    ] {
        std::fs::write(dir.path().join("cert.pem"), cert).unwrap();
        std::fs::write(dir.path().join("key.pem"), read(key)).unwrap();
        let told = refused(academy().await.tls(dir.path()), anywhere).await;
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test]
async fn under_tls_it_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let authority = DevCerts::in_dir(dir.path()).unwrap();
    authority.node("hall").unwrap();
    let folder = dir.path().join("hall");
    let hall = Hall::open_as(|academy| academy.tls(&folder)).await;
    assert!(hall.server.url().starts_with("https://127.0.0.1:"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(hall.server.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap();
    let body = about(&agent(1));
    let head = format!(
        "POST /mailbox HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // Who speaks no TLS is not answered.
    let mut plain = hall.client().await;
    plain.sends("GET /mailbox HTTP/1.1\r\n\r\n").await;
    let mut answer = Vec::new();
    soon(plain.0.read_to_end(&mut answer)).await.ok();
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}
