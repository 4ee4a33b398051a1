//! URLs that lead to a node which listens on all addresses of its machine.

use folkmoot::prelude::*;

use super::conformance::Mirror;
use super::left_behind::Watch;

#[folkmoot::test(crate = crate::links::left_behind)]
async fn every_url_of_a_node_names_the_host_that_it_advertises() {
    super::limit::watch();
    let server =
        Container::builder("tcp://0.0.0.0:0").insecure().advertise("localhost").watched().await.unwrap();
    let (_, port) = server.endpoint().host_and_port().unwrap();
    assert_eq!(server.endpoint().to_string(), format!("tcp://0.0.0.0:{port}"));
    let near = server.spawn("mirror", Mirror::default).await.unwrap();
    let url = format!("tcp://localhost:{port}/mirror");
    assert_eq!(server.url("mirror"), url);
    assert_eq!(Proxy::url(&near), url);
    assert_eq!(server.principal().node_name(), format!("tcp://localhost:{port}"));
    let client = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let far: Proxy<Mirror> = client.connect(&url).await.unwrap();
    assert_eq!(far.text("there".into()).await.unwrap(), "there");
    // The way to oneself by either name is no link.
    for url in [url, format!("tcp://0.0.0.0:{port}/mirror")] {
        let own: Proxy<Mirror> = server.connect(url).await.unwrap();
        assert_eq!(own.text("here".into()).await.unwrap(), "here");
    }
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn over_tls_the_certificate_must_name_the_advertised_host() {
    super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let node = |name: &str, endpoint: &str| {
        let builder = Container::builder(endpoint).certs(certs.node(name).unwrap());
        builder.allow("spiffe://demo/node/*", "mirror", "*")
    };
    let server = node("server", "tls://0.0.0.0:0").advertise("localhost").watched().await.unwrap();
    let lost = node("lost", "tls://0.0.0.0:0").advertise("127.0.0.2").watched().await.unwrap();
    for container in [&server, &lost] {
        container.spawn("mirror", Mirror::default).await.unwrap();
    }
    let client = node("client", "tls://127.0.0.1:0").watched().await.unwrap();
    let far: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    assert_eq!(far.text("there".into()).await.unwrap(), "there");
    let error = client.connect::<Mirror>(lost.url("mirror")).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.2"), "{error}");
    let expected =
        client.connect::<Mirror>(lost.url("mirror")).peer("spiffe://demo/node/lost").await.unwrap();
    assert_eq!(expected.text("there".into()).await.unwrap(), "there");
    for container in [client, lost, server] {
        container.shutdown().await;
    }
}

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn on_all_addresses_urls_bear_the_machines_name_unless_told_otherwise() {
    super::limit::watch();
    let name = std::process::Command::new("uname").arg("-n").output().unwrap().stdout;
    let name = String::from_utf8(name).unwrap().trim().to_owned();
    for endpoint in ["tcp://0.0.0.0:0", "tcp://[::]:0", "tcp://:0"] {
        let Ok(server) = Container::builder(endpoint).insecure().watched().await else {
            // Else the machine has no addresses of that kind.
            assert_eq!(endpoint, "tcp://[::]:0");
            continue;
        };
        server.spawn("mirror", Mirror::default).await.unwrap();
        let (_, port) = server.endpoint().host_and_port().unwrap();
        let host = if name.starts_with("localhost") { "0.0.0.0" } else { &name };
        assert_eq!(server.url("mirror"), format!("tcp://{host}:{port}/mirror"), "{endpoint}");
        assert_eq!(server.aiomas_url("0"), format!("tcp://{host}:{port}/0"));
        let client = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
        // Whether others find the machine by its name is not this test's affair.
        let local = if endpoint == "tcp://[::]:0" { "[::1]" } else { "127.0.0.1" };
        let far: Proxy<Mirror> = client.connect(format!("tcp://{local}:{port}/mirror")).await.unwrap();
        assert_eq!(far.text("there".into()).await.unwrap(), "there");
        let peer = server.links()[0].address.clone();
        assert!(peer.starts_with(&format!("{local}:")), "{peer}, in the usual words for {local}");
        let own: Proxy<Mirror> = server.connect(server.url("mirror")).await.unwrap();
        assert_eq!(own.text("here".into()).await.unwrap(), "here");
        client.shutdown().await;
        server.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn without_a_host_too_plain_tcp_is_for_those_who_say_so() {
    let error = Container::builder("tcp://:0").start().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("insecure"), "{error}");
    let error = Container::builder("tcp://:x").start().await.map(drop).unwrap_err();
    assert!(error.to_string().contains("its port is no number"), "{error}");
    // Nobody can be called at no host.
    let client = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let error = client.connect::<Mirror>("tcp://:5555/mirror").await.unwrap_err();
    assert!(error.to_string().contains("it has no host"), "{error}");
    client.shutdown().await;
}
