//! A call from one worker to another, against the same by actix alone.

use actix::{Actor, Arbiter, System};

use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::floor::{Add, BareCounter};
use crate::rounds::{Pair, Plan, nanoseconds_a_call};
use crate::tasks::in_flight;

const ABOUT: &str = "The caller is a task on one worker, the callee lives on another. Floor: `Addr::send` from one \
    arbiter to another. One at a time, both are a wake-up of the other core each way, which is fast or slow as the \
    scheduler pleases.";

pub(crate) fn group() -> Group {
    let bench = |name, tasks| {
        let name = format!("call across workers, {name}");
        Bench::new(name, Unit::Time, Target::None, move |plan| measure(plan, tasks))
    };
    let benches = vec![bench("one at a time", 1), bench("100 in flight", 100)];
    Group { title: "Call across workers", about: ABOUT, benches }
}

fn measure(plan: &Plan, tasks: u64) -> Result<Vec<Pair>> {
    let system = System::new();
    let arbiter = system.block_on(async { Arbiter::new() });
    let bare = BareCounter::start_in_arbiter(&arbiter.handle(), |_| BareCounter::default());
    let hall = system.block_on(hall(2))?;
    let counter = system.block_on(away(&hall, "counter"))?;
    let pairs = nanoseconds_a_call(
        plan,
        |calls| {
            let bare = bare.clone();
            let call = move || {
                let sent = bare.send(Add(1));
                async move { assert_ne!(sent.await.expect("the bare counter lives"), 0) }
            };
            system.block_on(in_flight(tasks, calls, call))
        },
        |calls| {
            let counter = counter.clone();
            let call = move || {
                let sent = counter.add(1);
                async move { assert_ne!(sent.await.expect("the counter lives"), 0) }
            };
            system.block_on(in_flight(tasks, calls, call))
        },
    );
    system.block_on(hall.shutdown());
    arbiter.stop();
    pairs
}

/// A counter that lives on another worker than the current one.
pub(super) async fn away(hall: &folkmoot::Container, name: &str) -> Result<folkmoot::Proxy<Counter>> {
    let here = format!("{:?}", std::thread::current().id());
    for attempt in 0..4 {
        let counter = hall.spawn(&format!("{name}-{attempt}"), Counter::default).await?;
        if counter.thread().await? != here {
            return Ok(counter);
        }
    }
    Err("no agent was placed on the second worker".into())
}
