//! Small calls beside large payloads on one link, against the same calls alone.
//!
//! Neighbour: [`remote`](crate::remote) has the other process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use folkmoot::Proxy;
use tokio::sync::oneshot;

use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Target, Unit};
use crate::child::Child;
use crate::role::{Role, Serve, Side};
use crate::rounds::{Pair, Plan};
use crate::stopwatch::Stopwatch;

const LARGE_BYTES: usize = 8 << 20;
/// Calls whose 99th of 100 is the figure of a round.
const CALLS: usize = 5_000;
/// The figure to reach.
const TARGET: Target = Target::RatioAtMost(2.0);

/// What else happens while small calls are made.
#[derive(Clone, Copy)]
enum Beside {
    /// Large calls over the same link, with that pause after each.
    SameLink(Option<Duration>),
    /// Large calls to another process from another thread, one after the other: what the machine's cores make of it.
    OtherProcess,
}

pub(super) fn benches() -> Vec<Bench> {
    [
        ("ten a second", TARGET, Beside::SameLink(Some(Duration::from_millis(100)))),
        ("one after the other", TARGET, Beside::SameLink(None)),
        ("the same on another link", Target::None, Beside::OtherProcess),
    ]
    .map(|(how, target, beside)| {
        let name = format!("64 B calls beside 8 MiB, 99th of 100, {how}");
        Bench::new(name, Unit::Time, target, move |plan| measure(plan, beside))
    })
    .into()
}

fn measure(plan: &Plan, beside: Beside) -> Result<Vec<Pair>> {
    let serve = Role::Serve(Serve { side: Side::Ours, certs: None, gather_ms: 0 });
    let (mut server, mut other) = (Child::start(&serve, false)?, Child::start(&serve, false)?);
    let (to, elsewhere) = (server.word()?, other.word()?.replace("/echo", "/sink"));
    folkmoot::block_on(async {
        let hall = hall(1).await?;
        let echo: Proxy<Counter> = hall.connect(to.as_str()).await?;
        let sink: Proxy<Counter> = hall.connect(to.replace("/echo", "/sink").as_str()).await?;
        let text = "x".repeat(64);
        wait_of_99(&echo, &text).await?;
        let mut pairs = Vec::new();
        for _ in 0..plan.rounds {
            let floor = wait_of_99(&echo, &text).await?;
            let goes_on = Arc::new(AtomicBool::new(true));
            let (theirs, sink, elsewhere) = (goes_on.clone(), sink.clone(), elsewhere.clone());
            let (tell, told) = oneshot::channel();
            std::thread::Builder::new().name("large".to_owned()).spawn(move || {
                let sent = match beside {
                    Beside::SameLink(pause) => send_large(&sink, &theirs, pause),
                    Beside::OtherProcess => send_elsewhere(&elsewhere, &theirs),
                };
                tell.send(sent.map_err(|error| error.to_string()))
            })?;
            let ours = wait_of_99(&echo, &text).await;
            goes_on.store(false, Ordering::Release);
            // Awaited, not joined: the last large call needs this worker.
            let sent = told.await.map_err(|_| "the thread with the large calls panicked")??;
            if sent == 0 {
                return Err("no large call came to its end beside the small ones".into());
            }
            pairs.push(Pair { floor, ours: ours? });
        }
        hall.shutdown().await;
        Ok(pairs)
    })
}

/// What 99 of 100 calls do not exceed, in nanoseconds.
async fn wait_of_99(echo: &Proxy<Counter>, text: &str) -> Result<f64> {
    let mut waits = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let sent = Stopwatch::start();
        echo.echo(text.to_owned()).await?;
        waits.push(sent.elapsed());
    }
    waits.sort();
    Ok(waits[CALLS * 99 / 100 - 1].as_nanos() as f64)
}

/// Calls with much until told to end; says how often.
#[allow(clippy::disallowed_methods, reason = "a thread of its own, which may wait")]
fn send_large(sink: &Proxy<Counter>, goes_on: &AtomicBool, pause: Option<Duration>) -> Result<u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let large = "x".repeat(LARGE_BYTES);
    let mut sent = 0;
    while goes_on.load(Ordering::Acquire) || sent == 0 {
        let length = runtime.block_on(sink.length(large.clone()))?;
        assert_eq!(length, LARGE_BYTES);
        sent += 1;
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    }
    Ok(sent)
}

/// The same to the agent at that URL, from a container of this thread's own.
fn send_elsewhere(sink: &str, goes_on: &AtomicBool) -> Result<u64> {
    folkmoot::block_on(async {
        let hall = hall(1).await?;
        let sink: Proxy<Counter> = hall.connect(sink).await?;
        let large = "x".repeat(LARGE_BYTES);
        let mut sent = 0;
        while goes_on.load(Ordering::Acquire) || sent == 0 {
            assert_eq!(sink.length(large.clone()).await?, LARGE_BYTES);
            sent += 1;
        }
        hall.shutdown().await;
        Ok(sent)
    })
}
