//! Academy's ids of agents and users: JSON objects, which its routes carry inside JSON strings.
//!
//! Always true: two ids are the same where role and number are; a name is a decoration. Read as Academy reads them
//! (`academy.identifier`): a missing role means an agent, other fields are refused. Neighbour: [`message`](super::message)
//! has ids in its header.

use std::fmt;

use folkmoot::exchange::{MailboxId, Role, Uuid};
use serde::de::{self, Deserializer};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};

use super::object::Object;

/// An id, with the name that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityId {
    pub(crate) mailbox: MailboxId,
    pub(crate) name: Option<Box<str>>,
}

impl EntityId {
    /// Reads an id from the text of a JSON object.
    pub(crate) fn read(text: &str) -> Result<EntityId, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl From<MailboxId> for EntityId {
    fn from(mailbox: MailboxId) -> EntityId {
        EntityId { mailbox, name: None }
    }
}

impl<'de> Deserialize<'de> for EntityId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EntityId, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, rename = "an id")]
        struct Fields {
            uid: Number,
            #[serde(default)]
            name: Option<Box<str>>,
            #[serde(default)]
            role: Spelled,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Spelled {
            #[default]
            Agent,
            User,
        }
        let Object(Fields { uid: Number(uuid), name, role }) = Object::deserialize(deserializer)?;
        let role = match role {
            Spelled::Agent => Role::Agent,
            Spelled::User => Role::User,
        };
        Ok(EntityId { mailbox: MailboxId { role, uuid }, name })
    }
}

impl Serialize for EntityId {
    /// Writes the fields in Academy's order.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("EntityId", 3)?;
        fields.serialize_field("uid", &Number(self.mailbox.uuid))?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("role", self.mailbox.role.as_str())?;
        fields.end()
    }
}

/// A UUID in the spellings that pydantic reads: with or without dashes, in braces, as a URN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u128);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Spelling;
        impl de::Visitor<'_> for Spelling {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UUID such as 6f1c1f5e-0a52-4c43-9d0e-0d5a3f6f2a11")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                let bare = text.strip_prefix("urn:uuid:").unwrap_or(text);
                let bare = bare.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(bare);
                let refused = || E::invalid_value(de::Unexpected::Str(&short(text)), &self);
                bare.parse().map(|Uuid(number)| Number(number)).map_err(|_| refused())
            }
        }
        deserializer.deserialize_str(Spelling)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Uuid(self.0))
    }
}

/// Longest text that an error quotes, in characters.
const QUOTED: usize = 64;

/// A text as an error quotes it.
fn short(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UID: &str = "6f1c1f5e-0a52-4c43-9d0e-0d5a3f6f2a11";
    const NUMBER: u128 = 0x6f1c_1f5e_0a52_4c43_9d0e_0d5a_3f6f_2a11;

    #[test]
    fn ids_are_read_as_academy_reads_them() {
        for (text, id, name) in [
            (r#"{"uid":"UID"}"#, MailboxId::agent(NUMBER), None),
            (r#"{"uid":"UID","name":null,"role":"agent"}"#, MailboxId::agent(NUMBER), None),
            (r#"{"role":"user","name":"ada","uid":"UID"}"#, MailboxId::user(NUMBER), Some("ada")),
            (r#" {"uid" : "urn:uuid:UID"} "#, MailboxId::agent(NUMBER), None),
            (r#"{"uid":"{UID}"}"#, MailboxId::agent(NUMBER), None),
            (r#"{"uid":"6F1C1F5E0A524C439D0E0D5A3F6F2A11"}"#, MailboxId::agent(NUMBER), None),
        ] {
            let read = EntityId::read(&text.replace("UID", UID)).unwrap();
            assert_eq!((read.mailbox, read.name.as_deref()), (id, name), "{text}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused_with_a_reason() {
        for (text, word) in [
            ("", "EOF"),
            ("5", "invalid type"),
            (r#"["UID",null,"agent"]"#, "expected an object"),
            ("{}", "missing field `uid`"),
            (r#"{"uid":5}"#, "a UUID such as"),
            (r#"{"uid":"x"}"#, "a UUID such as"),
            (r#"{"uid":"UID","extra":1}"#, "unknown field `extra`"),
            (r#"{"uid":"UID","role":"agents"}"#, "unknown variant `agents`"),
            (r#"{"uid":"UID","role":null}"#, "line 1"),
            (r#"{"uid":"UID","name":7}"#, "a string"),
            (r#"{"uid":"UID"} more"#, "trailing characters"),
        ] {
            let error = EntityId::read(&text.replace("UID", UID)).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn ids_are_written_in_academys_order() {
        let id = EntityId { mailbox: MailboxId::user(NUMBER), name: Some("ada".into()) };
        let text = format!(r#"{{"uid":"{UID}","name":"ada","role":"user"}}"#);
        assert_eq!(serde_json::to_string(&id).unwrap(), text);
        let text = format!(r#"{{"uid":"{UID}","name":null,"role":"agent"}}"#);
        assert_eq!(serde_json::to_string(&EntityId::from(MailboxId::agent(NUMBER))).unwrap(), text);
    }
}
