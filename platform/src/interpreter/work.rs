//! What a mail of another platform asks for, from its call to its answer.
//!
//! Always true: whatever comes of it, the mail is answered and acknowledged in one step, given back, or left to whoever owns
//! the mailbox next. Neighbours: [`mailbox`](super::mailbox) begins it, the [`router`](crate::router) asks the gate,
//! [`sink`](super::sink) takes replies.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::chance;
use folkmoot_agents::mail::{Again, Delivery, MailAddress, MailError, Outgoing, Step, Tracking};
use folkmoot_agents::turn::{CallHead, Origin};
use folkmoot_codecs::{Arguments, CallError, Limits, Message};
use folkmoot_exchange::{Asker, MailboxId};
use folkmoot_gateway::Admitted;
use folkmoot_gateway::name::short;
use tokio::sync::oneshot;

use super::mailbox::InterpretedMailbox;
use super::sink::{CODEC, MailSink, TakenBack};
use super::{Interpreter, Outcome, Reply, Wish};
use crate::link_time;
use crate::router;
use crate::tables::{Entry, Tables};

/// How often a mail whose call did not come to its end, for its agent ended or began anew, is tried before it is answered so.
const ATTEMPTS: u32 = 3;
/// Pause before such a mail comes again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Attempts to have an answer kept, while the exchange is full or out of reach.
const KEEPING_ATTEMPTS: u32 = 8;
/// Pause before the second of them; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long the turns of an agent that is asked to end may take.
const GRACE: Duration = Duration::from_secs(30);
/// What the gate's rules know the wish to end as.
const SHUTDOWN: &str = "shutdown";

/// What becomes of a call.
enum Waiting {
    /// It is at work.
    Running(oneshot::Receiver<Outcome>, Arc<TakenBack>),
    /// It is over.
    Over(Outcome),
}

/// What follows the end of a call.
enum Next {
    /// Its answer.
    Answer(Outcome),
    /// Nothing: its agent ends, and leaves the mail to whoever runs it next.
    Leave,
    /// Another attempt, later; why.
    Again(String),
}

/// One mail, while it is in hand here.
pub(super) struct Work {
    pub(super) mailbox: Arc<InterpretedMailbox>,
    pub(super) mail: Delivery,
    pub(super) interpreter: Arc<dyn Interpreter>,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.mailbox.hands().count -= 1;
        self.mailbox.settled.notify_waiters();
    }
}

impl Work {
    /// Does what the mail asks for, and answers.
    pub(super) async fn run(self, wish: Wish) {
        let Some(tables) = self.mailbox.tables.upgrade() else { return };
        tables.counters.foreign_requests.increment(1);
        match wish {
            Wish::Call { method, positional, keyword } => {
                let waiting = self.call(&tables, method, &positional, keyword.as_deref());
                drop(tables);
                self.await_call(waiting).await;
            }
            Wish::Describe { method } => {
                let outcome = match self.admitted(&tables, method) {
                    Ok((_, entry)) => Outcome::Described(Box::new(entry.agent.describe())),
                    Err(error) => Outcome::failed(error),
                };
                self.settle(outcome).await;
            }
            Wish::Ping => {
                self.settle(Outcome::Done).await;
            }
            Wish::Cancel { tag } => {
                let outcome = if self.take_back(&tables, tag) { Outcome::Done } else { Outcome::NoSuchCall };
                self.settle(outcome).await;
            }
            Wish::Shutdown { terminate } => match self.admitted(&tables, SHUTDOWN.to_owned()) {
                Ok((_, entry)) => self.shut_down(tables, entry, terminate).await,
                Err(error) => drop(self.settle(Outcome::failed(error)).await),
            },
            Wish::Refuse(reply) => self.refuse(reply).await,
        }
    }

    /// Who asked, under which tag.
    fn key(&self) -> Option<(MailAddress, u128)> {
        match self.mail.tracking {
            Tracking::Request { tag, .. } => self.mail.from.clone().map(|from| (from, tag)),
            Tracking::Plain | Tracking::Response { .. } => None,
        }
    }

    /// Brings a call of that method before the gate.
    fn admitted(&self, tables: &Tables, method: String) -> Result<(Admitted<CallHead>, Entry), CallError> {
        let agent = &self.mail.agent;
        let entry = tables.agent(agent).ok_or_else(|| {
            let cause = "it does not live here".to_owned();
            CallError::AgentStopped { agent: agent.to_string(), cause, may_have_run: false }
        })?;
        let shared = entry.agent.shared();
        let origin = Arc::new(Origin {
            agent: shared.name().clone(),
            target: Some(shared.clone()),
            caller: self.mail.by.clone(),
            inside: self.mail.is_inside,
        });
        let method = entry.agent.method_name(&method).map_or(Cow::Owned(method), Cow::Borrowed);
        let head = CallHead { origin, method, chain: None, sent: link_time::now(), deadline: None };
        Ok((router::admit(tables, head)?, entry))
    }

    /// Hands the call to the agent.
    fn call(&self, tables: &Tables, method: String, positional: &[u8], keyword: Option<&[u8]>) -> Waiting {
        let name = short(&method).into_owned();
        let (head, entry) = match self.admitted(tables, method) {
            Ok(admitted) => admitted,
            Err(error) => return Waiting::Over(Outcome::failed(error)),
        };
        let content = content(positional, keyword);
        let arguments = content
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|content| Message::decode_call(CODEC, content, &Limits::DEFAULT));
        let arguments: Arguments<'_> = match arguments {
            Ok((_, arguments)) => arguments,
            Err(reason) => {
                let error = CallError::BadArguments { method: name, path: String::new(), reason };
                return Waiting::Over(Outcome::failed(error));
            }
        };
        let taken_back = Arc::new(TakenBack::default());
        let (sink, told) = MailSink::new(&taken_back);
        if let Some(key) = self.key() {
            self.mailbox.hands().calls.insert(key, (self.mail.id, taken_back.clone()));
        }
        entry.agent.deliver(head, &arguments, Some(Box::new(sink)));
        Waiting::Running(told, taken_back)
    }

    /// Takes back a call of the same sender; `false` where there is none.
    fn take_back(&self, tables: &Tables, tag: u128) -> bool {
        let Some(from) = self.mail.from.clone() else { return false };
        let Some((_, taken_back)) = self.mailbox.hands().calls.remove(&(from, tag)) else { return false };
        taken_back.set();
        if let Some(entry) = tables.agent(&self.mail.agent) {
            entry.agent.sweep();
        }
        true
    }

    async fn await_call(self, waiting: Waiting) {
        let outcome = match waiting {
            Waiting::Over(outcome) => outcome,
            Waiting::Running(told, taken_back) => tokio::select! {
                biased;
                told = told => told.unwrap_or_else(|_| self.vanished(&taken_back)),
                // A turn that changes the agent's state runs on; nobody waits for it.
                () = taken_back.is_known() => Outcome::Cancelled,
            },
        };
        if let Some(key) = self.key() {
            let mut hands = self.mailbox.hands();
            if hands.calls.get(&key).is_some_and(|(id, _)| *id == self.mail.id) {
                hands.calls.remove(&key);
            }
        }
        self.settle(outcome).await;
    }

    /// The turn has ended without an answer.
    fn vanished(&self, taken_back: &TakenBack) -> Outcome {
        match taken_back.is_set() {
            true => Outcome::Cancelled,
            false => {
                let agent = self.mail.agent.to_string();
                Outcome::failed(CallError::AgentRestarted { agent, may_have_run: true })
            }
        }
    }

    fn next(&self, outcome: Outcome) -> Next {
        let Outcome::Failed { error, .. } = &outcome else { return Next::Answer(outcome) };
        match error {
            CallError::AgentStopped { .. } => Next::Leave,
            CallError::AgentRestarted { .. } | CallError::Overloaded { .. }
                if self.mail.attempt < ATTEMPTS =>
            {
                Next::Again(error.to_string())
            }
            _ => Next::Answer(outcome),
        }
    }

    /// Answers, unless the call is to be tried again; whether it is done with.
    async fn settle(self, outcome: Outcome) -> bool {
        match self.next(outcome) {
            Next::Leave => false,
            Next::Again(reason) => {
                self.give_back(Again::After(AGAIN_AFTER), reason).await;
                false
            }
            Next::Answer(outcome) => {
                let reply = self.interpreter.answer(&self.mail, &outcome);
                match self.keep(reply).await {
                    // What was to be sent cannot be: that can be said.
                    Err(MailError::Invalid(reason)) => {
                        let outcome = Outcome::failed(CallError::BadReply { reason });
                        let reply = self.interpreter.answer(&self.mail, &outcome);
                        let kept = self.keep(reply).await;
                        self.end(kept).await
                    }
                    kept => self.end(kept).await,
                }
            }
        }
    }

    async fn refuse(self, reply: Reply) {
        let kept = self.keep(Some(reply)).await;
        self.end(kept).await;
    }

    async fn shut_down(self, tables: Arc<Tables>, entry: Entry, terminate: bool) {
        let (agent, by) = (self.mail.agent.clone(), self.mail.by.clone());
        let mailroom = self.mailbox.mailroom.clone();
        let address = self.mailbox.own.address().clone();
        if !self.settle(Outcome::Done).await {
            return;
        }
        tracing::info!(%agent, node = tables.principal.node_name(), %by, terminate, "the agent was asked by mail to end");
        drop(tables);
        // An agent that ended by itself meanwhile is what was asked for.
        entry.agent.stop(GRACE).await.ok();
        if !terminate {
            return;
        }
        let ended = match address.as_str().parse::<MailboxId>() {
            Ok(mailbox) => mailroom
                .exchange()
                .terminate(&Asker::Container, mailbox)
                .await
                .map(drop)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = ended {
            tracing::warn!(%agent, %error, "the mailbox of the agent was not terminated");
        }
    }

    /// Acknowledges and answers, in one step; tries again while the exchange cannot.
    async fn keep(&self, reply: Option<Reply>) -> Result<(), MailError> {
        let step = Step {
            acknowledge: vec![self.mail.id],
            keep: Vec::new(),
            send: reply.and_then(|reply| self.outgoing(reply)).into_iter().collect(),
        };
        let mut pause = FIRST_PAUSE;
        for _ in 1..KEEPING_ATTEMPTS {
            match self.mailbox.own.commit(step.clone()).await {
                Err(error) if error.is_passing() => {
                    tracing::debug!(agent = %self.mail.agent, %error, "an answer is not kept yet");
                    link_time::sleep(pause).await;
                    pause *= 2;
                }
                done => return done.map(drop),
            }
        }
        self.mailbox.own.commit(step).await.map(drop)
    }

    fn outgoing(&self, reply: Reply) -> Option<Outgoing> {
        let Tracking::Request { tag, label } = self.mail.tracking else { return None };
        Some(Outgoing {
            to: self.mail.from.clone()?,
            name: None,
            id: chance::uuid(),
            kind: reply.kind,
            tracking: Tracking::Response { tag, label },
            priority: None,
            expires_in: None,
            codec: reply.codec,
            body: reply.body,
        })
    }

    /// The answer was kept, or not; whether the mail is done with.
    async fn end(self, kept: Result<(), MailError>) -> bool {
        let (agent, kind) = (&self.mail.agent, &self.mail.kind);
        match kept {
            Ok(()) => {
                if let Some(tables) = self.mailbox.tables.upgrade() {
                    tables.counters.foreign_answers.increment(1);
                }
                true
            }
            // Whoever owns the mailbox now is given the mail.
            Err(error @ MailError::NotTheOwner(_)) => {
                tracing::debug!(%agent, %kind, %error, "a mail of another platform is left to others");
                false
            }
            Err(
                error @ (MailError::NoSuchMailbox { .. }
                | MailError::Terminated { .. }
                | MailError::Denied(_)),
            ) => {
                tracing::info!(%agent, %kind, %error, "an answer found nobody, and is dropped");
                let kept = self.keep(None).await;
                if let Err(error) = &kept {
                    tracing::warn!(%agent, %kind, %error, "a mail was not acknowledged, and comes again");
                }
                kept.is_ok()
            }
            Err(error) => {
                self.give_back(Again::After(AGAIN_AFTER), format!("its answer was not kept: {error}")).await;
                false
            }
        }
    }

    async fn give_back(&self, again: Again, reason: String) {
        let (agent, kind, attempt) = (&self.mail.agent, &self.mail.kind, self.mail.attempt);
        tracing::info!(%agent, %kind, attempt, %reason, "a mail of another platform comes again");
        if let Err(error) = self.mailbox.own.refuse(self.mail.id, again, reason).await {
            tracing::debug!(%agent, %kind, %error, "a mail was not given back, and comes again when its lease is over");
        }
    }
}

/// A call's content, as links bear it: a path, a list and a map.
fn content(positional: &[u8], keyword: Option<&[u8]>) -> Result<BytesMut, String> {
    let mut content = BytesMut::from(&b"[\"\""[..]);
    for value in [Some(positional), Some(keyword.unwrap_or(b"{}"))].into_iter().flatten() {
        // One value, so that what stands beside it stays beside it.
        CODEC.scan(value, &Limits::DEFAULT).map_err(|error| error.to_string())?;
        content.extend_from_slice(b",");
        content.extend_from_slice(value);
    }
    content.extend_from_slice(b"]");
    Ok(content)
}
