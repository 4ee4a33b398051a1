//! Who a mailbox is of: its role and its number.
//!
//! Always true: an id is never used again, not even after its mailbox was terminated. Its text is
//! `agent:6f1c...` with the number written as a UUID; what is printed is also read.

use std::fmt;
use std::str::FromStr;

/// What has a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An agent: found by its types, answers requests.
    Agent,
    /// Someone who speaks with agents, such as a program that calls them.
    User,
}

impl Role {
    /// `agent` or `user`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::User => "user",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a UUID has its version, in bits from the end.
const VERSION_AT: u32 = 76;

/// Where it has its variant.
const VARIANT_AT: u32 = 62;

/// The version of ids that follow from something.
const DERIVED_VERSION: u128 = 8;

/// Names a mailbox, for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId {
    /// What it is of.
    pub role: Role,
    /// A UUID, as a number.
    pub uuid: u128,
}

impl MailboxId {
    /// The mailbox of an agent.
    pub const fn agent(uuid: u128) -> MailboxId {
        MailboxId { role: Role::Agent, uuid }
    }

    /// The mailbox of a user.
    pub const fn user(uuid: u128) -> MailboxId {
        MailboxId { role: Role::User, uuid }
    }
}

impl MailboxId {
    /// The mailbox of an agent, by an id that follows from what `hash` was made of: a UUID of version 8, as RFC 9562 has
    /// them. Only the container registers such ones.
    pub const fn derived(hash: [u8; 16]) -> MailboxId {
        let free = u128::from_be_bytes(hash) & !(0xf << VERSION_AT | 0b11 << VARIANT_AT);
        MailboxId::agent(free | DERIVED_VERSION << VERSION_AT | 0b10 << VARIANT_AT)
    }

    /// Whether it is an agent's and follows from something.
    pub const fn is_derived(self) -> bool {
        matches!(self.role, Role::Agent)
            && self.uuid >> VERSION_AT & 0xf == DERIVED_VERSION
            && self.uuid >> VARIANT_AT & 0b11 == 0b10
    }
}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.role, Uuid(self.uuid))
    }
}

impl fmt::Debug for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A number that is written as a UUID: 8-4-4-4-12 small hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = *b"00000000-0000-0000-0000-000000000000";
        let mut rest = self.0;
        for place in text.iter_mut().filter(|place| **place == b'0') {
            rest = rest.rotate_left(4);
            *place = match (rest & 0xf) as u8 {
                digit @ 0..10 => b'0' + digit,
                digit => b'a' + digit - 10,
            };
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A text names no mailbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no mailbox; write it as agent:00000000-0000-0000-0000-000000000000 or user:..")]
pub struct BadMailboxId {
    text: String,
}

impl FromStr for Uuid {
    type Err = BadMailboxId;

    /// Reads 32 hexadecimal digits, with or without the dashes between the parts.
    fn from_str(text: &str) -> Result<Uuid, BadMailboxId> {
        let bad = || BadMailboxId { text: text.chars().take(64).collect() };
        let bytes = text.as_bytes();
        let dashed = bytes.len() == 36;
        if !dashed && bytes.len() != 32 {
            return Err(bad());
        }
        let mut number: u128 = 0;
        for (at, byte) in bytes.iter().enumerate() {
            if dashed && matches!(at, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return Err(bad());
                }
                continue;
            }
            let digit = char::from(*byte).to_digit(16).ok_or_else(bad)?;
            number = (number << 4) | u128::from(digit);
        }
        Ok(Uuid(number))
    }
}

impl FromStr for MailboxId {
    type Err = BadMailboxId;

    fn from_str(text: &str) -> Result<MailboxId, BadMailboxId> {
        let bad = || BadMailboxId { text: text.chars().take(64).collect() };
        let (role, uuid) = text.split_once(':').ok_or_else(bad)?;
        let role = match role {
            "agent" => Role::Agent,
            "user" => Role::User,
            _ => return Err(bad()),
        };
        let Uuid(uuid) = uuid.parse().map_err(|_| bad())?;
        Ok(MailboxId { role, uuid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for uuid in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            for id in [MailboxId::agent(uuid), MailboxId::user(uuid)] {
                assert_eq!(id.to_string().parse(), Ok(id));
            }
        }
        let id = MailboxId::agent(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(id.to_string(), "agent:01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!("agent:0123456789ABCDEF0123456789abcdef".parse(), Ok(id));
    }

    #[test]
    fn what_names_no_mailbox_is_told_with_what_would() {
        for text in [
            "",
            "agent",
            "agent:",
            "agents:01234567-89ab-cdef-0123-456789abcdef",
            "agent:01234567-89ab-cdef-0123-456789abcde",
            "agent:01234567-89ab-cdef-0123-456789abcdeg",
            "agent:01234567x89ab-cdef-0123-456789abcdef",
            "agent:0123456789ab-cdef-0123-456789abcdef--",
            "user:é1234567-89ab-cdef-0123-456789abcde",
        ] {
            let error = text.parse::<MailboxId>().unwrap_err().to_string();
            assert!(error.contains("write it as agent:"), "{text}: {error}");
        }
    }
}
