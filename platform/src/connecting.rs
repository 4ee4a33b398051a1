//! Connecting to an agent on another node: the link, and whether the agent is there.
//!
//! Neighbours: [`container`](crate::container) begins it, [`remote`](crate::remote) keeps the link.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::Retry;
use folkmoot_agents::connect::{Route, Way};
use folkmoot_agents::describe::AgentDescription;
use folkmoot_agents::host::{Far, FarReply, Host};
use folkmoot_codecs::{Address, ArgumentList, CallError, Codec};
use folkmoot_gateway::name::short;
use serde::de::DeserializeOwned;

use crate::container::Hall;
use crate::inbound::{DESCRIBE, VALIDATE};
use crate::link_time;
use crate::peer::Destination;
use crate::remote::Remote;
use crate::remote_agent::RemoteAgent;

/// The pause after a link that broke while the agent was asked for.
const PAUSE: Duration = Duration::from_millis(50);

/// What an agent exposes, as its container tells.
pub(crate) async fn describe(hall: Arc<Hall>, route: Route) -> Result<AgentDescription, CallError> {
    let Route { url, retry, codec, expected_peer } = route;
    let (endpoint, agent) = parse(&url)?;
    if hall.is_at(&endpoint) {
        return Ok(hall.find(&agent)?.describe());
    }
    let codec = codec.unwrap_or(hall.codec);
    let remote = hall.remote(Destination { endpoint, expected_peer, codec })?;
    remote.up(retry).await?;
    ask(&remote, codec, DESCRIBE, &(agent.to_owned(),), hall.tables.default_deadline).await
}

/// The way to an agent: it is known to be there.
pub(crate) async fn reach(hall: Arc<Hall>, route: Route) -> Result<Way, CallError> {
    let Route { url, retry, codec, expected_peer } = route;
    let (endpoint, agent) = parse(&url)?;
    if hall.is_at(&endpoint) {
        return Ok(Way::Here(agent));
    }
    let codec = codec.unwrap_or(hall.codec);
    let to = Destination { endpoint, expected_peer, codec };
    Ok(Way::Far(reach_far(&hall, to, agent, retry).await?))
}

fn parse(url: &str) -> Result<(folkmoot_codecs::Endpoint, String), CallError> {
    let address: Address = url.parse().map_err(|error: folkmoot_codecs::AddressError| {
        CallError::BadAddress { reason: error.to_string() }
    })?;
    match address {
        Address { endpoint, agent: Some(agent) } => Ok((endpoint, agent)),
        Address { endpoint, agent: None } => {
            let reason =
                format!("`{url}` names no agent: write one behind it, as in {}", endpoint.agent("counter"));
            Err(CallError::BadAddress { reason })
        }
    }
}

/// A link, and an agent that is known to be behind it.
async fn reach_far(
    hall: &Hall,
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
    let agent_type: Option<String> = ask(remote, codec, VALIDATE, &(agent.to_owned(),), within).await?;
    match agent_type {
        Some(_) => Ok(()),
        // A Folkmoot container that is asked to describe it tells the nearest name too.
        None => match ask::<AgentDescription>(remote, codec, DESCRIBE, &(agent.to_owned(),), within).await {
            Err(error @ CallError::NoSuchAgent { .. }) => Err(error),
            _ => Err(CallError::NoSuchAgent { agent: short(agent).into_owned(), nearest: None }),
        },
    }
}

/// Asks something of the container at the other end.
pub(crate) async fn ask<T: DeserializeOwned>(
    remote: &Remote,
    codec: Codec,
    path: &str,
    arguments: &impl ArgumentList,
    within: Duration,
) -> Result<T, CallError> {
    let mut positional = BytesMut::new();
    arguments
        .encode(codec, &mut positional)
        .map_err(|error| CallError::Unencodable { reason: error.to_string() })?;
    match remote.ask(path, &positional, within).await {
        FarReply::Failed(error) => Err(error),
        FarReply::Exception { codec, content } => Err(CallError::from_exception(codec, &content)),
        FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. } => {
            codec.decode(&content).map_err(|error| CallError::BadReply { reason: error.to_string() })
        }
    }
}
