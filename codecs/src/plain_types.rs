//! Values of special types on a link with a plain peer: maps `{"__type__": [id, data]}`.
//!
//! The id is the place of the type among those that both ends have registered, in the same order. A container has the date
//! first, then its own types; services have what was registered and no more; proxies stand behind all. Always true: this
//! applies while a value is written for a plain peer, or read from one, and nowhere else, so between Folkmoot containers a
//! map with the key `__type__` is a map.
//! Neighbours: `date` and the types that derive `Serializable` ask here; the agents crate does so for proxies.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use memchr::memmem::Finder;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::Codec;
use crate::date::Date;
use crate::limits::Limits;
use crate::value::Value;

/// The key that makes a map a value of a special type.
pub const TYPE_KEY: &str = "__type__";

/// Seeks the key; to make it takes as long as to look through a small message.
static TYPE_KEY_FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(TYPE_KEY));

/// Most types of its own that a container registers.
pub const MAX_OWN_TYPES: usize = 1024;

/// A type whose values plain peers know as values of a type of their own: what aiomas calls a serializer.
///
/// `#[derive(Serializable)]` implements it. A container registers the type with its builder, each in the place that it
/// has among the peer's `extra_serializers`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to plain peers as a type of its own",
    note = "put `#[derive(Serializable)]` on it"
)]
pub trait Serializable: Serialize + DeserializeOwned + 'static {
    /// The type's name, for errors.
    const NAME: &'static str;
}

/// The special types that are registered, by their ids.
#[derive(Debug)]
pub struct PlainTypes {
    types: Vec<(TypeId, &'static str)>,
}

impl Default for PlainTypes {
    /// Those of a container that has registered none of its own: the date.
    fn default() -> PlainTypes {
        PlainTypes { types: vec![(TypeId::of::<Date>(), Date::NAME)] }
    }
}

/// What is our own keeps to its bounds already.
const ANY: Limits = Limits { max_frame_bytes: u32::MAX, max_depth: Limits::DEEPEST, max_nodes: u32::MAX };

impl PlainTypes {
    /// None at all, as services begin.
    pub fn none() -> PlainTypes {
        PlainTypes { types: Vec::new() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// Registers another type, behind those that there are.
    ///
    /// # Errors
    /// Where it is registered already, or one too many, as a sentence.
    pub fn add<T: Serializable>(&mut self) -> Result<(), String> {
        if self.id_of::<T>().is_some() {
            return Err(format!(
                "the type `{}` is registered twice: its place is its id on the wire",
                T::NAME
            ));
        }
        if self.types.len() > MAX_OWN_TYPES {
            return Err(format!("more than {MAX_OWN_TYPES} types are registered"));
        }
        self.types.push((TypeId::of::<T>(), T::NAME));
        Ok(())
    }

    /// The id of a type that is registered.
    pub fn id_of<T: Serializable>(&self) -> Option<u64> {
        let at = self.types.iter().position(|(own, _)| *own == TypeId::of::<T>())?;
        Some(at as u64)
    }

    /// The id of a type that a value to be written or read is of.
    ///
    /// # Errors
    /// Where it is not registered, as a sentence.
    pub(crate) fn registered<T: Serializable>(&self) -> Result<u64, String> {
        self.id_of::<T>().ok_or_else(|| {
            format!(
                "the type `{0}` is not registered for plain peers: write `.serializer::<{0}>()` on the container's \
                 builder, or the channel's options, in the place that it has among the peer's extra_serializers",
                T::NAME
            )
        })
    }

    /// The id of proxies: the one behind all others.
    pub fn proxy_id(&self) -> u64 {
        self.types.len() as u64
    }

    /// Checks a value that may be of a special type, but not what is within its data.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    fn check(&self, marked: &Value) -> Result<(), String> {
        let Some([id, data]) = marked.as_list() else {
            return Err(format!("`{TYPE_KEY}` holds {}, not a list of an id and the data", kind(marked)));
        };
        let Some(id) = id.as_u64() else {
            return Err(format!("the id of a special type is {}, not a number", kind(id)));
        };
        let date = self.id_of::<Date>();
        match (id, data) {
            (id, Value::Text(text)) if Some(id) == date => {
                text.parse::<Date>().map(drop).map_err(|error| error.to_string())
            }
            (id, other) if Some(id) == date => {
                Err(format!("the data of a date is {}, not a text", kind(other)))
            }
            (id, Value::Text(_)) if id == self.proxy_id() => Ok(()),
            (id, other) if id == self.proxy_id() => {
                Err(format!("the data of a proxy is {}, not a path", kind(other)))
            }
            (id, _) if id < self.proxy_id() => Ok(()),
            (id, _) => Err(self.unknown(id)),
        }
    }

    fn unknown(&self, id: u64) -> String {
        let known: String =
            self.types.iter().zip(0..).map(|((_, name), id)| format!("{id} {name}, ")).collect();
        format!(
            "the type id {id} is not registered: known are {known}{} proxy (`.serializer::<T>()` of the \
             container's builder, or the channel's options, registers a type)",
            self.proxy_id()
        )
    }

    /// Holds what is to be written for a plain peer to what such a peer can read: a map with the key `__type__` that is
    /// no special type would break its link. `encoded` is one value.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn check_encoded(&self, codec: Codec, encoded: &[u8]) -> Result<(), String> {
        // Our encoders never escape what is ASCII.
        if TYPE_KEY_FINDER.find(encoded).is_none() {
            return Ok(());
        }
        match codec.value(encoded, &ANY) {
            Ok(value) => self.check_within(&value),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The same for the payload of a frame.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub fn check_payload(&self, codec: Codec, payload: &[u8]) -> Result<(), String> {
        if TYPE_KEY_FINDER.find(payload).is_none() {
            return Ok(());
        }
        let opened = codec.open(Bytes::copy_from_slice(payload), &ANY).map_err(|error| error.to_string())?;
        self.check_encoded(codec, &opened)
    }

    fn check_within(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::List(items) => items.iter().try_for_each(|item| self.check_within(item)),
            Value::Map(pairs) => {
                let checked =
                    marked_value(pairs).and_then(|marked| marked.map_or(Ok(()), |marked| self.check(marked)));
                checked.map_err(|reason| {
                    format!("a map with the key `{TYPE_KEY}` is a value of a special type to this peer, and {reason}")
                })?;
                pairs.iter().try_for_each(|(_, value)| self.check_within(value))
            }
            _ => Ok(()),
        }
    }
}

/// What stands under the key; `None` where the map is any other one. Of several, each reader might take another.
fn marked_value(pairs: &[(Value, Value)]) -> Result<Option<&Value>, String> {
    let mut marked = pairs.iter().filter(|(key, _)| key.as_str() == Some(TYPE_KEY)).map(|(_, value)| value);
    match (marked.next(), marked.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(format!("`{TYPE_KEY}` stands there twice")),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) | Value::BigInt(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
        Value::List(_) => "a list of another length",
        Value::Map(_) => "a map",
    }
}

thread_local! {
    /// Those of the link for which a value is being written, or from which one is being read.
    static CURRENT: RefCell<Option<Arc<PlainTypes>>> = const { RefCell::new(None) };
}

/// Puts back what was there, also where an encoder panics.
struct Until(Option<Arc<PlainTypes>>);

impl Drop for Until {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.0.take()));
    }
}

/// Writes or reads values for a plain peer, or, with `None`, for anyone else.
pub fn within<T>(types: Option<Arc<PlainTypes>>, work: impl FnOnce() -> T) -> T {
    let _until = Until(CURRENT.with(|current| current.replace(types)));
    work()
}

/// The types of the plain peer for which a value is being written, or from which one is being read.
pub fn current() -> Option<Arc<PlainTypes>> {
    CURRENT.with(|current| current.borrow().clone())
}

/// Writes a value of a special type.
///
/// # Errors
/// Those of the serializer.
pub fn write<T: Serialize + ?Sized, S: Serializer>(
    id: u64,
    data: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(TYPE_KEY, &(id, data))?;
    map.end()
}

/// Reads a value of a special type: `what` it is, for errors. Other keys of its map are of no account.
///
/// # Errors
/// Where it is another value.
pub fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    id: u64,
    what: &'static str,
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(Marked { id, what, data: PhantomData })
}

/// Reads the pairs of a map as [`read`] reads a map.
///
/// # Errors
/// Where they are no value of that type.
pub fn read_pairs<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    id: u64,
    what: &'static str,
    map: A,
) -> Result<T, A::Error> {
    Marked { id, what, data: PhantomData }.visit_map(map)
}

/// Writes a value of a registered type: as a special type for a plain peer, as its data for anyone else.
///
/// # Errors
/// Where the type is not registered with the container.
pub fn write_own<T: Serializable, S: Serializer>(
    data: &impl Serialize,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match current() {
        None => data.serialize(serializer),
        Some(types) => {
            let id = types.registered::<T>().map_err(S::Error::custom)?;
            write(id, data, serializer)
        }
    }
}

/// Reads what [`write_own`] writes.
///
/// # Errors
/// Where the type is not registered with the container, or the value is another.
pub fn read_own<'de, T: Serializable, U: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<U, D::Error> {
    match current() {
        None => U::deserialize(deserializer),
        Some(types) => {
            let id = types.registered::<T>().map_err(D::Error::custom)?;
            read(id, T::NAME, deserializer)
        }
    }
}

/// Checks a map that is read as a dynamic value from a plain peer: dates and values of registered types stay the maps
/// that they are.
pub(crate) fn check_dynamic(pairs: &[(Value, Value)]) -> Result<(), String> {
    let Some(types) = current() else { return Ok(()) };
    let Some(marked) = marked_value(pairs)? else { return Ok(()) };
    types.check(marked)?;
    if marked.item(0).and_then(Value::as_u64) == Some(types.proxy_id()) {
        return Err(
            "a proxy is bound to its connection, and is no dynamic value: read it as a `Proxy<..>`, in \
                    services as a `Reference`"
                .to_owned(),
        );
    }
    Ok(())
}

/// The map of a value of one special type.
struct Marked<T> {
    id: u64,
    what: &'static str,
    data: PhantomData<fn() -> T>,
}

impl<T> fmt::Display for Marked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, as {{\"{TYPE_KEY}\": [{}, ..]}}", self.what, self.id)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Marked<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == TYPE_KEY {
                if found.is_some() {
                    return Err(A::Error::custom(format_args!("`{TYPE_KEY}` stands there twice")));
                }
                found = Some(map.next_value_seed(IdAndData {
                    id: self.id,
                    what: self.what,
                    data: PhantomData,
                })?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        found.ok_or_else(|| A::Error::custom(format_args!("expected {self}, found a map without that key")))
    }
}

/// `[id, data]`, where the id is the one that is wanted.
struct IdAndData<T> {
    id: u64,
    what: &'static str,
    data: PhantomData<fn() -> T>,
}

impl<'de, T: Deserialize<'de>> serde::de::DeserializeSeed<'de> for IdAndData<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for IdAndData<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of an id and the data")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        let short = || A::Error::custom("expected a list of an id and the data, found less");
        let id: u64 = list.next_element()?.ok_or_else(short)?;
        if id != self.id {
            let Self { id: wanted, what, .. } = self;
            return Err(A::Error::custom(format_args!(
                "expected {what} (type id {wanted}), found type id {id}"
            )));
        }
        let data = list.next_element()?.ok_or_else(short)?;
        match list.next_element::<IgnoredAny>()? {
            None => Ok(data),
            Some(_) => Err(A::Error::custom("expected a list of an id and the data, found more")),
        }
    }
}
