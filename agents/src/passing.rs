//! Proxies as arguments and results: how one is written, and what becomes of it where it is read.
//!
//! On the wire a proxy is its agent's URL, a text. Read by a container it is a proxy again, which speaks for whoever
//! reads: for the agent that is called, or for whoever waits for the reply. Always true: reading opens no link and asks
//! nobody, so what a peer writes costs nothing until it is called; and it tells nobody whether the agent is there.
//! Neighbours: [`local`](crate::local) reads arguments, [`call`](crate::call) replies, [`host`](crate::host) knows the
//! way.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use folkmoot_codecs::{Address, Principal, Value};
use folkmoot_gateway::name::{check_agent, short};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::connect::Way;
use crate::host::Host;
use crate::interface::Interface;
use crate::proxy::Proxy;
use crate::shared::AgentShared;
use crate::turn::Origin;

/// Longest URL of an agent that is read, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Whoever reads values: the proxies among them will speak for it. Few values hold any, so it is made of what is at hand.
pub(crate) enum Reader {
    /// An agent that is called. Weak, for a container's tables lead to its agents.
    Called(Weak<dyn Host>, Arc<AgentShared>),
    /// Whoever waits for a reply.
    Caller(Arc<dyn Host>, Arc<Origin>),
}

impl Reader {
    /// Its container and itself; `None` where the container is gone.
    fn speaker(&self) -> Option<(Arc<dyn Host>, Principal)> {
        match self {
            Reader::Called(host, agent) => {
                let host = host.upgrade()?;
                let principal = host.principal().with_agent(agent.name().clone());
                Some((host, principal))
            }
            Reader::Caller(host, origin) => Some((host.clone(), origin.caller.clone())),
        }
    }
}

thread_local! {
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// Takes the reader away again, also where a decoder panics.
struct Until(Option<Reader>);

impl Drop for Until {
    fn drop(&mut self) {
        swap(&mut self.0);
    }
}

fn swap(reader: &mut Option<Reader>) {
    READER.with(|current| std::mem::swap(&mut *current.borrow_mut(), reader));
}

/// Reads values for `reader`.
pub(crate) fn read_for<T>(reader: Reader, read: impl FnOnce() -> T) -> T {
    let mut reader = Some(reader);
    swap(&mut reader);
    let _until = Until(reader);
    read()
}

impl<I: Interface + ?Sized> Proxy<I> {
    /// A proxy to the agent that `url` names, for whoever reads.
    fn read(url: &str) -> Result<Proxy<I>, Cow<'static, str>> {
        let speaker = READER.with(|reader| reader.borrow().as_ref().and_then(Reader::speaker));
        let Some((host, principal)) = speaker else {
            return Err(
                "a proxy is read by a container alone, in a call or a reply: read the URL as a text \
                        elsewhere, and connect to it"
                    .into(),
            );
        };
        if url.len() > MAX_URL_BYTES {
            return Err(format!("the URL is {} bytes long, the limit is {MAX_URL_BYTES}", url.len()).into());
        }
        if let Some(odd) = url.chars().find(|c| c.is_control()) {
            return Err(format!("a URL holds no control characters, this one has {odd:?}").into());
        }
        let address: Address =
            url.parse().map_err(|error: folkmoot_codecs::AddressError| error.to_string())?;
        let Address { endpoint, agent } = address;
        let Some(agent) = agent else {
            return Err(format!(
                "`{url}` names no agent: write one behind it, as in {}",
                endpoint.agent("counter")
            )
            .into());
        };
        check_agent(&agent)
            .map_err(|fault| format!("`{}` is no name of an agent: {fault}", short(&agent)))?;
        Ok(match host.clone().point_at(endpoint, agent) {
            Way::Here(agent) => Proxy::to_named(&host, principal, &agent),
            Way::Far(far) => Proxy::to_far(host, principal, far),
        })
    }
}

impl<I: Interface + ?Sized> Serialize for Proxy<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Proxy::url(self))
    }
}

impl<'de, I: Interface + ?Sized> Deserialize<'de> for Proxy<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Proxy<I>, D::Error> {
        struct Url<I: ?Sized>(PhantomData<fn() -> Box<I>>);

        impl<I: Interface + ?Sized> Visitor<'_> for Url<I> {
            type Value = Proxy<I>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an agent's URL, as tcp://host:port/agent")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<Proxy<I>, E> {
                Proxy::read(url).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Url(PhantomData))
    }
}

impl<I: Interface + ?Sized> JsonSchema for Proxy<I> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Proxy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "uri",
            "description": format!("the URL of an agent that can be called as `{}`", I::NAME),
        })
    }
}

/// The agent's URL, for calls by name.
impl<I: Interface + ?Sized> From<&Proxy<I>> for Value {
    fn from(proxy: &Proxy<I>) -> Value {
        Value::Text(Proxy::url(proxy))
    }
}

/// The agent's URL, for calls by name.
impl<I: Interface + ?Sized> From<Proxy<I>> for Value {
    fn from(proxy: Proxy<I>) -> Value {
        Value::from(&proxy)
    }
}

#[cfg(test)]
mod tests {
    use folkmoot_codecs::Codec;

    use crate::{Proxy, Untyped};

    #[test]
    fn outside_of_a_container_a_proxy_cannot_be_read() {
        let error = Codec::Json.decode::<Proxy<Untyped>>(b"\"tcp://127.0.0.1:5555/counter\"").unwrap_err();
        assert!(error.to_string().contains("connect to it"), "{error}");
    }
}
