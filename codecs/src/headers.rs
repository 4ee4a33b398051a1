//! Headers: the fourth element of a message between two containers that said Hello to each other.
//!
//! A map with text keys. All keys are optional, unknown ones are ignored, none may come twice, and every text and
//! list in it is bounded. Neighbours: `message` hands the bytes here, `envelope` writes them.

use std::borrow::Cow;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most callers that a chain may name.
pub const MAX_CHAIN: usize = 64;
/// Longest agent address in a chain, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 1024;
/// Longest trace context or idempotency key, in bytes.
pub const MAX_KEY_BYTES: usize = 256;

/// What travels beside a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, expecting = "a map of headers")]
pub struct Headers {
    /// The caller wants neither a result nor an exception.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_reply: bool,
    /// What is left of the caller's deadline when the message is written, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Who waits for this call: the callers, outermost first, at most [`MAX_CHAIN`].
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "bounded_chain")]
    pub chain: Vec<ChainLink>,
    /// W3C `traceparent`, at most [`MAX_KEY_BYTES`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "bounded_key")]
    pub trace: Option<String>,
    /// The same key on a repeated call asks for the first call's result; at most [`MAX_KEY_BYTES`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "bounded_key")]
    pub idempotency_key: Option<String>,
}

impl Headers {
    /// Whether there is nothing to say, so that the fourth element can be left out.
    pub fn is_empty(&self) -> bool {
        let Headers { no_reply, deadline_ms, chain, trace, idempotency_key } = self;
        !no_reply && deadline_ms.is_none() && chain.is_empty() && trace.is_none() && idempotency_key.is_none()
    }
}

/// Headers as they must come: as a map, although serde would take a list of their values too.
pub(crate) struct HeaderMap(pub(crate) Headers);

impl<'de> Deserialize<'de> for HeaderMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
        struct Map;
        impl<'de> de::Visitor<'de> for Map {
            type Value = HeaderMap;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of headers")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<HeaderMap, A::Error> {
                Headers::deserialize(MapAccessDeserializer::new(map)).map(HeaderMap)
            }
        }
        deserializer.deserialize_map(Map)
    }
}

/// One caller in a chain. On the wire a list of two: the address and whether the turn is exclusive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChainLink {
    /// The calling agent's address, as text, at most [`MAX_ADDRESS_BYTES`].
    pub agent: String,
    /// Whether the caller waits in an exclusive turn, so that nothing else can run in it meanwhile.
    pub exclusive: bool,
}

impl Serialize for ChainLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.agent, self.exclusive).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ChainLink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ChainLink, D::Error> {
        let (agent, exclusive) = <(Cow<'de, str>, bool)>::deserialize(deserializer)?;
        if agent.len() > MAX_ADDRESS_BYTES {
            return Err(de::Error::custom(format_args!(
                "the address is longer than {MAX_ADDRESS_BYTES} bytes"
            )));
        }
        Ok(ChainLink { agent: agent.into_owned(), exclusive })
    }
}

fn bounded_chain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ChainLink>, D::Error> {
    struct Chain;
    impl<'de> de::Visitor<'de> for Chain {
        type Value = Vec<ChainLink>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of at most {MAX_CHAIN} callers")
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<ChainLink>, A::Error> {
            let mut chain = Vec::new();
            while let Some(link) = list.next_element()? {
                if chain.len() == MAX_CHAIN {
                    return Err(de::Error::custom(format_args!(
                        "more than {MAX_CHAIN} callers wait for this call"
                    )));
                }
                chain.push(link);
            }
            Ok(chain)
        }
    }
    deserializer.deserialize_seq(Chain)
}

fn bounded_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let key = Option::<String>::deserialize(deserializer)?;
    match key {
        Some(key) if key.len() > MAX_KEY_BYTES => {
            Err(de::Error::custom(format_args!("the text is longer than {MAX_KEY_BYTES} bytes")))
        }
        key => Ok(key),
    }
}
