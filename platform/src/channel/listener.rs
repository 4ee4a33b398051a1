//! Where channels are accepted.
//!
//! Always true: a channel is handed on once its peer has proven itself and its first frame has begun to come.
//! Neighbour: [`listener`](crate::listener) does the work for containers too.

use std::fmt;
use std::sync::Arc;

use folkmoot_codecs::Endpoint;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Channel;
use crate::builder::Ground;
use crate::link::Link;

/// Accepts channels. Dropped, it accepts no more; channels that are open live on.
pub struct Listener {
    endpoint: Endpoint,
    accepted: mpsc::Receiver<Arc<Link>>,
    listening: JoinHandle<()>,
    ground: Arc<Ground>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Listener {
    pub(super) fn new(
        endpoint: Endpoint,
        accepted: mpsc::Receiver<Arc<Link>>,
        listening: JoinHandle<()>,
        ground: Ground,
    ) -> Listener {
        Listener { endpoint, accepted, listening, ground: Arc::new(ground) }
    }

    /// Where it listens, port 0 resolved.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Waits for the next channel. Its peer has begun to speak: who opens a channel sends first. `None` where the door
    /// was closed for it. Cancel safe.
    pub async fn accept(&mut self) -> Option<Channel> {
        let link = self.accepted.recv().await?;
        Some(Channel::new(link, self.ground.clone()))
    }

    /// Accepts no more, and waits until the address is free again.
    pub async fn close(mut self) {
        self.listening.abort();
        // Cancelled, as it was told to be.
        drop((&mut self.listening).await);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listening.abort();
        // Those that nobody accepted.
        while let Ok(link) = self.accepted.try_recv() {
            link.leave("nobody accepts channels any more");
        }
    }
}
