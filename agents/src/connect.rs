//! Connecting to an agent by its URL, for programs and for agents alike: what is wanted, and in the end a proxy.
//!
//! Always true: the proxy speaks for whoever connects. Neighbours: [`host`](crate::host) finds the way,
//! [`context`](crate::context) begins for an agent, the platform's container for a program.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_codecs::{CallError, Codec, Principal};

use crate::describe::AgentDescription;
use crate::host::{Far, Host};
use crate::interface::Interface;
use crate::proxy::Proxy;

/// How long a link is tried to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Retry {
    /// One attempt.
    #[default]
    Never,
    /// Attempts for this long.
    For(Duration),
    /// Attempts until one succeeds.
    Forever,
}

impl Retry {
    /// Whether another attempt follows one that failed so many milliseconds after the first began.
    #[doc(hidden)]
    pub fn goes_on(self, after: u64) -> bool {
        match self {
            Retry::Never => false,
            Retry::Forever => true,
            Retry::For(time) => u128::from(after) < time.as_millis(),
        }
    }

    /// The longer of two patiences.
    #[doc(hidden)]
    pub fn longer(self, other: Retry) -> Retry {
        match (self, other) {
            (Retry::Forever, _) | (_, Retry::Forever) => Retry::Forever,
            (Retry::For(a), Retry::For(b)) => Retry::For(a.max(b)),
            (Retry::For(d), Retry::Never) | (Retry::Never, Retry::For(d)) => Retry::For(d),
            (Retry::Never, Retry::Never) => Retry::Never,
        }
    }
}

/// Which agent is wanted, and how the way to it is to be.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where the agent is.
    pub url: String,
    /// How long a link is tried to be opened.
    pub retry: Retry,
    /// The codec of the link; `None` for the container's own.
    pub codec: Option<Codec>,
    /// The name that the other node must prove, in the place of one that matches the URL.
    pub expected_peer: Option<String>,
}

/// Where a route leads.
pub enum Way {
    /// To the agent of that name in the container itself.
    Here(String),
    /// To another container, where the agent is known to be.
    Far(Arc<dyn Far>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Here(agent) => f.debug_tuple("Here").field(agent).finish(),
            Way::Far(far) => f.debug_tuple("Far").field(&far.url()).finish(),
        }
    }
}

/// A connection that has been prepared; awaited, it gives a proxy to an agent that is known to be there.
#[must_use = "nothing is connected until this is awaited"]
pub struct Connect<I: Interface + ?Sized> {
    host: Arc<dyn Host>,
    caller: Principal,
    route: Route,
    interface: PhantomData<fn() -> Box<I>>,
}

impl<I: Interface + ?Sized> fmt::Debug for Connect<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("route", &self.route).finish_non_exhaustive()
    }
}

impl<I: Interface + ?Sized> Connect<I> {
    /// A connection from `host` that will speak for `caller`, who lives there.
    #[doc(hidden)]
    pub fn new(host: Arc<dyn Host>, caller: Principal, url: String) -> Connect<I> {
        let route = Route { url, retry: Retry::Never, codec: None, expected_peer: None };
        Connect { host, caller, route, interface: PhantomData }
    }

    /// Tries again for this long where there is no link, now and whenever the link breaks. Calls that are made
    /// meanwhile wait within their deadlines.
    pub fn retry_for(mut self, time: Duration) -> Connect<I> {
        self.route.retry = Retry::For(time);
        self
    }

    /// Tries again until there is a link, now and whenever it breaks.
    pub fn retry_forever(mut self) -> Connect<I> {
        self.route.retry = Retry::Forever;
        self
    }

    /// The codec of the link; the container's own unless told otherwise.
    pub fn codec(mut self, codec: Codec) -> Connect<I> {
        self.route.codec = Some(codec);
        self
    }

    /// The name that the other node must prove (`spiffe://..`), in the place of a certificate that matches the URL.
    pub fn peer(mut self, name: impl Into<String>) -> Connect<I> {
        self.route.expected_peer = Some(name.into());
        self
    }

    /// Asks what the agent exposes: names, docs and JSON Schemas. Only Folkmoot containers can tell.
    ///
    /// # Errors
    /// As connecting; `NoSuchMethod` or `Remote` from a peer of another make.
    pub async fn describe(self) -> Result<AgentDescription, CallError> {
        self.host.describe(self.route).await
    }

    async fn connect(self) -> Result<Proxy<I>, CallError> {
        let Connect { host, caller, route, .. } = self;
        match host.clone().reach(route).await? {
            Way::Here(agent) => Proxy::to_local(&host, caller, &agent),
            Way::Far(far) => Ok(Proxy::to_far(host, caller, far)),
        }
    }
}

impl<I: Interface + ?Sized> IntoFuture for Connect<I> {
    type Output = Result<Proxy<I>, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}
