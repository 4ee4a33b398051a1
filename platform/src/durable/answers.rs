//! What a container itself asks by mail, for its program: `node.request("pump", Mail::new("level?", &())).await`.
//!
//! Answers come into a mailbox of a user, which the container has from its first request to its end. Always true: an answer
//! that nobody waits for is acknowledged, counted and logged. Neighbours: an agent's own requests are in `mail` of the agents
//! crate; [`shutdown`](crate::container) ends this.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use folkmoot_agents::chance;
use folkmoot_agents::host::Host;
use folkmoot_agents::mail::{
    Delivery, DeliveryId, Mail, MailAddress, MailError, Outgoing, Tracking, read_answer, reminders,
};
use folkmoot_exchange::{Asker, ExchangeError, MailboxId, Recv, Registration};
use serde::de::DeserializeOwned;
use tokio::sync::{oneshot, watch};

use super::lasting::Lasting;
use super::sending::{self, Sender, mail_error};
use crate::container::Hall;
use crate::link_time;
use crate::mailroom::Mailroom;
use crate::tables::Tables;

/// Most answers that a container awaits at once.
const AWAITED: usize = 10_000;

/// Answers that are received at once.
const AT_ONCE: usize = 100;

/// How long one look for answers lasts; another follows.
const LOOK: Duration = Duration::from_secs(600);

/// The pause after a look that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest time for the mailbox to end with its container.
const CLOSING: Duration = Duration::from_secs(5);

/// A request that is sent when it is awaited, and gives the answer.
#[must_use = "nothing is asked until this is awaited"]
pub struct MailRequest<T> {
    hall: Arc<Hall>,
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
    pub(crate) fn new(hall: Arc<Hall>, to: MailAddress, mail: Mail) -> MailRequest<T> {
        let deadline = Duration::from_millis(hall.default_deadline_ms());
        MailRequest { hall, to, mail, deadline, answer: PhantomData }
    }

    /// How long to wait for the answer, on link time; as long as for a call's unless told otherwise. The request itself
    /// stays where it is, unless its mail expires.
    pub fn deadline(mut self, time: Duration) -> MailRequest<T> {
        self.deadline = time;
        self
    }

    async fn ask(self) -> Result<T, MailError> {
        let MailRequest { hall, to, mail, deadline, .. } = self;
        let mailroom = hall.mailroom().ok_or(MailError::NoExchange)?;
        let answers = hall.answers(mailroom).await?;
        let tag = chance::uuid();
        let outgoing = mail.into_outgoing(to.clone(), Tracking::Request { tag, label: None })?;
        let mut awaited = answers.wait(tag)?;
        let mut reminders = reminders(outgoing.expires_in);
        // Where it is not known any more it is refused, and not sent a second time.
        let reminder = Outgoing { expires_in: Some(Duration::ZERO), ..outgoing.clone() };
        let asked = async {
            let sender = Sender { tables: &hall.tables, agent: None, from: Some(answers.id) };
            sending::send(mailroom, &sender, outgoing).await?;
            loop {
                let Some(pause) = reminders.next() else { return Ok((&mut awaited.answer).await.ok()) };
                if let Some(answer) = link_time::within(pause, &mut awaited.answer).await {
                    return Ok(answer.ok());
                }
                sending::send(mailroom, &sender, reminder.clone()).await.ok();
            }
        };
        match link_time::within(deadline, asked).await.transpose()?.flatten() {
            None => Err(MailError::NoAnswer { to: to.as_str().to_owned(), after: deadline }),
            Some(answer) => read_answer(&to, &answer),
        }
    }
}

impl<T: DeserializeOwned + 'static> IntoFuture for MailRequest<T> {
    type Output = Result<T, MailError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<T, MailError>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

/// The mailbox of a container's own requests, and who waits there.
pub(crate) struct Answers {
    id: MailboxId,
    awaited: Mutex<BTreeMap<u128, oneshot::Sender<Delivery>>>,
    ended: watch::Sender<bool>,
}

/// A place for an answer, given up when it is dropped.
struct Awaited<'a> {
    answers: &'a Answers,
    tag: u128,
    answer: oneshot::Receiver<Delivery>,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.answers.awaited().remove(&self.tag);
    }
}

impl Answers {
    /// Registers the mailbox and begins to receive there.
    pub(crate) async fn open(mailroom: &Mailroom, hall: &Hall) -> Result<Arc<Answers>, MailError> {
        let id = MailboxId::user(chance::uuid());
        let answers = Arc::new(Answers { id, awaited: Mutex::default(), ended: watch::Sender::new(false) });
        let registered = mailroom.exchange().register(&Asker::Container, Registration::new(id)).await;
        registered.map_err(|error| mail_error(&id.to_string().into(), &error))?;
        let receiving = answers.clone().receive(mailroom.clone(), hall.tables.clone());
        match hall.workers.get(0).executor.spawn(receiving) {
            true => Ok(answers),
            false => Err(MailError::Failed("the container has been shut down".to_owned())),
        }
    }

    fn awaited(&self) -> MutexGuard<'_, BTreeMap<u128, oneshot::Sender<Delivery>>> {
        // Nothing panics while it is locked, and it would be whole all the same.
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, tag: u128) -> Result<Awaited<'_>, MailError> {
        let mut awaited = self.awaited();
        if awaited.len() >= AWAITED {
            return Err(MailError::Full(format!(
                "the container awaits {AWAITED} answers already: ask less at once"
            )));
        }
        let (tell, answer) = oneshot::channel();
        awaited.insert(tag, tell);
        Ok(Awaited { answers: self, tag, answer })
    }

    /// Hands answers out until the mailbox is over.
    async fn receive(self: Arc<Self>, mailroom: Mailroom, tables: Arc<Tables>) {
        // It is no agent that asks.
        let nobody: Arc<str> = "".into();
        let node = tables.principal.node_name();
        let mut trouble = Lasting::default();
        loop {
            let how = Recv::within(LOOK).at_most(AT_ONCE);
            let received = match mailroom.exchange().recv(&Asker::Container, self.id, how).await {
                Ok(received) => received,
                Err(
                    ExchangeError::MailboxTerminated { .. }
                    | ExchangeError::NoSuchMailbox { .. }
                    | ExchangeError::Closed,
                ) => break,
                Err(error) => {
                    if trouble.is_to_be_told() {
                        tracing::warn!(node, %error, "no answers to the container's requests can be received; trying again");
                    }
                    link_time::sleep(PAUSE).await;
                    continue;
                }
            };
            if trouble.is_over() {
                tracing::info!(node, "answers to the container's requests are received again");
            }
            for delivered in received {
                let receipt = delivered.receipt;
                self.hand_out(&tables, sending::delivery(delivered, DeliveryId(0), &tables, &nobody, true));
                if let Err(error) = mailroom.exchange().acknowledge(&Asker::Container, &receipt).await {
                    tracing::debug!(%error, "an answer was not acknowledged, and may come again");
                }
            }
        }
        self.awaited().clear();
        self.ended.send_replace(true);
    }

    fn hand_out(&self, tables: &Tables, answer: Delivery) {
        let waiter = match answer.tracking {
            Tracking::Response { tag, .. } => self.awaited().remove(&tag),
            Tracking::Plain | Tracking::Request { .. } => None,
        };
        let late = match waiter {
            Some(waiter) => waiter.send(answer).err(),
            None => Some(answer),
        };
        if let Some(Delivery { kind, .. }) = late {
            tables.counters.answers_late.increment(1);
            let node = tables.principal.node_name();
            tracing::info!(node, %kind, "an answer came that nobody waits for");
        }
    }

    /// Ends the mailbox with its container.
    pub(crate) async fn close(&self, mailroom: &Mailroom) {
        let closed = async {
            if let Err(error) = mailroom.exchange().terminate(&Asker::Container, self.id).await {
                tracing::info!(mailbox = %self.id, %error, "the mailbox of the container's requests stays behind");
            }
            // Who received there has gone.
            self.ended.subscribe().wait_for(|ended| *ended).await.ok();
        };
        link_time::within(CLOSING, closed).await;
    }
}
