//! Monitors and links between agents of different nodes, and what they tell of a node that is lost.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Backoff, Builder, Codec, LinkLimits, Linked, Monitor};

use super::counts::Counts;
use super::events::{crashed, ended, next, restarted};
use super::joining::faulty::{FaultyTcp, Network};
use super::joining::{Node, plain};
use super::left_behind::Watch;

/// Long enough for what comes at once.
const SOON: Duration = Duration::from_secs(60);

/// Crashes when it is told to, and may be linked to others.
#[derive(Agent, Default)]
struct Fragile {
    links: Vec<Linked>,
}

#[agent]
impl Fragile {
    #[expose]
    fn crash(&mut self, why: String) {
        panic!("{why}");
    }

    #[expose]
    fn last_crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }

    /// To one at a URL, or to one of that name on whatever node.
    #[expose]
    async fn link(&mut self, ctx: &Context<Self>, other: String) -> Result<(), CallError> {
        let other: Proxy<Fragile> = match other.contains("://") {
            true => ctx.connect(other).await?,
            false => ctx.lookup(&other).retry_for(SOON).await?,
        };
        self.links.push(ctx.link(&other).await?);
        Ok(())
    }

    #[expose]
    fn unlink(&mut self) {
        self.links.clear();
    }
}

/// A node with an agent named after it.
async fn node(name: &str, build: impl FnOnce(Builder) -> Builder) -> Node {
    super::limit::watch();
    let counts = Counts::default();
    let container =
        counts.during(build(Container::builder("tcp://127.0.0.1:0").name(name)).watched()).await.unwrap();
    let agent = container.spawn(&format!("of-{name}"), Fragile::default);
    agent.backoff(Backoff::NONE).intensity(u32::MAX, SOON).await.unwrap();
    Node { container, counts }
}

/// Two nodes of which `b` has joined `a` over a network that can fail.
async fn joined() -> (Node, Node, Network) {
    let network = Network::new();
    let dialing = network.clone();
    let a = node("a", plain).await;
    let b = node("b", |builder| builder.transport(FaultyTcp(dialing))).await;
    b.join(a.endpoint().to_string()).await.unwrap();
    (a, b, network)
}

async fn found(node: &Container, name: &str) -> Proxy<Fragile> {
    node.lookup(name).retry_for(SOON).await.unwrap()
}

async fn is_disconnected(monitor: &mut Monitor) {
    let event = next(monitor).await;
    assert!(matches!(event, AgentEvent::Disconnected { .. }), "{event:?}");
}

/// Waits for that many new starts of an agent.
async fn restarts(node: &Container, name: &str, count: u64) {
    while node.restarts(name).unwrap() < count {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.restarts(name).unwrap(), count, "{name}");
}

async fn last_crash(node: &Container, name: &str) -> String {
    let agent: Proxy<Fragile> = node.find(name).unwrap();
    agent.last_crash().await.unwrap().unwrap_or_default()
}

async fn shut_down<const N: usize>(nodes: [Node; N]) {
    for node in nodes {
        node.shutdown().await;
        assert_eq!(node.counts.open_links(), 0.0, "a link was left behind");
        assert_eq!(node.counts.of("bad_requests"), 0, "the nodes did not understand each other");
        assert_eq!(node.counts.of("one_way_failures"), 0, "the nodes did not understand each other");
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_happens_to_an_agent_is_told_on_another_node() {
    for codec in Codec::ALL {
        let server = node("server", plain).await;
        let client = node("client", |builder| builder.codec(codec)).await;
        let typed: Proxy<Fragile> = client.connect(server.url("of-server")).await.unwrap();
        let untyped: Proxy<Untyped> = Proxy::cast(&typed).unwrap();
        let monitors = [client.monitor(&typed).await.unwrap(), client.monitor(&untyped).await.unwrap()];
        typed.crash("böse \"text\"".into()).await.unwrap_err();
        typed.crash("é".repeat(2000)).await.unwrap_err();
        restarts(&server, "of-server", 2).await;
        server.stop("of-server", SOON).await.unwrap();
        for mut monitor in monitors {
            assert_eq!(next(&mut monitor).await, crashed("böse \"text\""));
            assert_eq!(next(&mut monitor).await, restarted(1));
            let AgentEvent::Crashed { cause } = next(&mut monitor).await else { panic!("no crash") };
            assert!(cause.starts_with(&"é".repeat(500)) && cause.len() <= 1024, "{} bytes", cause.len());
            assert_eq!(next(&mut monitor).await, restarted(2));
            assert_eq!(next(&mut monitor).await, ended("stopped", true));
            assert_eq!(monitor.next().await, None);
        }
        let error = client.monitor(&typed).await.unwrap_err();
        assert_eq!(error, CallError::NoSuchAgent { agent: "of-server".into(), nearest: None });
        server.spawn("of-serve", Fragile::default).await.unwrap();
        let error = client.monitor(&typed).await.unwrap_err();
        let nearest = Some("of-serve".to_owned());
        assert_eq!(error, CallError::NoSuchAgent { agent: "of-server".into(), nearest });
        shut_down([client, server]).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_dropped_monitor_is_ended_on_the_other_node_too() {
    let mut limits = LinkLimits::default();
    limits.max_monitors = 2;
    let server = node("server", |builder| builder.limits(limits)).await;
    let client = node("client", plain).await;
    let agent: Proxy<Fragile> = client.connect(server.url("of-server")).await.unwrap();
    for _ in 0..10 {
        let (first, _second) = (client.monitor(&agent).await.unwrap(), client.monitor(&agent).await.unwrap());
        let error = client.monitor(&agent).await.unwrap_err();
        assert!(
            matches!(&error, CallError::Overloaded { queue, limit: 2 } if queue.contains("max_monitors")),
            "{error}"
        );
        drop(first);
        let mut third = client.monitor(&agent).await.unwrap();
        agent.crash("boom".into()).await.unwrap_err();
        assert_eq!(next(&mut third).await, crashed("boom"));
    }
    assert_eq!(server.counts.of("overloads"), 10);
    shut_down([client, server]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn rules_say_who_may_monitor_and_who_may_link() {
    let build = |builder: Builder| builder.allow("*", "of-server", "last_crash").allow("*", "open", "*");
    let server = node("server", build).await;
    for name in ["open", "secret"] {
        server.spawn(name, Fragile::default).await.unwrap();
    }
    let client = node("client", plain).await;
    let agent: Proxy<Fragile> = client.connect(server.url("of-server")).await.unwrap();
    let mut monitor = client.monitor(&agent).await.unwrap();
    let own: Proxy<Fragile> = client.find("of-client").unwrap();
    // Who may not call all of its methods may not crash it either.
    let error = own.link(server.url("of-server")).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Agent(CallError::Denied { reason }) if reason.contains("\"*\"")),
        "{error}"
    );
    own.link(server.url("open")).await.unwrap();
    let error = client.connect::<Fragile>(server.url("secret")).await.unwrap_err();
    assert!(matches!(error, CallError::Denied { .. }), "{error}");

    own.crash("boom".into()).await.unwrap_err();
    restarts(&server, "open", 1).await;
    let inside: Proxy<Fragile> = server.find("of-server").unwrap();
    inside.crash("its own".into()).await.unwrap_err();
    assert_eq!(next(&mut monitor).await, crashed("its own"));
    shut_down([client, server]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_crash_of_either_linked_agent_is_the_others_across_nodes() {
    let (a, b, _network) = joined().await;
    let (of_a, of_b) = (found(&b, "of-a").await, found(&a, "of-b").await);
    let mut count = 0;
    for by in ["of-b".to_owned(), b.url("of-b")] {
        count += 1;
        of_a.link(by.clone()).await.unwrap();
        of_a.crash("boom".into()).await.unwrap_err();
        restarts(&b, "of-b", count).await;
        assert_eq!(last_crash(&b, "of-b").await, "the linked agent a/of-a crashed: boom");

        count += 1;
        of_a.link(by.clone()).await.unwrap();
        of_b.crash("bang".into()).await.unwrap_err();
        restarts(&a, "of-a", count).await;
        assert_eq!(last_crash(&a, "of-a").await, format!("the linked agent {} crashed: bang", b.url("of-b")));

        // What is linked no more is left alone, and nothing has bounced.
        of_a.link(by).await.unwrap();
        of_a.unlink().await.unwrap();
        count += 1;
        of_a.crash("alone".into()).await.unwrap_err();
        of_b.crash("alone".into()).await.unwrap_err();
        for (node, name) in [(&a, "of-a"), (&b, "of-b")] {
            restarts(node, name, count).await;
            assert_eq!(last_crash(node, name).await, "alone");
        }
    }
    assert_eq!((a.counts.of("link_crashes"), b.counts.of("link_crashes")), (2, 2));
    shut_down([b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn an_end_in_order_of_a_linked_agent_or_its_node_takes_nothing_down() {
    let (a, b, _network) = joined().await;
    b.spawn("brief", Fragile::default).await.unwrap();
    let of_a: Proxy<Fragile> = a.find("of-a").unwrap();
    of_a.link("brief".into()).await.unwrap();
    of_a.link("of-b".into()).await.unwrap();
    let mut monitor = a.monitor(&found(&a, "of-b").await).await.unwrap();
    b.stop("brief", SOON).await.unwrap();
    b.shutdown().await;
    assert_eq!(next(&mut monitor).await, ended("stopped", true));
    while a.counts.open_links() > 0.0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(of_a.last_crash().await.unwrap(), None);
    assert_eq!(a.restarts("of-a").unwrap(), 0);
    a.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn linked_agents_crash_when_the_link_between_their_nodes_breaks() {
    let (a, b, network) = joined().await;
    let of_a: Proxy<Fragile> = a.find("of-a").unwrap();
    of_a.link("of-b".into()).await.unwrap();
    network.cut();
    restarts(&a, "of-a", 1).await;
    restarts(&b, "of-b", 1).await;
    let lost = last_crash(&a, "of-a").await;
    assert!(
        lost.starts_with(&format!("the linked agent {} was lost: the link to ", b.url("of-b"))),
        "{lost}"
    );
    let lost = last_crash(&b, "of-b").await;
    assert!(lost.starts_with("the linked agent a/of-a was lost: the link to "), "{lost}");
    // Over the new link nothing is linked.
    found(&b, "of-a").await.crash("alone".into()).await.unwrap_err();
    restarts(&a, "of-a", 2).await;
    found(&a, "of-b").await.last_crash().await.unwrap();
    assert_eq!(b.restarts("of-b").unwrap(), 1);
    shut_down([b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_monitor_goes_on_when_a_joined_node_is_back() {
    let (a, b, network) = joined().await;
    for (here, there, name) in [(&a, &b, "of-b"), (&b, &a, "of-a")] {
        let proxy = found(here, name).await;
        let mut monitor = here.monitor(&proxy).await.unwrap();
        network.cut();
        is_disconnected(&mut monitor).await;
        assert_eq!(next(&mut monitor).await, AgentEvent::Reconnected { restarts: 0 });
        let inside: Proxy<Fragile> = there.find(name).unwrap();
        inside.crash("seen".into()).await.unwrap_err();
        assert_eq!(next(&mut monitor).await, crashed("seen"));
        assert_eq!(next(&mut monitor).await, restarted(1));

        network.fail();
        is_disconnected(&mut monitor).await;
        inside.crash("unseen".into()).await.unwrap_err();
        restarts(there, name, 2).await;
        network.forget();
        assert_eq!(next(&mut monitor).await, AgentEvent::Reconnected { restarts: 2 });

        network.fail();
        is_disconnected(&mut monitor).await;
        there.stop(name, SOON).await.unwrap();
        // Another of its name is not the one.
        if name == "of-a" {
            there.spawn(name, Fragile::default).await.unwrap();
        }
        network.forget();
        let AgentEvent::Ended { cause, in_order: false } = next(&mut monitor).await else { panic!("no end") };
        assert!(cause.starts_with("it ended while its node was out of reach"), "{cause}");
        assert_eq!(cause.ends_with("another agent bears its name now"), name == "of-a", "{cause}");
        assert_eq!(monitor.next().await, None);
    }
    shut_down([b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_joined_node_that_comes_back_as_another_has_lost_its_agents() {
    let (a, b, network) = joined().await;
    let mut monitor = a.monitor(&found(&a, "of-b").await).await.unwrap();
    network.fail();
    is_disconnected(&mut monitor).await;
    b.shutdown_within(Duration::ZERO).await;
    let again = node("b", plain).await;
    again.join(a.endpoint().to_string()).await.unwrap();
    assert_eq!(next(&mut monitor).await, ended("its node was started anew", false));
    assert_eq!(monitor.next().await, None);
    shut_down([again, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_monitor_by_url_is_as_patient_as_its_connection() {
    for is_patient in [false, true] {
        let server = node("server", plain).await;
        let network = Network::new();
        let dialing = network.clone();
        let client = node("client", |builder| builder.transport(FaultyTcp(dialing))).await;
        let connect = client.connect::<Fragile>(server.url("of-server"));
        let agent = match is_patient {
            true => connect.retry_forever().await,
            false => connect.await,
        };
        let mut monitor = client.monitor(&agent.unwrap()).await.unwrap();
        network.cut();
        is_disconnected(&mut monitor).await;
        assert_eq!(next(&mut monitor).await, AgentEvent::Reconnected { restarts: 0 });
        network.fail();
        is_disconnected(&mut monitor).await;
        match is_patient {
            false => assert_eq!(monitor.next().await, None),
            true => {
                // What waits may be given up and taken up again.
                for _ in 0..3 {
                    let waiting = std::pin::pin!(monitor.next());
                    assert!(futures_util::FutureExt::now_or_never(waiting).is_none());
                }
                network.forget();
                assert_eq!(next(&mut monitor).await, AgentEvent::Reconnected { restarts: 0 });
            }
        }
        drop(monitor);
        shut_down([client, server]).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_monitor_from_before_the_nodes_joined_keeps_its_link_until_it_is_dropped() {
    let mut limits = LinkLimits::default();
    // What is one too many is closed at a beat.
    limits.heartbeat = Duration::from_millis(5);
    let build = |builder: Builder| builder.limits(limits.clone());
    let (a, b) = (node("a", build).await, node("b", build).await);
    let agent: Proxy<Fragile> = a.connect(b.url("of-b")).await.unwrap();
    let mut monitor = a.monitor(&agent).await.unwrap();
    b.join(a.endpoint().to_string()).await.unwrap();
    let beats = a.counts.of("frames_in") + 50;
    while a.counts.of("frames_in") < beats {
        tokio::task::yield_now().await;
    }
    assert_eq!(a.counts.open_links(), 2.0);
    agent.crash("seen".into()).await.unwrap_err();
    assert_eq!(next(&mut monitor).await, crashed("seen"));
    assert_eq!(next(&mut monitor).await, restarted(1));
    drop(monitor);
    while a.counts.open_links() != 1.0 || b.counts.open_links() != 1.0 {
        tokio::task::yield_now().await;
    }
    shut_down([b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_monitor_by_url_goes_on_over_the_link_of_a_node_that_has_joined_since() {
    let network = Network::new();
    let dialing = network.clone();
    let a = node("a", |builder| builder.transport(FaultyTcp(dialing))).await;
    let b = node("b", plain).await;
    // By another name than the one by which the node is known, so nothing else leads there.
    let (_, port) = b.endpoint().host_and_port().unwrap();
    let agent: Proxy<Fragile> = a.connect(format!("tcp://localhost:{port}/of-b")).await.unwrap();
    let mut monitor = a.monitor(&agent).await.unwrap();
    b.join(a.endpoint().to_string()).await.unwrap();
    network.fail();
    is_disconnected(&mut monitor).await;
    assert_eq!(next(&mut monitor).await, AgentEvent::Reconnected { restarts: 0 });
    let inside: Proxy<Fragile> = b.find("of-b").unwrap();
    inside.crash("seen".into()).await.unwrap_err();
    assert_eq!(next(&mut monitor).await, crashed("seen"));
    assert_eq!(next(&mut monitor).await, restarted(1));
    drop(monitor);
    shut_down([b, a]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn monitors_end_with_their_own_container() {
    let (a, b, network) = joined().await;
    let by_url: Proxy<Fragile> = a.connect(b.url("of-b")).await.unwrap();
    let mut monitors =
        [a.monitor(&found(&a, "of-b").await).await.unwrap(), a.monitor(&by_url).await.unwrap()];
    network.fail();
    a.shutdown().await;
    for monitor in &mut monitors {
        is_disconnected(monitor).await;
        assert_eq!(monitor.next().await, None);
    }
    b.shutdown().await;
}
