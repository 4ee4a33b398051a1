//! A request by mail, and its answer.
//!
//! Neighbours: [`Context::request`](crate::Context::request) makes one; the answer comes into the agent's own mailbox, where
//! [`inbox`](super::inbox) knows it by its tag.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;

use super::address::MailAddress;
use super::delivery::{Delivery, Tracking};
use super::error::MailError;
use super::inbox::Inbox;
use super::own_mailbox::Step;
use super::writing::Mail;
use crate::host::Host;
use crate::interface::LocalFuture;

/// The kind of the answer to a request whose mailbox was terminated; it comes from the exchange itself.
pub const TERMINATED: &str = "folkmoot/mailbox-terminated";

/// A request that is sent when it is awaited, and gives the answer.
#[must_use = "nothing is asked until this is awaited"]
pub struct MailRequest<T> {
    inbox: Result<Rc<Inbox>, MailError>,
    host: Arc<dyn Host>,
    to: MailAddress,
    mail: Mail,
    deadline: Duration,
    answer: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for MailRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailRequest").field("to", &self.to).field("mail", &self.mail).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned> MailRequest<T> {
    pub(crate) fn new(
        inbox: Result<Rc<Inbox>, MailError>,
        host: Arc<dyn Host>,
        to: MailAddress,
        mail: Mail,
    ) -> MailRequest<T> {
        let deadline = Duration::from_millis(host.default_deadline_ms());
        MailRequest { inbox, host, to, mail, deadline, answer: PhantomData }
    }

    /// How long to wait for the answer, on link time; as long as for a call's unless told otherwise. The request itself
    /// stays where it is, unless its mail expires.
    pub fn deadline(mut self, time: Duration) -> MailRequest<T> {
        self.deadline = time;
        self
    }

    async fn ask(self) -> Result<T, MailError> {
        let MailRequest { inbox, host, to, mail, deadline, .. } = self;
        let inbox = inbox?;
        let mut awaited = inbox.await_answer()?;
        let tracking = Tracking::Request { tag: awaited.tag(), label: None };
        let outgoing = mail.into_outgoing(to.clone(), tracking)?;
        let asked = async {
            inbox.mailbox().commit(Step { send: vec![outgoing], ..Step::default() }).await?;
            Ok(awaited.answer().await)
        };
        let answer = match select(pin!(asked), host.link_sleep(deadline)).await {
            Either::Left((answer, _)) => answer?,
            Either::Right(_) => None,
        };
        match answer {
            None => Err(MailError::NoAnswer { to: to.as_str().to_owned(), after: deadline }),
            Some(answer) => read(&to, &answer),
        }
    }
}

/// What an answer says.
///
/// # Errors
/// `Terminated`, `BadAnswer`.
pub fn read<T: DeserializeOwned>(to: &MailAddress, answer: &Delivery) -> Result<T, MailError> {
    if *answer.kind == *TERMINATED {
        return Err(MailError::Terminated { to: to.as_str().to_owned() });
    }
    answer.read().map_err(|reason| MailError::BadAnswer { to: to.as_str().to_owned(), reason })
}

impl<T: DeserializeOwned + 'static> IntoFuture for MailRequest<T> {
    type Output = Result<T, MailError>;
    type IntoFuture = LocalFuture<Result<T, MailError>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
