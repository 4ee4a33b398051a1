//! An agent's life on its worker: start, turns, crash and new start, stop.
//!
//! One future polls the actor's context and the turn queue inside panic guards, so an agent's address, queue and
//! siblings survive whatever it does. Always true: at most one state exists for new turns; an agent that has ended
//! has answered everyone. Neighbours: [`queue`](crate::queue), [`actor`](crate::actor); the platform's
//! [`Supervision`](crate::host::Supervision) decides what follows a crash.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use actix::Context as ActorContext;
use actix::dev::ContextFut;
use folkmoot_codecs::AgentEvent;
use tokio::sync::oneshot;

use crate::actor::AgentActor;
use crate::chain::{Mode, Position};
use crate::clock::Sleep;
use crate::context::Context;
use crate::interface::{Agent, LocalFuture};
use crate::mail::Taking;
use crate::panics::{Panic, guard, let_go};
use crate::queue::{Core, MailboxNews};
use crate::timers::next_due;
use crate::timestamp::Timestamp;
use crate::worked;

mod ending;
mod obeying;
mod phase;
mod recovering;
mod retaking;

use phase::{Phase, Starting};

/// How often an agent looks around in one poll before it yields its worker.
const ROUNDS_PER_POLL: u32 = 16;

/// One `#[every]` method.
struct Timer {
    due: Timestamp,
    sleep: Sleep,
}

/// What an agent does beside its turns. Most have nothing of it.
#[derive(Default)]
struct Beside {
    timers: Vec<Timer>,
    loops: Vec<LocalFuture<()>>,
}

/// The future that is an agent.
pub(crate) struct Life<A: Agent> {
    actor: ContextFut<AgentActor<A>, ActorContext<AgentActor<A>>>,
    core: Rc<Core<A>>,
    phase: Phase,
    born: Option<oneshot::Sender<Result<(), String>>>,
    beside: Option<Box<Beside>>,
}

impl<A: Agent> Life<A> {
    /// An agent before its first poll. `born` is told how `#[start]` went, the first time.
    pub(crate) fn new(
        actor: ContextFut<AgentActor<A>, ActorContext<AgentActor<A>>>,
        core: Rc<Core<A>>,
        born: oneshot::Sender<Result<(), String>>,
    ) -> Life<A> {
        Life { actor, core, phase: Phase::Unborn, born: Some(born), beside: None }
    }

    /// Makes a state and starts it, once the agent has its mailbox.
    fn begin(&mut self, last_crash: Option<String>) {
        match self.core.retake_mailbox() {
            None => self.begin_life(last_crash),
            Some(retaking) => self.begin_to_retake(retaking, last_crash),
        }
    }

    fn begin_life(&mut self, last_crash: Option<String>) {
        match self.core.make() {
            Err(panic) => self.failed(format!("its factory panicked: {}", panic.text())),
            Ok(state) => {
                let state = self.core.renew(state, last_crash);
                A::take_dialogues_back(&Context::of_agent(&self.core));
                match guard(|| self.core.begin_start(&state)) {
                    Err(panic) => self.failed(format!("#[start] panicked: {}", panic.text())),
                    Ok(None) => self.started(),
                    Ok(Some(hook)) => {
                        let position = Some(self.position_of_start());
                        let until = self.core.host().link_sleep(self.core.supervision().start_deadline());
                        self.enter(Phase::Starting(Box::new(Starting { hook, until, position })));
                    }
                }
            }
        }
    }

    fn position_of_start(&self) -> Position {
        Position {
            agent: self.core.shared().id(),
            name: self.core.shared().full_name().clone(),
            mode: Mode::Exclusive,
            parent: None,
            link: None,
            deadline: None,
        }
    }

    /// Leaves the present phase, whose futures are the user's, for another.
    fn enter(&mut self, phase: Phase) {
        let old = std::mem::replace(&mut self.phase, phase);
        let_go(self.core.shared(), old);
    }

    /// Ends timers, loops and spawned futures.
    fn drop_beside(&mut self) {
        if let Some(beside) = self.beside.take() {
            beside.loops.into_iter().for_each(|future| let_go(self.core.shared(), future));
        }
        self.core.drop_spawned();
    }

    fn drop_timers(&mut self) {
        if let Some(beside) = &mut self.beside {
            beside.timers.clear();
        }
    }

    fn started(&mut self) {
        self.enter(Phase::Running);
        self.core.shared().set_status(self.core.running_status());
        // First those who supervise it: whoever spawned it counts on them.
        self.core.supervision().started();
        if let Some(born) = self.born.take() {
            // Whoever spawned the agent may have gone; the agent lives on.
            born.send(Ok(())).ok();
        } else {
            let shared = self.core.shared();
            shared.tell(|| AgentEvent::Restarted { restarts: u64::from(shared.restarts()) });
        }
        if !A::TIMERS.is_empty() {
            let clock = self.core.host().clock().clone();
            let now = clock.now();
            self.beside.get_or_insert_default().timers = A::TIMERS
                .iter()
                .map(|timer| Timer { due: now + timer.period, sleep: clock.sleep_until(now + timer.period) })
                .collect();
        }
        match guard(|| A::loops(&Context::of_agent(&self.core))) {
            Ok(loops) if loops.is_empty() => {}
            Ok(loops) => self.beside.get_or_insert_default().loops = loops,
            Err(panic) => self.core.note_crash(format!("#[run] panicked: {}", panic.text())),
        }
    }

    /// Moves the phase on as far as it goes. Says whether it moved.
    fn poll_phase(&mut self, cx: &mut TaskContext<'_>) -> bool {
        match &self.phase {
            Phase::Draining(_) | Phase::Closing(_) => self.hear_of_other_stops(),
            Phase::Ended => {}
            _ => {
                if let Some(request) = self.core.take_stop() {
                    self.drain(request);
                }
            }
        }
        self.obey();
        match &mut self.phase {
            Phase::Unborn => {
                self.begin(None);
                true
            }
            Phase::Running | Phase::Ended => false,
            Phase::Down(_) => {
                // Shared turns in flight finish on the old state.
                self.core.poll_set_aside(cx);
                false
            }
            Phase::LyingDown(lying) => match lying.poll(cx) {
                Poll::Pending => false,
                Poll::Ready(outcome) => {
                    self.has_lain_down(outcome);
                    true
                }
            },
            Phase::Starting(starting) => match starting.poll(cx) {
                Ok(Poll::Pending) if starting.until.as_mut().poll(cx).is_pending() => false,
                Ok(Poll::Pending) => {
                    let time = self.core.supervision().start_deadline();
                    self.failed(format!("its #[start] took longer than {time:?} (`.start_deadline(..)`)"));
                    true
                }
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
            Phase::Pausing(pausing) => {
                if pausing.sleep.as_mut().poll(cx).is_pending() {
                    return false;
                }
                let crash = pausing.crash.take();
                self.begin(crash);
                true
            }
            Phase::Retaking(retaking) => match retaking.poll(cx) {
                Poll::Pending => false,
                Poll::Ready(outcome) => {
                    self.end_retaking(outcome);
                    true
                }
            },
            Phase::Draining(draining) => {
                let over = self.core.is_idle() || draining.until.as_mut().poll(cx).is_ready();
                if over {
                    self.close();
                }
                over
            }
            Phase::Closing(closing) => match closing.poll(cx) {
                Poll::Pending => false,
                Poll::Ready(outcome) => {
                    self.closed(outcome);
                    true
                }
            },
        }
    }

    /// Says whether it must be polled again: after a panic, messages may be left that wake nobody.
    fn poll_actor(&mut self, cx: &mut TaskContext<'_>) -> bool {
        match guard(|| Pin::new(&mut self.actor).poll(cx)) {
            Ok(_) => false,
            Err(panic) => {
                self.core.note_crash(panic.text().to_owned());
                if let Err(panic) = guard(|| self.actor.restart()) {
                    self.core.note_crash(panic.text().to_owned());
                }
                true
            }
        }
    }

    fn poll_timers(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let Some(beside) = &mut self.beside else { return false };
        let mut fired = false;
        for (index, timer) in beside.timers.iter_mut().enumerate() {
            // Once a round: on a quick clock the next may be due already, and others shall have their turn.
            if timer.sleep.as_mut().poll(cx).is_ready() {
                self.core.accept_timer(index);
                fired = true;
                let clock = self.core.host().clock();
                timer.due = next_due(timer.due, A::TIMERS[index].period, clock.now());
                timer.sleep = clock.sleep_until(timer.due);
            }
        }
        fired
    }

    fn poll_loops(&mut self, cx: &mut TaskContext<'_>) {
        if self.core.has_spawned() {
            let mut spawned = self.core.take_spawned();
            self.beside.get_or_insert_default().loops.append(&mut spawned);
        }
        let Some(beside) = &mut self.beside else { return };
        let core = &self.core;
        beside.loops.retain_mut(|future| match guard(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => true,
            Ok(Poll::Ready(())) => false,
            Err(panic) => {
                core.note_crash(format!("#[run] panicked: {}", panic.text()));
                false
            }
        });
    }

    /// Says whether there is more to do at once.
    fn poll_mail(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let taking = match &self.phase {
            Phase::Running => Taking::All,
            Phase::Starting(_) | Phase::Draining(_) | Phase::Closing(_) => Taking::Answers,
            Phase::Unborn | Phase::Pausing(_) | Phase::Retaking(_) | Phase::LyingDown(_) | Phase::Down(_) => {
                Taking::Nothing
            }
            Phase::Ended => return false,
        };
        match self.core.poll_mail(taking, cx) {
            MailboxNews::Nothing => false,
            MailboxNews::Came => true,
            MailboxNews::Lost(cause) => {
                self.lost_mailbox(&cause);
                true
            }
        }
    }

    /// User's code that is in no guard of its own panicked: a crash like any other.
    fn caught(&mut self, panic: &Panic) -> Again {
        if !matches!(self.phase, Phase::Ended) {
            self.crashed(panic.text().to_owned());
        }
        Again::Now
    }

    fn poll_once(&mut self, cx: &mut TaskContext<'_>) -> Again {
        // A crash in a turn that ran in place comes before what that turn asked for: its state is not whole.
        let crash = matches!(self.phase, Phase::Running | Phase::Draining(_)).then(|| self.core.take_crash());
        if let Some(cause) = crash.flatten() {
            self.crashed(cause);
        }
        let mut again = self.poll_phase(cx);
        again |= self.poll_actor(cx);
        if matches!(self.phase, Phase::Running | Phase::Draining(_)) {
            again |= self.poll_timers(cx);
            self.poll_loops(cx);
            let more = self.core.drive(cx);
            again |= self.core.poll_dialogues(cx);
            again |= self.core.queue_end();
            if let Some(cause) = self.core.take_crash() {
                self.crashed(cause);
                again = true;
            } else if more {
                return Again::Later;
            }
            // What a turn or a spawned future has spawned.
            again |= self.core.has_spawned();
        }
        again |= self.poll_mail(cx);
        again |= self.core.has_orders() && self.heeds_orders();
        // Also while it ends: whoever asks then may leave it less time.
        again |= self.core.wants_stop();
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
        worked::note();
        worked::agent_begins(this.core.shared());
        this.core.worker().set(this.core.shared().id().0);
        this.core.refill_budget();
        this.core.set_polled(true);
        let mut rounds = 0;
        let again = loop {
            let again = guard(|| this.poll_once(cx)).unwrap_or_else(|panic| this.caught(&panic));
            rounds += 1;
            match again {
                _ if matches!(this.phase, Phase::Ended) => {
                    // Refuses what came in while the agent ended; nothing can come after.
                    while this.poll_actor(cx) {}
                    this.core.worker().set(0);
                    worked::agent_pauses();
                    return Poll::Ready(());
                }
                Again::Now if rounds < ROUNDS_PER_POLL => {}
                // One that crashes as soon as it starts keeps its worker from nobody.
                Again::Now => break Again::Later,
                again => break again,
            }
        };
        this.core.worker().set(0);
        worked::agent_pauses();
        this.core.set_polled(false);
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
        self.core.leave();
        if !matches!(self.phase, Phase::Ended) {
            let cause = "its worker ended";
            self.core.shared().break_ties(cause);
            self.core.shared().note_end(cause);
            self.drop_beside();
            self.core.close();
            self.core.shared().tell_end(cause, false);
        }
    }
}
