//! What runs a worker's tasks: the arbiter of its thread or, in a simulation, the node that the container belongs to.
//!
//! Always true: a task that works for a container is run by what the container started on, so that a simulated node
//! takes all its tasks with it when it crashes. Who asks for it may be any task, also one of `tokio::spawn`: such a one is
//! run by the worker's thread, and still can begin nothing that belongs to that thread. Neighbours: [`workers`](crate::workers) hold one each, the simulation's
//! [`hosts`](crate::sim) poll theirs.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;

use actix_rt::{Arbiter, ArbiterHandle};
use tokio::sync::{mpsc, oneshot};

/// Work that is done on the executor's own thread.
type Work = Box<dyn FnOnce() + Send>;

/// Work that begins tasks of the thread on which it was made.
pub(crate) type Beginning = Box<dyn FnOnce()>;

thread_local! {
    /// The node whose tasks are being polled.
    static NODE: RefCell<Option<NodeQueue>> = const { RefCell::new(None) };
    /// The way to the task that begins others for those that can begin none: one entry for each spawn that waits for it.
    static BEGINNER: RefCell<Option<mpsc::UnboundedSender<Beginning>>> = const { RefCell::new(None) };
}

/// Gives the current worker the task behind [`begin`], unless it has one that runs.
pub(crate) fn install_on_worker() {
    let runs = BEGINNER.with(|beginner| beginner.borrow().as_ref().is_some_and(|it| !it.is_closed()));
    if !runs {
        let (beginner, mut came) = mpsc::unbounded_channel::<Beginning>();
        BEGINNER.with(|slot| *slot.borrow_mut() = Some(beginner));
        actix::spawn(async move {
            while let Some(begin) = came.recv().await {
                begin();
            }
        });
    }
}

/// Calls `beginning` from a task of this worker that can begin others, which the present one may not. A node's own tasks
/// can always: there it is called at once. `false`, and not called, where the worker runs nothing any more.
#[must_use]
pub(crate) fn begin(beginning: Beginning) -> bool {
    if NODE.with(|node| node.borrow().is_some()) {
        beginning();
        return true;
    }
    let refused = BEGINNER.with(|beginner| match &*beginner.borrow() {
        Some(beginner) => beginner.send(beginning).err().map(|refused| refused.0),
        None => Some(beginning),
    });
    // What it holds goes here, not within the look at the slot.
    refused.is_none()
}

/// Runs tasks on one thread.
#[derive(Clone)]
pub(crate) enum Executor {
    Arbiter(ArbiterHandle),
    Node(NodeQueue),
}

impl Executor {
    /// The one that runs the present task.
    pub(crate) fn current() -> Executor {
        match NODE.with(|node| node.borrow().clone()) {
            Some(node) => Executor::Node(node),
            None => Executor::Arbiter(Arbiter::current()),
        }
    }

    /// Whether the present task, on its thread, is run by this one.
    pub(crate) fn is_current(&self) -> bool {
        let here = NODE.with(|node| node.borrow().as_ref().map(|node| node.life));
        match self {
            Executor::Arbiter(_) => here.is_none(),
            Executor::Node(node) => here == Some(node.life),
        }
    }

    /// Does `work` on the executor's thread, behind all that is to be done there; `false` where nothing is done there
    /// any more.
    pub(crate) fn spawn_fn(&self, work: impl FnOnce() + Send + 'static) -> bool {
        match self {
            Executor::Arbiter(arbiter) => arbiter.spawn_fn(work),
            Executor::Node(node) => node.work.send(Box::new(work)).is_ok(),
        }
    }

    /// Runs `future` on the executor's thread; `false` where nothing is run there any more.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> bool {
        match self {
            Executor::Arbiter(arbiter) => arbiter.spawn(future),
            Executor::Node(_) => {
                let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
                self.spawn_fn(move || drop(actix::spawn(future)))
            }
        }
    }
}

/// Runs `work` as a task of the present thread's executor, whatever task this is, for `work` begins tasks that belong to the
/// thread. Dropped, `work` is dropped too. `None` where the thread has no executor, or `work` was dropped with it.
pub(crate) async fn at_home<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    Arbiter::try_current()?;
    let (mut tell, told) = oneshot::channel();
    Executor::current().spawn(async move {
        let done = tokio::select! {
            biased;
            () = tell.closed() => return,
            done = work => done,
        };
        // Whoever waited may have gone this moment.
        tell.send(done).ok();
    });
    told.await.ok()
}

/// The way into one life of a simulated node. Without a bound, as the one into an arbiter is.
#[derive(Clone)]
pub(crate) struct NodeQueue {
    life: u64,
    work: mpsc::UnboundedSender<Work>,
}

impl NodeQueue {
    /// A way in, and what comes by it. No two lives on a thread have the same number.
    pub(crate) fn new(life: u64) -> (NodeQueue, mpsc::UnboundedReceiver<Work>) {
        let (work, came) = mpsc::unbounded_channel();
        (NodeQueue { life, work }, came)
    }

    /// The tasks that `poll` polls are this node's.
    pub(crate) fn within<R>(&self, poll: impl FnOnce() -> R) -> R {
        let _outer = Outer(NODE.with(|node| node.replace(Some(self.clone()))));
        poll()
    }
}

/// The node around this one, if any: restored however the poll ends.
struct Outer(Option<NodeQueue>);

impl Drop for Outer {
    fn drop(&mut self) {
        NODE.with(|node| *node.borrow_mut() = self.0.take());
    }
}
