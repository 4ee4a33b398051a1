//! Nodes whose clocks are hours apart: nothing between them goes by the clock.
//!
//! Neighbour: `hostile/dialing.rs` has a peer that reads what is told of a deadline.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Clock, NodeState, RealClock, Sleep, Timestamp};

use super::processes::{Clerk, Times};
use super::{Node, SOON, endpoint, node_with_clock, says, shut_down, state_of};

/// Shows a time that is hours off, or stands still at one.
#[derive(Clone, Copy)]
enum WrongClock {
    Ahead(Duration),
    Behind(Duration),
    Stopped,
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let now = RealClock.now();
        match self {
            WrongClock::Ahead(by) => now + *by,
            WrongClock::Behind(by) => Timestamp(now.0.saturating_sub(*by)),
            WrongClock::Stopped => Timestamp(Duration::ZERO),
        }
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        match self {
            WrongClock::Stopped => Box::pin(std::future::pending()),
            _ => RealClock.sleep(moment.0.saturating_sub(self.now().0)),
        }
    }
}

async fn wrong_node(name: &str, clock: WrongClock) -> Node {
    let node = node_with_clock(name, |builder| Times::SHORT.set(builder), clock).await;
    node.spawn(&format!("clerk-of-{name}"), Clerk::default).await.unwrap();
    node
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_whose_clocks_are_hours_apart_join_and_keep_each_others_deadlines() {
    let hours = Duration::from_secs(9 * 3600);
    for clock in [WrongClock::Ahead(hours), WrongClock::Behind(hours), WrongClock::Stopped] {
        let (a, b) = (wrong_node("a", WrongClock::Behind(hours)).await, wrong_node("b", clock).await);
        b.join(endpoint(&a)).await.unwrap();
        for (here, there) in [(&a, "b"), (&b, "a")] {
            let clerk: Proxy<Clerk> =
                here.lookup(&format!("clerk-of-{there}")).retry_for(SOON).await.unwrap();
            // A deadline of hours less or more would be over, or would not be for a long time.
            let error = clerk.hold().deadline(Duration::from_millis(50)).await.unwrap_err();
            assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error}");
            let relayed = clerk.relay(format!("clerk-of-{}", if there == "a" { "b" } else { "a" }), 7);
            assert_eq!(relayed.deadline(SOON).await, Ok(7), "what is left of a deadline is passed on");
        }
        // More heartbeats than make a node suspect.
        for _ in 0..10 {
            RealClock.sleep(Duration::from_millis(Times::SHORT.heartbeat)).await;
            says(&a, "mirror-of-b", "x").await;
        }
        for (here, there) in [(&a, "b"), (&b, "a")] {
            assert_eq!(state_of(here, there), Some(NodeState::Joined));
            assert_eq!(here.nodes()[0].epoch, 1);
        }
        shut_down([a, b]).await;
    }
}
