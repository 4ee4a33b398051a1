//! Notices a worker that does not get round to anything: an agent that blocks its thread.
//!
//! A thread of its own asks each worker for a sign of life; one that gives none in time is named in the log with
//! the agent whose turn it is in. Neighbour: [`workers`](crate::workers).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot_agents::host::WorkerStatus;

use crate::executor::Executor;
use crate::tables::Tables;
use crate::workers::Workers;

/// Time between two questions, and the time after which a missing answer is reported.
pub(crate) const BLOCKED_AFTER: Duration = Duration::from_secs(1);

struct Watched {
    index: usize,
    executor: Executor,
    status: Arc<WorkerStatus>,
    answered: Arc<AtomicU64>,
    asked: u64,
    reported: bool,
}

/// Keeps the watchdog's thread alive; dropped, the thread ends.
pub(crate) struct Watchdog {
    _alive: SyncSender<()>,
}

impl Watchdog {
    /// Watches the workers of a container until it is dropped.
    pub(crate) fn start(workers: &Workers, tables: &Arc<Tables>) -> std::io::Result<Watchdog> {
        let (alive, ended) = sync_channel(0);
        let watched = workers
            .all()
            .iter()
            .enumerate()
            .map(|(index, worker)| Watched {
                index,
                executor: worker.executor.clone(),
                status: worker.status.clone(),
                answered: Arc::default(),
                asked: 0,
                reported: false,
            })
            .collect();
        let tables = Arc::downgrade(tables);
        std::thread::Builder::new()
            .name("folkmoot-watchdog".to_owned())
            .spawn(move || watch(watched, &ended, &tables))?;
        Ok(Watchdog { _alive: alive })
    }
}

fn watch(mut watched: Vec<Watched>, ended: &Receiver<()>, tables: &Weak<Tables>) {
    while ended.recv_timeout(BLOCKED_AFTER) == Err(RecvTimeoutError::Timeout) {
        let Some(tables) = tables.upgrade() else { return };
        watched.retain_mut(|worker| worker.look(&tables));
    }
}

impl Watched {
    /// Reports the worker where it has not answered, and asks again. Says whether it is worth watching on.
    fn look(&mut self, tables: &Tables) -> bool {
        if self.answered.load(Ordering::Acquire) < self.asked {
            if !self.reported {
                self.reported = true;
                tables.counters.workers_blocked.increment(1);
                let agent = self.status.agent().and_then(|id| tables.name_of(id));
                let agent = agent.as_deref().unwrap_or("no agent of this container");
                tracing::warn!(
                    node = tables.principal.node_name(),
                    worker = self.index,
                    agent,
                    "a worker has been blocked for over {BLOCKED_AFTER:?}: move work that burns CPU or waits off it"
                );
            }
            return true;
        }
        self.reported = false;
        self.asked += 1;
        let (asked, answered) = (self.asked, self.answered.clone());
        self.executor.spawn_fn(move || answered.store(asked, Ordering::Release))
    }
}
