//! The ways to other containers, by where they lead: made when first asked for, let go when nobody holds them.
//!
//! Always true: a way that somebody holds is in the table and stays open; one that nobody holds leaves it, at once where
//! it has no link, else after the time that idle links are kept. Neighbours: [`remote`](crate::remote) is one way,
//! its [`remote_proxy`](crate::remote_proxy) waits for that time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use folkmoot_codecs::CallError;

use crate::peer::Destination;
use crate::remote::{Remote, closed};

/// All ways of one container.
pub(crate) struct Remotes {
    /// `None` once the container was shut down.
    ways: Mutex<Option<HashMap<Destination, Arc<Remote>>>>,
}

impl Remotes {
    pub(crate) fn new() -> Arc<Remotes> {
        Arc::new(Remotes { ways: Mutex::new(Some(HashMap::new())) })
    }

    fn ways(&self) -> MutexGuard<'_, Option<HashMap<Destination, Arc<Remote>>>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way to `to`, which is made where there is none.
    pub(crate) fn hold(
        self: &Arc<Self>,
        to: Destination,
        make: impl FnOnce(Destination) -> Result<Arc<Remote>, CallError>,
    ) -> Result<Held, CallError> {
        let mut ways = self.ways();
        let remote = match ways.as_mut().ok_or_else(closed)?.entry(to) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(vacant) => {
                let remote = make(vacant.key().clone())?;
                vacant.insert(remote).clone()
            }
        };
        // Under the lock: whoever wants to let it go looks under the lock too.
        remote.hold();
        Ok(Held { remote, remotes: self.clone() })
    }

    /// Closes a way that nobody holds, and takes it out of the table. Says whether nobody held it.
    pub(crate) fn let_go(&self, remote: &Arc<Remote>) -> bool {
        let mut ways = self.ways();
        if remote.is_held() {
            return false;
        }
        if let Some(ways) = &mut *ways
            && ways.get(remote.to()).is_some_and(|known| Arc::ptr_eq(known, remote))
        {
            ways.remove(remote.to());
        }
        drop(ways);
        remote.close("nobody uses the link any more");
        true
    }

    /// How many calls wait for a reply, on all ways.
    pub(crate) fn awaited(&self) -> usize {
        let all: Vec<Arc<Remote>> = self.ways().iter().flat_map(HashMap::values).cloned().collect();
        all.iter().map(|remote| remote.awaited()).sum()
    }

    /// The calls that wait for a reply now are awaited no more by those who count them.
    pub(crate) fn set_aside(&self) {
        let all: Vec<Arc<Remote>> = self.ways().iter().flat_map(HashMap::values).cloned().collect();
        all.iter().for_each(|remote| remote.set_aside());
    }

    /// Makes no more ways; returns those that there are.
    pub(crate) fn close(&self) -> Vec<Arc<Remote>> {
        let mut all: Vec<Arc<Remote>> =
            self.ways().take().into_iter().flat_map(HashMap::into_values).collect();
        all.sort_by_cached_key(|remote| remote.to().endpoint.to_string());
        all
    }

    /// How many ways there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.ways().as_ref().map_or(0, HashMap::len)
    }
}

/// A way that is kept open as long as this is held.
pub(crate) struct Held {
    remote: Arc<Remote>,
    remotes: Arc<Remotes>,
}

impl Held {
    /// The way itself, which this does not keep open.
    pub(crate) fn unheld(&self) -> Weak<Remote> {
        Arc::downgrade(&self.remote)
    }
}

impl Deref for Held {
    type Target = Remote;

    fn deref(&self) -> &Remote {
        &self.remote
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.remote.release() {
            self.remote.unheld(&self.remotes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Container, LinkLimits, Retry, Untyped};

    async fn node(idle_time: Duration) -> Container {
        let limits = LinkLimits { idle_time, ..LinkLimits::default() };
        Container::builder("tcp://127.0.0.1:0").limits(limits).start().await.unwrap()
    }

    fn way(from: &Container, to: &Container) -> Held {
        let (endpoint, codec) = (to.endpoint().clone(), from.hall().codec);
        from.hall().remote(Destination { endpoint, expected_peer: None, codec }).unwrap()
    }

    /// The ways of one container and the links of another.
    fn open(client: &Container, server: &Container) -> (usize, usize) {
        (client.hall().remotes.count(), server.hall().accepteds.count())
    }

    #[test]
    fn an_idle_link_that_nobody_holds_is_closed_and_opened_again_when_it_is_wanted() {
        crate::block_on(async {
            let (client, server) = (node(Duration::from_millis(5)).await, node(Duration::MAX).await);
            let other = node(Duration::MAX).await;
            for _ in 0..3 {
                let (first, unheld) = (way(&client, &server), way(&client, &other));
                first.up(Retry::Never).await.unwrap();
                unheld.up(Retry::Never).await.unwrap();
                let second = way(&client, &server);
                drop((first, unheld));
                // The one that is held outlives the one that is not.
                while open(&client, &other) != (1, 0) {
                    tokio::task::yield_now().await;
                }
                assert_eq!(open(&client, &server), (1, 1));
                second.up(Retry::Never).await.unwrap();
                drop(second);
                while open(&client, &server) != (0, 0) {
                    tokio::task::yield_now().await;
                }
            }
            for container in [client, other, server] {
                container.shutdown().await;
            }
        });
    }

    #[test]
    fn a_way_without_a_link_goes_with_the_last_who_wanted_it() {
        crate::block_on(async {
            let (client, server) = (node(Duration::MAX).await, node(Duration::MAX).await);
            client.connect::<Untyped>(server.url("nobody")).await.unwrap_err();
            assert_eq!(open(&client, &server), (1, 1), "the link is kept for a while");
            server.shutdown().await;
            for port in 1..20 {
                let url = format!("tcp://127.0.0.1:{port}/nobody");
                client.connect::<Untyped>(url).await.unwrap_err();
            }
            assert_eq!(client.hall().remotes.count(), 1);
            client.shutdown().await;
        });
    }
}
