//! A crash and the next call.

use std::time::Duration;

use actix::{Supervisor, System};
use folkmoot::{Backoff, CallError};

use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::floor::{Add, BareCounter, Crash};
use crate::rounds::{Pair, Plan, nanoseconds_a_call};
use crate::tasks::in_flight;

const ABOUT: &str = "An agent is made to panic by a call, is started anew from its factory, and answers the next call; \
    the panic's message is not printed; both calls may run in place (see local calls). Floor: actix restarts no actor \
    that panicked, so its actor stops itself (`ctx.stop()`) under `actix::Supervisor`, and is called again: nothing unwinds there.";

pub(crate) fn group() -> Group {
    let name = "restart after a panic and next call";
    let benches = vec![Bench::new(name, Unit::Time, Target::BeyondAtMost(5e3), measure)];
    Group { title: "Restart after a panic", about: ABOUT, benches }
}

fn measure(plan: &Plan) -> Result<Vec<Pair>> {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let pairs = measure_quietly(plan);
    std::panic::set_hook(loud);
    pairs
}

fn measure_quietly(plan: &Plan) -> Result<Vec<Pair>> {
    let system = System::new();
    let bare = system.block_on(async { Supervisor::start(|_| BareCounter::default()) });
    let hall = system.block_on(hall(1))?;
    let spawn = hall.spawn("counter", Counter::default).intensity(u32::MAX, Duration::from_secs(1));
    let counter = system.block_on(spawn.backoff(Backoff::NONE).into_future())?;
    let pairs = nanoseconds_a_call(
        plan,
        |calls| {
            let bare = bare.clone();
            let call = move || {
                let bare = bare.clone();
                async move {
                    bare.send(Crash).await.expect("the actor takes its end");
                    let total = bare.send(Add(1)).await.expect("the actor was started anew");
                    assert_eq!(total, 1, "the state is new");
                }
            };
            system.block_on(in_flight(1, calls, call))
        },
        |calls| {
            let counter = counter.clone();
            let call = move || {
                let counter = counter.clone();
                async move {
                    let ended = counter.explode().await;
                    assert!(matches!(ended, Err(CallError::AgentPanicked { .. })), "{ended:?}");
                    let total = counter.add(1).await.expect("the agent was started anew");
                    assert_eq!(total, 1, "the state is new");
                }
            };
            system.block_on(in_flight(1, calls, call))
        },
    );
    system.block_on(hall.shutdown());
    pairs
}
