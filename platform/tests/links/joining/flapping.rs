//! A link between joined nodes that breaks again and again while both call each other over it.
//!
//! Always: each call ends in its own reply or in `Disconnected`. Neighbour: [`faulty`](super::faulty) breaks the link.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Clock, NodeState, RealClock};

use super::faulty::{FaultyTcp, Network};
use super::processes::{Clerk, is_long};
use super::{Node, SOON, endpoint, node, says, shut_down, state_of, until};

/// Callers on each side.
const CALLERS: u64 = 16;

/// What came of the calls.
#[derive(Default)]
struct Outcomes {
    over: Cell<bool>,
    replies: Cell<u64>,
    lost: Cell<u64>,
    /// Replies since the last call that was lost.
    in_a_row: Cell<u64>,
}

/// More replies than a link lives to bring that will be cut.
const CALM: u64 = 1_000;

/// Calls until the test is over, each time with a number that no other call has.
async fn call_on(clerk: Proxy<Clerk>, caller: u64, outcomes: Rc<Outcomes>) {
    let mut number = caller << 32;
    while !outcomes.over.get() {
        number += 1;
        match clerk.echo(number).deadline(SOON).await {
            Ok(reply) => {
                assert_eq!(reply, number, "a reply that is another's");
                outcomes.replies.set(outcomes.replies.get() + 1);
                outcomes.in_a_row.set(outcomes.in_a_row.get() + 1);
            }
            Err(CallError::Disconnected { .. }) => {
                outcomes.lost.set(outcomes.lost.get() + 1);
                outcomes.in_a_row.set(0);
            }
            Err(error) => panic!("{error}"),
        }
        // Where there is no link, not as fast as it goes.
        tokio::task::yield_now().await;
    }
}

async fn flapping_node(name: &str, network: &Network) -> Node {
    let network = network.clone();
    let node = node(name, |builder| builder.transport(FaultyTcp(network))).await;
    node.spawn(&format!("clerk-of-{name}"), Clerk::default).await.unwrap();
    node
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn calls_over_a_flapping_link_end_in_their_own_reply_or_are_disconnected() {
    let (period, times) =
        if is_long() { (Duration::from_secs(1), 60) } else { (Duration::from_millis(100), 50) };
    let network = Network::new();
    let (a, b) = (flapping_node("a", &network).await, flapping_node("b", &network).await);
    b.join(endpoint(&a)).await.unwrap();
    let outcomes = Rc::new(Outcomes::default());
    let mut callers = Vec::new();
    for (here, to) in [(&a, "clerk-of-b"), (&b, "clerk-of-a")] {
        let clerk: Proxy<Clerk> = here.lookup(to).retry_for(SOON).await.unwrap();
        for _ in 0..CALLERS {
            callers.push(actix::spawn(call_on(clerk.clone(), callers.len() as u64, outcomes.clone())));
        }
    }
    let replies_before = outcomes.replies.get();
    for nth in 0..times {
        RealClock.sleep(period).await;
        match nth % 3 {
            0 => network.cut(),
            // In the middle of whatever is on its way.
            _ => {
                network.fail_after(fastrand::usize(1..2_000));
                network.forget();
            }
        }
    }
    outcomes.in_a_row.set(0);
    until(&a, |_| outcomes.in_a_row.get() > CALM).await;
    outcomes.over.set(true);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(outcomes.replies.get() > replies_before + times, "{} replies", outcomes.replies.get());
    assert!(outcomes.lost.get() > 0, "no call was lost");
    for (here, there) in [(&a, "b"), (&b, "a")] {
        until(here, |here| state_of(here, there) == Some(NodeState::Joined)).await;
        until(here, |_| here.counts.open_links() == 1.0).await;
        says(here, &format!("mirror-of-{there}"), "calm").await;
        assert!(here.counts.of("reconnects") > 0);
        assert_eq!(here.counts.of("orphan_replies"), 0);
        assert_eq!(here.counts.of("deadlines"), 0);
    }
    shut_down([a, b]).await;
}
