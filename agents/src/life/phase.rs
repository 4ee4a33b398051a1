//! What an agent is doing, with the futures that belong to it.
//!
//! Neighbour: [`life`](super) moves from phase to phase.

use std::task::{Context as TaskContext, Poll};

use crate::chain::{self, Position};
use crate::clock::Sleep;
use crate::deadlines::LinkInstant;
use crate::interface::LocalFuture;
use crate::panics::{Panic, guard};
use crate::queue::{NotRegained, Regained, StopRequest};

/// What an agent is doing, with the futures that belong to it. What is rare is boxed: most agents run.
pub(super) enum Phase {
    /// Before the first poll.
    Unborn,
    Starting(Box<Starting>),
    Running,
    Pausing(Box<Pausing>),
    Retaking(Box<Retaking>),
    LyingDown(Box<LyingDown>),
    Down(Box<Down>),
    Draining(Box<Draining>),
    Closing(Box<Closing>),
    Ended,
}

/// `#[start]` runs.
pub(super) struct Starting {
    pub(super) hook: LocalFuture<Result<(), String>>,
    pub(super) until: Sleep,
    /// What its calls carry: a call that comes back here would wait for the start.
    pub(super) position: Option<Position>,
}

/// The pause before the new start, after a crash or an end that its supervision does not let stand.
pub(super) struct Pausing {
    pub(super) sleep: Sleep,
    pub(super) crash: Option<String>,
}

/// The agent tries to have its mailbox again, before its new start.
pub(super) struct Retaking {
    pub(super) retaking: LocalFuture<Result<Regained, NotRegained>>,
    pub(super) crash: Option<String>,
    /// Since when, on link time.
    pub(super) since: LinkInstant,
}

/// `#[stop]` runs, before others are started anew and this one with them.
pub(super) struct LyingDown {
    pub(super) hook: LocalFuture<Result<(), String>>,
    pub(super) until: Sleep,
    pub(super) cause: String,
}

/// Without a state, until an order comes.
pub(super) struct Down {
    pub(super) crash: Option<String>,
}

/// Finishing what is in hand.
pub(super) struct Draining {
    pub(super) until: Sleep,
    pub(super) request: StopRequest,
}

/// `#[stop]` runs.
pub(super) struct Closing {
    pub(super) hook: LocalFuture<Result<(), String>>,
    pub(super) until: Sleep,
    pub(super) request: StopRequest,
}

impl Starting {
    /// Polls `#[start]` at its place in the chain of callers.
    pub(super) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Result<Poll<Result<(), String>>, Panic> {
        chain::swap(&mut self.position);
        let polled = guard(|| self.hook.as_mut().poll(cx));
        chain::swap(&mut self.position);
        polled
    }
}

impl Retaking {
    pub(super) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Regained, NotRegained>> {
        // Where dialogues are kept elsewhere, that is the user's code.
        guard(|| self.retaking.as_mut().poll(cx)).unwrap_or_else(|panic| {
            Poll::Ready(Err(NotRegained::Unread(format!("reading its dialogues panicked: {}", panic.text()))))
        })
    }
}

impl Closing {
    pub(super) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), String>> {
        poll_stop(&mut self.hook, &mut self.until, cx)
    }
}

impl LyingDown {
    pub(super) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), String>> {
        poll_stop(&mut self.hook, &mut self.until, cx)
    }
}

/// Polls `#[stop]`, which has until then.
fn poll_stop(
    hook: &mut LocalFuture<Result<(), String>>,
    until: &mut Sleep,
    cx: &mut TaskContext<'_>,
) -> Poll<Result<(), String>> {
    match guard(|| hook.as_mut().poll(cx)) {
        Ok(Poll::Pending) if until.as_mut().poll(cx).is_pending() => Poll::Pending,
        Ok(Poll::Pending) => Poll::Ready(Err("#[stop] took longer than the grace time".to_owned())),
        Ok(Poll::Ready(outcome)) => Poll::Ready(outcome),
        Err(panic) => Poll::Ready(Err(format!("#[stop] panicked: {}", panic.text()))),
    }
}
