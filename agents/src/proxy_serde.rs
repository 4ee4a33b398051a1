//! Proxies as arguments and results: how one is written, and what becomes of it where it is read.
//!
//! On the wire a proxy is its agent's URL, a text; on a link with a plain peer, what is exposed at either end of it is
//! the path that leads there from that end. Read by a container it is a proxy again, which speaks for whoever reads:
//! for the agent that is called, or for whoever waits for the reply. Always true: reading opens no link and asks
//! nobody, so what a peer writes costs nothing until it is called; and it tells nobody whether the agent is there.
//! Neighbours: [`local`](crate::local) reads arguments, [`call`](crate::call) replies, [`host`](crate::host) knows the
//! way.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use folkmoot_codecs::{Address, Endpoint, PlainTypes, Principal, Value, plain_types};
use folkmoot_gateway::name::{check_agent, short};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::connect::Way;
use crate::host::{Host, PlainPeer};
use crate::interface::Interface;
use crate::proxy::{Inner, Proxy, Target};
use crate::shared::AgentShared;
use crate::turn::Origin;

/// Longest URL of an agent that is read, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;

/// Whoever reads values: the proxies among them will speak for it. Few values hold any, so it is made of what is at
/// hand.
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

thread_local! {
    /// The plain peer whose values are being read.
    static PEER: RefCell<Option<Arc<dyn PlainPeer>>> = const { RefCell::new(None) };
}

/// Puts back what was there, also where a decoder panics.
struct UntilRead(Option<Arc<dyn PlainPeer>>);

impl Drop for UntilRead {
    fn drop(&mut self) {
        PEER.with(|current| current.replace(self.0.take()));
    }
}

/// Reads values of a plain peer, for whoever reads.
pub(crate) fn read_from<T>(peer: Arc<dyn PlainPeer>, read: impl FnOnce() -> T) -> T {
    let types = peer.plain_types().clone();
    let _until = UntilRead(PEER.with(|current| current.replace(Some(peer))));
    plain_types::within(Some(types), read)
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
        Proxy::pointing_at(&host, principal, url)
    }

    /// A proxy to the agent that `url` names, whether it is there or not, for who speaks as `principal` in `host`.
    ///
    /// # Errors
    /// What is wrong with the URL, as a sentence.
    pub(crate) fn pointing_at(
        host: &Arc<dyn Host>,
        principal: Principal,
        url: &str,
    ) -> Result<Proxy<I>, Cow<'static, str>> {
        let (endpoint, agent) = read_url(url)?;
        let way = host.clone().point_at(endpoint, agent);
        Ok(Proxy::at(host, principal, way))
    }

    /// The same, to answer `caller`, who says that this URL is its own.
    pub(crate) fn answering(
        host: &Arc<dyn Host>,
        principal: Principal,
        (url, caller): (&str, &Principal),
    ) -> Result<Proxy<I>, Cow<'static, str>> {
        let (endpoint, agent) = read_url(url)?;
        let way = host.clone().answer_at(endpoint, agent, caller)?;
        Ok(Proxy::at(host, principal, way))
    }

    fn at(host: &Arc<dyn Host>, principal: Principal, way: Way) -> Proxy<I> {
        match way {
            Way::Here(agent) => Proxy::to_named(host, principal, &agent),
            Way::Far(far) => Proxy::to_far(host.clone(), principal, far),
        }
    }
}

/// The endpoint and the agent of a URL that a peer wrote.
fn read_url(url: &str) -> Result<(Endpoint, String), Cow<'static, str>> {
    if url.len() > MAX_URL_BYTES {
        return Err(format!("the URL is {} bytes long, the limit is {MAX_URL_BYTES}", url.len()).into());
    }
    if let Some(odd) = url.chars().find(|c| c.is_control()) {
        return Err(format!("a URL holds no control characters, this one has {odd:?}").into());
    }
    let address: Address = url.parse().map_err(|error: folkmoot_codecs::AddressError| error.to_string())?;
    let Address { endpoint, agent } = address;
    let Some(agent) = agent else {
        return Err(format!(
            "`{url}` names no agent: write one behind it, as in {}",
            endpoint.agent("counter")
        )
        .into());
    };
    check_agent(&agent).map_err(|fault| format!("`{}` is no name of an agent: {fault}", short(&agent)))?;
    Ok((endpoint, agent))
}

impl<I: Interface + ?Sized> Proxy<I> {
    /// A proxy to what a plain peer exposes at `path`, over the link that it came over.
    fn of_peer(path: &str) -> Result<Proxy<I>, String> {
        let speaker = READER.with(|reader| reader.borrow().as_ref().and_then(Reader::speaker));
        let peer = PEER.with(|peer| peer.borrow().clone());
        let (Some((host, principal)), Some(peer)) = (speaker, peer) else {
            return Err("a proxy is read by a container alone, in a call or a reply".to_owned());
        };
        if path.len() > MAX_URL_BYTES {
            return Err(format!("the path is {} bytes long, the limit is {MAX_URL_BYTES}", path.len()));
        }
        Ok(Proxy::to_far(host, principal, peer.service(path)?))
    }

    /// The path that leads to it from its own container, where that is the one of `types`.
    fn path_within(proxy: &Proxy<I>, types: &Arc<PlainTypes>) -> Option<String> {
        let Inner { host, origin, target } = &*Proxy::core(proxy).0;
        let is_own = origin.inside && Arc::ptr_eq(host.plain_types(), types);
        let object = match target {
            Target::Near(_) => None,
            Target::Far(far) => far.object_path(),
        };
        let slash = if object.is_some() { "/" } else { "" };
        is_own.then(|| format!("agents/{}{slash}{}", origin.agent, object.unwrap_or_default()))
    }

    /// The URL by which it is handed on.
    fn handed_on(proxy: &Proxy<I>) -> Result<String, String> {
        match &Proxy::core(proxy).0.target {
            Target::Near(_) => Ok(Proxy::url(proxy)),
            Target::Far(far) => far.handed_on(),
        }
    }
}

impl<I: Interface + ?Sized> Serialize for Proxy<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let types = plain_types::current();
        if let Some(types) = &types
            && let Some(path) = Proxy::path_within(self, types)
        {
            return plain_types::write(types.proxy_id(), &path, serializer);
        }
        let url = Proxy::handed_on(self).map_err(serde::ser::Error::custom)?;
        match url.parse() {
            Ok(address) if types.is_some() => serializer.serialize_str(&Address::for_aiomas(&address)),
            _ => serializer.serialize_str(&url),
        }
    }
}

impl<'de, I: Interface + ?Sized> Deserialize<'de> for Proxy<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Proxy<I>, D::Error> {
        struct Url<I: ?Sized>(PhantomData<fn() -> Box<I>>);

        impl<'de, I: Interface + ?Sized> Visitor<'de> for Url<I> {
            type Value = Proxy<I>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an agent's URL, as tcp://host:port/agent")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<Proxy<I>, E> {
                Proxy::read(url).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Proxy<I>, A::Error> {
                let Some(types) = plain_types::current() else {
                    return Err(A::Error::invalid_type(Unexpected::Map, &self));
                };
                let path: String = plain_types::read_pairs(types.proxy_id(), "a proxy", map)?;
                Proxy::of_peer(&path).map_err(A::Error::custom)
            }
        }

        // A text or, of a plain peer, a map.
        deserializer.deserialize_any(Url(PhantomData))
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
