//! Links that gather: what comes one by one is answered at once, a little later, and nothing is lost by it.

use std::collections::BTreeSet;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::sim::{Sim, Simulation};
use folkmoot::{Builder, LinkLimits};

use super::left_behind::Watch;

/// How long the links gather in virtual time.
const GATHER: Duration = Duration::from_secs(1);

#[derive(Agent)]
struct Echo;

#[agent]
impl Echo {
    #[expose]
    fn echo(&self, text: String) -> String {
        text
    }
}

async fn gathering(builder: Builder, time: Duration) -> Result<Container> {
    let mut limits = LinkLimits::default();
    limits.gather_time = time;
    let hall = builder.limits(limits).start().await?;
    hall.spawn("echo", || Echo).await?;
    Ok(hall)
}

/// When 20 calls that were made 10 ms apart are answered, and how long 5 calls take one after the other.
fn answered(time: Duration) -> (BTreeSet<Duration>, Duration) {
    let run = Simulation::new(1).run(async move |sim: Sim| {
        let far = sim.node("far", move |builder| gathering(builder, time)).await.unwrap();
        let near = sim.node("near", async |builder: Builder| Ok(builder.start().await?)).await.unwrap();
        let echo: Proxy<Echo> = near.connect(far.url("echo")).await.unwrap();
        // With its answer a time to gather begins.
        echo.echo(String::new()).await.unwrap();
        let calls: Vec<_> = (1..=20)
            .map(|nth| {
                let (sim, echo) = (sim.clone(), echo.clone());
                tokio::task::spawn_local(async move {
                    sim.sleep(Duration::from_millis(10 * nth)).await;
                    assert_eq!(echo.echo(nth.to_string()).await, Ok(nth.to_string()));
                    sim.elapsed()
                })
            })
            .collect();
        let mut moments = BTreeSet::new();
        for call in calls {
            moments.insert(call.await.unwrap());
        }
        let began = sim.elapsed();
        for _ in 0..5 {
            echo.echo(String::new()).await.unwrap();
        }
        (moments, sim.elapsed() - began)
    });
    run.unwrap().output
}

#[test]
fn calls_that_come_one_by_one_are_answered_at_once_and_one_caller_waits_for_each() {
    let (moments, in_a_row) = answered(GATHER);
    assert_eq!(moments.len(), 1, "{moments:?}");
    assert!(in_a_row >= 4 * GATHER && in_a_row <= 6 * GATHER, "{in_a_row:?}");
}

#[test]
fn a_link_that_does_not_gather_answers_each_call_when_it_comes() {
    let (moments, in_a_row) = answered(Duration::ZERO);
    assert_eq!(moments.len(), 20, "{moments:?}");
    assert!(in_a_row < GATHER, "{in_a_row:?}");
}

#[folkmoot::test(crate = crate::links::left_behind)]
async fn both_ends_may_gather_and_large_texts_cross_as_ever() {
    let gather = Duration::from_millis(2);
    for codec in Codec::ALL {
        let builder = || Container::builder("tcp://127.0.0.1:0").codec(codec);
        let mut limits = LinkLimits::default();
        limits.gather_time = gather;
        let far = builder().limits(limits.clone()).watched().await.unwrap();
        far.spawn("echo", || Echo).await.unwrap();
        let near = builder().limits(limits).watched().await.unwrap();
        let echo: Proxy<Echo> = near.connect(far.url("echo")).await.unwrap();
        let calls: Vec<_> = (0..200)
            .map(|nth| {
                let echo = echo.clone();
                // Every size: within a read, of several, in pieces, on a thread of its own.
                let text = "x".repeat(if nth % 20 == 0 { 5_000 * nth } else { nth });
                actix::spawn(async move {
                    let length = text.len();
                    assert_eq!(echo.echo(text).await.map(|text| text.len()), Ok(length));
                })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        near.shutdown().await;
        far.shutdown().await;
    }
}
