//! A mail in the hands of its handler: how the turn begins, and what follows from how it ends.
//!
//! Always true: a mail whose turn has begun is acknowledged or refused whatever comes of it, also where the turn is dropped;
//! the handler runs inside a panic guard, and the state is borrowed only while it runs. Neighbours: the agent's
//! [`queue`](crate::queue) begins these turns, generated code runs the method, [`inbox`](super::inbox) has the rest.

// The queue is what keeps a borrow that lasts over an await from meeting another: one exclusive turn, or shared ones.
#![allow(clippy::await_holding_refcell_ref)]

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::delivery::{Delivery, Tracking};
use super::error::MailError;
use super::inbox::{Failure, Inbox};
use super::outgoing::Outgoing;
use super::own_mailbox::Step as Kept;
use crate::chance;
use crate::context::Scope;
use crate::interface::{Agent, Step};
use crate::panics::{Panic, guard};
use crate::queue::{Change, Core};
use crate::reply::Plain;

/// Most mails that a handler sends in one turn: they leave in one step with its acknowledgement.
pub const MAX_SENT_IN_TURN: usize = 256;

/// The priority of answers: who waits for one may have other mail that came first.
const ANSWER_PRIORITY: u8 = 9;

/// What a handler sends while it runs, to leave with the acknowledgement.
#[derive(Debug)]
pub(crate) struct Outbox(RefCell<Option<Vec<Outgoing>>>);

impl Outbox {
    pub(crate) fn new() -> Rc<Outbox> {
        Rc::new(Outbox(RefCell::new(Some(Vec::new()))))
    }

    /// Whether the turn is over: what is sent then leaves by itself.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Puts a mail in, unless the turn is over.
    ///
    /// # Errors
    /// `Full`.
    pub(crate) fn put(&self, mail: Outgoing) -> Result<Option<Outgoing>, MailError> {
        match &mut *self.0.borrow_mut() {
            None => Ok(Some(mail)),
            Some(mails) if mails.len() >= MAX_SENT_IN_TURN => Err(MailError::Full(format!(
                "a handler sends at most {MAX_SENT_IN_TURN} mails, which leave with its acknowledgement; send the others from \
                 `ctx.spawn(..)` or a timer"
            ))),
            Some(mails) => {
                mails.push(mail);
                Ok(None)
            }
        }
    }

    fn close(&self) -> Vec<Outgoing> {
        self.0.borrow_mut().take().unwrap_or_default()
    }
}

/// What a handler of mail may return: nothing, what answers a request, or a result of it.
#[diagnostic::on_unimplemented(
    message = "an `#[on]` method cannot return `{Self}`",
    note = "what it returns answers a request, so it must be `Serialize`; the error of a `Result` must be `Display`"
)]
pub trait Answering {
    /// What answers a request.
    type Answer: Serialize;
    /// The answer, or why the mail is not handled.
    ///
    /// # Errors
    /// The handler's own, as a sentence.
    fn into_answer(self) -> Result<Self::Answer, String>;
}

impl<T: Serialize> Answering for Plain<T> {
    type Answer = T;

    fn into_answer(self) -> Result<T, String> {
        Ok(self.0)
    }
}

impl<T: Serialize, E: fmt::Display> Answering for Result<T, E> {
    type Answer = T;

    fn into_answer(self) -> Result<T, String> {
        self.map_err(|error| error.to_string())
    }
}

/// What came of a handler: the encoded answer, where one is wanted.
type Outcome = Result<Option<Bytes>, String>;

/// A mail whose turn has begun.
#[doc(hidden)]
pub struct MailTurn {
    inbox: Rc<Inbox>,
    delivery: Delivery,
    outbox: Rc<Outbox>,
    is_over: bool,
}

impl fmt::Debug for MailTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailTurn").field("kind", &self.delivery.kind).finish_non_exhaustive()
    }
}

impl MailTurn {
    pub(crate) fn new(inbox: Rc<Inbox>, delivery: Delivery, outbox: Rc<Outbox>) -> MailTurn {
        MailTurn { inbox, delivery, outbox, is_over: false }
    }

    /// The mail.
    pub fn delivery(&self) -> Delivery {
        self.delivery.clone()
    }

    /// What the mail says. One that cannot be read so is a dead letter, and its turn is over.
    ///
    /// # Errors
    /// The turn that is over.
    pub fn read<T: DeserializeOwned>(mut self) -> Result<(MailTurn, T), Step> {
        match self.delivery.read() {
            Ok(read) => Ok((self, read)),
            Err(reason) => {
                self.is_over = true;
                self.outbox.close();
                let reason = format!("what the mail says cannot be read: {reason}");
                self.inbox.fail(self.delivery.clone(), Failure::Unreadable, reason);
                Err(Step::Done(None))
            }
        }
    }

    /// A handler has ended that has the state to itself, of an agent that keeps fields: what it changed of them is part of the
    /// step, or taken back.
    async fn end_keeping<A: Agent>(
        mut self,
        ended: Result<Outcome, Panic>,
        state: &RefCell<A>,
        core: &Core<A>,
    ) -> Option<Panic> {
        let (answer, change) = match ended.and_then(|outcome| Ok((outcome, core.change(state)?))) {
            Ok((Ok(answer), change)) => (answer, change),
            Ok((Err(reason), _)) => {
                core.go_back(state);
                return over(self.end(Ok(Err(reason)))).await;
            }
            Err(panic) => return over(self.end(Err(panic))).await,
        };
        if let Change::None = change {
            return over(self.end(Ok(Ok(answer)))).await;
        }
        let step = step(&self.delivery, answer, self.outbox.close());
        let kept = core.keep(state, change, step).await;
        self.is_over = true;
        match kept {
            Ok(()) => self.inbox.note_handled(),
            Err(error) => {
                let reason = format!("what its handler did was not kept: {error}");
                self.inbox.fail(self.delivery.clone(), Failure::NotKept, reason);
            }
        }
        None
    }

    /// The handler has ended.
    fn end(mut self, ended: Result<Outcome, Panic>) -> Step {
        self.is_over = true;
        let sent = self.outbox.close();
        let delivery = self.delivery.clone();
        match ended {
            Ok(Ok(answer)) => {
                let step = step(&delivery, answer, sent);
                self.inbox.finish(delivery, step);
                Step::Done(None)
            }
            Ok(Err(reason)) => {
                self.inbox.fail(delivery, Failure::Refused, reason);
                Step::Done(None)
            }
            Err(panic) => {
                let reason = format!("its handler panicked: {}", panic.text());
                self.inbox.fail(delivery, Failure::Crashed, reason);
                Step::Done(Some(panic))
            }
        }
    }
}

impl Drop for MailTurn {
    fn drop(&mut self) {
        if !self.is_over {
            self.outbox.close();
            let reason = "its handler was cut off: the agent crashed, or was stopped, meanwhile".to_owned();
            self.inbox.fail(self.delivery.clone(), Failure::CutOff, reason);
        }
    }
}

/// What is done all or not at all once a handler has ended well.
fn step(delivery: &Delivery, answer: Option<Bytes>, mut sent: Vec<Outgoing>) -> Kept {
    sent.extend(answer.and_then(|body| response(delivery, body)));
    Kept { acknowledge: vec![delivery.id], keep: Vec::new(), send: sent }
}

/// The answer to a request, on its way.
fn response(delivery: &Delivery, body: Bytes) -> Option<Outgoing> {
    let Tracking::Request { tag, label } = delivery.tracking else { return None };
    Some(Outgoing {
        to: delivery.from.clone()?,
        name: None,
        id: chance::uuid(),
        kind: delivery.kind.clone(),
        tracking: Tracking::Response { tag, label },
        priority: Some(ANSWER_PRIORITY),
        expires_in: None,
        codec: Some(delivery.read_as()),
        body,
    })
}

/// The answer as it is written, where the mail wants one.
fn answer(returned: impl Answering, delivery: &Delivery) -> Outcome {
    let answer = returned.into_answer()?;
    if !matches!(delivery.tracking, Tracking::Request { .. }) {
        return Ok(None);
    }
    let mut body = BytesMut::new();
    match delivery.read_as().encode(&answer, &mut body) {
        Ok(()) => Ok(Some(body.freeze())),
        Err(error) => Err(format!("its answer cannot be written: {error}")),
    }
}

/// Runs a plain `&self` handler.
pub fn begin_mail_shared<A: Agent, R: Answering>(
    state: &Rc<RefCell<A>>,
    _: &Scope<'_, A>,
    mail: MailTurn,
    method: impl FnOnce(&A) -> R,
) -> Step {
    let ended = guard(|| answer(method(&state.borrow()), &mail.delivery));
    mail.end(ended)
}

/// Runs a plain `&mut self` handler.
pub fn begin_mail_exclusive<A: Agent, R: Answering>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    mail: MailTurn,
    method: impl FnOnce(&mut A) -> R,
) -> Step {
    let ended = guard(|| answer(method(&mut state.borrow_mut()), &mail.delivery));
    if A::PERSISTS {
        let (state, core) = (state.clone(), scope.core.clone());
        return Step::Future(Box::pin(async move { mail.end_keeping(ended, &state, &core).await }));
    }
    mail.end(ended)
}

/// Begins an async `&self` handler.
pub fn begin_mail_shared_async<A: Agent, R: Answering>(
    state: &Rc<RefCell<A>>,
    _: &Scope<'_, A>,
    mail: MailTurn,
    method: impl AsyncFnOnce(&A) -> R + 'static,
) -> Step {
    let state = state.clone();
    Step::Future(Box::pin(async move {
        let ended = {
            let agent = state.borrow();
            let delivery = &mail.delivery;
            guarded(pin!(async { answer(method(&agent).await, delivery) })).await
        };
        over(mail.end(ended)).await
    }))
}

/// Begins an async `&mut self` handler.
pub fn begin_mail_exclusive_async<A: Agent, R: Answering>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    mail: MailTurn,
    method: impl AsyncFnOnce(&mut A) -> R + 'static,
) -> Step {
    let (state, core) = (state.clone(), scope.core.clone());
    Step::Future(Box::pin(async move {
        let ended = {
            let mut agent = state.borrow_mut();
            let delivery = &mail.delivery;
            guarded(pin!(async { answer(method(&mut agent).await, delivery) })).await
        };
        if A::PERSISTS {
            return mail.end_keeping(ended, &state, &core).await;
        }
        over(mail.end(ended)).await
    }))
}

/// Polls a handler, and catches its panic.
async fn guarded<F: Future<Output = Outcome>>(mut handler: Pin<&mut F>) -> Result<Outcome, Panic> {
    poll_fn(|cx| match guard(|| handler.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(outcome)) => Poll::Ready(Ok(outcome)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The end of a turn, from within its future.
async fn over(step: Step) -> Option<Panic> {
    match step {
        Step::Done(panic) => panic,
        Step::Future(future) => future.await,
    }
}
