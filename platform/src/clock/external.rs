//! A clock that somebody sets: a co-simulation's driver, a test.
//!
//! Always true: it never goes back; it shows each sleeper the moment that the sleeper waited for, and goes on to the next
//! only when what was due before has run; at one moment sleepers wake in the order in which they began to sleep.
//! Neighbours: [`Workplace`] tells when agents have run; deadlines of calls are [`link_time`]'s, which stays real.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use folkmoot_agents::host::BoxFuture;
use folkmoot_agents::{Clock, Sleep, Timestamp, Workplace};
use tokio::sync::watch;

use super::ClockError;
use crate::link_time;

/// How often workers are asked whether they have come to rest before the clock goes on all the same.
const MOST_QUESTIONS: u32 = 100_000;
/// How long the clock waits for answers over links to calls that agents made at its moment: one that comes only when the
/// clock has gone on must not hold it up for ever.
const ANSWERS_TIME: Duration = Duration::from_secs(1);
/// How long the clock waits for a sleeper on a thread of the user's own to wake.
const STRANGERS_TIME: Duration = Duration::from_secs(1);
/// Seconds that a clock can be set to, either way.
const MOST_SECONDS: f64 = 3.0e15;

const NANOS: i128 = 1_000_000_000;

/// A clock that stands still until it is set.
///
/// Its time is told in two ways: [`time`](ExternalClock::time) in seconds, and `now()`, which is the clock's start and
/// that many seconds. Clones are handles to one clock, which may be the clock of several containers.
///
/// [`set_time`](ExternalClock::set_time) does not jump: the clock goes from one moment at which something is due to the
/// next, and each timer and sleeper sees its own moment. It goes on once what was due has *run*: once every agent of the
/// containers that live by this clock, on whatever worker, has done what it could without the clock, and so ended its
/// turn, sleeps on this clock, or waits for something from outside of these containers' threads. Answers over links are
/// waited for too, up to a second for each moment: a call that is not answered by then holds the clock up no more. For
/// work on threads of one's own it does not wait. Futures beside agents that sleep on this clock are woken in the same
/// order.
///
/// ```
/// use folkmoot::prelude::*;
/// use folkmoot::ExternalClock;
///
/// # #[folkmoot::main]
/// # async fn main() -> Result<()> {
/// let clock = ExternalClock::new("2014-01-01T00:00:00".parse()?);
/// let hall = Container::builder("local://grid").clock(clock.clone()).start().await?;
/// clock.advance_to(900.0).await?; // all that was due in this quarter of an hour has run
/// assert_eq!(clock.time(), 900.0);
/// # hall.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ExternalClock {
    inner: Arc<Inner>,
}

struct Inner {
    /// Nanoseconds since the epoch at which the clock's seconds are 0.
    start: i128,
    state: Mutex<State>,
    /// What has been set and whose due sleepers have run.
    reached: watch::Sender<Timestamp>,
}

struct State {
    now: Timestamp,
    /// What was set last.
    target: Timestamp,
    asked: f64,
    sleepers: BTreeMap<(Timestamp, u64), Option<Sleeper>>,
    next: u64,
    /// Sleepers on threads that are no workers, which were woken and have not looked yet.
    woken_strangers: usize,
    /// Whether somebody takes the clock from moment to moment.
    is_driven: bool,
    places: Vec<Weak<dyn Workplace>>,
}

/// Who waits for a moment.
struct Sleeper {
    waker: Waker,
    is_stranger: bool,
}

impl std::fmt::Debug for ExternalClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalClock").field("now", &self.now().to_string()).finish_non_exhaustive()
    }
}

impl ExternalClock {
    /// A clock that shows `start`, at time 0.
    pub fn new(start: Timestamp) -> ExternalClock {
        ExternalClock::standing_at(nanos(start), start, 0.0)
    }

    /// A clock whose time 0 is at `start` and which stands at `time`, in seconds: -1 is one second before.
    ///
    /// # Errors
    /// `OutOfRange`, where that lies before 1970 or is no number.
    pub fn starting_at(start: Timestamp, time: f64) -> Result<ExternalClock, ClockError> {
        let now = moment(nanos(start), time)?;
        Ok(ExternalClock::standing_at(nanos(start), now, time))
    }

    fn standing_at(start: i128, now: Timestamp, time: f64) -> ExternalClock {
        let state = State {
            now,
            target: now,
            asked: time,
            sleepers: BTreeMap::new(),
            next: 0,
            woken_strangers: 0,
            is_driven: false,
            places: Vec::new(),
        };
        ExternalClock {
            inner: Arc::new(Inner { start, state: Mutex::new(state), reached: watch::Sender::new(now) }),
        }
    }

    /// The clock's time, in seconds since its start.
    pub fn time(&self) -> f64 {
        let state = self.inner.state();
        if state.now == state.target {
            return state.asked;
        }
        (nanos(state.now) - self.inner.start) as f64 / NANOS as f64
    }

    /// Sets the time, in seconds since the start. What is due by then is woken from now on, moment by moment; this waits
    /// for nothing (see [`advance_to`](ExternalClock::advance_to)): the clock leaves its moment at once, and until all has
    /// run it shows the one that it has come to. Where neither this thread nor a container of this clock could drive it, all wake at once.
    ///
    /// # Errors
    /// `NotAfter`, where `time` is not after what was set last; `OutOfRange`.
    pub fn set_time(&self, time: f64) -> Result<(), ClockError> {
        self.aim(time)?;
        self.inner.clone().go(Start::AtOnce);
        Ok(())
    }

    /// Sets the time, in seconds since the start, and waits until everything that is due by then has run, what became due
    /// on the way included. What agents can do at the moment at which the clock stands they do before. Dropped, this leaves
    /// the clock on its way.
    ///
    /// # Errors
    /// As [`set_time`](ExternalClock::set_time).
    pub async fn advance_to(&self, time: f64) -> Result<(), ClockError> {
        let aim = self.aim(time)?;
        let mut reached = self.inner.reached.subscribe();
        loop {
            self.inner.clone().go(Start::AfterARest);
            if *reached.borrow_and_update() >= aim {
                return Ok(());
            }
            // The sender is in `inner`, which is held here.
            reached.changed().await.ok();
        }
    }

    /// What is set from now on.
    fn aim(&self, time: f64) -> Result<Timestamp, ClockError> {
        let aim = moment(self.inner.start, time)?;
        let mut state = self.inner.state();
        if aim <= state.target {
            return Err(ClockError::NotAfter { now: state.asked, asked: time });
        }
        state.target = aim;
        state.asked = time;
        Ok(aim)
    }
}

impl Clock for ExternalClock {
    fn now(&self) -> Timestamp {
        self.inner.state().now
    }

    fn sleep_until(&self, moment: Timestamp) -> Sleep {
        let mut state = self.inner.state();
        if moment <= state.now {
            // Done at once, but whoever does nothing else leaves the worker to its neighbours now and then.
            return Box::pin(tokio::task::coop::consume_budget());
        }
        // From here on it has its place in the order.
        let key = (moment, state.next);
        state.next += 1;
        state.sleepers.insert(key, None);
        Box::pin(Sleeping { inner: self.inner.clone(), key, woken: Woken::No })
    }

    fn attend(&self, place: Weak<dyn Workplace>) {
        let mut state = self.inner.state();
        state.places.retain(|place| place.strong_count() > 0);
        state.places.push(place);
    }
}

fn nanos(moment: Timestamp) -> i128 {
    i128::try_from(moment.0.as_nanos()).unwrap_or(i128::MAX)
}

/// The moment `time` seconds after `start`.
fn moment(start: i128, time: f64) -> Result<Timestamp, ClockError> {
    if !time.is_finite() || time.abs() > MOST_SECONDS {
        return Err(ClockError::OutOfRange(time));
    }
    // In two parts: a product of all of it would lose what a float can tell of a second.
    let whole = time.trunc() as i128 * NANOS + (time.fract() * 1e9).round() as i128;
    let at = start.saturating_add(whole);
    let out = |_| ClockError::OutOfRange(time);
    let seconds = u64::try_from(at.div_euclid(NANOS)).map_err(out)?;
    let nanos = u32::try_from(at.rem_euclid(NANOS)).map_err(|_| ClockError::OutOfRange(time))?;
    Ok(Timestamp(Duration::new(seconds, nanos)))
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the clock driven to what was set, unless it is already.
    fn go(self: Arc<Inner>, start: Start) {
        {
            let mut state = self.state();
            if state.is_driven || (state.now == state.target && *self.reached.borrow() == state.now) {
                return;
            }
            state.is_driven = true;
        }
        // What was called before belongs to no moment that comes.
        self.places().iter().for_each(|place| place.set_calls_aside());
        // A clock with nothing due shows what was set as soon as it is.
        if start == Start::AtOnce && !self.step() {
            return;
        }
        let driver = Driver(self.clone());
        let drive = Box::pin(async move { driver.drive().await });
        if self.begin(drive) {
            return;
        }
        // Nobody is there who could tell whether anything has run.
        self.state().is_driven = true;
        while self.step() {}
    }

    /// Gives `drive` to somebody who runs it.
    fn begin(&self, drive: BoxFuture<'static, ()>) -> bool {
        match actix_rt::Arbiter::try_current() {
            Some(arbiter) => arbiter.spawn(drive),
            None => self.places().first().is_some_and(|place| place.drive(drive)),
        }
    }

    fn calls_out(&self) -> usize {
        self.places().iter().map(|place| place.calls_out()).sum()
    }

    fn places(&self) -> Vec<Arc<dyn Workplace>> {
        self.state().places.iter().filter_map(Weak::upgrade).collect()
    }

    /// Goes to the next moment at which something is due and wakes it. Where nothing is, the clock shows what was set, and
    /// is driven no more.
    fn step(&self) -> bool {
        let mut wakers = Vec::new();
        {
            let mut state = self.state();
            let first = state.sleepers.first_key_value().map(|((due, _), _)| *due);
            let Some(due) = first.filter(|due| *due <= state.target) else {
                state.now = state.target;
                state.is_driven = false;
                let now = state.now;
                drop(state);
                self.reached.send_replace(now);
                return false;
            };
            state.now = due;
            // What was due before has run.
            let before = Timestamp(due.0.saturating_sub(Duration::from_nanos(1)));
            self.reached.send_if_modified(|reached| {
                let is_later = *reached < before;
                *reached = before.max(*reached);
                is_later
            });
            while let Some(entry) = state.sleepers.first_entry().filter(|entry| entry.key().0 == due) {
                if let Some(sleeper) = entry.remove() {
                    state.woken_strangers += usize::from(sleeper.is_stranger);
                    wakers.push(sleeper.waker);
                }
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        true
    }
}

/// When the clock leaves the moment at which it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    AtOnce,
    /// What is under way now belongs to that moment.
    AfterARest,
}

/// Takes the clock from moment to moment; dropped on the way, it leaves that to the next one.
struct Driver(Arc<Inner>);

impl Driver {
    async fn drive(self) {
        loop {
            self.run_out().await;
            if !self.0.step() {
                return;
            }
        }
    }

    /// Waits until what is due has run.
    async fn run_out(&self) {
        let began = link_time::elapsed();
        loop {
            self.rest().await;
            let calls = self.0.calls_out();
            if calls == 0 {
                return self.await_strangers().await;
            }
            if link_time::elapsed().saturating_sub(began) >= ANSWERS_TIME {
                self.0.places().iter().for_each(|place| place.set_calls_aside());
                tracing::warn!(
                    calls,
                    "calls over links are not answered after {ANSWERS_TIME:?}: the clock goes on without"
                );
                return self.await_strangers().await;
            }
            link_time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until nothing can go on by itself.
    async fn rest(&self) {
        let mut before = None;
        for _ in 0..MOST_QUESTIONS {
            let work = self.work().await;
            if before.as_ref() == Some(&work) {
                return;
            }
            before = Some(work);
        }
        let now = self.0.state().now.to_string();
        tracing::warn!(
            clock = now,
            "agents of this clock find no rest, for they keep each other busy: the clock goes on all the same"
        );
    }

    async fn work(&self) -> Vec<u64> {
        let mut work = Vec::new();
        for place in self.0.places() {
            work.extend(place.work().await);
        }
        // Those who run beside this have no container that could be asked.
        tokio::task::yield_now().await;
        work
    }

    async fn await_strangers(&self) {
        let waits = || self.0.state().woken_strangers > 0;
        if !waits() {
            return;
        }
        let looked = link_time::within(STRANGERS_TIME, async {
            while waits() {
                link_time::sleep(Duration::from_millis(1)).await;
            }
        });
        if looked.await.is_none() {
            self.0.state().woken_strangers = 0;
            tracing::warn!(
                "a sleeper outside of the clock's containers has not woken for {STRANGERS_TIME:?}: the clock goes on"
            );
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let gave_up = {
            let mut state = self.0.state();
            std::mem::take(&mut state.is_driven)
        };
        if gave_up {
            // Whoever waits for the clock drives it on.
            self.0.reached.send_modify(|_| {});
        }
    }
}

/// One sleep.
struct Sleeping {
    inner: Arc<Inner>,
    key: (Timestamp, u64),
    woken: Woken,
}

enum Woken {
    No,
    /// It has left a waker on a thread that is no worker.
    NoStranger,
    Yes,
}

impl Future for Sleeping {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let is_stranger = actix_rt::Arbiter::try_current().is_none();
        let inner = self.inner.clone();
        // A waker may be the last that holds a task, and with it other sleeps: none is dropped under the lock.
        let _old;
        let mut state = inner.state();
        match state.sleepers.get_mut(&self.key) {
            Some(sleeper) => {
                _old = sleeper.replace(Sleeper { waker: cx.waker().clone(), is_stranger });
                self.woken = if is_stranger { Woken::NoStranger } else { Woken::No };
                Poll::Pending
            }
            None => {
                self.woke(&mut state);
                Poll::Ready(())
            }
        }
    }
}

impl Sleeping {
    fn woke(&mut self, state: &mut State) {
        if matches!(self.woken, Woken::NoStranger) {
            state.woken_strangers = state.woken_strangers.saturating_sub(1);
        }
        self.woken = Woken::Yes;
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        let inner = self.inner.clone();
        let _sleeper;
        let mut state = inner.state();
        match state.sleepers.remove(&self.key) {
            Some(sleeper) => _sleeper = sleeper,
            None => self.woke(&mut state),
        }
    }
}
