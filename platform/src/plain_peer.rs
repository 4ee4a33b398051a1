//! A peer that said no Hello: what it exposes, called over the very link over which it told of that.
//!
//! Always true: such a call goes over no other link, and ends with that one. Neighbours: [`link`](crate::link) carries
//! it, `proxy_serde` of the agents crate reads the proxies that come.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use folkmoot_agents::host::{BoxFuture, Far, FarCall, FarReply, FarTicket, Outlook, PlainPeer};
use folkmoot_agents::watching::{End, FarWatch, Tie, Watcher};
use folkmoot_codecs::{CallError, Codec, PlainTypes};

use crate::link::Link;

/// Longest path that a peer may give, in bytes.
const MAX_SERVICE_PATH_BYTES: usize = 1024;

impl PlainPeer for Link {
    fn plain_types(&self) -> &Arc<PlainTypes> {
        &self.tables.plain_types
    }

    fn service(self: Arc<Self>, path: &str) -> Result<Arc<dyn Far>, String> {
        if path.len() > MAX_SERVICE_PATH_BYTES {
            let bytes = path.len();
            return Err(format!(
                "a proxy's path is {bytes} bytes long, the limit is {MAX_SERVICE_PATH_BYTES}"
            ));
        }
        if let Some(odd) = path.chars().find(|c| c.is_control()) {
            return Err(format!("a proxy's path holds no control characters, this one has {odd:?}"));
        }
        self.services.fetch_add(1, Ordering::AcqRel);
        Ok(Arc::new(PeerService { link: self, path: path.to_owned() }))
    }
}

/// What a plain peer exposes at a path.
struct PeerService {
    link: Arc<Link>,
    path: String,
}

impl Drop for PeerService {
    fn drop(&mut self) {
        self.link.services.fetch_sub(1, Ordering::AcqRel);
    }
}

impl PeerService {
    /// The agent's name, where the path is that of an agent.
    fn agent_name(&self) -> Option<&str> {
        self.path.strip_prefix("agents/").filter(|agent| !agent.is_empty() && !agent.contains('/'))
    }

    fn unwatchable(&self) -> CallError {
        let reason = format!(
            "{} is an agent of a plain peer, which tells nothing of its agents: they can be called, not watched",
            self.url()
        );
        CallError::BadAddress { reason }
    }
}

impl Far for PeerService {
    fn codec(&self) -> Codec {
        self.link.codec
    }

    fn send(&self, call: FarCall) -> FarTicket {
        let id = self.link.next_id();
        let slash = if self.path.is_empty() { "" } else { "/" };
        let path = format!("{}{slash}{}", self.path, call.method);
        if let Err(refused) = self.link.request(id, &path, call, None) {
            match refused.reply {
                // A caller that went away has no use for the error.
                Some(reply) => drop(reply.send(FarReply::Failed(refused.error))),
                None => self.link.one_way_not_sent(&path, &refused.error),
            }
        }
        FarTicket(id)
    }

    fn watch(
        self: Arc<Self>,
        _: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>> {
        Box::pin(std::future::ready(Err(self.unwatchable())))
    }

    fn tie(self: Arc<Self>, _: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>> {
        Box::pin(std::future::ready(Err(self.unwatchable())))
    }

    fn cancel(&self, FarTicket(id): FarTicket) -> Option<CallError> {
        self.link.cancel(id, None);
        None
    }

    fn agent(&self) -> &str {
        self.agent_name().unwrap_or(&self.path)
    }

    fn url(&self) -> String {
        match (self.link.dialed(), self.agent_name()) {
            (Some(endpoint), Some(agent)) => endpoint.agent(agent).to_string(),
            _ => format!("\"{}\" of {}", self.path, self.link.peer_address),
        }
    }

    fn node(&self) -> String {
        self.link.dialed().map_or_else(|| self.link.peer_address.clone(), ToString::to_string)
    }

    fn outlook(&self) -> Outlook {
        match self.link.overload().or_else(|| (!self.link.is_open()).then(|| self.link.gone())) {
            Some(error) => Outlook::Shut(error),
            None => Outlook::Open,
        }
    }

    fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        Some(self.link.tables.plain_types.clone())
    }

    fn handed_on(&self) -> Result<String, String> {
        match (self.link.dialed(), self.agent_name()) {
            (Some(endpoint), Some(agent)) => Ok(endpoint.agent(agent).to_string()),
            _ => Err(format!(
                "the proxy to {} is bound to the connection over which it came, so it cannot be handed on: have its owner \
                 tell a URL",
                self.url()
            )),
        }
    }
}
