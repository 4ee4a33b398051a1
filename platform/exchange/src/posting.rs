//! A mail on its way to a mailbox: what the gate judges.
//!
//! Always true: an exchange takes no posting that a gate has not admitted, and none that was judged under another name
//! than that of the mailbox it goes to. Neighbours: `folkmoot_gateway` makes the `Admitted`,
//! [`Exchange::send`](crate::Exchange::send) takes it.

use std::sync::Arc;

use folkmoot_codecs::Principal;
use folkmoot_gateway::Subject;

use crate::asker::Asker;
use crate::mail::Mail;
use crate::mailbox_id::MailboxId;

/// A mail, where it goes, and who sends it.
///
/// To the gate's rules its mailbox is an agent (by the mailbox's name, or by its id where it has none) and the mail's kind
/// is a method.
#[derive(Clone, Debug)]
pub struct Posting {
    to: MailboxId,
    name: Option<Arc<str>>,
    mail: Mail,
    by: Principal,
    asker: Asker,
    is_inside: bool,
    /// Why the gate refused it as anything but an answer.
    refusal: Option<Arc<str>>,
    /// The mailbox's id as text, where there is no name for the rules.
    address: String,
}

impl Posting {
    /// A mail to the mailbox `to`, sent by `by`, which lives elsewhere, in the name of `asker`.
    pub fn new(to: MailboxId, mail: Mail, by: Principal, asker: Asker) -> Posting {
        Posting { to, name: None, mail, by, asker, is_inside: false, refusal: None, address: to.to_string() }
    }

    /// The same, judged by the name of the mailbox.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Posting {
        self.name = Some(name.into());
        self
    }

    /// The same, from an agent of the gate's own container.
    #[must_use]
    pub fn from_inside(mut self) -> Posting {
        self.is_inside = true;
        self
    }

    /// The same, which the gate refused for `reason`, as an answer to a request: that needs no rule, for whoever asked has sent
    /// the request through the gate. An exchange takes it only where its request waits for an answer, and says `Denied` with
    /// that reason else.
    #[must_use]
    pub fn only_as_answer(mut self, reason: impl Into<Arc<str>>) -> Posting {
        self.refusal = Some(reason.into());
        self
    }

    /// Why it is taken as an answer and as nothing else, where that is so.
    pub fn refusal(&self) -> Option<&Arc<str>> {
        self.refusal.as_ref()
    }

    /// The mailbox it goes to.
    pub fn to(&self) -> MailboxId {
        self.to
    }

    /// The name that the mailbox was judged by.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// The mail.
    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// Who sends it, as proven.
    pub fn by(&self) -> &Principal {
        &self.by
    }

    /// In whose name it is sent.
    pub fn asker(&self) -> &Asker {
        &self.asker
    }
}

impl Subject for Posting {
    fn principal(&self) -> &Principal {
        &self.by
    }

    fn agent(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.address)
    }

    fn method(&self) -> &str {
        &self.mail.kind
    }

    fn is_inside(&self) -> bool {
        // The rest of the judgement is the exchange's, which knows the requests.
        self.is_inside || self.refusal.is_some()
    }
}

/// A mail was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its number among all that the mailbox ever took, from 1 on without a gap.
    pub position: u64,
    /// Whether it had been taken before, and nothing was done now.
    pub is_repeated: bool,
}
