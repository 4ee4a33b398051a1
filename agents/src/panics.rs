//! Panics, caught where a turn runs and turned into a text.
//!
//! Neighbours: generated code runs methods through [`guard`] and [`Attended`]; [`life`](crate::life) starts the
//! agent anew.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::reply::ReplyTo;
use crate::shared::AgentShared;

/// A caught panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    text: String,
}

impl Panic {
    fn from_payload(payload: Box<dyn Any + Send>) -> Panic {
        let text = if let Some(text) = payload.downcast_ref::<&str>() {
            (*text).to_owned()
        } else if let Some(text) = payload.downcast_ref::<String>() {
            text.clone()
        } else {
            "a panic without a text".to_owned()
        };
        // The payload is the user's: its destructor may panic again.
        drop(catch_unwind(AssertUnwindSafe(|| drop(payload))));
        Panic { text }
    }

    /// The panic's message.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Runs `f` and catches its panic.
///
/// # Errors
/// The panic.
#[inline]
pub(crate) fn guard<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    // What a panicking turn leaves behind is thrown away: the agent's state is rebuilt by its factory.
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::from_payload)
}

/// Drops what is the user's. A destructor that panics is told in the log, and harms nobody.
pub(crate) fn let_go<T>(agent: &AgentShared, thing: T) {
    if let Err(panic) = guard(|| drop(thing)) {
        agent.counters().panics.increment(1);
        tracing::error!(agent = %agent.full_name(), cause = panic.text(), "a destructor panicked");
    }
}

/// How a method that awaits came to its end.
#[derive(Debug)]
pub(crate) enum Attended<R> {
    /// It returned.
    Done(R),
    /// It panicked.
    Panicked(Panic),
    /// Nobody waited any more, and the method was dropped.
    Cancelled,
}

/// Polls a method's future: catches its panic and notices that its caller went away.
pub(crate) struct Attend<'r, F, T, E> {
    future: Pin<&'r mut F>,
    reply: &'r mut ReplyTo<T, E>,
    cancelled: Option<&'r Rc<Cell<bool>>>,
    noticed: bool,
    drop_on_cancel: bool,
}

impl<F, T, E> std::fmt::Debug for Attend<'_, F, T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attend").field("reply", &self.reply).finish_non_exhaustive()
    }
}

/// Attends `future` for the caller behind `reply`. With `drop_on_cancel` the method ends when the caller goes away;
/// without, it runs on and sees the flag.
pub(crate) fn attend<'r, F: Future, T, E>(
    future: Pin<&'r mut F>,
    reply: &'r mut ReplyTo<T, E>,
    cancelled: Option<&'r Rc<Cell<bool>>>,
    drop_on_cancel: bool,
) -> Attend<'r, F, T, E> {
    Attend { future, reply, cancelled, noticed: false, drop_on_cancel }
}

impl<F: Future, T, E> Future for Attend<'_, F, T, E> {
    type Output = Attended<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Attended<F::Output>> {
        let this = self.get_mut();
        let polled = guard(|| this.future.as_mut().poll(cx));
        match polled {
            Ok(Poll::Ready(returned)) => return Poll::Ready(Attended::Done(returned)),
            Err(panic) => return Poll::Ready(Attended::Panicked(panic)),
            Ok(Poll::Pending) => {}
        }
        if !this.noticed && this.reply.poll_cancelled(cx).is_ready() {
            this.noticed = true;
            if let Some(cancelled) = this.cancelled {
                cancelled.set(true);
            }
            if this.drop_on_cancel {
                return Poll::Ready(Attended::Cancelled);
            }
        }
        Poll::Pending
    }
}
