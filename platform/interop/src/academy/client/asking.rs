//! One request to an agent, from its sending to its answer, and the table of those that wait.
//!
//! Always true: a request is in the table exactly as long as somebody waits for it; an action that is left unanswered is
//! taken back by a cancel. Neighbours: [`handle`](super::handle) asks, [`listening`](super::listening) brings answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use folkmoot::exchange::{Mail, MailId, MailboxId, Moment, Posting};
use folkmoot::{Codec, Mailroom, Timestamp};
use tokio::sync::oneshot;

use super::super::body::{Answer, Question};
use super::super::entity::{EntityId, Number};
use super::super::envelope::Envelope;
use super::super::message::{Dialect, Direction};
use super::super::sending::KIND;
use super::super::server::MAX_MESSAGE_BYTES;
use super::error::HandleError;
use super::reading::Asked;
use super::{AcademyClient, Shared};

/// Most requests of one client that wait for their answers.
const MAX_WAITING: usize = 10_000;
/// What a cancel is of use for: an agent that is not there for so long has no action to cancel.
const CANCEL_TIME: Duration = Duration::from_secs(60);

/// An answer, and what its sender speaks.
pub(crate) type Answered = Result<(Answer, Dialect), HandleError>;

/// When an answer must be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until {
    pub(crate) moment: Timestamp,
    /// The time that was given.
    pub(crate) given: Duration,
}

/// Who waits for an answer.
struct Waiter {
    asked: Asked,
    tell: oneshot::Sender<Answered>,
}

/// All who wait, by the tags of their requests.
#[derive(Default)]
pub(crate) struct Waiting {
    waiters: Mutex<HashMap<u128, Waiter>>,
}

impl Waiting {
    fn waiters(&self) -> MutexGuard<'_, HashMap<u128, Waiter>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, tag: u128, waiter: Waiter) -> Result<(), HandleError> {
        let mut waiters = self.waiters();
        if waiters.len() >= MAX_WAITING {
            return Err(HandleError::TooMany { limit: MAX_WAITING });
        }
        waiters.insert(tag, waiter);
        Ok(())
    }

    /// Hands an answer of `from` to whoever waits for it; `false` where nobody does.
    pub(crate) fn answer(&self, from: MailboxId, tag: u128, read: impl FnOnce(&Asked) -> Answered) -> bool {
        let mut waiters = self.waiters();
        if waiters.get(&tag).is_none_or(|waiter| waiter.asked.agent != from) {
            return false;
        }
        let Some(Waiter { asked, tell }) = waiters.remove(&tag) else { return false };
        drop(waiters);
        tell.send(read(&asked)).is_ok()
    }

    /// Nobody will be answered any more.
    pub(crate) fn end(&self) {
        let waiters = std::mem::take(&mut *self.waiters());
        for (_, waiter) in waiters {
            // Who went away needs no word.
            waiter.tell.send(Err(HandleError::Closed)).ok();
        }
    }
}

/// A request that somebody waits for. Dropped unanswered it leaves the table, and an action is taken back.
struct Pending {
    shared: Arc<Shared>,
    tag: u128,
    label: u128,
    agent: MailboxId,
    /// Whether an agent may be at work on it.
    is_at_work: bool,
}

impl Drop for Pending {
    fn drop(&mut self) {
        let left = self.shared.waiting.waiters().remove(&self.tag);
        if left.is_none() || !self.is_at_work {
            return;
        }
        let (shared, agent, label) = (self.shared.clone(), self.agent, self.label);
        let question = Question::Cancel { target_tag: Number(self.tag) };
        let until = shared.until(CANCEL_TIME);
        self.shared.runtime.spawn(async move {
            let tag = Mailroom::unused_number();
            if let Err(error) = shared.send(agent, (tag, label), &question, until).await {
                tracing::debug!(%agent, %error, "an action was not taken back");
            }
        });
    }
}

impl AcademyClient {
    /// Asks and waits for the answer.
    pub(crate) async fn ask(&self, asked: &Asked, label: u128, question: Question, until: Until) -> Answered {
        let shared = self.shared().clone();
        let (tell, told) = oneshot::channel();
        let tag = Mailroom::unused_number();
        shared.waiting.enter(tag, Waiter { asked: asked.clone(), tell })?;
        let agent = asked.agent;
        let mut pending = Pending { shared, tag, label, agent, is_at_work: false };
        let is_action = matches!(question, Question::Action(_));
        // Where the future is dropped while it is being sent, it may have been.
        pending.is_at_work = is_action;
        if let Err(error) = pending.shared.send(agent, (tag, label), &question, until).await {
            pending.is_at_work = false;
            return Err(error);
        }
        let late = pending.shared.clock.sleep_until(until.moment);
        tokio::select! {
            biased;
            answer = told => answer.unwrap_or(Err(HandleError::Closed)),
            () = late => Err(HandleError::Deadline { agent, asked: asked.what.clone(), after: until.given }),
        }
    }
}

impl Shared {
    /// When an answer must be there that may take so long.
    pub(crate) fn until(&self, given: Duration) -> Until {
        Until { moment: self.clock.now() + given, given }
    }

    async fn send(
        &self,
        agent: MailboxId,
        (tag, label): (u128, u128),
        question: &Question,
        until: Until,
    ) -> Result<(), HandleError> {
        let envelope = Envelope {
            src: EntityId { mailbox: self.mailbox, name: self.name.clone() },
            dest: agent.into(),
            tag,
            label: Some(label),
            direction: Direction::Request,
            dialect: dialect_for(agent),
        };
        let text = envelope.write(question);
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(HandleError::TooLarge { size: text.len(), limit: MAX_MESSAGE_BYTES });
        }
        let kind = format!("{KIND}{}", question.kind());
        let mut mail = Mail::new(MailId(Mailroom::unused_number()), kind, text)
            .from(self.mailbox)
            .request(tag, Some(label))
            // Nobody waits for what is done later.
            .expires_at(moment(until.moment));
        mail.codec = Some(Codec::Json);
        self.post(agent, mail).await.map_err(|error| HandleError::of_sending(error, agent))
    }

    /// Brings a mail of this client's before the gate and into a mailbox.
    pub(crate) async fn post(&self, to: MailboxId, mail: Mail) -> Result<(), folkmoot::MailError> {
        let posting = Posting::new(to, mail, self.mailroom.principal(), self.asker.clone()).from_inside();
        self.mailroom.send(posting).await.map(drop)
    }
}

/// What a request to an agent is written in: what every release reads, but for agents of Folkmoot's, which answer in it.
fn dialect_for(agent: MailboxId) -> Dialect {
    if agent.is_derived() { Dialect::New } else { Dialect::Old }
}

fn moment(time: Timestamp) -> Moment {
    Moment::from_millis(u64::try_from(time.0.as_millis()).unwrap_or(u64::MAX))
}
