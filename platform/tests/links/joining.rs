//! Nodes that join: each knows the others' agents, one link between two of them, and what happens when one goes.

use std::future::IntoFuture;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Builder, Clock, LinkLimits, NodeState, RealClock};

use super::conformance::Mirror;
use super::counts::Counts;
use super::left_behind::Watch;

mod cut_frames;
mod faults;
pub(crate) mod faulty;
mod flapping;
mod groups;
mod large;
mod network;
mod one_way;
mod processes;
mod processes_that_fail;
mod skew;
mod trees;
mod watched_processes;

/// Long enough for what comes at once.
const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) container: Container,
    pub(crate) counts: Counts,
}

impl std::ops::Deref for Node {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.container
    }
}

/// A node with an agent named after it.
async fn node(name: &str, build: impl FnOnce(Builder) -> Builder) -> Node {
    node_with_clock(name, build, RealClock).await
}

/// The same, whose agents live by that clock.
async fn node_with_clock(name: &str, build: impl FnOnce(Builder) -> Builder, clock: impl Clock) -> Node {
    super::limit::watch();
    let counts = Counts::default();
    let container = counts
        .during(build(Container::builder("tcp://127.0.0.1:0").name(name)).watched_with(clock))
        .await
        .unwrap();
    let agent = format!("mirror-of-{name}");
    container.spawn(&agent, Mirror::default).capability("reflect").await.unwrap();
    Node { container, counts }
}

pub(crate) fn plain(builder: Builder) -> Builder {
    builder
}

fn endpoint(node: &Node) -> String {
    node.endpoint().to_string()
}

/// Waits until the node sees it so.
async fn until(node: &Container, seen: impl Fn(&Container) -> bool) {
    while !seen(node) {
        tokio::task::yield_now().await;
    }
}

async fn says(node: &Container, agent: &str, text: &str) {
    let mirror: Proxy<Mirror> = node.lookup(agent).retry_for(SOON).await.unwrap();
    assert_eq!(mirror.text(text.to_owned()).await.unwrap(), text);
}

fn state_of(node: &Container, name: &str) -> Option<NodeState> {
    node.nodes().into_iter().find(|node| node.name == name).map(|node| node.state)
}

async fn shut_down<const N: usize>(nodes: [Node; N]) {
    for node in nodes {
        node.shutdown().await;
        assert_eq!(node.counts.open_links(), 0.0, "a link was left behind");
        assert_eq!(node.counts.of("bad_requests"), 0, "the nodes did not understand each other");
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn joined_nodes_find_each_others_agents_as_they_come_and_go() {
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    let joined = b.join(endpoint(&a)).await.unwrap();
    assert_eq!((joined.name.as_str(), joined.state, joined.epoch), ("a", NodeState::Joined, 1));
    says(&a, "mirror-of-b", "to b").await;
    says(&b, "mirror-of-a", "to a").await;
    says(&b, "mirror-of-b", "to itself").await;
    assert_eq!(a.nodes()[0].url, endpoint(&b));

    b.spawn("late", Mirror::default).await.unwrap();
    says(&a, "late", "to who came late").await;
    let late: Proxy<Mirror> = a.lookup("late").await.unwrap();
    b.stop("late", SOON).await.unwrap();
    until(&a, |a| a.all_agents().len() == 2).await;
    let error = late.text("x".into()).await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    late.text("to nobody".into()).one_way().unwrap();
    assert_eq!(a.counts.of("one_way_failures"), 1);
    let error = a.lookup::<Mirror>("miror-of-b").await.unwrap_err();
    assert_eq!(
        error,
        CallError::NoSuchAgent { agent: "miror-of-b".into(), nearest: Some("mirror-of-b".into()) }
    );

    let able: Vec<_> =
        a.agents_able_to("reflect").into_iter().map(|agent| (agent.node, agent.name)).collect();
    assert_eq!(able, [("a".into(), "mirror-of-a".into()), ("b".into(), "mirror-of-b".into())]);
    assert_eq!(a.agents_of_type("Mirror").len(), 2);
    assert!(a.agents_of_type("Nobody").is_empty());
    assert_eq!((a.counts.open_links(), b.counts.open_links()), (1.0, 1.0), "both use the one link");
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_joins_twice_has_joined_once() {
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    let twice =
        futures_util::future::join(b.join(endpoint(&a)).into_future(), b.join(endpoint(&a)).into_future())
            .await;
    let (first, second) = (twice.0.unwrap(), twice.1.unwrap());
    let third = b.join(endpoint(&a)).await.unwrap();
    assert_eq!([first.name, second.name, third.name.clone()], ["a", "a", "a"]);
    assert_eq!((third.epoch, b.counts.open_links()), (1, 1.0));
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_joins_a_node_that_is_being_joined_waits_for_it_as_long_as_it_says() {
    let a = node("a", plain).await;
    let url = endpoint(&a);
    a.shutdown().await;
    let seed = url.clone();
    let limits = |mut limits: LinkLimits| {
        limits.handshake_time = Duration::from_millis(50);
        limits
    };
    let b = node("b", |builder| builder.join(&seed).limits(limits(LinkLimits::default()))).await;
    let error = b.join(&*url).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Disconnected { may_have_run: false, cause } if cause.contains("was not there within")),
        "{error}"
    );
    let waiting = b.join(&*url).retry_for(SOON);
    let coming = async {
        let a = Container::builder(&url).name("a").watched().await.unwrap();
        (a, ())
    };
    let (joined, (a, ())) = futures_util::future::join(waiting.into_future(), coming).await;
    assert_eq!(joined.unwrap().name, "a");
    a.shutdown().await;
    b.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_newcomer_meets_all_who_have_joined() {
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    b.join(endpoint(&a)).await.unwrap();
    let seed = endpoint(&b);
    let c = node("c", move |builder| builder.join(&seed)).await;
    for (here, there) in [(&a, "c"), (&c, "a"), (&c, "b"), (&b, "c")] {
        says(here, &format!("mirror-of-{there}"), "hello").await;
    }
    for here in [&a, &b, &c] {
        until(here, |here| here.nodes().len() == 2).await;
        assert!(here.nodes().iter().all(|node| node.state == NodeState::Joined), "{:?}", here.nodes());
        until(here, |_| here.counts.open_links() == 2.0).await;
    }
    shut_down([c, a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_that_dial_each_other_at_once_keep_one_link() {
    for _ in 0..100 {
        let mut limits = LinkLimits::default();
        // What is one too many is closed at a beat.
        limits.heartbeat = Duration::from_millis(5);
        let build = |builder: Builder| builder.limits(limits.clone());
        let (a, b) = (node("a", build).await, node("b", build).await);
        let (to_b, to_a) =
            tokio::join!(a.join(endpoint(&b)).into_future(), b.join(endpoint(&a)).into_future());
        assert_eq!((to_b.unwrap().name.as_str(), to_a.unwrap().name.as_str()), ("b", "a"));
        says(&a, "mirror-of-b", "x").await;
        says(&b, "mirror-of-a", "y").await;
        until(&a, |_| a.counts.open_links() == 1.0 && b.counts.open_links() == 1.0).await;
        says(&a, "mirror-of-b", "x").await;
        says(&b, "mirror-of-a", "y").await;
        assert_eq!(
            (state_of(&a, "b"), state_of(&b, "a")),
            (Some(NodeState::Joined), Some(NodeState::Joined))
        );
        shut_down([a, b]).await;
    }
}

#[cfg(unix)]
#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_join_over_unix_sockets_by_the_names_that_they_give() {
    super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let socket = |name: &str| format!("unix://{}", dir.path().join(name).display());
    let a = Container::builder(&socket("a.sock")).name("a").watched().await.unwrap();
    let b = Container::builder(&socket("b.sock")).name("b").watched().await.unwrap();
    a.spawn("mirror-of-a", Mirror::default).await.unwrap();
    b.spawn("mirror-of-b", Mirror::default).await.unwrap();
    assert_eq!(b.join(a.endpoint().to_string()).await.unwrap().name, "a");
    says(&a, "mirror-of-b", "x").await;
    says(&b, "mirror-of-a", "y").await;
    for node in [a, b] {
        node.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_link_from_before_the_nodes_joined_gives_way_to_the_one_that_they_keep() {
    let mut limits = LinkLimits::default();
    limits.heartbeat = Duration::from_millis(5);
    let build = |builder: Builder| builder.limits(limits.clone());
    let (a, b) = (node("a", build).await, node("b", build).await);
    let mirror: Proxy<Mirror> = a.connect(b.url("mirror-of-b")).await.unwrap();
    assert_eq!(mirror.text("before".into()).await.unwrap(), "before");
    b.join(endpoint(&a)).await.unwrap();
    until(&a, |_| a.counts.open_links() == 1.0 && b.counts.open_links() == 1.0).await;
    assert_eq!(mirror.text("after".into()).await.unwrap(), "after");
    says(&b, "mirror-of-a", "and back").await;
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_name_on_two_nodes_is_told_as_such() {
    let (a, b, c) = (node("a", plain).await, node("b", plain).await, node("c", plain).await);
    for there in [&a, &b] {
        there.spawn("twin", Mirror::default).await.unwrap();
        c.join(endpoint(there)).await.unwrap();
    }
    until(&c, |c| c.all_agents().len() == 5).await;
    let expected = CallError::Ambiguous { agent: "twin".into(), nodes: vec!["a".into(), "b".into()] };
    assert_eq!(c.lookup::<Mirror>("twin").await.unwrap_err(), expected);
    until(&a, |a| a.all_agents().len() == 5).await;
    assert_eq!(a.lookup::<Mirror>("twin").await.unwrap_err(), expected);
    b.stop("twin", SOON).await.unwrap();
    until(&c, |c| c.all_agents().len() == 4).await;
    says(&c, "twin", "one is left").await;
    shut_down([c, b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn who_may_not_join_hears_why() {
    let a = node("a", plain).await;
    let closed = node("closed", |builder| builder.allow("*", "mirror", "text")).await;
    let denied = |error| match error {
        CallError::Denied { reason } => reason,
        other => panic!("{other}"),
    };
    let b = node("b", plain).await;
    let reason = denied(b.join(endpoint(&closed)).await.unwrap_err());
    assert!(reason.contains("no rule lets anonymous join"), "{reason}");
    let other = node("other", |builder| builder.cluster("another")).await;
    let reason = denied(other.join(endpoint(&a)).await.unwrap_err());
    assert_eq!(reason, "the peer belongs to the cluster \"folkmoot\", not to \"another\"");
    b.join(endpoint(&a)).await.unwrap();
    let second = node("b", plain).await;
    let reason = denied(second.join(endpoint(&a)).await.unwrap_err());
    assert!(reason.contains("a node named \"b\" has joined already, from tcp://"), "{reason}");
    let same = node("a", plain).await;
    let reason = denied(same.join(endpoint(&a)).await.unwrap_err());
    assert!(reason.contains("this node's own name"), "{reason}");
    let json = node("json", |builder| builder.codec(Codec::Json)).await;
    let reason = denied(json.join(endpoint(&a)).await.unwrap_err());
    assert!(reason.contains("speak MsgPack with each other, not JSON"), "{reason}");
    let odd = Container::builder("tcp://127.0.0.1:0").name("odd\nname").watched().await.unwrap();
    let reason = denied(odd.join(endpoint(&a)).await.unwrap_err());
    assert!(reason.contains("without control characters"), "{reason}");
    let by_another_name = endpoint(&a).replacen("127.0.0.1", "localhost", 1);
    let reason = denied(a.join(by_another_name).await.unwrap_err());
    assert!(reason.contains("\"a\" is this node itself"), "{reason}");
    let own = a.join(endpoint(&a)).await.unwrap_err();
    assert!(matches!(own, CallError::BadAddress { .. }), "{own}");
    let nobody = a.join("tcp://127.0.0.1:1").await.unwrap_err();
    assert!(matches!(nobody, CallError::Disconnected { may_have_run: false, .. }), "{nobody}");
    assert_eq!(a.nodes().len(), 1);
    odd.shutdown().await;
    shut_down([other, second, same, json, closed, b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_leaves_is_known_to_have_left_and_comes_back_elsewhere_under_its_name() {
    let a = node("a", plain).await;
    let b = node("b", plain).await;
    b.join(endpoint(&a)).await.unwrap();
    let mirror: Proxy<Mirror> = a.lookup("mirror-of-b").retry_for(SOON).await.unwrap();
    assert_eq!(mirror.text("first".into()).await.unwrap(), "first");
    let before = Proxy::url(&mirror);
    shut_down([b]).await;
    until(&a, |a| state_of(a, "b") == Some(NodeState::Left)).await;
    let error = mirror.text("lost".into()).await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    let b = node("b", plain).await;
    b.join(endpoint(&a)).await.unwrap();
    until(&a, |a| a.all_agents().len() == 2).await;
    assert_eq!(mirror.text("second".into()).await.unwrap(), "second");
    assert_ne!(Proxy::url(&mirror), before, "it followed its agent to another port");
    assert_eq!(a.nodes()[0].epoch, 2);
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn agents_are_believed_where_a_rule_lets_their_node_host_them() {
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let start = |name: &'static str, rules: &'static [(&'static str, &'static str)]| {
        let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
        let builder = builder.allow("spiffe://demo/node/*", "*", "*");
        rules.iter().fold(builder, |builder, (node, agents)| builder.allow_host(node, agents))
    };
    super::limit::watch();
    let counts = Counts::default();
    let a = counts.during(start("a", &[("spiffe://demo/node/b", "house.*")]).watched()).await.unwrap();
    let b = start("b", &[("spiffe://demo/node/a", "*")]).watched().await.unwrap();
    a.spawn("market", Mirror::default).await.unwrap();
    for name in ["house.1", "market", "bank"] {
        b.spawn(name, Mirror::default).await.unwrap();
    }
    let joined = b.join(a.endpoint().to_string()).await.unwrap();
    assert_eq!(joined.name, "spiffe://demo/node/a");
    says(&a, "house.1", "believed").await;
    says(&a, "market", "its own").await;
    let error = a.lookup::<Mirror>("bank").await.unwrap_err();
    assert!(matches!(error, CallError::NoSuchAgent { .. }), "{error}");
    assert_eq!(counts.of("hostings_refused"), 2);
    until(&b, |b| b.all_agents().len() == 4).await;
    let error = b.lookup::<Mirror>("market").await.unwrap_err();
    assert!(matches!(error, CallError::Ambiguous { .. }), "{error}");
    let stranger = start("c", &[]).watched().await.unwrap();
    let error = stranger.join(a.endpoint().to_string()).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Denied { reason } if reason.contains("no rule lets spiffe://demo/node/c join")),
        "{error}"
    );
    for container in [stranger, b, a] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_another_told_of_is_joined_only_where_it_proves_to_be_one_that_may() {
    super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let builder = |name: &str, at: &str| Container::builder(at).certs(certs.node(name).unwrap());
    let start = |name, at| builder(name, at).allow_host("*", "*").watched();
    // Over plain TCP it cannot prove its name.
    let unproven = start("unproven", "tcp://127.0.0.1:0").await.unwrap();
    let gossip = start("gossip", "tls://127.0.0.1:0").await.unwrap();
    gossip.join(unproven.endpoint().to_string()).await.unwrap();

    let counts = Counts::default();
    let careful = {
        let _recording = metrics::set_default_local_recorder(&counts);
        builder("careful", "tls://127.0.0.1:0")
            .allow_host("spiffe://demo/node/*", "*")
            .watched()
            .await
            .unwrap()
    };
    careful.join(gossip.endpoint().to_string()).await.unwrap();
    until(&careful, |_| counts.of("denials") == 1).await;
    let known: Vec<_> = careful.nodes().into_iter().map(|node| node.name).collect();
    assert_eq!(known, ["spiffe://demo/node/gossip"]);
    for container in [careful, gossip, unproven] {
        container.shutdown().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn thousands_of_agents_are_told_of_and_forgotten() {
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    for number in 0..1_500 {
        b.spawn(&format!("early-{number}"), Mirror::default).await.unwrap();
    }
    b.join(endpoint(&a)).await.unwrap();
    for number in 0..1_500 {
        b.spawn(&format!("late-{number}"), Mirror::default).await.unwrap();
    }
    until(&a, |a| a.nodes()[0].agents == 3_001).await;
    says(&a, "late-1499", "x").await;
    for number in 0..1_500 {
        b.stop(&format!("early-{number}"), Duration::ZERO).await.unwrap();
    }
    until(&a, |a| a.nodes()[0].agents == 1_501).await;
    shut_down([a, b]).await;
}
