//! Other threads, which a simulation has none of: wakers that know when one of them wakes, and the runtime's own.
//!
//! Always true: what a thread beside the simulation's does comes at a moment that no seed decides, so a run in which
//! that was noticed fails. Neighbours: [`hosts`](super::hosts) and [`runner`](super::runner) poll with these wakers.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread::ThreadId;

/// What other threads have done in a simulation.
#[derive(Default)]
pub(super) struct Strangers {
    first: Mutex<Option<String>>,
}

impl Strangers {
    /// Keeps the first that is noted.
    pub(super) fn note(&self, what: impl FnOnce() -> String) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(what);
    }

    /// The first that was noted.
    pub(super) fn first(&self) -> Option<String> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Wakes as another waker does, and knows from which thread.
pub(super) struct OwnWaker {
    strangers: Arc<Strangers>,
    who: Arc<str>,
    /// The other one, and this one for it.
    made: Option<(Waker, Waker)>,
}

impl OwnWaker {
    /// Wakers of `who`, on the present thread.
    pub(super) fn new(strangers: &Arc<Strangers>, who: &str) -> OwnWaker {
        OwnWaker { strangers: strangers.clone(), who: who.into(), made: None }
    }

    /// The waker that stands for `inner`.
    pub(super) fn of(&mut self, inner: &Waker) -> Waker {
        match &self.made {
            Some((known, own)) if known.will_wake(inner) => own.clone(),
            _ => {
                let own = Waker::from(Arc::new(Watching {
                    inner: inner.clone(),
                    thread: std::thread::current().id(),
                    who: self.who.clone(),
                    strangers: self.strangers.clone(),
                }));
                self.made = Some((inner.clone(), own.clone()));
                own
            }
        }
    }
}

struct Watching {
    inner: Waker,
    thread: ThreadId,
    who: Arc<str>,
    strangers: Arc<Strangers>,
}

impl Wake for Watching {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let here = std::thread::current();
        if here.id() != self.thread {
            self.strangers.note(|| format!("{} was woken by {}", self.who, named(&here)));
        }
        self.inner.wake_by_ref();
    }
}

fn named(thread: &std::thread::Thread) -> String {
    match thread.name() {
        Some(name) => format!("the thread {name:?}"),
        None => "a thread without a name".to_owned(),
    }
}
