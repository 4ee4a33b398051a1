//! Clocks that containers are given: set from outside, faster than real time; what agents do with them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Clock, ClockError, ExternalClock, RealClock, ScaledClock, Timestamp};

use super::begun::begin;

type Log = Arc<Mutex<Vec<String>>>;

fn start() -> Timestamp {
    "2014-01-01T00:00:00".parse().unwrap()
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

async fn hall(name: &str, clock: &ExternalClock, workers: usize) -> Container {
    super::limit::watch();
    let endpoint = format!("local://clocks-{name}");
    Container::builder(&endpoint).clock(clock.clone()).workers(workers).start().await.unwrap()
}

/// Writes down what it does and which time it sees.
#[derive(Agent)]
struct Diarist {
    log: Log,
    other: Option<Proxy<Diarist>>,
}

impl Diarist {
    fn write(&self, ctx: &Context<Self>, what: &str) {
        let time = ctx.clock().now().since(start()).as_secs_f64();
        self.log.lock().unwrap().push(format!("{} {what} {time}", ctx.name()));
    }
}

#[agent]
impl Diarist {
    #[expose]
    async fn sleep(&self, ctx: &Context<Self>, seconds: f64) {
        ctx.sleep(Duration::from_secs_f64(seconds)).await;
        self.write(ctx, "woke");
    }

    #[expose]
    fn note(&self, ctx: &Context<Self>) {
        self.write(ctx, "noted");
    }

    /// Takes its time, of which this container's clock knows nothing.
    #[expose]
    async fn note_late(&self, ctx: &Context<Self>) {
        RealClock.sleep(Duration::from_millis(2)).await;
        self.write(ctx, "noted");
    }

    /// The other one sleeps, and is called some more at the moment of its answer.
    #[expose]
    async fn asleep_then_late(&self, seconds: f64) -> Result<(), CallError> {
        let Some(other) = &self.other else { return Ok(()) };
        other.sleep(seconds).deadline(Duration::from_secs(600)).await?;
        for _ in 0..3 {
            other.note_late().await?;
        }
        Ok(())
    }

    /// Sleeps for no time at all, again and again.
    #[expose]
    async fn fidget(&self, ctx: &Context<Self>) {
        loop {
            ctx.sleep(Duration::ZERO).await;
        }
    }

    #[expose]
    async fn quarters(&self, ctx: &Context<Self>, count: usize, late: bool) {
        let mut quarters = ctx.clock().every(Duration::from_secs(900));
        for _ in 0..count {
            let due = quarters.next().await;
            assert_eq!(due, ctx.clock().now());
            self.write(ctx, "began");
            // Several turns of another agent, perhaps on another worker, belong to what is due now.
            if let Some(other) = &self.other {
                for _ in 0..3 {
                    if late { other.note_late().await.unwrap() } else { other.note().await.unwrap() }
                }
            }
        }
    }

    #[expose]
    fn at(&self, ctx: &Context<Self>, second: u64) -> Result<(), String> {
        let moment = start() + Duration::from_secs(second);
        let (log, clock) = (self.log.clone(), ctx.clone());
        let work = async move {
            let time = clock.clock().now().since(start()).as_secs();
            log.lock().unwrap().push(format!("appointment {time}"));
        };
        ctx.spawn(ctx.clock().at(moment, work).map_err(|error| error.to_string())?);
        Ok(())
    }

    #[expose]
    async fn patience(&self, ctx: &Context<Self>, seconds: u64) -> Result<(), String> {
        let never = std::future::pending::<()>();
        ctx.clock().timeout(Duration::from_secs(seconds), never).await.map_err(|error| error.to_string())
    }
}

async fn diarist(hall: &Container, name: &str, log: &Log, other: Option<&Proxy<Diarist>>) -> Proxy<Diarist> {
    let (log, other) = (log.clone(), other.cloned());
    hall.spawn(name, move || Diarist { log: log.clone(), other: other.clone() }).await.unwrap()
}

#[folkmoot::test]
async fn time_must_grow_and_be_a_time() {
    let clock = ExternalClock::starting_at(start(), -1.0).unwrap();
    assert_eq!((clock.time(), clock.now().to_string()), (-1.0, "2013-12-31T23:59:59+00:00".to_owned()));
    clock.set_time(0.0).unwrap();
    assert_eq!((clock.time(), clock.now()), (0.0, start()));
    clock.set_time(20.0).unwrap();
    for asked in [20.0, 15.0, -3.0] {
        let error = clock.set_time(asked).unwrap_err();
        assert_eq!(error.to_string(), format!("Time must be > 20 but is {asked}"));
        assert_eq!(clock.advance_to(asked).await.unwrap_err(), error);
    }
    for asked in [f64::NAN, f64::INFINITY, 1e300, -2e9] {
        assert!(matches!(clock.set_time(asked), Err(ClockError::OutOfRange(_))), "{asked}");
    }
    clock.set_time(20.1).unwrap();
    assert_eq!(clock.time(), 20.1);
}

#[folkmoot::test]
async fn each_sleeper_sees_its_own_moment_and_equal_ones_wake_in_order() {
    let clock = ExternalClock::new(start());
    let (hall, log) = (hall("moments", &clock, 1).await, Log::default());
    let mut calls = Vec::new();
    for (name, seconds) in [("a", 7.5), ("b", 2.0), ("c", 7.5), ("d", 2.0), ("e", 900.0), ("f", 901.0)] {
        let agent = diarist(&hall, name, &log, None).await;
        let mut call = Box::pin(async move { agent.sleep(seconds).await });
        // Sent now, so that the order is known.
        assert!(begin(&mut call));
        calls.push(call);
    }
    // One that was dropped wakes nobody.
    drop(clock.sleep(Duration::from_secs(5)));
    clock.advance_to(0.5).await.unwrap();
    assert_eq!(taken(&log), Vec::<String>::new());
    clock.advance_to(900.0).await.unwrap();
    assert_eq!(taken(&log), ["b woke 2", "d woke 2", "a woke 7.5", "c woke 7.5", "e woke 900"]);
    assert_eq!(clock.time(), 900.0);
    hall.shutdown_within(Duration::ZERO).await;
}

#[folkmoot::test]
async fn what_is_due_has_run_on_all_workers_before_the_clock_goes_on() {
    let clock = ExternalClock::new(start());
    let (hall, log) = (hall("workers", &clock, 3).await, Log::default());
    let b = diarist(&hall, "b", &log, None).await;
    let a = diarist(&hall, "a", &log, Some(&b)).await;
    let mut day = Box::pin(async move { a.quarters(96, false).await });
    assert!(begin(&mut day));
    clock.advance_to(86_400.0 + 1.0).await.unwrap();
    let noted = taken(&log);
    assert_eq!(noted.len(), 96 * 4);
    for (quarter, entries) in noted.chunks(4).enumerate() {
        let time = entries[0].strip_prefix("a began ").unwrap();
        assert!(time.parse::<f64>() == Ok(900.0 * (quarter as f64 + 1.0)), "{time}");
        assert!(entries[1..].iter().all(|entry| entry == &format!("b noted {time}")), "{entries:?}");
    }
    day.await.unwrap();
    hall.shutdown().await;
}

/// Over sockets, where nobody can see that an answer is on its way.
#[folkmoot::test]
async fn answers_over_links_belong_to_the_moment_of_the_call() {
    super::limit::watch();
    let clock = ExternalClock::new(start());
    let node = async || Container::builder("tcp://127.0.0.1:0").clock(clock.clone()).start().await.unwrap();
    let (near, far, log) = (node().await, node().await, Log::default());
    diarist(&far, "b", &log, None).await;
    let b: Proxy<Diarist> = near.connect(far.url("b")).await.unwrap();
    let a = diarist(&near, "a", &log, Some(&b)).await;
    let mut day = Box::pin(async move { a.quarters(24, true).await });
    assert!(begin(&mut day));
    // This one is answered by the clock alone: it holds it up for a moment and not for ever.
    let mut sleeping =
        Box::pin(async move { b.sleep(7.0 * 900.0 + 1.0).deadline(Duration::from_secs(600)).await });
    assert!(begin(&mut sleeping));
    clock.advance_to(86_400.0).await.unwrap();
    let noted = taken(&log);
    let (woke, noted): (Vec<String>, Vec<String>) =
        noted.into_iter().partition(|entry| entry.contains("woke"));
    assert_eq!((woke, noted.len()), (vec!["b woke 6301".to_owned()], 24 * 4));
    for entries in noted.chunks(4) {
        let time = entries[0].strip_prefix("a began ").unwrap();
        assert!(entries[1..].iter().all(|entry| entry == &format!("b noted {time}")), "{entries:?}");
    }
    day.await.unwrap();
    sleeping.await.unwrap();
    far.shutdown().await;
    near.shutdown().await;
}

/// What was set aside, since the clock alone answers it, does not stand for another call that follows from its answer.
#[folkmoot::test]
async fn what_follows_an_answer_that_the_clock_gave_belongs_to_its_moment() {
    super::limit::watch();
    let clock = ExternalClock::new(start());
    let node = async || Container::builder("tcp://127.0.0.1:0").clock(clock.clone()).start().await.unwrap();
    let (near, far, log) = (node().await, node().await, Log::default());
    diarist(&far, "b", &log, None).await;
    let b: Proxy<Diarist> = near.connect(far.url("b")).await.unwrap();
    let a = diarist(&near, "a", &log, Some(&b)).await;
    let mut call = Box::pin(async move { a.asleep_then_late(5.0).deadline(Duration::from_secs(600)).await });
    assert!(begin(&mut call));
    clock.advance_to(1.0).await.unwrap();
    clock.advance_to(10.0).await.unwrap();
    assert_eq!(taken(&log), ["b woke 5", "b noted 5", "b noted 5", "b noted 5"]);
    call.await.unwrap();
    far.shutdown().await;
    near.shutdown().await;
}

#[folkmoot::test]
async fn a_step_of_a_quarter_of_an_hour_fires_no_call_deadline() {
    let clock = ExternalClock::new(start());
    let (hall, log) = (hall("deadlines", &clock, 1).await, Log::default());
    let agent = diarist(&hall, "a", &log, None).await;
    let sleeps = agent.clone();
    let mut call = Box::pin(async move { sleeps.sleep(3_600.0).deadline(Duration::from_secs(60)).await });
    assert!(begin(&mut call));
    for quarter in 1..4 {
        clock.advance_to(900.0 * f64::from(quarter)).await.unwrap();
        assert!(begin(&mut call));
    }
    clock.advance_to(3_600.0).await.unwrap();
    call.await.unwrap();
    // A time-out on the clock is another thing: it comes with the clock, long before the call's deadline.
    let mut impatient = Box::pin(async move { agent.patience(1_800).await });
    assert!(begin(&mut impatient));
    clock.advance_to(7_200.0).await.unwrap();
    let error = impatient.await.unwrap_err().to_string();
    assert!(error.contains("not done within 1800s of the container's clock"), "{error}");
    hall.shutdown().await;
}

#[folkmoot::test]
async fn appointments_are_kept_and_none_is_made_in_the_past() {
    let clock = ExternalClock::starting_at(start(), 10.0).unwrap();
    let (hall, log) = (hall("appointments", &clock, 1).await, Log::default());
    let agent = diarist(&hall, "a", &log, None).await;
    for past in [3, 10] {
        let error = agent.at(past).await.unwrap_err().to_string();
        assert!(error.contains("is in the past: the clock is at \"2014-01-01T00:00:10+00:00\""), "{error}");
    }
    agent.at(30).await.unwrap();
    agent.at(20).await.unwrap();
    clock.advance_to(60.0).await.unwrap();
    assert_eq!(taken(&log), ["appointment 20", "appointment 30"]);
    hall.shutdown().await;
}

#[derive(Agent)]
struct Ticker(Log);

#[agent]
impl Ticker {
    #[every(seconds = 0.1)]
    async fn tick(&self, ctx: &Context<Self>) {
        self.0.lock().unwrap().push(ctx.clock().now().since(start()).as_nanos().to_string());
    }
}

#[folkmoot::test]
async fn what_is_done_every_so_often_drifts_on_no_external_clock() {
    let clock = ExternalClock::new(start());
    let (hall, log) = (hall("drift", &clock, 2).await, Log::default());
    let ticks = log.clone();
    hall.spawn("ticker", move || Ticker(ticks.clone())).await.unwrap();
    // In steps that fit no period.
    for step in 1..=50 {
        clock.advance_to(0.37 * f64::from(step)).await.unwrap();
    }
    let due: Vec<String> = (1..=185_u64).map(|tick| (tick * 100_000_000).to_string()).collect();
    assert_eq!(taken(&log), due);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_clock_is_set_by_whoever_has_it_on_threads_of_their_own_too() {
    let clock = ExternalClock::new(start());
    let (hall, log) = (hall("threads", &clock, 1).await, Log::default());
    let ticks = log.clone();
    hall.spawn("ticker", move || Ticker(ticks.clone())).await.unwrap();
    let setter = clock.clone();
    let (tell, told) = tokio::sync::oneshot::channel();
    let thread = std::thread::spawn(move || {
        setter.set_time(1.0).unwrap();
        tell.send(()).ok();
    });
    told.await.unwrap();
    thread.join().unwrap();
    // What was set is on its way; the next step comes after it.
    clock.advance_to(1.05).await.unwrap();
    assert_eq!(taken(&log).len(), 10);
    hall.shutdown().await;
}

#[folkmoot::test]
async fn a_clock_at_many_times_real_time_runs_ahead_of_it() {
    let began = RealClock.now();
    let clock = ScaledClock::new(start(), 10_000.0).unwrap();
    clock.sleep(Duration::from_secs(3_600)).await;
    let shown = clock.now().since(start());
    assert!(shown >= Duration::from_secs(3_600), "{shown:?}");
    let real = RealClock.now().since(began);
    assert!(real >= Duration::from_millis(350) && real < Duration::from_secs(360), "{real:?}");
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
        assert!(matches!(ScaledClock::new(start(), speed), Err(ClockError::Speed(_))));
    }
}

/// Neither a clock on which the next moment is always there already nor sleeps of no time keep a worker for themselves.
#[folkmoot::test]
async fn whoever_is_always_due_leaves_others_their_turn() {
    super::limit::watch();
    let clock = ScaledClock::new(start(), 1e9).unwrap();
    let hall = Container::builder("local://clocks-always-due").clock(clock).start().await.unwrap();
    let log = Log::default();
    let ticks = log.clone();
    hall.spawn("ticker", move || Ticker(ticks.clone())).await.unwrap();
    let other = diarist(&hall, "other", &Log::default(), None).await;
    for _ in 0..10 {
        other.note().await.unwrap();
    }
    assert!(!taken(&log).is_empty());
    hall.shutdown_within(Duration::ZERO).await;

    let hall = self::hall("fidget", &ExternalClock::new(start()), 1).await;
    let restless = diarist(&hall, "restless", &log, None).await;
    let mut call = Box::pin(async { restless.fidget().await });
    assert!(begin(&mut call));
    diarist(&hall, "other", &log, None).await.note().await.unwrap();
    drop(call);
    hall.shutdown_within(Duration::ZERO).await;
}
