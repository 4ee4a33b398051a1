//! Agents without a name of their own: the numbers that they get.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Backoff, SpawnError};

use super::counter::hall;

/// Crashes, or does not start.
#[derive(Agent)]
struct Numbered {
    starts: bool,
}

#[agent]
impl Numbered {
    #[start]
    fn begin(&mut self) -> Result<(), String> {
        if self.starts { Ok(()) } else { Err("not today".to_owned()) }
    }

    #[expose]
    fn crash(&mut self) {
        panic!("boom");
    }

    #[expose]
    fn name(&self, ctx: &Context<Self>) -> String {
        Proxy::agent_name(&ctx.own_proxy()).to_owned()
    }
}

async fn spawned(node: &Container) -> String {
    let proxy = node.spawn_numbered(|| Numbered { starts: true }).backoff(Backoff::NONE).await.unwrap();
    assert_eq!(proxy.name().await.unwrap(), Proxy::agent_name(&proxy));
    Proxy::agent_name(&proxy).to_owned()
}

#[folkmoot::test]
async fn numbers_count_up_beside_names_and_none_is_given_twice() {
    let node = hall().await;
    node.spawn("named", || Numbered { starts: true }).await.unwrap();
    for number in ["0", "1", "2"] {
        assert_eq!(spawned(&node).await, number);
    }
    // Not where one has ended, nor where one has not begun.
    node.stop("2", Duration::from_secs(60)).await.unwrap();
    assert_eq!(spawned(&node).await, "3");
    let failed = node.spawn_numbered(|| Numbered { starts: false }).await.map(drop).unwrap_err();
    assert!(matches!(&failed, SpawnError::Failed { name, .. } if name == "4"), "{failed}");
    assert_eq!(spawned(&node).await, "5");
    // A new start is no new agent.
    let one: Proxy<Numbered> = node.find("1").unwrap();
    one.crash().await.unwrap_err();
    while node.restarts("1").unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.name().await.unwrap(), "1");
    assert_eq!(spawned(&node).await, "6");
    // Numbers that are taken as names are given no more, and all below them neither.
    for name in ["9", "007", "18446744073709551615"] {
        node.spawn(name, || Numbered { starts: true }).await.unwrap();
    }
    node.stop("9", Duration::from_secs(60)).await.unwrap();
    assert_eq!(spawned(&node).await, "10");
    node.spawn("8", || Numbered { starts: true }).await.unwrap();
    assert_eq!(spawned(&node).await, "11");
    let taken = node.spawn("11", || Numbered { starts: true }).await.map(drop).unwrap_err();
    assert!(matches!(taken, SpawnError::NameTaken { .. }), "{taken}");
    node.shutdown().await;
}

#[folkmoot::test]
async fn a_node_and_its_child_containers_count_together_from_whatever_thread() {
    let node = Container::builder("local://numbers-together").workers(3).start().await.unwrap();
    let child = node.child("child").start().unwrap();
    let spawns = (0..40).map(|nth| {
        let to = if nth % 2 == 0 { &node } else { &child };
        let spawn = to.spawn_numbered(|| Numbered { starts: true });
        async move { Proxy::agent_name(&spawn.await.unwrap()).parse::<u32>().unwrap() }
    });
    let mut numbers = futures_util::future::join_all(spawns).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
    node.shutdown().await;
}
