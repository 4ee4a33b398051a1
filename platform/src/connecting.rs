//! Connecting to an agent on another node: the link, and whether the agent is there.
//!
//! Neighbours: [`container`](crate::container) begins it, [`remote`](crate::remote) keeps the link.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::describe::AgentDescription;
use folkmoot_agents::host::{Far, FarReply, Host};
use folkmoot_agents::{Interface, Proxy};
use folkmoot_codecs::{Address, CallError, Codec};
use folkmoot_gateway::name::short;
use serde::de::DeserializeOwned;

use crate::container::Hall;
use crate::inbound::{DESCRIBE, VALIDATE};
use crate::link_time;
use crate::peer::Destination;
use crate::remote::Remote;
use crate::remote_agent::RemoteAgent;

pub use crate::retry::Retry;

/// The pause after a link that broke while the agent was asked for.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection that has been prepared; awaited, it gives a proxy to an agent that is known to be there.
#[must_use = "nothing is connected until this is awaited"]
pub struct Connect<I: Interface + ?Sized> {
    hall: Arc<Hall>,
    url: String,
    retry: Retry,
    codec: Option<Codec>,
    expected_peer: Option<String>,
    interface: PhantomData<fn() -> Box<I>>,
}

impl<I: Interface + ?Sized> std::fmt::Debug for Connect<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect").field("url", &self.url).field("retry", &self.retry).finish_non_exhaustive()
    }
}

impl<I: Interface + ?Sized> Connect<I> {
    pub(crate) fn new(hall: Arc<Hall>, url: String) -> Connect<I> {
        Connect { hall, url, retry: Retry::Never, codec: None, expected_peer: None, interface: PhantomData }
    }

    /// Tries again for this long where there is no link, now and whenever the link breaks. Calls that are made
    /// meanwhile wait within their deadlines.
    pub fn retry_for(mut self, time: Duration) -> Connect<I> {
        self.retry = Retry::For(time);
        self
    }

    /// Tries again until there is a link, now and whenever it breaks.
    pub fn retry_forever(mut self) -> Connect<I> {
        self.retry = Retry::Forever;
        self
    }

    /// The codec of the link; the container's own unless told otherwise.
    pub fn codec(mut self, codec: Codec) -> Connect<I> {
        self.codec = Some(codec);
        self
    }

    /// The name that the other node must prove (`spiffe://..`), in the place of a certificate that matches the URL.
    pub fn peer(mut self, name: impl Into<String>) -> Connect<I> {
        self.expected_peer = Some(name.into());
        self
    }

    /// Asks what the agent exposes: names, docs and JSON Schemas. Only Folkmoot containers can tell.
    ///
    /// # Errors
    /// As connecting; `NoSuchMethod` or `Remote` from a peer of another make.
    pub async fn describe(self) -> Result<AgentDescription, CallError> {
        let Connect { hall, url, retry, codec, expected_peer, .. } = self;
        let (endpoint, agent) = parse(&url)?;
        let codec = codec.unwrap_or(hall.codec);
        let remote = hall.remote(Destination { endpoint, expected_peer, codec })?;
        remote.up(retry).await?;
        ask(&remote, codec, DESCRIBE, &agent, hall.tables.default_deadline).await
    }

    async fn connect(self) -> Result<Proxy<I>, CallError> {
        let Connect { hall, url, retry, codec, expected_peer, .. } = self;
        let (endpoint, agent) = parse(&url)?;
        let caller = hall.tables.principal.clone();
        let host: Arc<dyn Host> = hall.clone();
        if endpoint == hall.tables.endpoint || endpoint == hall.tables.advertised {
            return Proxy::to_local(&host, caller, &agent);
        }
        let codec = codec.unwrap_or(hall.codec);
        let far = reach(&hall, Destination { endpoint, expected_peer, codec }, agent, retry).await?;
        Ok(Proxy::to_far(host, caller, far))
    }
}

fn parse(url: &str) -> Result<(folkmoot_codecs::Endpoint, String), CallError> {
    let address: Address = url.parse().map_err(|error: folkmoot_codecs::AddressError| {
        CallError::BadAddress { reason: error.to_string() }
    })?;
    match address {
        Address { endpoint, agent: Some(agent) } => Ok((endpoint, agent)),
        Address { endpoint, agent: None } => {
            let reason =
                format!("`{url}` names no agent: write one behind a slash, as in {endpoint}/counter");
            Err(CallError::BadAddress { reason })
        }
    }
}

/// A way to an agent behind a URL with the container's own codec and one attempt.
pub(crate) async fn reach_url(hall: Arc<Hall>, url: String) -> Result<Arc<dyn Far>, CallError> {
    let (endpoint, agent) = parse(&url)?;
    let codec = hall.codec;
    reach(&hall, Destination { endpoint, expected_peer: None, codec }, agent, Retry::Never).await
}

/// A link, and an agent that is known to be behind it.
async fn reach(
    hall: &Arc<Hall>,
    to: Destination,
    agent: String,
    retry: Retry,
) -> Result<Arc<dyn Far>, CallError> {
    let codec = to.codec;
    let remote = hall.remote(to)?;
    let began = link_time::now();
    loop {
        remote.up(retry).await?;
        match validate(&remote, codec, &agent, hall.tables.default_deadline).await {
            Ok(()) => return Ok(Arc::new(RemoteAgent::new(remote, agent))),
            // The link broke under the question: as good as no link.
            Err(CallError::Disconnected { .. }) if retry.goes_on(link_time::now().since(began)) => {
                link_time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Asks the container for the agent's type: it has none if there is no such agent.
async fn validate(remote: &Remote, codec: Codec, agent: &str, within: Duration) -> Result<(), CallError> {
    let agent_type: Option<String> = ask(remote, codec, VALIDATE, agent, within).await?;
    match agent_type {
        Some(_) => Ok(()),
        None => Err(CallError::NoSuchAgent { agent: short(agent).into_owned(), nearest: None }),
    }
}

/// Asks the container at the other end about one of its agents.
async fn ask<T: DeserializeOwned>(
    remote: &Remote,
    codec: Codec,
    path: &str,
    agent: &str,
    within: Duration,
) -> Result<T, CallError> {
    let mut positional = BytesMut::new();
    codec
        .encode(&(agent,), &mut positional)
        .map_err(|error| CallError::Unencodable { reason: error.to_string() })?;
    match remote.ask(path, &positional, within).await {
        FarReply::Failed(error) => Err(error),
        FarReply::Exception { codec, content } => Err(CallError::from_exception(codec, &content)),
        FarReply::Result { codec, content } => {
            codec.decode(&content).map_err(|error| CallError::BadReply { reason: error.to_string() })
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
