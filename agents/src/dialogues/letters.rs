//! How a message gets in that came by mail: through the rules, to whoever is to have it.
//!
//! Always true: what a message has changed of its dialogue is kept in the step that acknowledges it, before anybody learns
//! of it. One that is refused is acknowledged with the mail that tells its sender so, and one whose sender cannot be told is
//! a dead letter; an `error` is never answered. Neighbours: [`judging`](super::judging) asks the rules,
//! [`posting`](super::posting) is the other end, [`incoming`](super::incoming) takes in what comes by calls.

use std::rc::Rc;

use folkmoot_protocols::dialogue::{DialogueId, ErrorReply};
use folkmoot_protocols::typed::{Conversed, Heard};
use folkmoot_protocols::{Envelope, Reading};

use super::desk::Desk;
use super::incoming::{Incoming, Pending};
use super::judging::{Accepted, Came, ERRORS, Refused, sealed};
use super::notice::{MESSAGE, refused_message};
use super::posting::{NotDone, mail};
use super::way::Post;
use super::{Cause, DialogueError};
use crate::context::Scope;
use crate::host::BoxFuture;
use crate::interface::{Agent, LocalFuture};
use crate::mail::{Delivery, Failure, Inbox, Letter, MailError, Outgoing, Step};

/// How often a message comes again before which another one is missing.
const EARLY_ATTEMPTS: u32 = 3;

/// Longest message that goes back with the reason why it was refused, in bytes.
const RETURNED_BYTES: usize = 16 << 10;

/// Takes a message in. `handles` knows by its performative whether there is a handler; `request` puts it into the agent's
/// requests.
pub fn take_letter<P: Conversed, A: Agent>(
    letter: Letter,
    scope: &Scope<'_, A>,
    handles: impl Fn(u16) -> bool + 'static,
    request: impl FnOnce(Incoming<P>) -> A::Request + 'static,
) -> Pending<A::Request> {
    let heard = receive(scope.core.desk::<P>(), letter, handles);
    Pending(Box::pin(async move { heard.await.map(|heard| request(Incoming::Heard(heard))) }))
}

/// Reads and judges a message now; what follows from that is kept, and whoever awaits the message has it, when this is done.
pub(super) fn receive<P: Conversed>(
    desk: Rc<Desk<P>>,
    letter: Letter,
    handles: impl Fn(u16) -> bool + 'static,
) -> LocalFuture<Option<Heard<P>>> {
    let delivery = letter.delivery();
    let taken = desk.take(&delivery.body, &Came::ByMail(delivery), &handles);
    let (id, heard) = match taken {
        Ok(Accepted::New(id, heard)) => (id, Some(heard)),
        Ok(Accepted::Known(id) | Accepted::Notice(Some(id))) => (id, None),
        Ok(Accepted::Notice(None)) => {
            return Box::pin(async move {
                acknowledge(letter, Vec::new()).await;
                None
            });
        }
        Err(refused) => {
            return Box::pin(async move {
                refuse(&desk, *refused, letter).await;
                None
            });
        }
    };
    // As it stands now, before another message is judged.
    let kept = desk.keep_with(id, letter.acknowledging(Vec::new()));
    let arriving = Arriving::begin(&desk, id);
    Box::pin(async move {
        let heard = keep(desk, id, heard, letter, kept, handles).await;
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
    id: DialogueId,
    heard: Option<Heard<P>>,
    mut letter: Letter,
    kept: BoxFuture<'static, Result<(), NotDone>>,
    handles: impl Fn(u16) -> bool + 'static,
) -> Option<Heard<P>> {
    let mut kept = kept.await;
    let mut attempt = 1;
    while let Err(NotDone::Mail(error)) = &kept
        && letter.may_try_again(attempt, error).await
    {
        attempt += 1;
        kept = desk.keep_with(id, letter.acknowledging(Vec::new())).await;
    }
    let ends = heard.as_ref().is_some_and(|heard| heard.ended.is_some());
    match kept {
        Ok(()) => letter.is_acknowledged(),
        // The next owner takes it in.
        Err(NotDone::Mail(MailError::NotTheOwner(_))) => return None,
        Err(error) => {
            if ends {
                desk.note_end(id);
            }
            desk.give_up(id, &Cause::Abandoned, "its messages cannot be kept there");
            let (agent, error) = (desk.full_name(), DialogueError::from(error));
            tracing::error!(%agent, protocol = P::ID, %error, "a message came that could not be kept; its dialogue is given up");
            letter.give_back(Failure::NotKept, format!("the message could not be kept: {error}")).await;
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
async fn acknowledge(mut letter: Letter, answer: Vec<Outgoing>) -> Option<Letter> {
    let mut attempt = 1;
    loop {
        match letter.acknowledge(answer.clone()).await {
            Ok(()) => return None,
            Err(error) if letter.may_try_again(attempt, &error).await => attempt += 1,
            Err(MailError::NotTheOwner(_)) => return None,
            Err(error) if error.is_passing() => {
                letter.give_back(Failure::NotKept, format!("it could not be acknowledged: {error}")).await;
                return None;
            }
            Err(_) => return Some(letter),
        }
    }
}

/// Tells whoever sent a message that it was not taken.
async fn refuse<P: Conversed>(desk: &Desk<P>, refused: Refused, letter: Letter) {
    let delivery = letter.delivery();
    if refused.is_early && delivery.attempt <= EARLY_ATTEMPTS {
        let reason = format!("another message is missing before it: {}", refused.reason);
        return letter.give_back(Failure::Early, reason).await;
    }
    desk.note_refused(&refused);
    let Refused { error, reason, place, .. } = refused;
    let to = delivery.from.clone().filter(|_| P::ID != ERRORS);
    let answer = error.zip(to).and_then(|((mut error, ..), to)| {
        error.data.retain(|(name, bytes)| name != MESSAGE || bytes.len() <= RETURNED_BYTES);
        error.data.extend(place.iter().flat_map(|(starter, number)| refused_message(starter, *number)));
        let own = desk.inbox().ok()?.mailbox().address().as_str().to_owned();
        let post = Post { mailbox: to, name: delivery.by.agent_name().map(Into::into) };
        let envelope = sealed(error, own, post.mailbox.as_str().to_owned())?;
        Some(mail(P::ID, &post, envelope))
    });
    let untold = match answer {
        Some(answer) => acknowledge(letter, vec![answer]).await,
        None => Some(letter),
    };
    if let Some(letter) = untold {
        letter.give_back(Failure::NotTaken, format!("the message was refused: {reason}")).await;
    }
}

/// Refuses a message of a protocol that the agent does not speak: its sender is told, and it is a dead letter. Gives the mail
/// back where it is no such message.
pub(crate) fn refuse_unspoken(inbox: &Rc<Inbox>, delivery: Delivery, agent: &str) -> Option<Delivery> {
    let Some((reason, answer)) = answer_unspoken(inbox, &delivery, agent) else { return Some(delivery) };
    let doing = inbox.clone();
    inbox.begin(Box::pin(async move {
        let step = Step { send: vec![answer], ..Step::default() };
        if let Err(error) = doing.mailbox().commit(step).await {
            tracing::info!(agent = %delivery.agent, kind = %delivery.kind, %error, "whoever sent a message of a protocol that is not spoken here is not told so");
        }
        doing.refuse(delivery, Failure::Unhandled, reason).await;
        doing.let_go();
    }));
    None
}

fn answer_unspoken(inbox: &Inbox, delivery: &Delivery, agent: &str) -> Option<(String, Outgoing)> {
    let from = delivery.from.clone()?;
    let envelope = Envelope::decode(&delivery.body, Reading::STRICT).ok()?;
    if envelope.protocol_id == ERRORS || envelope.sender != from.as_str() {
        return None;
    }
    let protocol = &envelope.protocol_id;
    let reason = format!(
        "Unsupported protocol {protocol}: agent \"{agent}\" handles none of its performatives, and has begun no dialogue in it"
    );
    let mut error = ErrorReply::unsupported(reason.clone(), protocol);
    if envelope.message.len() <= RETURNED_BYTES {
        error.data.push((MESSAGE.to_owned(), envelope.message));
    }
    let post = Post { mailbox: from, name: delivery.by.agent_name().map(Into::into) };
    let own = inbox.mailbox().address().as_str().to_owned();
    let sealed = sealed(error, own, post.mailbox.as_str().to_owned())?;
    Some((reason, mail(&delivery.kind, &post, sealed)))
}
