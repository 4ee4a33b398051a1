//! What a joined node sees when the network or the other node fails, and when they come back.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Builder, LinkLimits, NodeState};
use tokio::sync::mpsc;

use super::super::relay::Relay;
use super::faulty::{FaultyTcp, Network};
use super::{SOON, endpoint, node, plain, says, shut_down, state_of, until};

/// Never answers.
#[derive(Agent)]
struct Silent(mpsc::UnboundedSender<()>);

#[agent]
impl Silent {
    #[expose]
    async fn wait(&self) {
        self.0.send(()).ok();
        std::future::pending::<()>().await;
    }

    /// Tells when it is taken back, too.
    #[expose]
    async fn linger(&self) {
        let _told = Told(self.0.clone());
        self.wait().await;
    }
}

/// Tells when it is dropped.
struct Told(mpsc::UnboundedSender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

/// Heartbeats that are quick enough for a test.
fn quick(builder: Builder) -> Builder {
    unreachable_after(builder, Duration::from_millis(400))
}

/// Longer than a test lasts.
const LONG: Duration = Duration::from_secs(600);

/// Nothing ends by its time before the test does.
fn without_end(builder: Builder) -> Builder {
    unreachable_after(builder, LONG).deadline(LONG)
}

/// The same, and only what happens to the socket tells of the peer.
fn without_heartbeat(builder: Builder) -> Builder {
    let mut limits = LinkLimits::default();
    limits.heartbeat = LONG;
    limits.suspect_time = LONG;
    limits.unreachable_time = LONG;
    builder.limits(limits).deadline(LONG)
}

fn patient(builder: Builder) -> Builder {
    unreachable_after(builder, Duration::from_secs(2))
}

fn unreachable_after(builder: Builder, time: Duration) -> Builder {
    let mut limits = LinkLimits::default();
    limits.heartbeat = Duration::from_millis(5);
    limits.suspect_time = Duration::from_millis(100);
    limits.unreachable_time = time;
    builder.limits(limits)
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_frozen_node_is_suspect_then_unreachable_and_whoever_waits_on_it_is_told() {
    let network = Network::new();
    let a = node("a", quick).await;
    let dialing = network.clone();
    // The one who is frozen notices later: it is not to close the link first.
    let b = node("b", |builder| patient(builder).transport(FaultyTcp(dialing))).await;
    b.join(endpoint(&a)).await.unwrap();
    let (asked, mut news) = mpsc::unbounded_channel();
    b.spawn("silent", move || Silent(asked.clone())).await.unwrap();
    let silent: Proxy<Silent> = a.lookup("silent").retry_for(SOON).await.unwrap();
    let waiting = actix::spawn(silent.wait().deadline(SOON).into_future());
    news.recv().await.unwrap();

    network.freeze();
    until(&a, |a| state_of(a, "b") == Some(NodeState::Suspect)).await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error}");
    assert!(error.to_string().contains("nothing came from the node for 400ms"), "{error}");
    assert_eq!(state_of(&a, "b"), Some(NodeState::Unreachable));
    assert_eq!(a.all_agents().len(), 3, "its agents are still known");

    network.forget();
    until(&a, |a| state_of(a, "b") == Some(NodeState::Joined)).await;
    assert_eq!(a.nodes()[0].epoch, 2);
    says(&a, "mirror-of-b", "again").await;
    says(&b, "mirror-of-a", "and back").await;
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_watches_is_told_when_a_node_that_broke_off_does_not_come_back() {
    let network = Network::new();
    let a = node("a", quick).await;
    let dialing = network.clone();
    let b = node("b", |builder| quick(builder).transport(FaultyTcp(dialing))).await;
    b.join(endpoint(&a)).await.unwrap();
    let mut changes = a.node_changes();
    network.fail();
    // Nothing else looks at the node meanwhile.
    while state_of(&a, "b") != Some(NodeState::Unreachable) {
        changes.next().await;
    }
    network.forget();
    while state_of(&a, "b") != Some(NodeState::Joined) {
        changes.next().await;
    }
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_link_that_is_cut_again_and_again_comes_back_each_time() {
    let network = Network::new();
    let a = node("a", plain).await;
    let dialing = network.clone();
    let b = node("b", |builder| builder.transport(FaultyTcp(dialing))).await;
    b.join(endpoint(&a)).await.unwrap();
    let there: Proxy<super::Mirror> = a.lookup("mirror-of-b").retry_for(SOON).await.unwrap();
    let back: Proxy<super::Mirror> = b.lookup("mirror-of-a").retry_for(SOON).await.unwrap();
    for round in 2..12 {
        network.cut();
        until(&a, |a| a.nodes()[0].epoch == round && state_of(a, "b") == Some(NodeState::Joined)).await;
        until(&b, |b| b.nodes()[0].epoch == round).await;
        assert_eq!(there.text(round.to_string()).await.unwrap(), round.to_string());
        assert_eq!(back.text(round.to_string()).await.unwrap(), round.to_string());
    }
    assert_eq!((a.all_agents().len(), b.all_agents().len()), (2, 2));
    for node in [&a, &b] {
        assert_eq!(node.counts.of("reconnects"), 10, "who dials and who is dialed count alike");
    }
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_is_taken_back_over_a_link_that_gave_way_to_another() {
    let (a, b) = (node("a", without_end).await, node("b", without_end).await);
    let (asked, mut news) = mpsc::unbounded_channel();
    b.spawn("silent", move || Silent(asked.clone())).await.unwrap();
    let silent: Proxy<Silent> = a.connect(b.url("silent")).await.unwrap();
    let call = actix::spawn(silent.linger().into_future());
    news.recv().await.unwrap();
    b.join(endpoint(&a)).await.unwrap();
    assert_eq!(a.counts.open_links(), 2.0, "the first is waited on");
    call.abort();
    news.recv().await.unwrap();
    while (a.counts.open_links(), b.counts.open_links()) != (1.0, 1.0) {
        tokio::task::yield_now().await;
    }
    assert_eq!(a.counts.of("orphan_replies"), 0);
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_to_an_agent_by_its_name_is_taken_back_over_the_way_that_it_went() {
    let (a, b) = (node("a", without_end).await, node("b", without_end).await);
    let (asked, mut news) = mpsc::unbounded_channel();
    b.spawn("silent", move || Silent(asked.clone())).await.unwrap();
    b.join(endpoint(&a)).await.unwrap();
    let silent: Proxy<Silent> = a.lookup("silent").retry_for(SOON).await.unwrap();
    let begin = || actix::spawn(silent.linger().into_future());
    let first = begin();
    news.recv().await.unwrap();
    // By another name, so it is another link, and the one that both keep.
    let (_, port) = b.endpoint().host_and_port().unwrap();
    a.join(format!("tcp://localhost:{port}")).await.unwrap();
    let second = begin();
    news.recv().await.unwrap();
    assert_eq!(a.counts.open_links(), 2.0, "the first is waited on");
    first.abort();
    news.recv().await.unwrap();
    while (a.counts.open_links(), b.counts.open_links()) != (1.0, 1.0) {
        tokio::task::yield_now().await;
    }
    second.abort();
    news.recv().await.unwrap();
    shut_down([a, b]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_node_that_goes_without_a_word_is_missed_at_once_by_who_has_its_calls_in_hand() {
    let (a, b) = (node("a", without_heartbeat).await, node("b", without_heartbeat).await);
    let relay = Relay::to(a.endpoint().host_and_port().unwrap().1, Duration::ZERO).await;
    b.join(format!("tcp://127.0.0.1:{}", relay.port)).await.unwrap();
    let mut told = Vec::new();
    for (here, there, name) in [(&a, &b, "of-a"), (&b, &a, "of-b")] {
        let (asked, mut news) = mpsc::unbounded_channel();
        here.spawn(name, move || Silent(asked.clone())).await.unwrap();
        let silent: Proxy<Silent> = there.lookup(name).retry_for(SOON).await.unwrap();
        let monitor = there.monitor(&silent).await.unwrap();
        let call = actix::spawn(async move { silent.linger().await });
        news.recv().await.unwrap();
        told.push((news, monitor, call));
    }
    relay.cut();
    for (mut news, mut monitor, call) in told {
        let event = monitor.next().await;
        assert!(matches!(event, Some(AgentEvent::Disconnected { .. })), "{event:?}");
        let event = monitor.next().await;
        assert!(matches!(event, Some(AgentEvent::Reconnected { .. })), "{event:?}");
        let error = call.await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error}");
        news.recv().await.unwrap();
    }
    assert_eq!((a.nodes()[0].epoch, b.nodes()[0].epoch), (2, 2));
    shut_down([a, b]).await;
}
