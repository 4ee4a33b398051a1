//! Links that end in the middle of a frame: after each byte of what two nodes say to each other.
//!
//! Neighbour: [`faulty`](super::faulty) cuts them.

use folkmoot::NodeState;
use folkmoot::prelude::*;

use super::faulty::{FaultyTcp, Network};
use super::{endpoint, node, plain, says, shut_down, state_of, until};

/// Counts how often it was asked.
#[derive(Agent, Default)]
struct Tally(u64);

#[agent]
impl Tally {
    #[expose]
    fn count(&mut self, number: u64) -> (u64, u64) {
        self.0 += 1;
        (number, self.0)
    }

    #[expose]
    fn counted(&self) -> u64 {
        self.0
    }
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn a_call_over_a_link_that_is_cut_after_any_byte_ends_and_says_whether_it_may_have_run() {
    let network = Network::new();
    let dialing = network.clone();
    let (server, client) =
        (node("server", plain).await, node("client", |builder| builder.transport(FaultyTcp(dialing))).await);
    let tally = server.spawn("tally", Tally::default).await.unwrap();
    // A proxy from before: what is dialed later says Hello, and then sends the call.
    let far: Proxy<Tally> = client.connect(server.url("tally")).await.unwrap();
    let (mut ran, mut cut) = (0, 0);
    for bytes in 0_usize.. {
        network.cut();
        until(&client, |_| client.counts.open_links() == 0.0 && server.counts.open_links() == 0.0).await;
        network.fail_after(bytes);
        let number = bytes as u64;
        let outcome = far.count(number).await;
        network.forget();
        // Whatever of the call came to the server has been handled once its side of the link has ended.
        let ended = outcome.is_err();
        until(&server, |_| !ended || server.counts.open_links() == 0.0).await;
        let counted = tally.counted().await.unwrap();
        match outcome {
            Ok(reply) => {
                assert_eq!(reply, (number, ran + 1), "cut after {bytes} bytes");
                break;
            }
            Err(CallError::Disconnected { may_have_run, cause }) => {
                let runs = counted - ran;
                assert!(runs <= u64::from(may_have_run), "after {bytes} bytes: {runs} runs, {cause}");
                cut += 1;
            }
            Err(error) => panic!("cut after {bytes} bytes: {error}"),
        }
        ran = counted;
    }
    assert!(cut > 200, "a Hello each way, a call and its reply are more than {cut} bytes");
    assert!(server.counts.of("bad_frames") > 50, "half frames came");
    assert_eq!(client.counts.of("orphan_replies"), 0);
    shut_down([client, server]).await;
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn nodes_whose_link_is_cut_after_any_byte_of_the_joining_join_in_the_end() {
    let network = Network::new();
    let dialing = network.clone();
    let a = node("a", plain).await;
    let b = node("b", |builder| builder.transport(FaultyTcp(dialing))).await;
    let mut cut = 0;
    for bytes in 0_usize.. {
        network.fail_after(bytes);
        let joined = b.join(endpoint(&a)).await;
        network.cut();
        match joined {
            Ok(joined) => {
                assert_eq!(joined.name, "a");
                break;
            }
            Err(CallError::Disconnected { .. }) => cut += 1,
            Err(error) => panic!("cut after {bytes} bytes: {error}"),
        }
        until(&b, |_| b.counts.open_links() == 0.0 && a.counts.open_links() == 0.0).await;
    }
    assert!(cut > 200, "a Hello and a join each way are more than {cut} bytes");
    for (here, there) in [(&a, "b"), (&b, "a")] {
        until(here, |here| state_of(here, there) == Some(NodeState::Joined)).await;
        says(here, &format!("mirror-of-{there}"), "whole again").await;
        until(here, |_| here.counts.open_links() == 1.0).await;
    }
    shut_down([a, b]).await;
}
