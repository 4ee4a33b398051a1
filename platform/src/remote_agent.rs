//! One agent behind the way to its container, as proxies see it.
//!
//! Always true: the way is kept open as long as this lives. Neighbours: [`remote`](crate::remote) is the way,
//! [`connecting`](crate::connecting) makes these.

use std::sync::Arc;

use folkmoot_agents::host::{BoxFuture, Far, FarCall, FarTicket, Outlook};
use folkmoot_agents::watching::{End, FarWatch, Tie, Watcher};
use folkmoot_codecs::{CallError, Codec, PlainTypes};

use crate::monitoring;
use crate::remotes::Held;

/// One agent behind a [`Remote`].
pub(crate) struct RemoteAgent {
    remote: Arc<Held>,
    agent: String,
}

impl RemoteAgent {
    pub(crate) fn new(remote: Held, agent: String) -> RemoteAgent {
        RemoteAgent { remote: Arc::new(remote), agent }
    }
}

/// The path of a method.
pub(crate) fn path(agent: &str, method: &str) -> String {
    let mut path = String::with_capacity(8 + agent.len() + method.len());
    path.push_str("agents/");
    path.push_str(agent);
    path.push('/');
    path.push_str(method);
    path
}

impl Far for RemoteAgent {
    fn codec(&self) -> Codec {
        self.remote.to().codec
    }

    fn send(&self, call: FarCall) -> FarTicket {
        self.remote.send(path(&self.agent, &call.method), call)
    }

    fn watch(
        self: Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>> {
        Box::pin(monitoring::watch(self.remote.clone(), self.agent.clone(), watcher))
    }

    fn tie(self: Arc<Self>, own: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>> {
        Box::pin(monitoring::tie(self.remote.clone(), self.agent.clone(), own))
    }

    fn cancel(&self, ticket: FarTicket) -> Option<CallError> {
        self.remote.cancel(ticket.0, &self.agent)
    }

    fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        self.remote.plain_types()
    }

    fn agent(&self) -> &str {
        &self.agent
    }

    fn url(&self) -> String {
        self.remote.to().endpoint.agent(&self.agent).to_string()
    }

    fn node(&self) -> String {
        self.remote.to().endpoint.to_string()
    }

    fn outlook(&self) -> Outlook {
        self.remote.outlook()
    }
}
