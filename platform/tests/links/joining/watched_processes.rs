//! Monitors and links between agents of two processes, one of which is frozen or killed; how long news of a crash
//! takes.
//!
//! Neighbours: `monitors.rs` has the same in one process, [`processes`](super::processes) runs the nodes.

use std::io::Write;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Backoff, Clock, Monitor, NodeState, RealClock};

use super::processes::{Clerk, NodeProcess, Role, Times};
use super::{Node, SOON, endpoint, node, plain, shut_down, state_of, until};

/// Crashes that are measured.
const CRASHES: usize = 1_000;

/// This process's node, with a clerk, and another in a process of its own that has joined it.
async fn two_nodes(times: Times) -> (Node, NodeProcess, Role) {
    let here = node("here", |builder| times.set(builder)).await;
    here.spawn("clerk-of-here", Clerk::default).backoff(Backoff::NONE).await.unwrap();
    let (listen, join) = ("tcp://127.0.0.1:0".to_owned(), Some(endpoint(&here)));
    let role = Role { name: "there".to_owned(), listen, join, times };
    let there = NodeProcess::start(&[], &role).await;
    (here, there, role)
}

async fn clerk_there(here: &Node) -> Proxy<Clerk> {
    here.lookup("clerk-of-there").retry_for(SOON).await.unwrap()
}

async fn is_disconnected(monitor: &mut Monitor, why: &str) {
    match monitor.next().await {
        Some(AgentEvent::Disconnected { cause }) => assert!(cause.contains(why), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_monitor_tells_of_a_frozen_process_and_finds_its_agent_again() {
    let (here, there, _) = two_nodes(Times::of_the_lane()).await;
    let clerk = clerk_there(&here).await;
    let mut monitor = here.monitor(&clerk).await.unwrap();
    there.signal("STOP").await;
    is_disconnected(&mut monitor, "nothing came from the node for ").await;
    there.signal("CONT").await;
    assert_eq!(monitor.next().await, Some(AgentEvent::Reconnected { restarts: 0 }));
    clerk.crash().await.unwrap_err();
    assert!(matches!(monitor.next().await, Some(AgentEvent::Crashed { .. })));
    assert_eq!(monitor.next().await, Some(AgentEvent::Restarted { restarts: 1 }));
    there.end().await;
    assert_eq!(monitor.next().await, Some(AgentEvent::Ended { cause: "stopped".to_owned(), in_order: true }));
    shut_down([here]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_killed_process_is_told_at_once_and_takes_down_what_is_linked_there() {
    // Nothing but the socket tells here.
    let times = Times { suspect: 50_000, unreachable: 100_000, ..Times::SHORT };
    let (here, there, role) = two_nodes(times).await;
    let clerk: Proxy<Clerk> = here.find("clerk-of-here").unwrap();
    clerk.link("clerk-of-there".to_owned()).await.unwrap();
    let mut monitor = here.monitor(&clerk_there(&here).await).await.unwrap();
    there.kill().await;
    is_disconnected(&mut monitor, "the link to ").await;
    until(&here, |here| here.restarts("clerk-of-here").unwrap() == 1).await;
    let cause = clerk.last_crash().await.unwrap().unwrap_or_default();
    assert!(cause.contains("clerk-of-there was lost: the link to "), "{cause}");

    let there = NodeProcess::start(&[], &role).await;
    let cause = "its node was started anew".to_owned();
    assert_eq!(monitor.next().await, Some(AgentEvent::Ended { cause, in_order: false }));
    assert_eq!(monitor.next().await, None);
    there.end().await;
    shut_down([here]).await;
}

/// The times from crashes to their events, sorted.
async fn measure(clerk: &Proxy<Clerk>, monitor: &mut Monitor) -> Vec<Duration> {
    let mut times = Vec::with_capacity(CRASHES);
    for _ in 0..CRASHES {
        let calling = actix::spawn(clerk.crash().into_future());
        let Some(AgentEvent::Crashed { cause }) = monitor.next().await else { panic!("no crash") };
        let known = RealClock.now().0;
        times.push(known.saturating_sub(Duration::from_nanos(cause.parse().unwrap())));
        assert!(matches!(monitor.next().await, Some(AgentEvent::Restarted { .. })));
        calling.await.unwrap().unwrap_err();
    }
    times.sort_unstable();
    times
}

fn print(where_to: &str, times: &[Duration]) {
    let [median, late, last] = [CRASHES / 2, CRASHES * 99 / 100, CRASHES - 1].map(|at| times[at]);
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "a crash is known {where_to} after {median:?} (median), {late:?} (p99), {last:?} (at the latest)"
    )
    .unwrap();
}

#[folkmoot::test(crate = crate::links::left_behind)]
#[ignore = "a measurement: run it with --release, --nocapture and RUST_BACKTRACE=0, on a machine that does nothing else"]
async fn how_long_it_takes_until_a_crash_is_known_on_another_node() {
    std::panic::set_hook(Box::new(|_| {}));
    let (a, b) = (node("a", plain).await, node("b", plain).await);
    b.join(endpoint(&a)).await.unwrap();
    let local =
        a.spawn("clerk", Clerk::default).backoff(Backoff::NONE).intensity(u32::MAX, SOON).await.unwrap();
    let mut monitor = a.monitor(&local).await.unwrap();
    print("on its own node", &measure(&local, &mut monitor).await);
    let clerk: Proxy<Clerk> = b.lookup("clerk").retry_for(SOON).await.unwrap();
    let mut monitor = b.monitor(&clerk).await.unwrap();
    print("on another node of its process", &measure(&clerk, &mut monitor).await);
    drop(monitor);
    shut_down([b, a]).await;

    let (here, there, _) = two_nodes(Times::DEFAULT).await;
    let clerk = clerk_there(&here).await;
    let mut monitor = here.monitor(&clerk).await.unwrap();
    assert_eq!(state_of(&here, "there"), Some(NodeState::Joined));
    print("in another process", &measure(&clerk, &mut monitor).await);
    drop(monitor);
    there.end().await;
    shut_down([here]).await;
}
