//! An agent's life on its worker: start, turns, crash and new start, stop.
//!
//! One future polls the actor's context and the turn queue inside panic guards, so an agent's address, queue and
//! siblings survive whatever it does. Always true: at most one state exists for new turns; an agent that has ended
//! has answered everyone. Neighbours: [`queue`](crate::queue), [`actor`](crate::actor); the platform's
//! [`Supervision`] decides what follows a crash.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::Context as ActorContext;
use actix::dev::ContextFut;
use tokio::sync::oneshot;

use crate::actor::AgentActor;
use crate::agent::{Agent, LocalFuture};
use crate::clock::{Sleep, Timestamp};
use crate::context::Context;
use crate::host::{Decision, Supervision, WorkerStatus};
use crate::neighbours::{self, Place};
use crate::panics::guard;
use crate::queue::{Core, StopRequest};
use crate::shared::Status;

/// Makes an agent's state: called for its first life and after each crash.
pub(crate) type Factory<A> = Box<dyn Fn() -> A>;

/// The least pause before another try to start.
const PAUSE_AFTER_FAILED_START: Duration = Duration::from_millis(10);

/// What an agent is doing, with the futures that belong to it.
enum Phase {
    /// Before the first poll.
    Unborn,
    /// `#[start]` runs.
    Starting(LocalFuture<Result<(), String>>),
    Running,
    /// Crashed; the pause before the new start.
    Pausing {
        sleep: Sleep,
        cause: String,
    },
    /// Finishing what is in hand.
    Draining {
        until: Sleep,
        request: StopRequest,
    },
    /// `#[stop]` runs.
    Closing {
        hook: LocalFuture<Result<(), String>>,
        until: Sleep,
        request: StopRequest,
    },
    Ended,
}

/// One `#[every]` method.
struct Timer {
    due: Timestamp,
    sleep: Sleep,
}

/// What a life is made with.
pub(crate) struct Making<A> {
    pub(crate) factory: Factory<A>,
    pub(crate) supervision: Box<dyn Supervision>,
    pub(crate) place: Place,
}

/// The future that is an agent.
pub(crate) struct Life<A: Agent> {
    actor: ContextFut<AgentActor<A>, ActorContext<AgentActor<A>>>,
    core: Rc<Core<A>>,
    factory: Factory<A>,
    supervision: Box<dyn Supervision>,
    place: Place,
    phase: Phase,
    born: Option<oneshot::Sender<Result<(), String>>>,
    timers: Vec<Timer>,
    loops: Vec<LocalFuture<()>>,
    worker: Arc<WorkerStatus>,
}

impl<A: Agent> Life<A> {
    /// An agent before its first poll. `born` is told how `#[start]` went, the first time.
    pub(crate) fn new(
        actor: ContextFut<AgentActor<A>, ActorContext<AgentActor<A>>>,
        core: Rc<Core<A>>,
        making: Making<A>,
        worker: Arc<WorkerStatus>,
        born: oneshot::Sender<Result<(), String>>,
    ) -> Life<A> {
        let Making { factory, supervision, place } = making;
        let phase = Phase::Unborn;
        let (timers, loops) = (Vec::new(), Vec::new());
        Life { actor, core, factory, supervision, place, phase, born: Some(born), timers, loops, worker }
    }

    /// Makes a state and starts it.
    fn begin(&mut self, last_crash: Option<String>) {
        let made = guard(|| (self.factory)());
        match made {
            Err(panic) => self.failed(format!("its factory panicked: {}", panic.text())),
            Ok(state) => {
                let state = self.core.renew(state, last_crash);
                let ctx = Context::of_agent(&self.core);
                match guard(|| A::start(&state, ctx)) {
                    Err(panic) => self.failed(format!("#[start] panicked: {}", panic.text())),
                    Ok(None) => self.started(),
                    Ok(Some(hook)) => self.phase = Phase::Starting(hook),
                }
            }
        }
    }

    fn started(&mut self) {
        self.phase = Phase::Running;
        self.core.shared().set_status(Status::Running);
        if let Some(born) = self.born.take() {
            // Whoever spawned the agent may have gone; the agent lives on.
            born.send(Ok(())).ok();
        }
        if !A::TIMERS.is_empty() {
            let clock = self.core.host().clock().clone();
            let now = clock.now();
            self.timers = A::TIMERS
                .iter()
                .map(|timer| Timer { due: now + timer.period, sleep: clock.sleep_until(now + timer.period) })
                .collect();
        }
        match guard(|| A::loops(&Context::of_agent(&self.core))) {
            Ok(loops) => self.loops = loops,
            Err(panic) => self.core.note_crash(format!("#[run] panicked: {}", panic.text())),
        }
    }

    /// A turn or a loop panicked.
    fn crashed(&mut self, cause: String) {
        self.recover(cause, Duration::ZERO);
    }

    /// The factory or `#[start]` failed: the next try never follows at once, or a worker would do nothing else.
    fn failed(&mut self, cause: String) {
        self.recover(cause, PAUSE_AFTER_FAILED_START);
    }

    /// Asks the supervision and does as it says, after `pause` at the least.
    fn recover(&mut self, cause: String, pause: Duration) {
        let shared = self.core.shared().clone();
        shared.counters().panics.increment(1);
        self.timers.clear();
        self.loops.clear();
        self.core.take_spawned();
        self.core.drop_writer();
        if let Some(born) = self.born.take() {
            tracing::error!(agent = %shared.full_name(), %cause, "the agent could not start");
            self.end(&cause);
            born.send(Err(cause)).ok();
            return;
        }
        match self.supervision.crashed(&cause, self.core.host().now()) {
            Decision::GiveUp { reason } => {
                tracing::error!(agent = %shared.full_name(), %cause, %reason, "the agent crashed and stays down");
                self.end(&format!("{cause}; {reason}"));
            }
            Decision::Restart { after } => {
                let after = after.max(pause);
                tracing::warn!(agent = %shared.full_name(), %cause, pause = ?after, "the agent crashed and is started anew");
                shared.note_restart();
                shared.set_status(Status::Restarting);
                if after.is_zero() {
                    self.begin(Some(cause));
                } else {
                    self.phase = Phase::Pausing { sleep: self.core.host().link_sleep(after), cause };
                }
            }
        }
    }

    fn end(&mut self, cause: &str) {
        self.core.shared().note_end(cause);
        neighbours::leave(self.place);
        self.timers.clear();
        self.loops.clear();
        // Destructors of the agent's state and futures are the user's code.
        if let Err(panic) = guard(|| self.core.close()) {
            self.core.shared().counters().panics.increment(1);
            tracing::error!(agent = %self.core.shared().full_name(), cause = panic.text(), "a destructor panicked");
        }
        let done = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Draining { request, .. } | Phase::Closing { request, .. } => request.done,
            _ => Vec::new(),
        };
        let late = self.core.take_stop().map(|request| request.done).unwrap_or_default();
        self.supervision.ended(cause);
        for done in done.into_iter().chain(late) {
            done.send(()).ok();
        }
    }

    /// Moves the phase on as far as it goes. Says whether it moved.
    fn poll_phase(&mut self, cx: &mut TaskContext<'_>) -> bool {
        if !matches!(self.phase, Phase::Draining { .. } | Phase::Closing { .. } | Phase::Ended)
            && let Some(request) = self.core.take_stop()
        {
            self.core.shared().set_status(Status::Stopping);
            let until = self.core.host().link_sleep(request.grace);
            self.phase = Phase::Draining { until, request };
        }
        match &mut self.phase {
            Phase::Unborn => {
                self.begin(None);
                true
            }
            Phase::Running | Phase::Ended => false,
            Phase::Starting(hook) => match guard(|| hook.as_mut().poll(cx)) {
                Ok(Poll::Pending) => false,
                Ok(Poll::Ready(Ok(()))) => {
                    self.started();
                    true
                }
                Ok(Poll::Ready(Err(error))) => {
                    self.failed(format!("#[start] failed: {error}"));
                    true
                }
                Err(panic) => {
                    self.failed(format!("#[start] panicked: {}", panic.text()));
                    true
                }
            },
            Phase::Pausing { sleep, cause } => {
                if sleep.as_mut().poll(cx).is_pending() {
                    return false;
                }
                let cause = std::mem::take(cause);
                self.begin(Some(cause));
                true
            }
            Phase::Draining { until, .. } => {
                let over = self.core.is_idle() || until.as_mut().poll(cx).is_ready();
                if over {
                    self.close();
                }
                over
            }
            Phase::Closing { hook, until, .. } => {
                let outcome = match guard(|| hook.as_mut().poll(cx)) {
                    Ok(Poll::Pending) if until.as_mut().poll(cx).is_pending() => return false,
                    Ok(Poll::Pending) => Err("#[stop] took longer than the grace time".to_owned()),
                    Ok(Poll::Ready(outcome)) => outcome,
                    Err(panic) => Err(format!("#[stop] panicked: {}", panic.text())),
                };
                self.closed(outcome);
                true
            }
        }
    }

    /// Everything in hand is done, or out of time: runs `#[stop]`.
    fn close(&mut self) {
        let Phase::Draining { request, .. } = std::mem::replace(&mut self.phase, Phase::Running) else {
            return;
        };
        let until = self.core.host().link_sleep(request.grace);
        let ctx = Context::of_agent(&self.core);
        let hook = self.core.state().map(|state| guard(|| A::stop(&state, ctx)));
        match hook {
            Some(Ok(Some(hook))) => self.phase = Phase::Closing { hook, until, request },
            Some(Err(panic)) => {
                let none: LocalFuture<Result<(), String>> = Box::pin(std::future::ready(Ok(())));
                self.phase = Phase::Closing { hook: none, until, request };
                self.closed(Err(format!("#[stop] panicked: {}", panic.text())));
            }
            Some(Ok(None)) | None => {
                let none: LocalFuture<Result<(), String>> = Box::pin(std::future::ready(Ok(())));
                self.phase = Phase::Closing { hook: none, until, request };
                self.closed(Ok(()));
            }
        }
    }

    fn closed(&mut self, outcome: Result<(), String>) {
        if let Err(cause) = outcome {
            self.core.shared().counters().panics.increment(1);
            tracing::error!(agent = %self.core.shared().full_name(), %cause, "the agent did not stop well");
        }
        self.end("stopped");
    }

    fn poll_actor(&mut self, cx: &mut TaskContext<'_>) {
        match guard(|| Pin::new(&mut self.actor).poll(cx)) {
            Ok(_) => {}
            Err(panic) => {
                self.core.note_crash(panic.text().to_owned());
                if let Err(panic) = guard(|| self.actor.restart()) {
                    self.core.note_crash(panic.text().to_owned());
                }
            }
        }
    }

    fn poll_timers(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let mut fired = false;
        for (index, timer) in self.timers.iter_mut().enumerate() {
            while timer.sleep.as_mut().poll(cx).is_ready() {
                self.core.accept_timer(index);
                fired = true;
                // From due time to due time, so that it never drifts; what was missed is not made up for.
                let clock = self.core.host().clock();
                let (now, period) = (clock.now(), A::TIMERS[index].period);
                timer.due = timer.due + period;
                if timer.due < now {
                    let behind = (now.0 - timer.due.0).as_nanos() / period.as_nanos().max(1);
                    timer.due = timer.due + period * u32::try_from(behind).unwrap_or(u32::MAX);
                }
                timer.sleep = clock.sleep_until(timer.due);
            }
        }
        fired
    }

    fn poll_loops(&mut self, cx: &mut TaskContext<'_>) {
        self.loops.append(&mut self.core.take_spawned());
        let core = &self.core;
        self.loops.retain_mut(|future| match guard(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => true,
            Ok(Poll::Ready(())) => false,
            Err(panic) => {
                core.note_crash(format!("#[run] panicked: {}", panic.text()));
                false
            }
        });
    }

    fn poll_once(&mut self, cx: &mut TaskContext<'_>) -> Again {
        let mut again = self.poll_phase(cx);
        self.poll_actor(cx);
        if matches!(self.phase, Phase::Running | Phase::Draining { .. }) {
            again |= !self.timers.is_empty() && self.poll_timers(cx);
            if !self.loops.is_empty() || self.core.has_spawned() {
                self.poll_loops(cx);
            }
            let more = self.core.drive(cx);
            if let Some(cause) = self.core.take_crash() {
                self.crashed(cause);
                again = true;
            } else if more {
                return Again::Later;
            }
        }
        again |=
            self.core.wants_stop() && !matches!(self.phase, Phase::Draining { .. } | Phase::Closing { .. });
        again |= matches!(self.phase, Phase::Draining { .. }) && self.core.is_idle();
        if again { Again::Now } else { Again::WhenWoken }
    }
}

enum Again {
    Now,
    /// The budget is spent: the neighbours come first.
    Later,
    WhenWoken,
}

impl<A: Agent> Future for Life<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.worker.set(this.core.shared().id().0);
        this.core.refill_budget();
        let again = loop {
            match this.poll_once(cx) {
                _ if matches!(this.phase, Phase::Ended) => {
                    // Refuses what came in while the agent ended; nothing can come after.
                    this.poll_actor(cx);
                    this.worker.set(0);
                    return Poll::Ready(());
                }
                Again::Now => {}
                again => break again,
            }
        };
        this.worker.set(0);
        if matches!(again, Again::Later) {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<A: Agent> Unpin for Life<A> {}

impl<A: Agent> Drop for Life<A> {
    fn drop(&mut self) {
        // A runtime that ends under its agents: their proxies may outlive it.
        neighbours::leave(self.place);
    }
}
