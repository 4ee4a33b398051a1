//! What an innocent agent waits while its neighbour on the same worker is flooded from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix::{Actor, Arbiter, System};
use folkmoot::Proxy;
use tokio::time::MissedTickBehavior;

use super::across_workers::away;
use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::floor::{Add, BareCounter};
use crate::rounds::{Pair, Plan, interleaved};
use crate::stopwatch::Stopwatch;

const ABOUT: &str = "Two on one worker. For a second, another thread floods the one; a third thread calls the other \
    every millisecond, and its longest wait is the figure of the round. Floor: `do_send` as fast as it goes, which \
    knows no bound. Ours: 2,000 tasks that call for ever (more than the agent's credits, so many calls are refused), \
    and one-way calls as fast as they go. With fewer free cores than threads the scheduler's own pauses are part of \
    the wait on both sides.";
const FLOOD_TIME: Duration = Duration::from_secs(1);
/// More than the credits of an agent.
const FLOODING_TASKS: usize = 2_000;
const MOST: Target = Target::OursAtMost(2e6);

pub(crate) fn group() -> Group {
    let bench = |name, flood: fn(&Proxy<Counter>, &Arc<AtomicBool>)| {
        let name = format!("neighbour's worst wait, flood of {name}");
        Bench::new(name, Unit::Time, MOST, move |plan| measure(plan, flood))
    };
    let benches = vec![bench("calls", flood_with_calls), bench("one-way calls", flood_one_way)];
    Group { title: "Neighbour of a flooded agent", about: ABOUT, benches }
}

fn measure(plan: &Plan, flood: fn(&Proxy<Counter>, &Arc<AtomicBool>)) -> Result<Vec<Pair>> {
    let system = System::new();
    let arbiter = system.block_on(async { Arbiter::new() });
    let bare = || BareCounter::start_in_arbiter(&arbiter.handle(), |_| BareCounter::default());
    let (bare_flooded, bare_innocent) = (bare(), bare());
    let hall = system.block_on(hall(2))?;
    let flooded = system.block_on(away(&hall, "flooded"))?;
    let innocent = system.block_on(hall.spawn_near(&flooded, "innocent", Counter::default).into_future())?;
    let pairs = interleaved(
        plan,
        || {
            let target = bare_flooded.clone();
            let flood = move |stop: &Arc<AtomicBool>| flood_bare(&target, stop);
            let worst = system.block_on(worst_wait(flood, async || {
                bare_innocent.send(Add(1)).await.expect("the innocent actor lives");
            }));
            system.block_on(bare_flooded.send(Add(0)))?;
            worst
        },
        || {
            let target = flooded.clone();
            let flood = move |stop: &Arc<AtomicBool>| flood(&target, stop);
            let worst = system.block_on(worst_wait(flood, async || {
                innocent.add(1).await.expect("the innocent agent lives");
            }));
            // Behind all that is still queued.
            while system.block_on(flooded.add(0)).is_err() {}
            worst
        },
    );
    system.block_on(hall.shutdown());
    arbiter.stop();
    pairs
}

/// The longest that `call` took, in nanoseconds, made every millisecond while `flood` ran on a thread of its own.
async fn worst_wait(
    flood: impl FnOnce(&Arc<AtomicBool>) + Send + 'static,
    call: impl AsyncFn(),
) -> Result<f64> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let flooder = std::thread::Builder::new().name("flood".to_owned()).spawn(move || flood(&told))?;
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Stopwatch::start();
    let mut worst = Duration::ZERO;
    while watch.elapsed() < FLOOD_TIME {
        ticks.tick().await;
        let sent = Stopwatch::start();
        call().await;
        worst = worst.max(sent.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    flooder.join().map_err(|_| "the flooding thread panicked")?;
    Ok(worst.as_nanos() as f64)
}

#[allow(
    clippy::disallowed_methods,
    reason = "what happens when nothing bounds the senders is the point of the floor"
)]
fn flood_bare(target: &actix::Addr<BareCounter>, stop: &Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        target.do_send(Add(1));
    }
}

fn flood_one_way(target: &Proxy<Counter>, stop: &Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        // Refused as `Overloaded` when the agent has no credit left: it is tried again at once.
        target.add(1).one_way().ok();
    }
}

fn flood_with_calls(target: &Proxy<Counter>, stop: &Arc<AtomicBool>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without a driver");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let calling: Vec<_> = (0..FLOODING_TASKS)
            .map(|_| {
                let (target, stop) = (target.clone(), stop.clone());
                tokio::task::spawn_local(async move {
                    while !stop.load(Ordering::Relaxed) {
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
