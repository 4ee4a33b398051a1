//! 100,000 agents spawned and called once each.

use std::time::Duration;

use actix::{Actor, System};

use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::floor::{Add, BareCounter};
use crate::rounds::{Pair, Plan, interleaved};
use crate::stopwatch::Stopwatch;

/// Agents of one round.
const AGENTS: u32 = 100_000;

const ABOUT: &str = "100,000 agents with names, spawned one after the other on one worker, then called once each; the \
    time for one agent. The call runs in place (see local calls). Floor: `Actor::start` and `Addr::send`, without names.";

pub(crate) fn group() -> Group {
    let name = "spawn and first call of 100,000 agents";
    let benches = vec![Bench::new(name, Unit::Time, Target::RatioAtMost(2.0), measure)];
    Group { title: "Spawn and first call", about: ABOUT, benches }
}

fn measure(plan: &Plan) -> Result<Vec<Pair>> {
    let each = |took: Duration| took.as_nanos() as f64 / f64::from(AGENTS);
    // A system of its own for each round: what it leaves behind is cleared away before the next one begins.
    let floor = || System::new().block_on(on_worker(spawn_bare())).map(each);
    let ours = || System::new().block_on(on_worker(spawn())).map(each);
    floor()?;
    ours()?;
    interleaved(plan, floor, ours)
}

/// Runs `work` as a task among the worker's others: what `block_on` itself awaits has the runtime look for I/O each
/// time.
async fn on_worker(work: impl Future<Output = Result<Duration>> + 'static) -> Result<Duration> {
    tokio::task::spawn_local(work).await?
}

async fn spawn_bare() -> Result<Duration> {
    let watch = Stopwatch::start();
    let actors: Vec<_> = (0..AGENTS).map(|_| BareCounter::default().start()).collect();
    for actor in &actors {
        actor.send(Add(1)).await?;
    }
    Ok(watch.elapsed())
}

async fn spawn() -> Result<Duration> {
    let hall = hall(1).await?;
    let watch = Stopwatch::start();
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(hall.spawn(&format!("counter-{number}"), Counter::default).await?);
    }
    for agent in &agents {
        agent.add(1).await?;
    }
    let took = watch.elapsed();
    hall.shutdown().await;
    Ok(took)
}
