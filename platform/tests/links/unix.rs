//! Nodes on unix sockets: whom rules name there, what a shutdown leaves behind, and peers with the wrong scheme.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Builder, StartError};

use super::conformance::Mirror;
use super::left_behind::Watch;

fn builder(scheme: &str, folder: &Path, name: &str) -> Builder {
    Container::builder(&format!("{scheme}://{}", folder.join(name).display())).name(name)
}

async fn hall(builder: Builder) -> Container {
    super::limit::watch();
    let container = builder.watched().await.unwrap();
    container.spawn("mirror", Mirror::default).await.unwrap();
    container
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn rules_name_the_user_that_the_system_names() {
    let dir = tempfile::tempdir().unwrap();
    let user = std::fs::metadata(dir.path()).unwrap().uid();
    let (own, other) = (format!("unix:uid={user}"), format!("unix:uid={}", user + 1));
    let open = hall(builder("unix", dir.path(), "open")).await;
    let ours = hall(builder("unix", dir.path(), "ours").allow(&own, "mirror", "text")).await;
    let theirs = hall(builder("unix", dir.path(), "theirs").allow(&other, "*", "*")).await;
    let client = builder("unix", dir.path(), "client").watched().await.unwrap();

    let mirror: Proxy<Mirror> = client.connect(open.url("mirror")).await.unwrap();
    assert_eq!(mirror.late(1).await.unwrap(), 1, "without rules all is allowed");
    let mirror: Proxy<Mirror> = client.connect(ours.url("mirror")).peer(&own).await.unwrap();
    assert_eq!(mirror.text("hi".into()).await.unwrap(), "hi");
    let error = mirror.late(1).await.unwrap_err();
    let reason = format!("no rule lets {own} call \"late\" of agent \"mirror\"");
    assert_eq!(error, CallError::Denied { reason });
    let error = client.connect::<Mirror>(theirs.url("mirror")).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
    let error = client.connect::<Mirror>(open.url("mirror")).peer(&other).await.unwrap_err();
    assert!(error.to_string().contains(&format!("`{own}`, not `{other}`")), "{error}");
    for container in [client, open, ours, theirs] {
        container.shutdown().await;
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_comes_back_is_found_at_its_socket() {
    let dir = tempfile::tempdir().unwrap();
    let client = builder("unix", dir.path(), "client").watched().await.unwrap();
    let server = hall(builder("unix", dir.path(), "server")).await;
    let error = builder("unix", dir.path(), "server").start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen(_)) && error.to_string().contains("in use"), "{error}");
    let patience = Duration::from_secs(20);
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).retry_for(patience).await.unwrap();
    server.shutdown().await;
    // As a killed one leaves it.
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("server")).unwrap());
    let server = hall(builder("unix", dir.path(), "server")).await;
    assert_eq!(mirror.late(1).await.unwrap(), 1);
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn certificates_speak_over_a_socket_and_no_plain_peer_does() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path().join("certs")).unwrap();
    let secured = |name: &str| builder("unix+tls", dir.path(), name).certs(certs.node(name).unwrap());
    let error = builder("unix+tls", dir.path(), "bare").start().await.unwrap_err();
    assert!(matches!(error, StartError::NoCerts { .. }), "{error}");
    let server = hall(secured("server").allow("spiffe://demo/node/client", "mirror", "*")).await;
    let (client, other) =
        (secured("client").watched().await.unwrap(), secured("other").watched().await.unwrap());
    let plain = hall(builder("unix", dir.path(), "plain")).await;

    let url = server.url("mirror");
    let mirror: Proxy<Mirror> = client.connect(&url).peer("spiffe://demo/node/server").await.unwrap();
    assert_eq!(mirror.late(1).await.unwrap(), 1);
    let error = other.connect::<Mirror>(&url).await.unwrap_err();
    assert!(error.to_string().contains("no rule lets spiffe://demo/node/other"), "{error}");
    let error = client.connect::<Mirror>(&url).peer("spiffe://demo/node/bank").await.unwrap_err();
    assert!(error.to_string().contains("spiffe://demo/node/server"), "{error}");

    // Each with the other's scheme; both learn of it.
    let error = plain.connect::<Mirror>(url.replace("unix+tls", "unix")).await.unwrap_err();
    assert!(error.to_string().contains("unix+tls:// in the place of unix://"), "{error}");
    let wrong = plain.url("mirror").replace("unix", "unix+tls");
    let error = client.connect::<Mirror>(wrong).await.unwrap_err();
    assert!(error.to_string().contains("is it a tcp:// port or a unix:// socket"), "{error}");
    for container in [client, other, plain, server] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn sockets_are_known_by_the_urls_of_aiomas_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a market.sock");
    let server = hall(Container::builder(&format!("ipc://[{}]", path.display()))).await;
    assert!(server.endpoint().to_string().starts_with("unix:///"), "{}", server.endpoint());
    let url = format!("ipc://[{}]/mirror", path.display());
    assert_eq!(server.aiomas_url("mirror"), url);
    let client = builder("unix", dir.path(), "client").watched().await.unwrap();
    let by_theirs: Proxy<Mirror> = client.connect(&url).await.unwrap();
    let by_ours: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    for mirror in [&by_theirs, &by_ours] {
        assert_eq!(mirror.text("hi".into()).await.unwrap(), "hi");
    }
    assert_eq!(client.links().len(), 1, "it is one and the same place");
    let own: Proxy<Mirror> = server.connect(&url).await.unwrap();
    assert_eq!(own.text("here".into()).await.unwrap(), "here");
    client.shutdown().await;
    server.shutdown().await;
}
