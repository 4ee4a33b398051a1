//! Large payloads between joined nodes, on a line so slow that they cross for longer than a silent node is waited for.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Backoff, Builder, LinkLimits, NodeState};

use super::super::relay::Relay;
use super::{Node, SOON, node, shut_down, state_of, until};

/// How much crosses, in each direction.
const BYTES: usize = 32 << 20;
/// The time for each 64 KiB of it: five seconds in all, at the least.
const PAUSE: Duration = Duration::from_millis(10);
/// A node that is not heard for so long loses its link.
const UNREACHABLE: Duration = Duration::from_secs(4);

/// Takes texts, and crashes when it is told to.
#[derive(Agent, Default)]
struct Depot;

#[agent]
impl Depot {
    #[expose]
    fn take(&self, text: String) -> usize {
        text.len()
    }

    #[expose]
    fn crash(&mut self) {
        panic!("boom");
    }
}

/// A node whose peers send so many bytes ahead of its word that it has taken them in.
async fn depot_node(name: &str, window: usize) -> Node {
    let mut limits = LinkLimits::default();
    limits.heartbeat = Duration::from_millis(50);
    limits.suspect_time = Duration::from_secs(2);
    limits.unreachable_time = UNREACHABLE;
    limits.max_unanswered_bytes = window;
    limits.frame.max_frame_bytes = 2 * BYTES as u32;
    let build = |builder: Builder| builder.limits(limits).deadline(SOON);
    let node = node(name, build).await;
    for name in [format!("depot-of-{name}"), format!("fragile-of-{name}")] {
        let spawn = node.spawn(&name, Depot::default).backoff(Backoff::NONE).intensity(u32::MAX, SOON);
        spawn.await.unwrap();
    }
    node
}

/// The nodes, one large call from each to the other that is on its way, and whether both are over.
struct Crossing {
    a: Node,
    b: Node,
    large: Vec<tokio::task::JoinHandle<usize>>,
    over: Rc<Cell<usize>>,
}

impl Crossing {
    async fn begin(window: usize) -> Crossing {
        let (a, b) = (depot_node("a", window).await, depot_node("b", window).await);
        let relay = Relay::to(a.endpoint().host_and_port().unwrap().1, PAUSE).await;
        b.join(format!("tcp://127.0.0.1:{}", relay.port)).await.unwrap();
        let over = Rc::new(Cell::new(0));
        let mut large = Vec::new();
        for (here, to) in [(&a, "depot-of-b"), (&b, "depot-of-a")] {
            let depot: Proxy<Depot> = here.lookup(to).retry_for(SOON).await.unwrap();
            let over = over.clone();
            large.push(actix::spawn(async move {
                let taken = depot.take("x".repeat(BYTES)).await.unwrap();
                over.set(over.get() + 1);
                taken
            }));
        }
        until(&a, |_| a.counts.of("pieces_out") > 4 && b.counts.of("pieces_out") > 4).await;
        Crossing { a, b, large, over }
    }

    /// Both directions are still full.
    fn is_under_way(&self) -> bool {
        self.over.get() == 0
    }

    async fn end(self) {
        for large in self.large {
            assert_eq!(large.await.unwrap(), BYTES);
        }
        for (here, there) in [(&self.a, "b"), (&self.b, "a")] {
            assert_eq!((here.nodes()[0].epoch, state_of(here, there)), (1, Some(NodeState::Joined)));
        }
        shut_down([self.b, self.a]).await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_hear_each_other_and_small_calls_pass_while_much_crosses_for_long() {
    let crossing = Crossing::begin(LinkLimits::default().max_unanswered_bytes).await;
    let (a, b) = (&crossing.a, &crossing.b);
    let there: Proxy<Depot> = a.lookup("fragile-of-b").await.unwrap();
    let back: Proxy<Depot> = b.lookup("fragile-of-a").await.unwrap();
    let mut passed = 0;
    while crossing.is_under_way() {
        for (proxy, here, node) in [(&there, a, "b"), (&back, b, "a")] {
            assert_eq!(proxy.take("small".to_owned()).await, Ok(5));
            assert_ne!(state_of(here, node), Some(NodeState::Unreachable));
        }
        passed += 1;
    }
    assert!(passed >= 10, "{passed} small calls each way passed the large ones");
    crossing.end().await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn what_nodes_tell_each_other_overtakes_all_that_waits_however_much_may_be_under_way() {
    // So wide that nothing waits for the other node's word.
    let crossing = Crossing::begin(4 * BYTES).await;
    let (a, b) = (&crossing.a, &crossing.b);
    for (here, there, name) in [(a, b, "b"), (b, a, "a")] {
        let fragile: Proxy<Depot> = there.find(&format!("fragile-of-{name}")).unwrap();
        let proxy: Proxy<Depot> = here.lookup(&format!("fragile-of-{name}")).await.unwrap();
        let watching = here.monitor(&proxy);
        there.spawn(&format!("late-on-{name}"), Depot::default).await.unwrap();
        let mut monitor = watching.await.unwrap();
        fragile.crash().await.unwrap_err();
        let cause = "boom".to_owned();
        assert_eq!(monitor.next().await, Some(AgentEvent::Crashed { cause }));
        let late = here.lookup::<Depot>(&format!("late-on-{name}")).await;
        assert!(late.is_ok(), "the news came before the event");
    }
    assert!(crossing.is_under_way(), "all of that overtook what was large");
    crossing.end().await;
}
