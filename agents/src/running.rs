//! Turns that await something: one exclusive, or many shared.
//!
//! A handful of shared turns is polled in line; more go into a set that polls only those that were woken.
//! Neighbour: [`queue`](crate::queue).

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::chain::{self, Position};
use crate::interface::LocalFuture;
use crate::panics::{Panic, guard};
use crate::turn::Ticketed;

/// Shared turns that are polled in line.
const IN_LINE: usize = 4;

/// A turn in flight.
pub(crate) struct Running {
    future: LocalFuture<Option<Panic>>,
    position: Option<Position>,
    // Held until the turn ends: its credit.
    _permit: Option<Ticketed>,
}

impl Running {
    pub(crate) fn new(
        future: LocalFuture<Option<Panic>>,
        position: Position,
        permit: Option<Ticketed>,
    ) -> Running {
        Running { future, position: Some(position), _permit: permit }
    }

    /// Polls the turn at its place in the chain of callers.
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Panic>> {
        chain::swap(&mut self.position);
        // The method's own panics are caught further in; this is for its arguments' and results' destructors.
        let polled = guard(|| self.future.as_mut().poll(cx));
        chain::swap(&mut self.position);
        polled.unwrap_or_else(|panic| Poll::Ready(Some(panic)))
    }
}

impl Future for Running {
    type Output = Option<Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Panic>> {
        self.poll_turn(cx)
    }
}

/// All shared turns in flight.
#[derive(Default)]
pub(crate) struct Readers {
    few: Vec<Running>,
    many: Option<Box<FuturesUnordered<Running>>>,
}

impl Readers {
    pub(crate) fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.as_ref().is_none_or(|many| many.is_empty())
    }

    pub(crate) fn push(&mut self, running: Running) {
        if self.few.len() < IN_LINE {
            self.few.push(running);
        } else {
            self.many.get_or_insert_default().push(running);
        }
    }

    /// Puts turns back that were taken out to be polled, before those that came meanwhile.
    pub(crate) fn put_back(&mut self, mut polled: Readers) {
        if self.is_empty() {
            *self = polled;
            return;
        }
        let came = std::mem::take(self);
        for running in came.into_turns() {
            polled.push(running);
        }
        *self = polled;
    }

    /// Every turn by itself.
    pub(crate) fn into_turns(self) -> impl Iterator<Item = Running> {
        self.few.into_iter().chain(self.many.into_iter().flat_map(|many| *many))
    }

    /// Ready with the end of one turn; ready with `None` when there is none in flight.
    pub(crate) fn poll_next_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<Panic>>> {
        for at in 0..self.few.len() {
            if let Poll::Ready(panic) = self.few[at].poll_turn(cx) {
                self.few.remove(at);
                return Poll::Ready(Some(panic));
            }
        }
        match &mut self.many {
            Some(many) if !many.is_empty() => match many.poll_next_unpin(cx) {
                Poll::Ready(Some(panic)) => Poll::Ready(Some(panic)),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
            _ if self.few.is_empty() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    }
}
