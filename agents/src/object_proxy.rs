//! A proxy to an object within an agent, to be handed to plain peers, who know objects as they know agents.
//!
//! Always true: calls through it are calls of its agent, as `math/add`. Neighbours: [`objects`](crate::objects) puts
//! the paths together where an agent is compiled, [`proxy_serde`](crate::proxy_serde) writes such a proxy.

use std::borrow::Cow;
use std::sync::Arc;

use folkmoot_codecs::{CallError, Codec, PlainTypes};

use crate::erased::Erased;
use crate::host::{BoxFuture, Far, FarCall, FarTicket, Outlook};
use crate::interface::Interface;
use crate::proxy::{Inner, Proxy, Target};
use crate::watching::{End, FarWatch, Tie, Watcher};

/// The way to an agent, and to an object within.
struct ObjectWay {
    way: Arc<dyn Far>,
    /// What the way does not say of the path.
    rest: String,
    /// The path within the agent.
    path: String,
}

impl<I: Interface + ?Sized> Proxy<I> {
    /// A proxy to the object at `path` within the agent, as `math` or `house/math`.
    ///
    /// It can be handed to plain peers, such as aiomas, who know objects as they know agents. A Folkmoot container is
    /// handed the agent, whose proxy has the object's calls: `agent.math().add(2)`.
    pub fn object<J: Interface + ?Sized>(proxy: &Proxy<I>, path: &str) -> Proxy<J> {
        let Inner { host, origin, target } = &*Proxy::core(proxy).0;
        let way: Arc<dyn Far> = match target {
            Target::Near(_) => Arc::new(Erased::named(host.clone(), origin.agent.clone())),
            Target::Far(far) => far.clone(),
        };
        let rest = path.to_owned();
        let path = match way.object_path() {
            Some(above) => format!("{above}/{rest}"),
            None => rest.clone(),
        };
        Proxy::over(host.clone(), origin.clone(), Target::Far(Arc::new(ObjectWay { way, rest, path })))
    }
}

impl Far for ObjectWay {
    fn codec(&self) -> Codec {
        self.way.codec()
    }

    fn send(&self, call: FarCall) -> FarTicket {
        let method = Cow::Owned(format!("{}/{}", self.rest, call.method));
        self.way.send(FarCall { method, ..call })
    }

    fn watch(
        self: Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>> {
        self.way.clone().watch(watcher)
    }

    fn tie(self: Arc<Self>, own: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>> {
        self.way.clone().tie(own)
    }

    fn cancel(&self, ticket: FarTicket) -> Option<CallError> {
        self.way.cancel(ticket)
    }

    fn agent(&self) -> &str {
        self.way.agent()
    }

    fn url(&self) -> String {
        self.way.url()
    }

    fn node(&self) -> String {
        self.way.node()
    }

    fn outlook(&self) -> Outlook {
        self.way.outlook()
    }

    fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        self.way.plain_types()
    }

    fn object_path(&self) -> Option<&str> {
        Some(&self.path)
    }

    fn handed_on(&self) -> Result<String, String> {
        Err(format!(
            "the object \"{}\" of {} cannot be handed on: hand on its agent, whose proxy has the object's calls",
            self.path,
            self.way.url()
        ))
    }
}
