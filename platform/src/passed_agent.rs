//! An agent whose URL came in an argument or a result.
//!
//! Always true: before its first call it holds no way and no link, whatever the URL; from then on it holds one way, as
//! long as this lives; no URL leads a node that has certificates to a plain link. Neighbours:
//! [`remote_agent`](crate::remote_agent) is one that was connected to, and is known to be there;
//! [`remotes`](crate::remotes) has the ways.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use folkmoot_agents::host::{BoxFuture, Far, FarCall, FarReply, FarTicket, Outlook};
use folkmoot_agents::watching::{End, FarWatch, Tie, Watcher};
use folkmoot_codecs::{CallError, Codec, Endpoint, PlainTypes};

use crate::container::Hall;
use crate::monitoring;
use crate::peer::Destination;
use crate::remote_agent::path;
use crate::remotes::Held;

/// One agent at an endpoint that a peer named.
pub(crate) struct PassedAgent {
    hall: Arc<Hall>,
    endpoint: Endpoint,
    agent: String,
    /// The name that its node must prove, where the URL alone is not enough.
    expected_peer: Option<String>,
    /// `None` until the first call.
    way: Mutex<Option<Arc<Held>>>,
}

impl PassedAgent {
    pub(crate) fn new(hall: Arc<Hall>, endpoint: Endpoint, agent: String) -> PassedAgent {
        PassedAgent::proving(hall, endpoint, agent, None)
    }

    /// One whose node must prove that name, if there is one.
    pub(crate) fn proving(
        hall: Arc<Hall>,
        endpoint: Endpoint,
        agent: String,
        expected_peer: Option<String>,
    ) -> PassedAgent {
        PassedAgent { hall, endpoint, agent, expected_peer, way: Mutex::new(None) }
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Held>>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node that proves itself and has others prove themselves is not led to where nobody does.
    fn check(&self, to: &Destination) -> Result<(), CallError> {
        let tables = &self.hall.tables;
        let scheme = self.endpoint.scheme();
        let is_proven = matches!(scheme, "tls" | "unix+tls") || scheme == tables.endpoint.scheme();
        if is_proven || !tables.certified.has_certs() || tables.membership.way_of(to).is_some() {
            return Ok(());
        }
        let reason = format!(
            "{} came in a message, and {scheme}:// proves nobody: a node with certificates follows such URLs over tls:// \
             alone; connect to it yourself where you trust it",
            self.url()
        );
        Err(CallError::BadAddress { reason })
    }

    /// The way, which is made at the first call: where the node has joined, the one that there is.
    fn way(&self) -> Result<Arc<Held>, CallError> {
        let mut held = self.held();
        if let Some(way) = &*held {
            return Ok(way.clone());
        }
        let expected_peer = self.expected_peer.clone();
        let to = Destination { endpoint: self.endpoint.clone(), expected_peer, codec: self.hall.codec };
        self.check(&to)?;
        let way = Arc::new(self.hall.remote(to)?);
        *held = Some(way.clone());
        Ok(way)
    }
}

impl Far for PassedAgent {
    fn codec(&self) -> Codec {
        self.hall.codec
    }

    fn send(&self, call: FarCall) -> FarTicket {
        match self.way() {
            Ok(way) => way.send(path(&self.agent, &call.method), call),
            Err(error) => {
                match call.reply {
                    // A caller that went away has no use for the error.
                    Some(reply) => drop(reply.send(FarReply::Failed(error))),
                    None => {
                        self.hall.tables.counters.one_way_failures.increment(1);
                        tracing::warn!(agent = %self.url(), %error, "a one-way call was not sent");
                    }
                }
                FarTicket(u64::MAX)
            }
        }
    }

    fn watch(
        self: Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>> {
        Box::pin(async move { monitoring::watch(self.way()?, self.agent.clone(), watcher).await })
    }

    fn tie(self: Arc<Self>, own: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>> {
        Box::pin(async move { monitoring::tie(self.way()?, self.agent.clone(), own).await })
    }

    fn cancel(&self, FarTicket(id): FarTicket) -> Option<CallError> {
        let way = self.held().clone()?;
        way.cancel(id, &self.agent)
    }

    fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        self.held().as_ref().and_then(|way| way.plain_types())
    }

    fn agent(&self) -> &str {
        &self.agent
    }

    fn url(&self) -> String {
        self.endpoint.agent(&self.agent).to_string()
    }

    fn node(&self) -> String {
        self.endpoint.to_string()
    }

    fn outlook(&self) -> Outlook {
        self.held().as_ref().map_or(Outlook::Open, |way| way.outlook())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use folkmoot_agents::connect::Way;
    use folkmoot_agents::host::Host;

    use crate::{Agent, Container, LinkLimits, Proxy, Untyped, Value, agent};

    /// Keeps what it is given.
    #[derive(Agent, Default)]
    #[agent(crate = folkmoot_agents::__private)]
    struct Keeper {
        kept: Vec<Proxy<Untyped>>,
    }

    #[agent(crate = folkmoot_agents::__private)]
    impl Keeper {
        #[expose]
        fn keep(&mut self, proxies: Vec<Proxy<Untyped>>) {
            self.kept = proxies;
        }

        #[expose]
        async fn call(&self) -> bool {
            match self.kept.first() {
                Some(first) => first.call("nothing", [0; 0]).await.is_ok(),
                None => false,
            }
        }
    }

    #[test]
    fn a_way_is_made_by_the_first_call_and_goes_with_the_last_proxy() {
        crate::block_on(async {
            let limits = LinkLimits { idle_time: Duration::ZERO, ..LinkLimits::default() };
            let node = Container::builder("tcp://127.0.0.1:0").limits(limits).start().await.unwrap();
            let other = Container::builder("tcp://127.0.0.1:0").start().await.unwrap();
            let keeper = node.spawn("keeper", Keeper::default).await.unwrap();
            let by_name: Proxy<Untyped> = Proxy::cast(&keeper).unwrap();
            let ways = || node.hall().remotes.count();
            let urls = (1..1_000).map(|at| Value::from(other.url(&format!("agent-{at}"))));
            by_name.call("keep", [Value::List(urls.collect())]).await.unwrap();
            assert_eq!(ways(), 0, "reading made a way");
            assert!(!keeper.call().await.unwrap(), "there is no such agent");
            assert_eq!(ways(), 1);
            keeper.keep(Vec::new()).await.unwrap();
            while ways() > 0 {
                tokio::task::yield_now().await;
            }
            let own = node.hall().clone().point_at(node.endpoint().clone(), "keeper".to_owned());
            assert!(matches!(own, Way::Here(name) if name == "keeper"));
            for container in [node, other] {
                container.shutdown().await;
            }
        });
    }
}
