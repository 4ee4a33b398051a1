//! Groups across joined nodes: who is a member, who is asked when a node goes, and what a dead one does to a quorum.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Builder, Group, LinkLimits, NoQuorum, NodeState, Untyped};

use super::super::begun::begin;
use super::faulty::{FaultyTcp, Network};
use super::{Mirror, Node, SOON, endpoint, node, plain, shut_down, state_of, until};

/// Tells where it lives.
#[derive(Agent)]
struct Meter {
    place: &'static str,
    told: i64,
}

#[agent]
impl Meter {
    #[expose]
    fn place(&self) -> String {
        self.place.to_owned()
    }

    #[expose]
    fn tell(&mut self, value: i64) {
        self.told += value;
    }

    #[expose]
    fn told(&self) -> i64 {
        self.told
    }

    #[expose]
    async fn wait(&self) {
        std::future::pending().await
    }

    #[expose]
    fn secret(&self) -> i64 {
        self.told
    }

    /// Asks all meters, this one among them.
    #[expose]
    async fn survey(&mut self, ctx: &Context<Self>) -> Result<usize, NoQuorum<String>> {
        let all = ctx.group_of_type::<Meter>("Meter");
        Ok(all.ask_all(|meter| meter.survey_back()).quorum(all.len()).await?.len())
    }

    /// Asks them all on.
    #[expose]
    async fn survey_back(&self, ctx: &Context<Self>) -> Result<usize, String> {
        let all = ctx.group_of_type::<Meter>("Meter");
        let places = all.ask_all(|meter| meter.place()).quorum(all.len()).await;
        Ok(places.map_err(|missed| missed.to_string())?.len())
    }
}

/// On each node a meter of the same name.
async fn meter(node: &Node, place: &'static str) {
    node.spawn("meter", move || Meter { place, told: 0 }).capability("measure").await.unwrap();
}

async fn three(build: impl FnOnce(Builder) -> Builder) -> [Node; 3] {
    let [a, b, c] = [node("a", plain).await, node("b", plain).await, node("c", build).await];
    meter(&a, "a").await;
    meter(&b, "b").await;
    meter(&c, "c").await;
    for newcomer in [&b, &c] {
        newcomer.join(endpoint(&a)).await.unwrap();
    }
    [a, b, c]
}

fn nodes_of(group: &Group<Meter>) -> Vec<String> {
    group.members().into_iter().map(|member| member.node).collect()
}

#[folkmoot::test]
async fn namesakes_on_several_nodes_are_all_members_and_follow_their_nodes() {
    let [a, b, c] = three(plain).await;
    let group: Group<Meter> = a.group_able_to("measure");
    group.wait_for(3, SOON).await.unwrap();
    let heard = group.ask_all(|meter| meter.place()).await;
    let heard: Vec<_> = heard.into_iter().map(|(who, place)| (who.to_string(), place.unwrap())).collect();
    assert_eq!(heard, ["a", "b", "c"].map(|place| (format!("{place}/meter"), place.to_owned())));

    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.push(group.ask_one(|meter| meter.place()).await.unwrap());
    }
    assert_eq!(asked, ["a", "b", "c"]);
    // One of the others has a call of this group's in hand: its turn or not, the free one is asked.
    let others = group.without(&a.find::<Meter>("meter").unwrap());
    let mut busy = others.ask_one(|meter| meter.wait());
    assert!(begin(&mut busy));
    for _ in 0..3 {
        assert_eq!(others.ask_one(|meter| meter.place()).least_loaded().await.unwrap(), "c");
    }
    drop(busy);

    assert_eq!(group.tell_all(|meter| meter.tell(5)).sent, 3);
    let told = group.ask_all(|meter| meter.told()).quorum(3).await.unwrap();
    assert!(told.iter().all(|(_, value)| *value == 5), "{told:?}");

    // The others have a view of their own.
    let from_b: Group<Untyped> = b.group_of_type("Meter");
    from_b.wait_for(3, SOON).await.unwrap();

    shut_down([b]).await;
    while group.len() != 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(nodes_of(&group), ["a", "c"]);
    let b = node("b", plain).await;
    meter(&b, "b, started anew").await;
    b.join(endpoint(&c)).await.unwrap();
    group.wait_for(3, SOON).await.unwrap();
    let heard = group.ask_all(|meter| meter.place()).quorum(3).await.unwrap();
    assert!(heard.iter().any(|(who, place)| who.node == "b" && place == "b, started anew"), "{heard:?}");
    shut_down([a, b, c]).await;
}

#[folkmoot::test]
async fn a_proxy_of_a_group_leads_to_its_own_node_and_who_is_left_out_stays_out() {
    let [a, b, c] = three(plain).await;
    let group: Group<Meter> = a.group_of_type("Meter");
    group.wait_for(3, SOON).await.unwrap();
    let of_b = group.proxies().into_iter().nth(1).unwrap();
    assert_eq!(Proxy::url(&of_b), b.url("meter"));
    let others = group.without(&of_b);
    assert_eq!(nodes_of(&others), ["a", "c"]);

    // Its namesake elsewhere is another agent, also where this one is gone.
    b.stop("meter", SOON).await.unwrap();
    until(&a, |_| group.len() == 2).await;
    assert_eq!(Proxy::url(&of_b), b.url("meter"));

    // Back at another address it is the same member.
    shut_down([b]).await;
    let b = node("b", plain).await;
    meter(&b, "b, elsewhere").await;
    b.join(endpoint(&a)).await.unwrap();
    group.wait_for(3, SOON).await.unwrap();
    assert_eq!(Proxy::url(&of_b), b.url("meter"));
    assert_eq!(nodes_of(&others), ["a", "c"]);
    shut_down([a, b, c]).await;
}

#[folkmoot::test]
async fn a_silent_node_is_asked_last_and_a_quorum_does_without_it() {
    let network = Network::new();
    let dialing = network.clone();
    let mut limits = LinkLimits::default();
    limits.heartbeat = Duration::from_millis(5);
    limits.suspect_time = Duration::from_millis(200);
    // Nobody gives the silent one up.
    limits.unreachable_time = Duration::from_secs(600);
    let quick = |builder: Builder| builder.limits(limits.clone());
    let (a, b) = (node("a", quick).await, node("b", quick).await);
    let c = node("c", |builder| quick(builder).transport(FaultyTcp(dialing))).await;
    for (node, place) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        meter(node, place).await;
    }
    b.join(endpoint(&a)).await.unwrap();
    c.join(endpoint(&a)).await.unwrap();
    let group: Group<Meter> = a.group_of_type("Meter");
    group.wait_for(3, SOON).await.unwrap();

    network.freeze();
    // Before anybody suspects it, it is asked, and keeps its caller waiting; enough others reply.
    let heard = group.ask_all(|meter| meter.place()).majority().deadline(SOON).await.unwrap();
    let heard: Vec<_> = heard.into_iter().map(|(_, place)| place).collect();
    assert_eq!(heard.len(), 2);
    assert!(!heard.contains(&"c".to_owned()), "{heard:?}");

    until(&a, |a| state_of(a, "c") == Some(NodeState::Suspect)).await;
    for _ in 0..3 {
        assert_ne!(group.ask_one(|meter| meter.place()).deadline(SOON).await.unwrap(), "c");
        let asked = group.ask_one(|meter| meter.place()).least_loaded().deadline(SOON).await;
        assert_ne!(asked.unwrap(), "c");
    }
    // Where there is no other it is asked all the same.
    let silent = group.without(&group.proxies()[0]).without(&group.proxies()[1]);
    assert_eq!(nodes_of(&silent), ["c"]);
    let error = silent.ask_one(|meter| meter.place()).deadline(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, CallError::DeadlineExceeded { may_have_run: true, .. }), "{error}");
    let missed =
        group.ask_all(|meter| meter.place()).quorum(3).deadline(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((missed.replied.len(), missed.failures.len()), (2, 1));
    assert_eq!(missed.failures[0].0.to_string(), "c/meter");
    network.fail();
    until(&a, |_| a.counts.open_links() == 1.0 && b.counts.open_links() == 1.0).await;
    network.forget();
    for node in [&a, &b] {
        until(node, |node| {
            node.nodes().iter().any(|node| node.name == "c" && node.state == NodeState::Joined)
        })
        .await;
    }
    assert_eq!(silent.ask_one(|meter| meter.place()).deadline(SOON).await.unwrap(), "c");
    shut_down([a, b, c]).await;
}

#[folkmoot::test]
async fn each_call_passes_the_gate_of_its_member() {
    let closed = |builder: Builder| builder.allow("*", "meter", "place").allow_host("*", "*");
    let [a, b, c] = three(closed).await;
    let group: Group<Meter> = a.group_of_type("Meter");
    group.wait_for(3, SOON).await.unwrap();
    assert_eq!(group.ask_all(|meter| meter.place()).quorum(3).await.unwrap().len(), 3);
    let missed = group.ask_all(|meter| meter.secret()).quorum(3).await.unwrap_err();
    assert!(matches!(&missed.failures[..], [(who, CallError::Denied { .. })] if who.node == "c"), "{missed}");
    // Denied is the answer: nobody else is asked in its place.
    let mut denied = 0;
    for _ in 0..3 {
        denied +=
            usize::from(matches!(group.ask_one(|meter| meter.secret()).await, Err(CallError::Denied { .. })));
    }
    assert_eq!(denied, 1);
    shut_down([a, b, c]).await;
}

#[folkmoot::test]
async fn who_cannot_be_told_is_reported_and_another_is_asked() {
    let [a, b, c] = three(plain).await;
    b.spawn("only-here", || Meter { place: "b", told: 0 }).await.unwrap();
    let named: Proxy<Meter> = a.lookup("only-here").retry_for(SOON).await.unwrap();
    let by_url: Proxy<Meter> = a.connect(b.url("meter")).await.unwrap();
    let group = Group::of([named, by_url, a.find("meter").unwrap()]);
    let members: Vec<_> = group.members().iter().map(ToString::to_string).collect();
    assert_eq!(members, ["b/only-here".to_owned(), format!("{}/meter", endpoint(&b)), "a/meter".to_owned()]);
    assert_eq!(group.tell_all(|meter| meter.tell(1)).sent, 3);
    shut_down([b]).await;
    until(&a, |a| state_of(a, "b") == Some(NodeState::Left)).await;

    let told = group.tell_all(|meter| meter.tell(1));
    assert!(
        told.failed.iter().any(|(who, error)| who.name == "only-here" && error.code() == "no-such-agent")
    );
    assert!(a.counts.of("one_way_failures") >= 1);
    for _ in 0..3 {
        let place = group.ask_one(|meter| meter.place()).deadline(SOON).await;
        assert_eq!(place.unwrap(), "a");
    }
    assert!(a.counts.of("members_passed_over") >= 2);
    shut_down([a, c]).await;
}

#[folkmoot::test]
async fn a_ring_through_groups_of_several_nodes_is_found() {
    let [a, b, c] = three(plain).await;
    for node in [&a, &b, &c] {
        node.group_of_type::<Meter>("Meter").wait_for(3, SOON).await.unwrap();
    }
    // Its own exclusive turn asks all, and they ask it back.
    let own: Proxy<Meter> = a.find("meter").unwrap();
    let missed = match own.survey().await.unwrap_err() {
        CallError::Agent(missed) => missed,
        other => panic!("{other}"),
    };
    assert!(missed.failures.iter().any(|(_, error)| error.to_string().contains("deadlock")), "{missed}");
    // A shared one may be asked back.
    assert_eq!(own.survey_back().await.unwrap(), 3);
    shut_down([a, b, c]).await;
}

#[folkmoot::test]
async fn a_group_is_as_large_as_the_nodes_together() {
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    for number in 0..200 {
        b.spawn(&format!("mirror-{number}"), Mirror::default).await.unwrap();
    }
    b.join(endpoint(&a)).await.unwrap();
    let group: Group<Mirror> = a.group_of_type("Mirror");
    group.wait_for(202, SOON).await.unwrap();
    let heard = group.ask_all(|mirror| mirror.text(Proxy::agent_name(mirror).to_owned())).await;
    assert_eq!(heard.len(), 202);
    for (who, text) in heard {
        assert_eq!(text.unwrap(), who.name);
    }
    shut_down([a, b]).await;
}
