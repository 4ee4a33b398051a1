//! Trees of joined nodes: what is seen of each, and why nothing is where nothing is.

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, NodeState, Status};

use super::faulty::{FaultyTcp, Network};
use super::{Mirror, SOON, Watch, endpoint, node, plain, shut_down, state_of, until};

#[folkmoot::test(crate = crate::links::left_behind)]
async fn the_trees_of_all_that_have_joined_are_seen_down_to_the_deepest() {
    let (a, b, c) = (node("a", plain).await, node("b", plain).await, node("c", plain).await);
    b.join(endpoint(&a)).await.unwrap();
    c.join(endpoint(&a)).await.unwrap();
    until(&b, |b| b.nodes().len() == 2).await;
    let mut deep = b.child("deep").one_for_all().start().unwrap();
    while let Ok(deeper) = deep.child("deep").start() {
        deep = deeper;
    }
    deep.spawn("diver", Mirror::default).await.unwrap();
    b.suspend("diver").await.unwrap();
    for onlooker in [&a, &b, &c] {
        let trees = onlooker.trees().await;
        let names: Vec<&str> = trees.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        for (name, tree) in &trees {
            let tree = tree.as_ref().unwrap();
            assert_eq!(&tree.name, name);
            assert!(tree.agent(&format!("mirror-of-{name}")).is_some(), "{tree}");
        }
        assert_eq!(trees[1].1.as_ref().unwrap(), &b.tree());
        let diver = trees[1].1.as_ref().unwrap().agent("diver").unwrap();
        assert_eq!(diver.status, Status::Suspended);
    }
    // One that said goodbye is no part of it.
    c.shutdown().await;
    until(&a, |a| state_of(a, "c") == Some(NodeState::Left)).await;
    assert_eq!(a.trees().await.len(), 2);
    shut_down([a, b, c]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_joined_node_that_is_out_of_reach_is_named_with_the_cause() {
    let network = Network::new();
    let a = node("a", plain).await;
    let b = node("b", |builder| builder.transport(FaultyTcp(network.clone()))).await;
    b.join(endpoint(&a)).await.unwrap();
    assert!(b.trees().await.iter().all(|(_, tree)| tree.is_ok()));
    network.fail();
    until(&b, |b| state_of(b, "a") != Some(NodeState::Joined)).await;
    let trees = b.trees().await;
    assert_eq!((trees[0].0.as_str(), trees[1].0.as_str()), ("a", "b"));
    assert!(matches!(trees[0].1, Err(CallError::Disconnected { .. })), "{:?}", trees[0].1);
    assert_eq!(trees[1].1.as_ref().unwrap(), &b.tree());
    b.shutdown().await;
    a.shutdown().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn each_joined_node_shows_its_tree_to_those_whom_its_own_rule_lets_see_it() {
    super::super::limit::watch();
    let dir = tempfile::tempdir().unwrap();
    let certs = DevCerts::in_dir(dir.path()).unwrap();
    let start = |name: &'static str| {
        let builder = Container::builder("tls://127.0.0.1:0").certs(certs.node(name).unwrap());
        builder.allow_host("spiffe://demo/node/*", "*")
    };
    let a = start("a").watched().await.unwrap();
    let b = start("b").allow("spiffe://demo/node/a", "folkmoot", "tree").watched().await.unwrap();
    for node in [&b, &a] {
        node.child("crew").start().unwrap().spawn("hand", Mirror::default).await.unwrap();
    }
    b.join(a.endpoint().to_string()).await.unwrap();
    until(&a, |a| !a.nodes().is_empty()).await;
    let seen = a.trees().await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].1.as_ref().unwrap(), &b.tree());
    let refused = b.trees().await;
    assert_eq!(refused[0].0, "spiffe://demo/node/a");
    assert!(matches!(refused[0].1, Err(CallError::Denied { .. })), "{:?}", refused[0].1);
    assert!(refused[1].1.is_ok());
    a.shutdown().await;
    b.shutdown().await;
}

/// Crashes when it is told to.
#[derive(Agent, Default)]
struct Hand {
    links: Vec<folkmoot::Linked>,
}

#[agent]
impl Hand {
    #[expose]
    fn crash(&mut self) {
        panic!("the hand broke")
    }

    #[expose]
    async fn link(&mut self, ctx: &Context<Self>, other: String) -> Result<(), CallError> {
        let other: Proxy<Hand> = ctx.lookup(&other).retry_for(SOON).await?;
        self.links.push(ctx.link(&other).await?);
        Ok(())
    }

    #[expose]
    fn last_crash(&self, ctx: &Context<Self>) -> Option<String> {
        ctx.last_crash()
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn monitors_and_links_of_other_nodes_hear_of_an_agent_that_lies_down_for_another() {
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    b.join(endpoint(&a)).await.unwrap();
    let crew = b.child("crew").one_for_all().start().unwrap();
    crew.spawn("watched", Hand::default).await.unwrap();
    let breaking = crew.spawn("breaking", Hand::default).await.unwrap();
    let linked = a.spawn("linked", Hand::default).await.unwrap();
    linked.link("watched".to_owned()).await.unwrap();
    let watched: Proxy<Hand> = a.lookup("watched").retry_for(SOON).await.unwrap();
    let mut monitor = a.monitor(&watched).await.unwrap();
    breaking.crash().await.unwrap_err();
    let crashed = monitor.next().await;
    assert!(
        matches!(&crashed, Some(AgentEvent::Crashed { cause }) if cause.contains("the hand broke")),
        "{crashed:?}"
    );
    assert_eq!(monitor.next().await, Some(AgentEvent::Restarted { restarts: 1 }));
    until(&a, |a| a.restarts("linked") == Ok(1)).await;
    let told = linked.last_crash().await.unwrap().unwrap();
    assert!(told.contains("/watched crashed: child container \"crew\" (one for all)"), "{told}");
    // A proxy that was held over it finds the new state.
    assert!(watched.last_crash().await.unwrap().unwrap().contains("the hand broke"));
    drop(monitor);
    shut_down([a, b]).await;
}
