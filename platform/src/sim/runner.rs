//! Runs a simulation on a thread of its own, whose time goes on when nothing else does.
//!
//! How that is known: the thread's runtime calls [`Idle::look`] whenever its queue of tasks is empty. The set in which
//! actix's tasks run may have more to do all the same, so the look only asks for another: where the set was not polled
//! between two of them, nothing can go on. tokio's own paused clock would go on by itself too, but in whole milliseconds,
//! in no order among those who wake together, and without saying when. Always true: the runtime has neither real timers nor
//! sockets. Neighbours: [`virtual_time`](super::virtual_time), [`Sim`].

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use folkmoot_agents::{chance, worked};

use super::network::{Network, Travel};
use super::strangers::{OwnWaker, Strangers};
use super::trace::{Trace, Writing};
use super::virtual_time::{self, VirtualTime};
use super::{NETWORK, Sim, SimError, trace_file};
use crate::link_time;

/// Moments after which a run has not ended, unless told otherwise.
const MOST_MOMENTS: u64 = 1_000_000_000;
/// How often tasks may be polled at one moment, in rounds of the runtime.
const MOST_ROUNDS: u64 = 1_000_000;
/// The stack of a simulation's thread: as much as a program's first one has.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// The environment variable with the seed of simulated tests.
const SEED_VARIABLE: &str = "FOLKMOOT_SEED";

/// A simulation that has not begun.
#[derive(Clone, Debug)]
#[must_use = "a simulation does nothing until `.run(..)`"]
pub struct Simulation {
    seed: u64,
    most_moments: u64,
    travel: Travel,
    record: Option<PathBuf>,
    title: String,
}

/// How a simulation ended.
#[derive(Clone, Debug)]
pub struct Ended<T> {
    /// What it gave.
    pub output: T,
    /// What happened between its nodes.
    pub trace: Trace,
    /// The virtual time that it took.
    pub elapsed: Duration,
    /// How many moments its time stopped at.
    pub moments: u64,
}

impl Simulation {
    /// A simulation in which everything random follows from `seed`.
    pub fn new(seed: u64) -> Simulation {
        let travel = Travel::default();
        Simulation { seed, most_moments: MOST_MOMENTS, travel, record: None, title: String::new() }
    }

    /// After how many moments of virtual time a run that has not ended fails; a billion unless told otherwise.
    pub fn most_moments(mut self, count: u64) -> Simulation {
        self.most_moments = count;
        self
    }

    /// How long bytes travel between nodes, and how much more by chance; no time unless told otherwise.
    pub fn delay(mut self, delay: Duration, jitter: Duration) -> Simulation {
        self.travel = Travel { delay, jitter };
        self
    }

    /// Writes the trace to a file too; `title` stands in its first line, with the seed.
    pub fn record(mut self, path: impl AsRef<Path>, title: &str) -> Simulation {
        self.record = Some(path.as_ref().to_owned());
        self.title = title.to_owned();
        self
    }

    pub(super) fn with_seed(self, seed: u64) -> Simulation {
        Simulation { seed, ..self }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Runs it on a thread of its own until `body` is done. Where `body` panics, the seed and the last lines of the trace
    /// are printed before the panic goes on.
    ///
    /// # Errors
    /// `Stuck`, `Endless`, `Busy`; `OtherThread`; `MeantNobody`; `Io`.
    pub fn run<F, Fut, T>(self, body: F) -> Result<Ended<T>, SimError>
    where
        F: FnOnce(Sim) -> Fut + Send + 'static,
        Fut: Future<Output = T>,
        T: Send + 'static,
    {
        let log = tracing::dispatcher::get_default(tracing::Dispatch::clone);
        let name = std::thread::current().name().unwrap_or("simulation").to_owned();
        let thread = std::thread::Builder::new().name(name).stack_size(STACK_BYTES);
        let run = move || tracing::dispatcher::with_default(&log, || self.run_here(body));
        let what = || "a simulation needs a thread of its own".to_owned();
        let thread = thread.spawn(run).map_err(|source| SimError::Io { what: what(), source })?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn run_here<F, Fut, T>(self, body: F) -> Result<Ended<T>, SimError>
    where
        F: FnOnce(Sim) -> Fut,
        Fut: Future<Output = T>,
    {
        let file = self
            .record
            .as_deref()
            .map(|path| trace_file::create(path, self.seed, &self.title))
            .transpose()?;
        let time = VirtualTime::new();
        let network = Network::new(time.clone(), Writing::new(file), self.seed, self.travel);
        chance::seed(self.seed);
        worked::watch();
        let _here = Here::enter(&time, &network);
        let strangers = Arc::new(Strangers::default());
        let idle = Idle::new(time.clone(), self.most_moments, &strangers);
        let runtime = idle.clone().runtime()?;
        let system = actix::System::with_tokio_rt(|| runtime);
        system.runtime().tokio_runtime().spawn(idle.clone().pulse());
        let ran = catch_unwind(AssertUnwindSafe(|| {
            system.block_on(idle.attend(async {
                link_time::install_on_worker();
                body(Sim::new(self.seed, network.clone(), &strangers)).await
            }))
        }));
        // What follows, as the nodes are thrown away, is no part of the run.
        let trace = network.trace().finish();
        let last: Vec<String> = network.trace().last().map(str::to_owned).collect();
        let tell = |why: &str| tell_failure(why, self.seed, &last, time.elapsed());
        let ran = ran.unwrap_or_else(|panic| {
            tell("it panicked");
            resume_unwind(panic)
        });
        // Ends once threads have that it began: only then is it known whether there were any.
        drop(system);
        let stranger = strangers.first().map(|what| SimError::OtherThread { what });
        match stranger.map_or(ran, Err).and_then(|output| network.meant_nobody().map_or(Ok(output), Err)) {
            Err(error) => {
                tell(&error.to_string());
                Err(error)
            }
            Ok(output) => {
                let what = || "the trace could not be written".to_owned();
                let trace = trace.map_err(|source| SimError::Io { what: what(), source })?;
                Ok(Ended { output, trace, elapsed: time.elapsed(), moments: time.moments() })
            }
        }
    }
}

/// Prints what one needs to see the failure again.
#[allow(clippy::print_stderr, reason = "a failing run prints how to repeat it")]
fn tell_failure(why: &str, seed: u64, last: &[String], at: Duration) {
    eprintln!(
        "the simulation with seed {seed} failed at {at:?}: {why}\nto repeat it: {SEED_VARIABLE}={seed}\nthe last {count} \
         lines of its trace:\n{lines}",
        count = last.len(),
        lines = last.join("\n"),
    );
}

/// The thread is a simulation's until this is dropped.
struct Here;

impl Here {
    fn enter(time: &Arc<VirtualTime>, network: &Arc<Network>) -> Here {
        virtual_time::enter(Some(time.clone()));
        NETWORK.with(|here| *here.borrow_mut() = Some(network.clone()));
        Here
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        virtual_time::enter(None);
        NETWORK.with(|here| *here.borrow_mut() = None);
    }
}

/// Finds out when nothing can go on, and lets time do so then.
struct Idle {
    time: Arc<VirtualTime>,
    most_moments: u64,
    /// Whether the set of tasks was polled since the last look.
    polled: AtomicBool,
    waiting: Mutex<Waiting>,
    strangers: Arc<Strangers>,
}

#[derive(Default)]
struct Waiting {
    /// Brings the runtime round to another look.
    pulse: Option<Waker>,
    root: Option<Waker>,
    fault: Option<SimError>,
    /// Polls of the set at the present moment.
    rounds: u64,
}

impl Idle {
    fn new(time: Arc<VirtualTime>, most_moments: u64, strangers: &Arc<Strangers>) -> Arc<Idle> {
        let (polled, strangers) = (AtomicBool::new(true), strangers.clone());
        Arc::new(Idle { time, most_moments, polled, waiting: Mutex::default(), strangers })
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtime(self: Arc<Self>) -> Result<tokio::runtime::Runtime, SimError> {
        let looking = Arc::downgrade(&self);
        let look = move || {
            if let Some(idle) = looking.upgrade() {
                idle.look();
            }
        };
        let strangers = self.strangers.clone();
        let begun = move || {
            strangers.note(|| "a thread was begun for work that blocks (`spawn_blocking`)".to_owned());
        };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.on_thread_park(look).on_thread_start(begun).build();
        let what = || "a simulation needs a runtime".to_owned();
        runtime.map_err(|source| SimError::Io { what: what(), source })
    }

    /// A task that does nothing: woken, it keeps the runtime from sleeping.
    async fn pulse(self: Arc<Self>) {
        std::future::poll_fn(|cx| {
            self.waiting().pulse = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    }

    /// The runtime's queue is empty.
    fn look(&self) {
        let waker = if self.polled.swap(false, Ordering::Relaxed) {
            self.waiting().pulse.clone()
        } else {
            self.go_on()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing can go on: time does, or the run fails. Gives whom else to wake.
    fn go_on(&self) -> Option<Waker> {
        let fault = if self.time.moments() >= self.most_moments {
            let (at, awake) = (self.time.elapsed(), self.time.most_woken());
            SimError::Endless { moments: self.most_moments, at, awake }
        } else if self.time.go_on() {
            let mut waiting = self.waiting();
            waiting.rounds = 0;
            return waiting.pulse.clone();
        } else {
            SimError::Stuck { at: self.time.elapsed() }
        };
        let mut waiting = self.waiting();
        waiting.fault = Some(fault);
        waiting.root.clone()
    }

    /// `body`'s output, or why it cannot come.
    async fn attend<F: Future>(&self, body: F) -> Result<F::Output, SimError> {
        let mut body = pin!(body);
        let mut waker = OwnWaker::new(&self.strangers, "the simulation's own function");
        std::future::poll_fn(|cx| {
            self.polled.store(true, Ordering::Relaxed);
            if let Some(what) = self.strangers.first() {
                return Poll::Ready(Err(SimError::OtherThread { what }));
            }
            {
                let mut waiting = self.waiting();
                if let Some(fault) = waiting.fault.take() {
                    return Poll::Ready(Err(fault));
                }
                waiting.rounds += 1;
                if waiting.rounds > MOST_ROUNDS {
                    let busy = self.time.last_at_work();
                    return Poll::Ready(Err(SimError::Busy { at: self.time.elapsed(), busy }));
                }
                match &waiting.root {
                    Some(waker) if waker.will_wake(cx.waker()) => {}
                    _ => waiting.root = Some(cx.waker().clone()),
                }
            }
            let waker = waker.of(cx.waker());
            body.as_mut().poll(&mut Context::from_waker(&waker)).map(Ok)
        })
        .await
    }
}

/// What a test may return.
pub trait TestOutput: Send + 'static {
    /// Why the test has failed, if it has.
    fn failure(&self) -> Option<String>;
}

impl TestOutput for () {
    fn failure(&self) -> Option<String> {
        None
    }
}

impl<T: Send + 'static, E: std::fmt::Debug + Send + 'static> TestOutput for Result<T, E> {
    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(|error| format!("it returned {error:?}"))
    }
}

/// What `#[folkmoot::test(sim)]` calls.
///
/// # Panics
/// Where the simulation fails.
#[doc(hidden)]
pub fn run_test<F, Fut, T>(seed: Option<u64>, body: F) -> T
where
    F: FnOnce(Sim) -> Fut + Send + 'static,
    Fut: Future<Output = T>,
    T: TestOutput,
{
    let seed = seed_of_test(seed);
    match Simulation::new(seed).run(body) {
        Ok(ended) => {
            if let Some(why) = ended.output.failure() {
                tell_failure(&why, seed, &ended.trace.last, ended.elapsed);
            }
            ended.output
        }
        // Why has been told.
        Err(error) => panic!("{error}"),
    }
}

/// What `#[folkmoot::test(sim, twice)]` calls.
///
/// # Panics
/// Where the simulation fails, or its two runs differ.
#[doc(hidden)]
pub fn run_test_twice<F, Fut, T>(seed: Option<u64>, body: F) -> T
where
    F: FnOnce(Sim) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = T>,
    T: TestOutput,
{
    let seed = seed_of_test(seed);
    match Simulation::new(seed).twice(body) {
        Ok((ended, difference)) => {
            let differs = |difference| {
                format!(
                    "its second run was another one, so something in it does not follow from the seed; they differ in \
                     {difference}"
                )
            };
            let difference = difference.map(differs);
            if let Some(why) = ended.output.failure().or_else(|| difference.clone()) {
                tell_failure(&why, seed, &ended.trace.last, ended.elapsed);
            }
            match difference {
                Some(difference) => panic!("{difference}"),
                None => ended.output,
            }
        }
        // Why has been told.
        Err(error) => panic!("{error}"),
    }
}

/// What the environment says, or the test, or else any.
fn seed_of_test(seed: Option<u64>) -> u64 {
    test_seed().or(seed).unwrap_or_else(|| u64::from(fastrand::Rng::new().u32(..)))
}

/// What the environment variable `FOLKMOOT_SEED` says, if it says anything.
fn test_seed() -> Option<u64> {
    let text = std::env::var(SEED_VARIABLE).ok()?;
    match text.trim().parse() {
        Ok(seed) => Some(seed),
        Err(_) => panic!("{SEED_VARIABLE}={text:?} is no seed: write a whole number from 0 to {}", u64::MAX),
    }
}
