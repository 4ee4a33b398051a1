//! Nodes that are frozen, killed and started again as processes, and what those hear who wait for them.
//!
//! Neighbours: [`faults`](super::faults) has the same in one process, [`processes`](super::processes) runs the nodes.

use futures_util::future::join_all;

use folkmoot::NodeState;
use folkmoot::prelude::*;

use super::processes::{Clerk, NodeProcess, Role, Times};
use super::{Node, SOON, endpoint, node, shut_down, state_of, until};

/// How many callers wait when the node fails.
const WAITING: usize = 300;

/// This process's node, with a clerk, and another in a process of its own that has joined it.
async fn two_nodes(times: Times) -> (Node, NodeProcess, Role, Proxy<Clerk>) {
    let here = node("here", |builder| times.set(builder)).await;
    here.spawn("clerk-of-here", Clerk::default).await.unwrap();
    let (listen, join) = ("tcp://127.0.0.1:0".to_owned(), Some(endpoint(&here)));
    let role = Role { name: "there".to_owned(), listen, join, times };
    let there = NodeProcess::start(&[], &role).await;
    let clerk: Proxy<Clerk> = here.lookup("clerk-of-there").retry_for(SOON).await.unwrap();
    assert_eq!(clerk.relay("clerk-of-here".to_owned(), 1).await, Ok(1));
    (here, there, role, clerk)
}

/// Callers that wait for a reply which never comes: what each of them hears in the end.
pub(super) async fn callers(clerk: &Proxy<Clerk>) -> Vec<tokio::task::JoinHandle<Result<(), CallError>>> {
    let before = clerk.held().await.unwrap();
    let waiting = (0..WAITING).map(|_| actix::spawn(clerk.hold().deadline(SOON).into_future())).collect();
    while clerk.held().await.unwrap() < before + WAITING {
        tokio::task::yield_now().await;
    }
    waiting
}

/// All of them have heard that their call may have run, for that reason.
pub(super) async fn all_disconnected(
    waiting: Vec<tokio::task::JoinHandle<Result<(), CallError>>>,
    why: &str,
) {
    for outcome in join_all(waiting).await {
        let error = outcome.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Disconnected { may_have_run: true, .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// The node is served again by the proxies of before, both ways.
pub(super) async fn serves_again(clerk: &Proxy<Clerk>) {
    for number in 0.. {
        match clerk.relay("clerk-of-here".to_owned(), number).await {
            Ok(reply) => {
                assert_eq!(reply, number);
                return;
            }
            // Its own way back may not stand yet.
            Err(CallError::Agent(_) | CallError::Disconnected { .. } | CallError::NoSuchAgent { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_frozen_process_is_suspect_then_unreachable_and_is_there_again_when_it_thaws() {
    let times = Times::of_the_lane();
    let (here, there, _, clerk) = two_nodes(times).await;
    let waiting = callers(&clerk).await;
    there.signal("STOP").await;
    until(&here, |here| state_of(here, "there") == Some(NodeState::Suspect)).await;
    assert!(!waiting[0].is_finished(), "who is suspect may still answer");
    all_disconnected(waiting, "nothing came from the node for ").await;
    assert_eq!(state_of(&here, "there"), Some(NodeState::Unreachable));
    // The system of the frozen node takes connections, but nobody answers the Hello.
    let error = clerk.echo(1).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { may_have_run: false, .. }), "{error}");

    there.signal("CONT").await;
    until(&here, |here| state_of(here, "there") == Some(NodeState::Joined)).await;
    serves_again(&clerk).await;
    assert!(here.nodes()[0].epoch > 1);
    until(&here, |_| here.counts.open_links() == 1.0).await;
    there.end().await;
    shut_down([here]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_process_that_is_frozen_for_a_moment_keeps_its_link_and_answers_what_it_was_asked() {
    let times = Times { unreachable: 60_000, ..Times::SHORT };
    let (here, there, _, clerk) = two_nodes(times).await;
    there.signal("STOP").await;
    let asked = actix::spawn(clerk.echo(7).deadline(SOON).into_future());
    until(&here, |here| state_of(here, "there") == Some(NodeState::Suspect)).await;
    there.signal("CONT").await;
    assert_eq!(asked.await.unwrap(), Ok(7));
    until(&here, |here| state_of(here, "there") == Some(NodeState::Joined)).await;
    assert_eq!((here.nodes()[0].epoch, here.counts.of("links_opened")), (1, 1));
    there.end().await;
    shut_down([here]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn whoever_waits_for_a_killed_process_is_told_and_its_old_proxies_serve_when_it_is_back() {
    // Nothing but the socket tells here.
    let times = Times { suspect: 50_000, unreachable: 100_000, ..Times::SHORT };
    let (here, mut there, role, clerk) = two_nodes(times).await;
    for round in 2..5 {
        let waiting = callers(&clerk).await;
        there.kill().await;
        all_disconnected(waiting, "the link to ").await;
        // On another port each time.
        there = NodeProcess::start(&[], &role).await;
        serves_again(&clerk).await;
        assert_eq!(here.nodes()[0].epoch, round);
    }
    there.end().await;
    shut_down([here]).await;
}
