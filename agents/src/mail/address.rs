//! Where mail goes.
//!
//! Always true: an address is text, and only the exchange says whether anything is there. Neighbour:
//! [`Outgoing`](super::Outgoing) bears one.

use std::fmt;
use std::sync::Arc;

/// Where mail goes: the name of an agent that has a durable mailbox, such as `pump`, or a mailbox by its id, such as
/// `agent:6f1c0c4e-93f4-4d8b-8a4e-5d1c1f0a2b3c` or `user:..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailAddress(Arc<str>);

impl MailAddress {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MailAddress {
    fn from(text: &str) -> MailAddress {
        MailAddress(text.into())
    }
}

impl From<String> for MailAddress {
    fn from(text: String) -> MailAddress {
        MailAddress(text.into())
    }
}

impl From<Arc<str>> for MailAddress {
    fn from(text: Arc<str>) -> MailAddress {
        MailAddress(text)
    }
}

impl From<&MailAddress> for MailAddress {
    fn from(address: &MailAddress) -> MailAddress {
        address.clone()
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
