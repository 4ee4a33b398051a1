//! How a message gets in that came by mail: through the rules, to whoever is to have it.
//!
//! Always true: what a message has changed of its dialogue is kept in the step that acknowledges it, before anybody learns
//! of it. One that is refused is acknowledged with the mail that tells its sender so, and one whose sender cannot be told is
//! a dead letter; an `error` is never answered. Neighbours: [`judging`](super::judging) asks the rules,
//! [`posting`](super::posting) is the other end, [`incoming`](super::incoming) takes in what comes by calls.

use std::rc::Rc;

use folkmoot_protocols::dialogue::DialogueId;
use folkmoot_protocols::typed::{Conversed, Heard};

use super::desk::Desk;
use super::incoming::{Incoming, Pending};
use super::judging::{Accepted, Came, ERRORS, Refused, TakenIn};
use super::notice::refusal;
use super::posting::NotDone;
use super::{Cause, DialogueError};
use crate::context::Scope;
use crate::host::BoxFuture;
use crate::interface::{Agent, LocalFuture};
use crate::mail::{Failure, MailError, MailedMessage, Outgoing};

/// How often a message comes again before which another one is missing.
const EARLY_ATTEMPTS: u32 = 3;

/// Takes a message in. `handles` knows by its performative whether there is a handler; `request` puts it into the agent's
/// requests.
pub fn take_mailed<P: Conversed, A: Agent>(
    message: MailedMessage,
    scope: &Scope<'_, A>,
    handles: impl Fn(u16) -> bool + 'static,
    request: impl FnOnce(Incoming<P>) -> A::Request + 'static,
) -> Pending<A::Request> {
    let heard = receive(scope.core.desk::<P>(), message, handles);
    Pending(Box::pin(async move { heard.await.map(|heard| request(Incoming::Heard(heard))) }))
}

/// Reads and judges a message now; what follows from that is kept, and whoever awaits the message has it, when this is done.
pub(super) fn receive<P: Conversed>(
    desk: Rc<Desk<P>>,
    message: MailedMessage,
    handles: impl Fn(u16) -> bool + 'static,
) -> LocalFuture<Option<Heard<P>>> {
    let delivery = message.delivery();
    let taken = desk.take(&delivery.body, &Came::ByMail(delivery), &handles);
    let taken = match taken {
        Ok(Accepted::Message(taken)) => taken,
        Ok(Accepted::Notice(Some(id))) => TakenIn::unheard(id, false),
        Ok(Accepted::Notice(None)) => {
            return Box::pin(async move {
                acknowledge(message, Vec::new()).await;
                None
            });
        }
        Err(refused) => {
            return Box::pin(async move {
                refuse(&desk, *refused, message).await;
                None
            });
        }
    };
    // As it stands now, before another message is judged.
    let kept = desk.keep_with(taken.id, message.acknowledging(Vec::new()));
    let arriving = Arriving::begin(&desk, taken.id);
    Box::pin(async move {
        let heard = keep(desk, taken, message, kept, handles).await;
        drop(arriving);
        heard
    })
}

/// A message that is being kept: nobody else goes on with its dialogue meanwhile.
struct Arriving<P: Conversed>(Rc<Desk<P>>, DialogueId);

impl<P: Conversed> Arriving<P> {
    fn begin(desk: &Rc<Desk<P>>, id: DialogueId) -> Arriving<P> {
        if let Some(beside) = desk.beside.borrow_mut().get_mut(&id) {
            beside.arriving += 1;
        }
        Arriving(desk.clone(), id)
    }
}

impl<P: Conversed> Drop for Arriving<P> {
    fn drop(&mut self) {
        if let Some(beside) = self.0.beside.borrow_mut().get_mut(&self.1) {
            beside.arriving = beside.arriving.saturating_sub(1);
        }
    }
}

/// Keeps what a message has changed and acknowledges it, and hands it to who awaits it.
async fn keep<P: Conversed>(
    desk: Rc<Desk<P>>,
    TakenIn { id, heard, ends }: TakenIn<P>,
    mut message: MailedMessage,
    kept: BoxFuture<'static, Result<(), NotDone>>,
    handles: impl Fn(u16) -> bool + 'static,
) -> Option<Heard<P>> {
    let mut kept = kept.await;
    let mut attempt = 1;
    while let Err(NotDone::Mail(error)) = &kept
        && message.may_try_again(attempt, error).await
    {
        attempt += 1;
        kept = desk.keep_with(id, message.acknowledging(Vec::new())).await;
    }
    match kept {
        Ok(()) => message.is_acknowledged(),
        // The next owner takes it in.
        Err(NotDone::Mail(MailError::NotTheOwner(_))) => return None,
        Err(error) => {
            if ends {
                desk.note_end(id);
            }
            desk.give_up(id, &Cause::Abandoned, "its messages cannot be kept there");
            let (agent, error) = (desk.full_name(), DialogueError::from(error));
            tracing::error!(%agent, protocol = P::ID, %error, "a message came that could not be kept; its dialogue is given up");
            message.give_back(Failure::NotKept, format!("the message could not be kept: {error}")).await;
            return None;
        }
    }
    let heard = heard.and_then(|heard| desk.hand_on(id, heard, &handles));
    if ends {
        desk.note_end(id);
    }
    // Something else may be awaited in a dialogue that this has ended.
    desk.tell_end(id);
    heard
}

/// Acknowledges a message with what answers it. Where that cannot be sent, the message is a dead letter, or comes again.
async fn acknowledge(mut message: MailedMessage, answer: Vec<Outgoing>) -> Option<MailedMessage> {
    let mut attempt = 1;
    loop {
        match message.acknowledge(answer.clone()).await {
            Ok(()) => return None,
            Err(error) if message.may_try_again(attempt, &error).await => attempt += 1,
            Err(MailError::NotTheOwner(_)) => return None,
            Err(error) if error.is_passing() => {
                message.give_back(Failure::NotKept, format!("it could not be acknowledged: {error}")).await;
                return None;
            }
            Err(_) => return Some(message),
        }
    }
}

/// Tells whoever sent a message that it was not taken.
async fn refuse<P: Conversed>(desk: &Desk<P>, refused: Refused, message: MailedMessage) {
    let delivery = message.delivery();
    if refused.is_early && delivery.attempt <= EARLY_ATTEMPTS {
        let reason = format!("another message is missing before it: {}", refused.reason);
        return message.give_back(Failure::Early, reason).await;
    }
    desk.note_refused(&refused);
    let Refused { error, reason, .. } = refused;
    let answer = error
        .filter(|_| P::ID != ERRORS)
        .and_then(|(error, ..)| refusal(desk.inbox().ok()?.mailbox().address(), delivery, error));
    let untold = match answer {
        Some(answer) => acknowledge(message, vec![answer]).await,
        None => Some(message),
    };
    if let Some(message) = untold {
        message.give_back(Failure::NotTaken, format!("the message was refused: {reason}")).await;
    }
}
