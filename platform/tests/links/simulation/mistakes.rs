//! What people do wrong in a simulation: each gets an error that says so, none a run that hangs or differs in silence.

use std::collections::HashMap;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::sim::{Chaos, Sim, SimError, Simulation, TraceFile};
use folkmoot::{Builder, Clock, RealClock, ScaledClock};

use super::echo_node;

/// Does what one should not.
#[derive(Agent)]
struct Careless;

#[agent]
impl Careless {
    #[expose]
    async fn fidget(&self, ctx: &Context<Self>) {
        loop {
            ctx.sleep(Duration::ZERO).await;
        }
    }

    #[expose]
    async fn ask_a_thread(&self) -> Result<u32, String> {
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || tell.send(7));
        // Long enough for any thread: the thread of the simulation itself waits.
        told.await.map_err(|error| error.to_string())
    }

    #[expose]
    async fn block(&self) -> Result<u32, String> {
        tokio::task::spawn_blocking(|| 7).await.map_err(|error| error.to_string())
    }

    /// In an order that no seed decides.
    #[expose]
    fn order(&self) -> String {
        let table: HashMap<u32, ()> = (0..1_000).map(|key| (key, ())).collect();
        table.keys().map(u32::to_string).collect::<Vec<_>>().join(" ")
    }
}

async fn careless_node(builder: Builder) -> Result<Container> {
    let hall = builder.start().await?;
    hall.spawn("careless", || Careless).await?;
    Ok(hall)
}

async fn careless(sim: &Sim) -> Result<Proxy<Careless>> {
    let far = sim.node("a", careless_node).await?;
    let near = sim.node("b", careless_node).await?;
    Ok(near.connect(far.url("careless")).await?)
}

#[test]
fn sleeps_of_no_time_are_found_to_be_busy() {
    super::super::limit::watch();
    let busy = Simulation::new(1).run(async |sim| careless(&sim).await.unwrap().fidget().await);
    let busy = busy.unwrap_err();
    assert!(matches!(busy, SimError::Busy { .. }), "{busy}");
    assert!(busy.to_string().ends_with("The last at work: agent a/careless"), "{busy}");
}

#[test]
fn a_scaled_clock_comes_to_its_moments_in_virtual_time_too() {
    super::super::limit::watch();
    let slept = Simulation::new(1).run(async |sim| {
        let clock = ScaledClock::new("2026-01-01".parse().unwrap(), 60.0).unwrap();
        for sleep in 0..100 {
            clock.sleep(Duration::from_nanos(3_000_000_007 + sleep)).await;
        }
        sim.elapsed()
    });
    let slept = slept.unwrap().output;
    assert!((5.0..5.1).contains(&slept.as_secs_f64()), "{slept:?}");
}

#[test]
fn what_another_thread_does_fails_the_run() {
    super::super::limit::watch();
    let blocked = Simulation::new(1).run(async |sim| careless(&sim).await.unwrap().block().await.is_ok());
    let blocked = blocked.unwrap_err();
    assert!(matches!(blocked, SimError::OtherThread { .. }), "{blocked}");
    assert!(blocked.to_string().contains("`spawn_blocking`"), "{blocked}");
    // The thread may be done before anybody waits for it, or after the run: at some time it is in between.
    let mut woken = (0..10_000).filter_map(|seed| {
        let run = Simulation::new(seed).run(async |sim| {
            let careless = careless(&sim).await.unwrap();
            let asked = careless.ask_a_thread().deadline(Duration::from_secs(1_000)).await;
            // Takes some time, and none of the virtual.
            std::thread::yield_now();
            sim.sleep(Duration::from_secs(1_000)).await;
            asked.is_ok()
        });
        run.err()
    });
    let woken = woken.next().unwrap().to_string();
    assert!(woken.starts_with("node \"a\" was woken by a thread without a name: "), "{woken}");
}

#[test]
fn a_fault_for_a_node_that_there_never_is_fails_the_run() {
    super::super::limit::watch();
    let fault = |harm: fn(&Sim)| {
        let run = Simulation::new(1).run(async move |sim| {
            harm(&sim);
            sim.node("a", |builder| echo_node(builder, &[], &[])).await.unwrap();
            sim.node("b", |builder| echo_node(builder, &[], &[])).await.unwrap();
        });
        run.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(fault(|sim| sim.partition(&["a"], &["b"])), Ok(()), "it may come later");
    let nobody = fault(|sim| sim.partition(&["a"], &["B"])).unwrap_err();
    let expected =
        "`partition a | B` was for \"B\", and there never was a node of that name; there were: a, b";
    assert_eq!(nobody, expected);
    assert!(fault(|sim| sim.stall("c", "a")).is_err());
    assert!(fault(|sim| sim.delay("a", "c", Duration::ZERO, Duration::ZERO)).is_err());
}

#[folkmoot::test(sim)]
async fn times_without_end_are_no_times_that_come(sim: Sim) -> Result<()> {
    let careless = careless(&sim).await?;
    sim.delay("a", "b", Duration::MAX, Duration::MAX);
    let lost = careless.order().await.unwrap_err();
    assert!(matches!(lost, CallError::DeadlineExceeded { .. }), "{lost}");
    let rare = Chaos::default().every(Duration::MAX).lasting(Duration::MAX);
    sim.chaos(&rare, Duration::from_secs(60)).await?;
    Ok(())
}

#[test]
fn whoever_sleeps_to_the_end_of_time_is_stuck() {
    super::super::limit::watch();
    let stuck = Simulation::new(1).run(async |sim| sim.sleep(Duration::MAX).await).unwrap_err();
    assert!(matches!(stuck, SimError::Stuck { at: Duration::ZERO }), "{stuck}");
    let stuck = Simulation::new(1).run(async |sim| sim.clock().unwrap().sleep(Duration::MAX).await);
    let stuck = stuck.unwrap_err();
    assert!(matches!(stuck, SimError::Stuck { at: Duration::ZERO }), "{stuck}");
}

#[folkmoot::test(sim)]
async fn a_node_may_fail_or_crash_as_it_is_made_and_be_made_again(sim: Sim) -> Result<()> {
    let made = std::rc::Rc::new(std::cell::Cell::new(0));
    let times = made.clone();
    let make = async move |builder: Builder| {
        let hall = builder.start().await?;
        times.set(times.get() + 1);
        assert_ne!(times.get(), 1, "the first one");
        RealClock.sleep(Duration::from_secs(10)).await;
        Ok(hall)
    };
    let failed = sim.node("a", make).await.unwrap_err().to_string();
    assert_eq!(failed, "node \"a\" did not start: its start panicked");
    let starting = sim.restart("a");
    let crashing = async {
        sim.sleep(Duration::from_secs(5)).await;
        assert_eq!(sim.running(), Vec::<String>::new());
        assert!(matches!(sim.restart("a").await, Err(SimError::Runs { .. })));
        sim.crash("a").await
    };
    let (started, crashed) = futures_util::future::join(starting, crashing).await;
    crashed?;
    assert_eq!(started.unwrap_err().to_string(), "node \"a\" did not start: it crashed as it was being made");
    sim.restart("a").await?;
    assert_eq!((made.get(), sim.running()), (3, vec!["a".to_owned()]));
    Ok(())
}

#[folkmoot::test(sim)]
async fn partitions_that_overlap_end_one_by_one(sim: Sim) -> Result<()> {
    let careless = careless(&sim).await?;
    let arrives = async || careless.order().deadline(Duration::from_secs(1)).await.is_ok();
    sim.partition(&["a"], &["b"]);
    sim.partition(&["b"], &["a"]);
    sim.heal_between(&["a"], &["b"]);
    assert!(!arrives().await);
    sim.heal_between(&["a"], &["b"]);
    sim.heal_between(&["a"], &["b"]);
    assert!(arrives().await);
    sim.partition(&["a"], &["b"]);
    assert!(!arrives().await);
    sim.heal();
    assert!(arrives().await);
    Ok(())
}

#[test]
fn two_runs_of_one_seed_that_differ_are_told_apart() {
    super::super::limit::watch();
    let (_, difference) =
        Simulation::new(1).twice(async |sim: Sim| careless(&sim).await.unwrap().order().await).unwrap();
    let difference = difference.unwrap();
    assert!(difference.one.unwrap().contains("a > b MsgPack answer"));
    let steady = async |sim: Sim| {
        super::three_nodes(&sim).await;
        sim.chaos(&Chaos::default(), Duration::from_secs(60)).await.unwrap();
    };
    let (ended, difference) = Simulation::new(2).twice(steady).unwrap();
    assert_eq!(difference, None);
    assert!(ended.trace.frames > 100);
}

#[folkmoot::test(sim, twice)]
async fn a_test_may_be_compared_with_itself(sim: Sim) {
    super::three_nodes(&sim).await;
    sim.sleep(Duration::from_secs(60)).await;
}

#[test]
fn a_recorded_run_is_replayed_and_compared() {
    super::super::limit::watch();
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().join("one.trace");
    let quiet = |seconds| {
        async move |sim: Sim| {
            super::three_nodes(&sim).await;
            sim.sleep(Duration::from_secs(seconds)).await;
        }
    };
    Simulation::new(5).record(&trace, "three nodes").run(quiet(60)).unwrap();
    let head = TraceFile::open(&trace).unwrap();
    assert_eq!((head.seed(), head.title(), head.is_of_this_version()), (5, "three nodes", true));
    let (_, difference) = Simulation::new(0).replay(&trace, quiet(60)).unwrap();
    assert_eq!(difference, None);
    let (_, difference) = Simulation::new(0).replay(&trace, quiet(50)).unwrap();
    assert_eq!(difference.unwrap().other, None, "it ends before");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a replay is left behind");
}
