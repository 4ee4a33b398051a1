//! What an innocent agent waits while its neighbour on the same worker is flooded from another thread.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, System};
use folkmoot::Proxy;
use tokio::time::MissedTickBehavior;

use super::across_workers::away;
use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::Child;
use crate::floor::{Add, BareCounter};
use crate::role::{Flood, Role, Side};
use crate::rounds::interleaved;
use crate::stopwatch::Stopwatch;

const ABOUT: &str = "Two on one worker. For a second, another thread floods the one; a third thread calls the other \
    every millisecond, and its longest wait, or the 99th of 100, is the figure of the round. Floor: `do_send` as \
    fast as it goes, which knows no bound. Ours: 2,000 tasks that call for ever (more than the agent's credits, so \
    many calls are refused), and one-way calls as fast as they go. With fewer free cores than threads the \
    scheduler's own pauses are part of the wait on both sides. Each round is a process of its own.";
const FLOOD_TIME: Duration = Duration::from_secs(1);
/// More than the credits of an agent.
const FLOODING_TASKS: usize = 2_000;
/// How often a flooding thread looks at the clock.
const MESSAGES_BETWEEN_LOOKS: u32 = 100;
const MOST: Target = Target::OursAtMost(2e6);

pub(crate) fn group() -> Group {
    let bench = |name: &str, target, one_way, percent| {
        Bench::new(format!("neighbour's {name}"), Unit::Time, target, move |plan| {
            let flood = |side| Role::Flood(Flood { side, one_way, percent });
            let wait = |side| move || Child::start(&flood(side), false)?.number();
            interleaved(plan, wait(Side::Floor), wait(Side::Ours))
        })
    };
    let benches = vec![
        bench("worst wait, flood of calls", MOST, false, 100),
        bench("worst wait, flood of one-way calls", MOST, true, 100),
        bench("wait, 99th of 100, flood of calls", Target::None, false, 99),
        bench("wait, 99th of 100, flood of one-way calls", Target::None, true, 99),
    ];
    Group { title: "Neighbour of a flooded agent", about: ABOUT, benches }
}

/// One round, in this process: in nanoseconds, the wait that so many percent of all do not exceed.
pub(crate) fn flood(flood: &Flood) -> Result<f64> {
    let system = System::new();
    let mut waits = match flood.side {
        Side::Floor | Side::Multiplexer => system.block_on(flood_actor()),
        Side::Ours => system.block_on(flood_agent(flood.one_way)),
    }?;
    waits.sort();
    let wait = waits.get((waits.len() * flood.percent / 100).saturating_sub(1)).ok_or("nobody waited")?;
    Ok(wait.as_nanos() as f64)
}

async fn flood_actor() -> Result<Vec<Duration>> {
    let arbiter = Arbiter::new();
    let bare = || BareCounter::start_in_arbiter(&arbiter.handle(), |_| BareCounter::default());
    let (flooded, innocent) = (bare(), bare());
    let call = async || {
        innocent.send(Add(1)).await.expect("the innocent actor lives");
    };
    call().await;
    waits(move |flooding| flood_with_do_send(&flooded, flooding), call).await
}

async fn flood_agent(one_way: bool) -> Result<Vec<Duration>> {
    let hall = hall(2).await?;
    let flooded = away(&hall, "flooded").await?;
    let innocent = hall.spawn_near(&flooded, "innocent", Counter::default).await?;
    let call = async || {
        innocent.add(1).await.expect("the innocent agent lives");
    };
    call().await;
    let flood = if one_way { flood_one_way } else { flood_with_calls };
    waits(move |flooding| flood(&flooded, flooding), call).await
}

/// How long `call` took each time, made every millisecond while `flood` ran on a thread of its own.
async fn waits(
    flood: impl FnOnce(&Arc<Flooding>) + Send + 'static,
    call: impl AsyncFn(),
) -> Result<Vec<Duration>> {
    let flooding = Arc::new(Flooding(Stopwatch::start()));
    let theirs = flooding.clone();
    let flooder = std::thread::Builder::new().name("flood".to_owned()).spawn(move || flood(&theirs))?;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waits = Vec::new();
    while flooding.goes_on() {
        ticks.tick().await;
        let sent = Stopwatch::start();
        call().await;
        waits.push(sent.elapsed());
    }
    flooder.join().map_err(|_| "the flooding thread panicked")?;
    Ok(waits)
}

/// Over after its time, however long someone still waits: nothing else would bound what piles up.
struct Flooding(Stopwatch);

impl Flooding {
    fn goes_on(&self) -> bool {
        self.0.elapsed() < FLOOD_TIME
    }
}

#[allow(clippy::disallowed_methods, reason = "what unbounded senders do to others is the point of the floor")]
fn flood_with_do_send(target: &Addr<BareCounter>, flooding: &Arc<Flooding>) {
    while flooding.goes_on() {
        for _ in 0..MESSAGES_BETWEEN_LOOKS {
            target.do_send(Add(1));
        }
    }
}

fn flood_one_way(target: &Proxy<Counter>, flooding: &Arc<Flooding>) {
    while flooding.goes_on() {
        for _ in 0..MESSAGES_BETWEEN_LOOKS {
            // Refused as `Overloaded` when the agent has no credit left: it is tried again at once.
            target.add(1).one_way().ok();
        }
    }
}

fn flood_with_calls(target: &Proxy<Counter>, flooding: &Arc<Flooding>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without a driver");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let calling: Vec<_> = (0..FLOODING_TASKS)
            .map(|_| {
                let (target, flooding) = (target.clone(), flooding.clone());
                tokio::task::spawn_local(async move {
                    while flooding.goes_on() {
                        if target.add(1).await.is_err() {
                            // Refused on the spot: the others' replies must get through.
                            tokio::task::yield_now().await;
                        }
                    }
                })
            })
            .collect();
        for task in calling {
            task.await.expect("a flooding task does not panic");
        }
    });
}
