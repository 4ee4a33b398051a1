//! A request by mail, and its answer.
//!
//! Neighbours: [`Context::request`](crate::Context::request) makes one; the answer comes into the agent's own mailbox, where
//! [`inbox`](super::inbox) knows it by its tag.

use std::fmt;
use std::future::IntoFuture;
use std::iter::{once, successors};
use std::marker::PhantomData;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;

use super::address::MailAddress;
use super::delivery::{Delivery, Tracking};
use super::error::{Death, MailError};
use super::inbox::Inbox;
use super::outgoing::Outgoing;
use super::own_mailbox::Step;
use super::writing::Mail;
use crate::host::Host;
use crate::interface::LocalFuture;

/// The kinds that begin so are the exchange's own; nobody else sends them.
pub const OWN_KINDS: &str = "folkmoot/";

/// The kind of the answer to a request whose mailbox was terminated; it comes from the exchange itself.
pub const TERMINATED: &str = "folkmoot/mailbox-terminated";

/// The kind of the answer to a request that became a dead letter; it comes from the exchange itself.
pub const DEAD_LETTER: &str = "folkmoot/dead-letter";

/// The pause between the first reminder and the second; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two reminders.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The pauses before a request that expires is sent again: it is known there by its id, but its mailbox looks at what has
/// expired, for nobody else may come to it.
pub fn reminders(expires_in: Option<Duration>) -> impl Iterator<Item = Duration> {
    let pauses = successors(Some(FIRST_PAUSE), |pause| Some((*pause * 2).min(LONGEST_PAUSE)));
    expires_in.into_iter().flat_map(move |time| once(time).chain(pauses.clone()))
}

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
        let mut reminders = reminders(outgoing.expires_in);
        // Where it is not known any more it is refused, and not sent a second time.
        let reminder = Outgoing { expires_in: Some(Duration::ZERO), ..outgoing.clone() };
        let asked = async {
            inbox.mailbox().commit(Step { send: vec![outgoing], ..Step::default() }).await?;
            let mut answer = pin!(awaited.answer());
            loop {
                let Some(pause) = reminders.next() else { return Ok(answer.await) };
                if let Either::Left((answer, _)) = select(answer.as_mut(), host.link_sleep(pause)).await {
                    return Ok(answer);
                }
                let send = vec![reminder.clone()];
                inbox.mailbox().commit(Step { send, ..Step::default() }).await.ok();
            }
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
/// `Terminated`, `DeadLetter`, `BadAnswer`.
pub fn read<T: DeserializeOwned>(to: &MailAddress, answer: &Delivery) -> Result<T, MailError> {
    if *answer.kind == *TERMINATED {
        return Err(MailError::Terminated { to: to.as_str().to_owned() });
    }
    let bad = |reason| MailError::BadAnswer { to: to.as_str().to_owned(), reason };
    if *answer.kind == *DEAD_LETTER {
        let death = Death::of(answer.read().map_err(bad)?);
        return Err(MailError::DeadLetter { to: to.as_str().to_owned(), death });
    }
    answer.read().map_err(bad)
}

impl<T: DeserializeOwned + 'static> IntoFuture for MailRequest<T> {
    type Output = Result<T, MailError>;
    type IntoFuture = LocalFuture<Result<T, MailError>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}
