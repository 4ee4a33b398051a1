//! A link of which one direction, or both, are dead while no socket tells: packets are dropped on their way.
//!
//! Neighbours: [`network`](super::network) drops them, [`processes`](super::processes) runs the node behind it.

use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Clock, NodeState, RealClock};

use super::super::left_behind::Watch;
use super::network::{Dropped, Namespace};
use super::processes::{Clerk, NodeProcess, Role, Times};
use super::processes_that_fail::{all_disconnected, callers, serves_again};
use super::{Counts, Node, SOON, endpoint, shut_down, state_of, until};

async fn node_at(address: &str, times: Times) -> Node {
    super::super::limit::watch();
    let counts = Counts::default();
    let container = {
        let _recording = metrics::set_default_local_recorder(&counts);
        let builder = Container::builder(&format!("tcp://{address}:0")).insecure().name("here");
        times.set(builder).watched().await.unwrap()
    };
    container.spawn("clerk-of-here", Clerk::default).await.unwrap();
    Node { container, counts }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_waits_on_a_link_that_is_dead_in_a_direction_is_told_and_the_link_heals() {
    let Some(namespace) = Namespace::make() else { return };
    let times = Times::of_the_lane();
    let here = node_at(&namespace.here, times).await;
    let (listen, join) = (format!("tcp://{}:0", namespace.there), Some(endpoint(&here)));
    let role = Role { name: "there".to_owned(), listen, join, times };
    let there = NodeProcess::start(&namespace.prefix(), &role).await;
    let clerk: Proxy<Clerk> = here.lookup("clerk-of-there").retry_for(SOON).await.unwrap();
    let own: Proxy<Clerk> = here.lookup("clerk-of-here").await.unwrap();
    for (nth, dropped) in [Dropped::Towards, Dropped::Back, Dropped::Both].into_iter().enumerate() {
        let waiting = callers(&clerk).await;
        clerk.wait_for("clerk-of-here".to_owned()).one_way().unwrap();
        while own.held().await.unwrap() <= nth {
            RealClock.sleep(Duration::from_millis(1)).await;
        }
        let epoch = here.nodes()[0].epoch;

        namespace.drops(dropped);
        let began = RealClock.now();
        // Whichever direction is dead: without the other's acknowledgements nothing new comes after a moment.
        all_disconnected(waiting, "nothing came from the node for ").await;
        let took = RealClock.now().0.saturating_sub(began.0);
        let expected = Duration::from_millis(times.unreachable);
        assert!(took < 2 * expected + Duration::from_secs(5), "{dropped:?}: they were told after {took:?}");
        assert_eq!(state_of(&here, "there"), Some(NodeState::Unreachable), "{dropped:?}");
        let error = clerk.echo(1).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { may_have_run: false, .. }), "{dropped:?}: {error}");

        namespace.heals();
        until(&here, |here| state_of(here, "there") == Some(NodeState::Joined)).await;
        serves_again(&clerk).await;
        assert!(here.nodes()[0].epoch > epoch);
        until(&here, |_| here.counts.open_links() == 1.0).await;
        // The other side was told the same.
        while clerk.heard().await.unwrap().len() <= nth {
            RealClock.sleep(Duration::from_millis(1)).await;
        }
        let heard = clerk.heard().await.unwrap().pop().unwrap();
        assert!(matches!(heard, CallError::Disconnected { may_have_run: true, .. }), "{dropped:?}: {heard}");
    }
    there.end().await;
    shut_down([here]).await;
}
