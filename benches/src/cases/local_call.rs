//! A call between two on one worker, against the same by actix alone.

use std::future::Future;
use std::time::Duration;

use actix::{Actor, Addr, System, SystemRunner};
use folkmoot::Proxy;

use crate::Result;
use crate::agents::{Caller, Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::floor::{Add, AddPending, AddReady, BareCaller, BareCounter, CallOften, Hold, Read, ReadPending};
use crate::rounds::{Pair, Plan, nanoseconds_a_call};
use crate::stopwatch::Stopwatch;
use crate::tasks::in_flight;

const ABOUT: &str = "A method called on the same worker; gate (which lets calls inside a container pass), credits and deadline are on, and where \
    an agent calls from its own turn, the chain too. Floor: `Addr::send` to an actor with a mailbox of 1,024: a plain \
    handler; for async methods `AtomicResponse` (`&mut self`) and `ResponseActFuture` (`&self`). Mind the way: a plain \
    method of an idle agent on the caller's worker runs in place, past mailbox and scheduler, which \
    no call of the floor does; the rows \"idle agent\" measure that shortcut, not the queue. The busy agent has another \
    turn in flight all the time, as the floor's actor has, so every call to it takes the way through the mailbox: \
    that row compares like with like. Async methods always take that way, and most of 100 calls in flight do.";
/// The deadline of the turn that keeps an agent busy.
const LONGER_THAN_A_RUN: Duration = Duration::from_secs(24 * 3600);
const MOST: Target = Target::RatioAtMost(1.5);

pub(crate) fn group() -> Group {
    let bench = |name: &str, target, measure: fn(&Plan) -> Result<Vec<Pair>>| {
        Bench::new(format!("local call, {name}"), Unit::Time, target, measure)
    };
    let benches = vec![
        bench("idle agent, one at a time", MOST, |plan| from_tasks(plan, 1, add_bare, add)),
        bench("busy agent, one at a time", MOST, to_busy),
        bench("100 in flight", MOST, |plan| from_tasks(plan, 100, add_bare, add)),
        bench("idle agent, from an agent's turn", MOST, |plan| from_turn(plan, false)),
        bench("idle agent, from an exclusive turn", Target::None, |plan| from_turn(plan, true)),
        bench("&mut self async, ready at once", Target::None, |plan| {
            from_tasks(plan, 1, |c| finish(c.send(AddReady(1))), |c| finish(c.add_ready(1)))
        }),
        bench("&mut self async, pending once", Target::None, |plan| {
            from_tasks(plan, 1, |c| finish(c.send(AddPending(1))), |c| finish(c.add_pending(1)))
        }),
        bench("&self async, pending once", Target::None, |plan| {
            from_tasks(plan, 1, |c| finish(c.send(ReadPending)), |c| finish(c.read_pending()))
        }),
    ];
    Group { title: "Local call", about: ABOUT, benches }
}

/// Awaits a call that must succeed.
async fn finish<T, E: std::fmt::Debug>(call: impl Future<Output = std::result::Result<T, E>>) {
    call.await.expect("the counter lives");
}

fn add_bare(counter: &Addr<BareCounter>) -> impl Future<Output = ()> + use<> {
    finish(counter.send(Add(1)))
}

fn add(counter: &Proxy<Counter>) -> impl Future<Output = ()> + use<> {
    finish(counter.add(1))
}

/// Both counters called by `tasks` tasks.
fn from_tasks<B, O>(
    plan: &Plan,
    tasks: u64,
    bare: impl Fn(&Addr<BareCounter>) -> B + Copy + 'static,
    ours: impl Fn(&Proxy<Counter>) -> O + Copy + 'static,
) -> Result<Vec<Pair>>
where
    B: Future<Output = ()> + 'static,
    O: Future<Output = ()> + 'static,
{
    let system = System::new();
    let bare_counter = system.block_on(async { BareCounter::default().start() });
    let hall = system.block_on(hall(1))?;
    let counter = system.block_on(hall.spawn("counter", Counter::default).into_future())?;
    let pairs = nanoseconds_a_call(
        plan,
        |calls| {
            let counter = bare_counter.clone();
            system.block_on(in_flight(tasks, calls, move || bare(&counter)))
        },
        |calls| {
            let counter = counter.clone();
            system.block_on(in_flight(tasks, calls, move || ours(&counter)))
        },
    );
    system.block_on(hall.shutdown());
    pairs
}

/// Both read while another turn of theirs is in flight, so that nothing runs in place.
fn to_busy(plan: &Plan) -> Result<Vec<Pair>> {
    let system = System::new();
    let bare_counter = system.block_on(async { BareCounter::default().start() });
    let hall = system.block_on(hall(1))?;
    let counter = system.block_on(hall.spawn("counter", Counter::default).into_future())?;
    let held = system.block_on(async {
        let held = counter.hold().deadline(LONGER_THAN_A_RUN);
        let held = [
            tokio::task::spawn_local(finish(bare_counter.send(Hold))),
            tokio::task::spawn_local(async { drop(held.await) }),
        ];
        // Sent in order: when these are answered, both are held.
        finish(bare_counter.send(Read)).await;
        while counter.holds().await.expect("the counter lives") == 0 {
            tokio::task::yield_now().await;
        }
        held
    });
    let pairs = nanoseconds_a_call(
        plan,
        |calls| {
            let counter = bare_counter.clone();
            system.block_on(in_flight(1, calls, move || finish(counter.send(Read))))
        },
        |calls| {
            let counter = counter.clone();
            system.block_on(in_flight(1, calls, move || finish(counter.holds())))
        },
    );
    held.iter().for_each(tokio::task::JoinHandle::abort);
    system.block_on(hall.shutdown());
    pairs
}

/// The counters called by an actor and by an agent.
fn from_turn(plan: &Plan, alone: bool) -> Result<Vec<Pair>> {
    let system = System::new();
    let bare_caller =
        system.block_on(async { BareCaller { counter: BareCounter::default().start() }.start() });
    let hall = system.block_on(hall(1))?;
    let counter = system.block_on(hall.spawn("counter", Counter::default).into_future())?;
    let caller = system.block_on(hall.spawn_near(&counter, "caller", Caller::of(&counter)).into_future())?;
    let pairs = nanoseconds_a_call(
        plan,
        |calls| timed(&system, finish(bare_caller.send(CallOften(calls)))),
        |calls| {
            if alone {
                timed(&system, finish(caller.call_often_alone(calls)))
            } else {
                timed(&system, finish(caller.call_often(calls)))
            }
        },
    );
    system.block_on(hall.shutdown());
    pairs
}

fn timed(system: &SystemRunner, work: impl Future<Output = ()>) -> Result<Duration> {
    let watch = Stopwatch::start();
    system.block_on(work);
    Ok(watch.elapsed())
}
