//! The workers of a container: threads with an actix arbiter each, on which agents and links live.
//!
//! The first worker is the thread that started the container. Neighbours: [`spawning`](crate::spawning) places
//! agents, [`watchdog`](crate::watchdog) looks after the threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use actix_rt::Arbiter;
use folkmoot_agents::host::WorkerStatus;
use folkmoot_agents::worked;
use tokio::sync::oneshot;

use crate::executor::{self, Executor};
use crate::link_time;

/// One thread that runs agents.
pub(crate) struct Worker {
    pub(crate) executor: Executor,
    pub(crate) status: Arc<WorkerStatus>,
    thread: ThreadId,
    /// Held for the threads that the container made.
    own: Option<Arbiter>,
}

/// All workers of one container.
pub(crate) struct Workers {
    all: Vec<Worker>,
    next: AtomicUsize,
}

impl Workers {
    /// The current thread and `count - 1` more.
    pub(crate) async fn start(count: usize) -> Workers {
        install();
        let mut all = vec![Worker {
            executor: Executor::current(),
            status: Arc::default(),
            thread: std::thread::current().id(),
            own: None,
        }];
        for _ in 1..count {
            let arbiter = Arbiter::new();
            let (tell, thread) = oneshot::channel();
            arbiter.spawn_fn(move || {
                install();
                // The container is waiting for it.
                tell.send(std::thread::current().id()).ok();
            });
            match thread.await {
                Ok(thread) => all.push(Worker {
                    executor: Executor::Arbiter(arbiter.handle()),
                    status: Arc::default(),
                    thread,
                    own: Some(arbiter),
                }),
                Err(_) => tracing::error!("a worker's thread ended before it began"),
            }
        }
        Workers { all, next: AtomicUsize::new(0) }
    }

    pub(crate) fn all(&self) -> &[Worker] {
        &self.all
    }

    /// The worker whose turn it is.
    pub(crate) fn next(&self) -> usize {
        match self.all.len() {
            1 => 0,
            count => self.next.fetch_add(1, Ordering::Relaxed) % count,
        }
    }

    pub(crate) fn get(&self, index: usize) -> &Worker {
        &self.all[index]
    }

    /// Stops the threads that the container made.
    pub(crate) fn stop(&self) {
        for worker in &self.all {
            if let Some(own) = &worker.own {
                own.stop();
            }
        }
    }
}

/// What a worker's thread needs before it works.
fn install() {
    link_time::install_on_worker();
    executor::install_on_worker();
}

impl Worker {
    /// Asks how much has been worked on this thread, once all that could go on before has had its turn.
    pub(crate) fn ask_work(&self) -> oneshot::Receiver<u64> {
        let (tell, told) = oneshot::channel();
        self.executor.spawn(async move {
            // What is spawned from elsewhere overtakes what was woken from elsewhere; who yields comes after both. A
            // second time for those whose turn was over in the middle.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            // Whoever asked may have gone.
            tell.send(worked::count()).ok();
        });
        told
    }

    /// Whether the present task runs on this worker.
    pub(crate) fn is_current(&self) -> bool {
        self.thread == std::thread::current().id() && self.executor.is_current()
    }
}
