//! What a program is told of links: that one was opened, by whichever side, and why it ended.

use folkmoot::prelude::*;
use folkmoot::{LinkEvent, LinkEvents, LinkPeer, Untyped};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::conformance::Mirror;
use super::counts::Counts;
use super::joining::faulty::{FaultyTcp, Network};
use super::left_behind::Watch;

async fn opened(events: &mut LinkEvents) -> LinkPeer {
    match events.next().await {
        Some(LinkEvent::Opened { peer }) => peer,
        other => panic!("{other:?}"),
    }
}

async fn ended(events: &mut LinkEvents) -> (LinkPeer, String) {
    match events.next().await {
        Some(LinkEvent::Ended { peer, cause }) => (peer, cause),
        other => panic!("{other:?}"),
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn both_ends_are_told_of_a_link_and_of_its_end_with_the_cause() {
    super::limit::watch();
    let network = Network::new();
    let server = Container::builder("tcp://127.0.0.1:0").name("server").watched().await.unwrap();
    let client = Container::builder("tcp://127.0.0.1:0").transport(FaultyTcp(network.clone()));
    let client = client.name("client").watched().await.unwrap();
    server.spawn("mirror", Mirror::default).await.unwrap();
    let (mut of_server, mut of_client) = (server.link_events(), client.link_events());
    let mirror: Proxy<Mirror> = client.connect(server.url("mirror")).await.unwrap();
    let (there, back) = (opened(&mut of_client).await, opened(&mut of_server).await);
    assert_eq!((there.url, back.url.clone()), (Some(server.endpoint().to_string()), None));
    assert_eq!((there.node.as_deref(), back.node.as_deref()), (Some("server"), None));
    let mut back = back;
    back.node = Some("client".to_owned()); // which it says as the first thing
    assert!(back.address.starts_with("127.0.0.1:"), "{back:?}");
    assert_eq!((client.links().len(), server.links()), (1, vec![back.clone()]));

    network.cut();
    let (_, cause) = ended(&mut of_client).await;
    assert!(cause.contains("reset"), "{cause}");
    assert_eq!(ended(&mut of_server).await.0, back);
    assert_eq!((client.links(), server.links()), (Vec::new(), Vec::new()));

    assert_eq!(mirror.text("again".into()).await.unwrap(), "again");
    opened(&mut of_client).await;
    opened(&mut of_server).await;
    client.shutdown().await;
    let (_, cause) = ended(&mut of_server).await;
    assert_eq!(cause, "the peer said goodbye: the node is shutting down");
    let (_, cause) = ended(&mut of_client).await;
    assert_eq!(cause, "the node is shutting down");
    for _ in 0..2 {
        assert_eq!(of_client.next().await, None, "after the end there is nothing more");
    }
    assert_eq!(client.link_events().next().await, None);
    server.shutdown().await;
    assert_eq!(of_server.next().await, None);
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_connection_that_is_no_link_is_not_told_of() {
    super::limit::watch();
    let counts = Counts::default();
    let server = counts.during(Container::builder("tcp://127.0.0.1:0").watched()).await.unwrap();
    let mut events = server.link_events();
    let (_, port) = server.endpoint().host_and_port().unwrap();
    let mut stranger = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    while counts.of("links_refused") == 0 {
        tokio::task::yield_now().await;
    }
    // Nobody is there, or does not say Hello.
    server.connect::<Untyped>("tcp://127.0.0.1:1/x").await.unwrap_err();
    server.shutdown().await;
    assert_eq!(events.next().await, None);
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_takes_the_events_too_slowly_is_told_how_many_were_missed() {
    super::limit::watch();
    let server = Container::builder("local://link-events").watched().await.unwrap();
    server.spawn("mirror", Mirror::default).await.unwrap();
    let mut events = server.link_events();
    let links = 700;
    for nth in 0..links {
        let client = Container::builder(&format!("local://link-events-{nth}")).watched().await.unwrap();
        client.connect::<Mirror>(server.url("mirror")).await.unwrap();
        client.shutdown().await;
    }
    while !server.links().is_empty() {
        tokio::task::yield_now().await;
    }
    let Some(LinkEvent::Missed { events: missed }) = events.next().await else { panic!("none was missed") };
    server.shutdown().await;
    let mut told = 0;
    while let Some(event) = events.next().await {
        assert!(!matches!(event, LinkEvent::Missed { .. }));
        told += 1;
    }
    assert_eq!(missed + told, 2 * links);
}
