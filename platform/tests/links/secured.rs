//! Mutual TLS and the gate: who may call what, and what everyone else hears.

use folkmoot::prelude::*;

use super::conformance::Mirror;
use super::left_behind::Watch;

async fn node(certs: &DevCerts, name: &str, rules: &[(&str, &str, &str)]) -> Container {
    super::limit::watch();
    let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
    let builder =
        rules.iter().fold(builder, |builder, (who, agent, method)| builder.allow(who, agent, method));
    builder.watched().await.unwrap()
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_no_rule_allows_is_denied_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let server = node(&certs, "server", &[("spiffe://demo/node/client", "mirror", "text")]).await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    server.spawn("secret", Mirror::default).await.unwrap();
    let client = node(&certs, "client", &[]).await;
    let other = node(&certs, "other", &[]).await;
    assert_eq!(server.principal().node_name(), "spiffe://demo/node/server");

    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    assert_eq!(mirror.text("hi".into()).await.unwrap(), "hi");
    let error = mirror.late(1).await.unwrap_err();
    let reason = "no rule lets spiffe://demo/node/client call \"late\" of agent \"mirror\"".to_owned();
    assert_eq!(error, CallError::Denied { reason });
    // Neither an agent that exists nor one that does not is told of to those who may not call it.
    for name in ["secret", "nobody"] {
        let error = client.connect::<Mirror>(server.url(name)).await.unwrap_err();
        assert!(matches!(error, CallError::Denied { .. }), "{error}");
    }
    let error = other.connect::<Mirror>(server.url("mirror")).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
    // Inside the container no rule is needed.
    let inside: Proxy<Mirror> = server.find("mirror").unwrap();
    assert_eq!(inside.late(1).await.unwrap(), 1);
    for container in [client, other, server] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_description_tells_of_no_method_that_the_reader_may_not_call() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let rules = [
        ("spiffe://demo/node/client", "mirror", "text"),
        ("spiffe://demo/node/client", "mirror", "f*"),
        ("spiffe://demo/node/all", "*", "*"),
    ];
    let server = node(&certs, "server", &rules).await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    for (name, methods) in [
        ("client", &["floats", "text", "fail"][..]),
        ("all", &["everything", "floats", "value", "nested", "text", "late", "fail"]),
    ] {
        let reader = node(&certs, name, &[]).await;
        let told = reader.connect::<Mirror>(server.url("mirror")).describe().await.unwrap();
        let names: Vec<&str> = told.methods.iter().map(|method| method.name.as_str()).collect();
        assert_eq!(names, methods, "{name}");
        reader.shutdown().await;
    }
    // In its own container everything is told.
    assert_eq!(server.describe("mirror").unwrap().methods.len(), 7);
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_tree_is_shown_to_those_whom_a_rule_lets_see_it() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let rules = [
        ("spiffe://demo/node/operator", "folkmoot", "tree"),
        ("spiffe://demo/node/all", "*", "*"),
        ("spiffe://demo/node/client", "mirror", "*"),
    ];
    let server = node(&certs, "server", &rules).await;
    let crew = server.child("crew").rest_for_one().start().unwrap();
    crew.spawn("mirror", Mirror::default).await.unwrap();
    let url = server.endpoint().to_string();
    for name in ["operator", "all"] {
        let onlooker = node(&certs, name, &[]).await;
        let seen = onlooker.tree_at(&url).peer("spiffe://demo/node/server").await.unwrap();
        assert_eq!(seen, server.tree(), "{name}");
        assert_eq!(seen.agent("mirror").unwrap().agent_type, "Mirror");
        onlooker.shutdown().await;
    }
    let client = node(&certs, "client", &[]).await;
    let error = client.tree_at(&url).await.unwrap_err();
    assert!(error.to_string().contains("`.allow(node, \"folkmoot\", \"tree\")`"), "{error}");
    assert!(matches!(error, CallError::Denied { .. }), "{error}");
    let error = client.tree_at(server.url("mirror")).await.unwrap_err();
    assert!(matches!(error, CallError::BadAddress { .. }), "{error}");
    client.shutdown().await;
    server.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_expected_peer_is_checked_and_a_foreign_authority_refused() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path().join("ours")).unwrap();
    let foreign = DevCerts::in_dir(dir.path().join("theirs")).unwrap();
    let server = node(&certs, "server", &[("*", "mirror", "*")]).await;
    server.spawn("mirror", Mirror::default).await.unwrap();
    let client = node(&certs, "client", &[]).await;
    let stranger = node(&foreign, "client", &[]).await;

    let url = server.url("mirror");
    client.connect::<Mirror>(&url).peer("spiffe://demo/node/server").await.unwrap();
    let error = client.connect::<Mirror>(&url).peer("spiffe://demo/node/other").await.unwrap_err();
    assert!(
        matches!(&error, CallError::Disconnected { may_have_run: false, cause }
        if cause.contains("spiffe://demo/node/server")),
        "{error}"
    );
    let error = stranger.connect::<Mirror>(&url).await.unwrap_err();
    assert!(matches!(&error, CallError::Disconnected { may_have_run: false, .. }), "{error}");
    let plain = Container::builder("tcp://127.0.0.1:0").watched().await.unwrap();
    let error = plain.connect::<Mirror>(&url).await.unwrap_err();
    assert!(error.to_string().contains("certificates"), "{error}");
    for container in [client, stranger, plain, server] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_says_it_is_reached_at_anothers_url_gets_no_calls_that_go_there() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let with_certs = |name: &str| {
        Container::builder("tls://127.0.0.1:0")
            .certs(certs.node(name).unwrap())
            .allow("*", "*", "*")
            .allow_host("*", "*")
    };
    let market = with_certs("market").watched().await.unwrap();
    let liar = with_certs("liar").advertise("bank.invalid:5555").watched().await.unwrap();
    liar.spawn("teller", Mirror::default).await.unwrap();
    liar.join(market.endpoint().to_string()).await.unwrap();

    let error = market.connect::<Mirror>("tls://bank.invalid:5555/teller").await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
    // By its own name it is found, and whoever says whom to expect there goes over the one link.
    let teller: Proxy<Mirror> = market.lookup("teller").await.unwrap();
    assert_eq!(teller.late(1).await.unwrap(), 1);
    let expected = market.connect::<Mirror>("tls://bank.invalid:5555/teller").peer("spiffe://demo/node/liar");
    assert_eq!(expected.await.unwrap().late(2).await.unwrap(), 2);
    for node in [liar, market] {
        node.shutdown().await;
    }
}
