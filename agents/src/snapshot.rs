//! What is kept of an agent: its fields marked `#[persist]`, as bytes.
//!
//! A snapshot is a MsgPack map of its form, the agent's type, and the fields by their names; so a field that is new keeps
//! what the factory made, and one that is not there any more is passed over. Always true: what was written is not nested
//! deeper than can be read. Neighbours: `#[derive(Agent)]` writes and reads the fields,
//! [`keeping`](crate::queue) says when.

use std::fmt;

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::{Codec, DecodeError, Limits};
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer};

use crate::interface::Agent;

/// The form in which snapshots are written.
const FORM: u32 = 1;

/// How they are written.
const CODEC: Codec = Codec::MsgPack;

/// How deep a value may be nested; how long it may be is for the exchange to say.
const LIMITS: Limits =
    Limits { max_frame_bytes: u32::MAX, max_nodes: u32::MAX, max_depth: Limits::DEFAULT.max_depth };

/// One field that is kept.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptField {
    /// Under which name.
    pub name: &'static str,
    /// Its type, as the source has it.
    pub ty: &'static str,
}

/// What a field that is kept must be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is the type of a field marked `#[persist]`, so it must be `Serialize` and `Deserialize`",
    label = "a field of this type cannot be kept",
    note = "derive serde's `Serialize` and `Deserialize` for it and for what is in it, without borrowing, or take `#[persist]` off the field"
)]
pub trait Persistent: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Persistent for T {}

/// Writes one field.
#[doc(hidden)]
pub fn write_field<M: SerializeMap, T: Persistent>(
    map: &mut M,
    name: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    map.serialize_entry(name, value)
}

/// Reads one field.
#[doc(hidden)]
pub fn read_field<'de, M: MapAccess<'de>, T: Persistent>(map: &mut M, field: &mut T) -> Result<(), M::Error> {
    *field = map.next_value()?;
    Ok(())
}

/// Passes over the value of a field that is not there any more.
#[doc(hidden)]
pub fn pass_over<'de, M: MapAccess<'de>>(map: &mut M) -> Result<(), M::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// The snapshot of an agent.
///
/// # Errors
/// Why there is none, as a sentence: a value that refuses to be written, or is nested too deep.
pub(crate) fn write<A: Agent>(agent: &A) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    CODEC.encode(&Snapshot(agent), &mut bytes).map_err(|error| error.to_string())?;
    CODEC.scan(&bytes, &LIMITS).map_err(|error| error.to_string())?;
    Ok(bytes.freeze())
}

/// Puts what a snapshot holds over the fields of an agent.
///
/// # Errors
/// Why it cannot be read, as a sentence that names the field and its type; some fields may be set by then.
pub(crate) fn read<A: Agent>(agent: &mut A, bytes: &[u8]) -> Result<(), String> {
    CODEC.decode_into(Over(agent), bytes).map_err(|error| told::<A>(&error))
}

fn told<A: Agent>(error: &DecodeError) -> String {
    let path = error.path().strip_prefix("fields.").unwrap_or_default();
    let is_field = |field: &&KeptField| {
        path.strip_prefix(field.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    match A::KEPT.iter().find(is_field) {
        Some(KeptField { name, ty }) => format!(
            "what is kept of its field `{name}` is no `{ty}`: {error}; give the field a type that reads it, or let \
             another field be kept in its place"
        ),
        None => format!("what is kept of it cannot be read: {error}"),
    }
}

struct Snapshot<'a, A>(&'a A);

impl<A: Agent> Serialize for Snapshot<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("form", &FORM)?;
        map.serialize_entry("agent", A::KNOWN_AS)?;
        map.serialize_entry("fields", &Fields(self.0))?;
        map.end()
    }
}

struct Fields<'a, A>(&'a A);

impl<A: Agent> Serialize for Fields<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(A::KEPT.len()))?;
        self.0.write_kept(&mut map)?;
        map.end()
    }
}

/// An agent over whose fields a snapshot is read.
struct Over<'a, A>(&'a mut A);

impl<'de, A: Agent> DeserializeSeed<'de> for Over<'_, A> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, A: Agent> Visitor<'de> for Over<'_, A> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot of an agent")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Over(agent) = self;
        let (mut has_form, mut has_type) = (false, false);
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "form" => {
                    let form: u32 = map.next_value()?;
                    if form != FORM {
                        return Err(M::Error::custom(format_args!(
                            "it is of form {form}, this program reads form {FORM}; use a newer one"
                        )));
                    }
                    has_form = true;
                }
                "agent" => {
                    let of: String = map.next_value()?;
                    if of != A::KNOWN_AS {
                        return Err(M::Error::custom(format_args!(
                            "it is of an agent of type `{of}`, this one is a `{}`; spawn it under another name, or say \
                             `#[persist(known_as = \"{of}\")]` on the struct that is the same with a new name",
                            A::KNOWN_AS
                        )));
                    }
                    has_type = true;
                }
                "fields" if has_form && has_type => map.next_value_seed(OverFields(&mut *agent))?,
                _ => pass_over(&mut map)?,
            }
        }
        match has_form && has_type {
            true => Ok(()),
            false => Err(M::Error::custom("it is no snapshot of an agent")),
        }
    }
}

/// The same, over which the fields alone are read.
struct OverFields<'a, A>(&'a mut A);

impl<'de, A: Agent> DeserializeSeed<'de> for OverFields<'_, A> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, A: Agent> Visitor<'de> for OverFields<'_, A> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of an agent by their names")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let OverFields(agent) = self;
        while let Some(name) = map.next_key::<String>()? {
            agent.read_kept(&name, &mut map)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::agent;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Order {
        item: String,
        price: Option<f64>,
    }

    mod first {
        use super::*;

        #[derive(crate::Agent, Default)]
        #[agent(crate = crate::__private)]
        #[persist(known_as = "Store")]
        pub(super) struct Store {
            #[persist]
            pub(super) total: i64,
            #[persist]
            pub(super) orders: Vec<Order>,
            #[persist(rename = "state")]
            pub(super) r#type: (u8, String),
            pub(super) cache: Vec<u8>,
        }

        #[agent(crate = crate::__private)]
        impl Store {}
    }

    mod second {
        use super::*;

        #[derive(crate::Agent, Debug, Default, PartialEq)]
        #[agent(crate = crate::__private)]
        #[persist]
        #[persist(known_as = "Store")]
        pub(super) struct Shop {
            pub(super) orders: Vec<Order>,
            #[persist(rename = "total")]
            pub(super) sum: i64,
            pub(super) added: Option<u8>,
        }

        #[agent(crate = crate::__private)]
        impl Shop {}
    }

    /// A total that has become a text.
    #[derive(crate::Agent, Default)]
    #[agent(crate = crate::__private)]
    struct Store {
        #[persist]
        total: Vec<Option<(u8, String)>>,
    }

    #[agent(crate = crate::__private)]
    impl Store {}

    /// A tuple, and a map without an order.
    #[derive(crate::Agent, Default)]
    #[agent(crate = crate::__private)]
    struct Pair(#[persist] std::collections::HashMap<u64, Order>, u8, #[persist] u8);

    #[agent(crate = crate::__private)]
    impl Pair {}

    fn order() -> Order {
        Order { item: "flour".to_owned(), price: Some(1.5) }
    }

    fn stored() -> Bytes {
        let store =
            first::Store { total: -7, orders: vec![order()], r#type: (1, "open".to_owned()), cache: vec![1] };
        write(&store).unwrap()
    }

    #[test]
    fn fields_that_are_marked_come_back_and_others_stay() {
        let mut store = first::Store { total: 1, cache: vec![9], ..first::Store::default() };
        read(&mut store, &stored()).unwrap();
        assert_eq!((store.total, store.orders, store.r#type), (-7, vec![order()], (1, "open".to_owned())));
        assert_eq!(store.cache, [9]);
        let mut pair = Pair([(u64::MAX, order())].into(), 7, 8);
        let bytes = write(&pair).unwrap();
        pair = Pair(Default::default(), 1, 1);
        read(&mut pair, &bytes).unwrap();
        assert_eq!((pair.0, pair.1, pair.2), ([(u64::MAX, order())].into(), 1, 8));
    }

    #[test]
    fn a_new_field_keeps_what_it_has_and_one_that_is_gone_is_passed_over() {
        let mut shop = second::Shop { added: Some(3), sum: 1, orders: Vec::new() };
        read(&mut shop, &stored()).unwrap();
        assert_eq!(shop, second::Shop { added: Some(3), sum: -7, orders: vec![order()] });
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = read(&mut Store::default(), &stored()).unwrap_err();
        assert!(error.contains("`total` is no `Vec<Option<(u8, String)>>`"), "{error}");
        let error = read(&mut Pair::default(), &stored()).unwrap_err();
        assert!(error.contains("of type `Store`") && error.contains("known_as"), "{error}");
        let error = read(&mut Pair::default(), b"\x81\xa4form\x02").unwrap_err();
        assert!(error.contains("form 2"), "{error}");
        for bytes in [&b""[..], b"\x01", b"\x80", b"\x81\xa4form\x01"] {
            read(&mut Pair::default(), bytes).unwrap_err();
        }
    }
}
