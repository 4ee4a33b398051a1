//! How a container ends: its door, its agents, its links, its exchange, its workers, in this order.
//!
//! Always true: what works for the container ends with it; a second shutdown waits for the first, and goes on where
//! that one was dropped. Neighbours: [`container`](super); a child container ends as its
//! [`branch`](crate::tree::branch) says.

use std::sync::atomic::Ordering;
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::shared::Status;
use tokio::sync::oneshot;

use super::{Container, Hall};
use crate::{link_time, tree};

/// Longest time that a shutdown gives agents to finish what they have in hand.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// Longest time that a shutdown waits for links over which nothing moves to write their last replies.
const FAREWELL_TIME: Duration = Duration::from_secs(2);

impl Container {
    /// Ends the node: no new links or agents, agents finish what they have in hand (10 s at most), links say goodbye.
    /// Child containers end before the agents of the node itself, the one that was started last first.
    ///
    /// Of a child container it ends the agents and the containers in it, the one that was started last first, and takes
    /// it out of the tree.
    pub async fn shutdown(&self) {
        self.shutdown_within(SHUTDOWN_GRACE).await;
    }

    /// As [`shutdown`](Container::shutdown), with another time for agents to finish. While the container is being shut
    /// down already, this waits for the end of that.
    ///
    /// Begun on a worker of the container it goes to its end even where nobody awaits it any more, for an agent that
    /// does so is itself stopped. Such an agent keeps its node waiting for the whole `grace`, and learns nothing of the
    /// end: better let `main` shut the node down.
    pub async fn shutdown_within(&self, grace: Duration) {
        if let Some(branch) = &self.branch {
            // It goes to its end though nobody awaits it.
            branch.stop(grace).await.ok();
            return;
        }
        if let Some(worker) = self.hall.workers.all().iter().find(|worker| worker.is_current()) {
            let (tell, ended) = oneshot::channel();
            let hall = self.hall.clone();
            let begun = worker.executor.spawn(async move {
                hall.shut_down(grace).await;
                // Whoever began it may have ended by it.
                tell.send(()).ok();
            });
            if begun && ended.await.is_ok() {
                return;
            }
        }
        self.hall.shut_down(grace).await;
    }
}

impl Hall {
    async fn shut_down(&self, grace: Duration) {
        // Held to the end: a second one waits for it. Where the first was dropped on the way, the second goes on.
        let mut shutting = self.open.lock().await;
        let Some(open) = &mut *shutting else { return };
        if let Some(listening) = open.listening.take() {
            listening.abort();
            // Aborted, it ends with an error; waited for, the port is free.
            listening.await.ok();
        }
        if let Some(watching) = open.watching.take() {
            watching.abort();
            watching.await.ok();
        }
        let mut all = self.tables.close();
        let left = tree::stop_branches(&self.tables.trunk, grace).await;
        all.retain(|agent| agent.shared().status() != Status::Stopped);
        let stopping: Vec<oneshot::Receiver<()>> = all.iter().map(|agent| agent.stop(left)).collect();
        // Drained one after the other, each within the same grace; `#[stop]` has as long again.
        link_time::within(grace.saturating_mul(2).saturating_add(FAREWELL_TIME), async {
            for ended in stopping {
                ended.await.ok();
            }
        })
        .await;
        // Agents are stopped: whoever calls again now would do so in vain.
        self.tables.retries.close();
        self.tables.membership.close();
        for remote in self.remotes.close() {
            remote.close("the node is shutting down");
        }
        self.accepteds.leave("the node is shutting down");
        self.see_links_off().await;
        if let Some(mailroom) = open.mailroom.take() {
            if let Some(answers) = self.answers.get() {
                answers.close(&mailroom).await;
            }
            mailroom.leave().await;
        }
        self.tables.told_links.close("the node was shut down");
        *shutting = None;
        self.workers.stop();
    }

    /// Waits until all links have ended, as long as any of them has something to give that is taken.
    async fn see_links_off(&self) {
        let (began, most) = (link_time::now(), self.tables.limits.farewell_time);
        let mut moved = began;
        while self.tables.open_links.load(Ordering::Acquire) > 0 {
            let now = link_time::now();
            moved = moved.max(LinkInstant(self.tables.last_farewell.load(Ordering::Acquire)));
            let (still, whole) = (now.since(moved), now.since(began));
            if Duration::from_millis(still) >= FAREWELL_TIME || Duration::from_millis(whole) >= most {
                let links = self.tables.open_links.load(Ordering::Acquire);
                tracing::warn!(links, whole_ms = whole, "links end before all that waited was taken");
                return;
            }
            link_time::sleep(Duration::from_millis(5)).await;
        }
    }
}
