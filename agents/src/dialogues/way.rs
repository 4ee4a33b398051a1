//! The ways to the other side of a dialogue: by calls to an agent that runs, or by mail to its mailbox.
//!
//! Always true: a dialogue goes one way from its beginning to its end, also where either side was away meanwhile.
//! Neighbours: [`speech`](super::speech) begins dialogues, [`posting`](super::posting) sends by mail, [`desk`](super::desk)
//! keeps the way of each.

use std::fmt;
use std::sync::Arc;

use folkmoot_codecs::CallError;

use super::listener::Listener;
use crate::interface::Interface;
use crate::mail::MailAddress;
use crate::proxy::Proxy;

/// The way to the other side of a dialogue.
#[derive(Clone)]
pub(super) enum Way {
    /// Messages are calls.
    Calls(Proxy<Listener>),
    /// Messages are mail.
    Mail(Post),
}

/// A mailbox to which messages go.
#[derive(Clone, Debug)]
pub(super) struct Post {
    /// By its id.
    pub(super) mailbox: MailAddress,
    /// By which name rules know it, where that is known.
    pub(super) name: Option<Arc<str>>,
}

impl Way {
    /// By which the rules know the other side: its URL, or the id of its mailbox.
    pub(super) fn address(&self) -> String {
        match self {
            Way::Calls(peer) => Proxy::url(peer),
            Way::Mail(post) => post.mailbox.as_str().to_owned(),
        }
    }

    /// The mailbox, where messages are mail.
    pub(super) fn post(&self) -> Option<&Post> {
        match self {
            Way::Calls(_) => None,
            Way::Mail(post) => Some(post),
        }
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Way").field(&self.address()).finish()
    }
}

/// With whom a dialogue is begun: a [`Proxy`] of an agent, which takes the message at once, or a [`MailAddress`], a mailbox
/// in which the message waits for its agent.
#[diagnostic::on_unimplemented(
    message = "no dialogue is begun with `{Self}`",
    note = "give a `&Proxy<..>` of an agent that runs, or a `&MailAddress`: the name of a durable agent, or a mailbox's id"
)]
pub trait OtherSide: sealed::Sealed {}

impl<I: Interface + ?Sized> OtherSide for Proxy<I> {}

impl OtherSide for MailAddress {}

impl<T: OtherSide + ?Sized> OtherSide for &T {}

/// Where somebody is sought.
#[derive(Clone)]
pub enum Sought {
    /// An agent.
    Agent(Result<Proxy<Listener>, CallError>),
    /// A mailbox, by whatever address.
    Mailbox(MailAddress),
}

impl fmt::Debug for Sought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sought::Agent(agent) => f.debug_tuple("Agent").field(agent).finish(),
            Sought::Mailbox(mailbox) => f.debug_tuple("Mailbox").field(mailbox).finish(),
        }
    }
}

mod sealed {
    use super::*;

    pub trait Sealed {
        /// Where it is sought.
        #[doc(hidden)]
        fn sought(&self) -> Sought;
    }

    impl<I: Interface + ?Sized> Sealed for Proxy<I> {
        fn sought(&self) -> Sought {
            Sought::Agent(Proxy::cast(self))
        }
    }

    impl Sealed for MailAddress {
        fn sought(&self) -> Sought {
            Sought::Mailbox(self.clone())
        }
    }

    impl<T: Sealed + ?Sized> Sealed for &T {
        fn sought(&self) -> Sought {
            (**self).sought()
        }
    }
}
