//! What an agent says: the first message of a dialogue, an answer, and what it waits for then.
//!
//! Always true: a message is judged by the rules, and kept where dialogues outlive the agent, before it is sent; it is
//! handed over by an idempotent call without a chain, for the other side takes it in whatever it does meanwhile, or sent by
//! mail. Neighbours: [`desk`](super::desk) keeps the dialogues, [`posting`](super::posting) sends by mail,
//! [`Context`](crate::Context) begins all this.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use folkmoot_codecs::CallError;
use folkmoot_protocols::dialogue::{DialogueId, ErrorReply, Refusal, Side};
use folkmoot_protocols::typed::{
    Answered, Answers, Conversed, Heard, Opens, Performative, Role, Said, Says, Spoken, State,
};
use folkmoot_protocols::{Body, Envelope, Message, Reading};
use tokio::sync::oneshot;

use super::desk::{Desk, Waiter};
use super::judging::errors;
use super::way::{Sought, Way};
use super::{Cause, DialogueError, ReplyError};
use crate::chain;
use crate::interface::LocalFuture;
use crate::mail::Listening;
use crate::proxy::Proxy;

/// The protocol of a role.
type Of<R> = <R as Role>::Protocol;

/// What answers `N`, each performative with its dialogue.
pub type Reply<R, N> = <N as Answered>::By<R>;

/// Judges a message by the rules and gives it; the first of a dialogue goes the way that was found.
type Make<R, N> = Box<dyn FnOnce(&Desk<Of<R>>, Option<Way>) -> Result<Spoken<R, N>, DialogueError>>;

/// What is made of a failure: the error, and whether the dialogue is as it was.
type Fail<E> = Box<dyn FnOnce(DialogueError, bool) -> E>;

/// Something that is said once this is awaited; with [`answer`](Speech::answer), the other side's answer is awaited too.
///
/// Awaited as it is, it gives the dialogue as soon as the other side has taken the message in, or the exchange the mail.
/// What answers it then goes
/// to the handler of its performative; where there is none, it is kept for
/// [`Context::answer`](crate::Context::answer).
#[must_use = "nothing is said until this is awaited"]
pub struct Speech<R: Role, N, E = DialogueError> {
    desk: Rc<Desk<Of<R>>>,
    sought: Option<Sought>,
    make: Make<R, N>,
    fail: Fail<E>,
}

impl<R: Role, N, E> fmt::Debug for Speech<R, N, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Speech").field("agent", self.desk.name()).finish_non_exhaustive()
    }
}

impl<R: Role, N> Speech<R, N> {
    /// Something that begins a dialogue.
    pub(crate) fn opening(desk: Rc<Desk<Of<R>>>, sought: Sought, said: N) -> Speech<R, N>
    where
        N: Opens<Of<R>>,
        R: Says<N>,
    {
        let make = move |desk: &Desk<Of<R>>, way: Option<Way>| {
            let way = way.ok_or(Cause::Forgotten)?;
            let now = desk.now();
            let spoken = R::open(&mut desk.dialogues.borrow_mut(), &way.address(), said, now)?;
            let known_as = match &way {
                Way::Calls(_) => desk.host().url_of(desk.name()).into(),
                Way::Mail(_) => desk.own_address(),
            };
            desk.enter(spoken.0.id(), way, known_as, None);
            Ok(spoken)
        };
        Speech { desk, sought: Some(sought), make: Box::new(make), fail: Box::new(|cause, _| cause) }
    }
}

impl<R, N, D> Speech<R, N, ReplyError<D>>
where
    R: Role + Says<N>,
    N: Answers<D::Last>,
    D: State<Role = R> + 'static,
{
    /// Something that is said next in a dialogue.
    pub(crate) fn next(desk: Rc<Desk<Of<R>>>, dialogue: D, said: N) -> Self {
        let again = dialogue.twin();
        let make = move |desk: &Desk<Of<R>>, _: Option<Way>| {
            let now = desk.now();
            let said = dialogue.say(&mut desk.dialogues.borrow_mut(), said, now);
            said.map_err(|unsaid| DialogueError::Refusal(unsaid.refusal))
        };
        let fail = |cause, is_as_it_was: bool| ReplyError { cause, dialogue: is_as_it_was.then_some(again) };
        Speech { desk, sought: None, make: Box::new(make), fail: Box::new(fail) }
    }
}

impl<R: Role, N: Performative<Protocol = Of<R>>, E> Speech<R, N, E> {
    /// Says it and awaits what the other side answers, which goes to no handler then. It is waited for until the dialogue
    /// ends or times out; dropped, what comes later goes to handlers again.
    ///
    /// # Errors
    /// As the message itself; `GivenUp`, where the other side gave the dialogue up; `Ended`, where it ended in another way.
    pub async fn answer(self) -> Result<Reply<R, N>, E>
    where
        N: Answered,
    {
        let Speech { desk, sought, make, fail } = self;
        let (said, message) = match desk.spoken(sought, make).await {
            Ok(spoken) => spoken,
            Err(cause) => return Err(refused(cause, fail)),
        };
        // First: the answer may be here before the way out has been.
        let answer = match desk.wait(said.id(), said.message_id()) {
            Ok(answer) => answer,
            Err(cause) => return Err(fail(cause, false)),
        };
        if let Err(unsent) = desk.say(said.id(), message).await {
            return Err(fail(unsent.cause, unsent.is_taken_back));
        }
        let answered = match answer.await {
            Ok(heard) => take(said, heard),
            Err(cause) => Err(cause),
        };
        answered.map_err(|cause| fail(cause, false))
    }
}

/// What the rules did not allow has changed nothing.
fn refused<E>(cause: DialogueError, fail: Fail<E>) -> E {
    let is_as_it_was = match &cause {
        DialogueError::Refusal(Refusal::Ended { .. } | Refusal::TimedOut { .. } | Refusal::Gone) => false,
        DialogueError::Refusal(_) => true,
        _ => false,
    };
    fail(cause, is_as_it_was)
}

impl<R: Role, N: Performative<Protocol = Of<R>>, E: 'static> IntoFuture for Speech<R, N, E> {
    type Output = Result<Said<R, N>, E>;
    type IntoFuture = LocalFuture<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Speech { desk, sought, make, fail } = self;
            let (said, message) = match desk.spoken(sought, make).await {
                Ok(spoken) => spoken,
                Err(cause) => return Err(refused(cause, fail)),
            };
            match desk.say(said.id(), message).await {
                Ok(()) => Ok(said),
                Err(unsent) => Err(fail(unsent.cause, unsent.is_taken_back)),
            }
        })
    }
}

/// What answers what was said last in a dialogue.
pub(crate) async fn answer<D: State<Last: Answered>>(
    desk: Rc<Desk<Of<D::Role>>>,
    dialogue: D,
) -> Result<Reply<D::Role, D::Last>, DialogueError> {
    let answer = desk.wait(dialogue.id(), dialogue.message_id())?;
    take(dialogue, answer.await?)
}

fn take<D: State<Last: Answered>>(
    dialogue: D,
    heard: Heard<Of<D::Role>>,
) -> Result<Reply<D::Role, D::Last>, DialogueError> {
    // It answers that message of that dialogue, and the rules say by what.
    dialogue.take(heard).map_err(|unfit| DialogueError::Unsendable { reason: unfit.to_string() })
}

impl<P: Conversed> Desk<P> {
    /// Finds the way, where a dialogue is to begin, and judges what is said.
    async fn spoken<R: Role<Protocol = P>, N>(
        &self,
        sought: Option<Sought>,
        make: Make<R, N>,
    ) -> Result<Spoken<R, N>, DialogueError> {
        let way = match sought {
            None => None,
            Some(Sought::Agent(peer)) => {
                let peer = peer.map_err(DialogueError::Unsent)?;
                Some(Way::Calls(Proxy::spoken_by(&peer, self.principal())))
            }
            Some(Sought::Mailbox(to)) => Some(self.find(to).await?),
        };
        make(self, way)
    }

    /// Waits for what answers a message of a dialogue.
    fn wait(self: &Rc<Self>, id: DialogueId, target: i32) -> Result<Waiting<P>, DialogueError> {
        let mut besides = self.beside.borrow_mut();
        let Some(beside) = besides.get_mut(&id) else {
            return Err(Cause::Forgotten.into());
        };
        let came = beside.unread.iter().position(|heard| heard.target == target);
        let (tell, told) = oneshot::channel();
        if let Some(heard) = came.and_then(|place| beside.unread.remove(place)) {
            // The other end is in this very function.
            tell.send(Ok(heard)).ok();
        } else if beside.waiter.as_ref().is_some_and(|waiter| !waiter.tell.is_closed()) {
            return Err(DialogueError::Awaited);
        } else if let Some(cause) = beside.over.clone().or_else(|| self.end_of(id)) {
            return Err(cause.into());
        } else {
            beside.waiter = Some(Waiter { target, tell });
        }
        let listening = match (&beside.way, &self.inbox) {
            (Way::Mail(_), Some(inbox)) => Some(inbox.listen()),
            _ => None,
        };
        Ok(Waiting { desk: self.clone(), id, told, _listening: listening })
    }

    /// Keeps and sends a message that the rules allowed. One that certainly was not taken is taken back, and the dialogue
    /// is as it was; else it is given up where that fails, for nobody knows how it stands.
    async fn say(self: &Rc<Self>, id: DialogueId, message: Message<P>) -> Result<(), Unsent> {
        if let Some(post) = self.post_of(id) {
            return self.post(id, post, message).await;
        }
        let mut unsaid = Unsaid { desk: self, id, is_over: false };
        let message_id = message.message_id;
        let said = async {
            if let Some(keeping) = self.keep(id) {
                keeping.await?;
            }
            self.hand_over(id, message).await
        };
        let said = said.await;
        let Err(cause) = said else {
            unsaid.is_over = true;
            if self.dialogues.borrow_mut().confirm(id) {
                self.note_end(id);
            }
            return Ok(());
        };
        let mut is_taken_back = cause.was_not_taken() && self.unsay(id, message_id);
        if is_taken_back && let Some(keeping) = self.keep(id) {
            is_taken_back = keeping.await.is_ok();
        }
        unsaid.is_over = true;
        if let DialogueError::Unsent(CallError::Denied { .. }) = &cause {
            self.note_denied(id);
        }
        if !is_taken_back {
            self.abandon(id, &Cause::Unsent { reason: cause.to_string() });
        }
        Err(Unsent { cause, is_taken_back })
    }

    pub(super) fn unsay(&self, id: DialogueId, message_id: i32) -> bool {
        let now = self.now();
        self.dialogues.borrow_mut().unsay(id, message_id, now)
    }

    /// Says once more, in dialogues that have outlived the agent, what it said last: nobody knows whether that was handed
    /// over, and twice is as good as once.
    pub(crate) fn say_again(self: &Rc<Self>) -> Vec<LocalFuture<()>> {
        if self.keeping.is_none() {
            return Vec::new();
        }
        let dialogues = self.dialogues.borrow();
        // What was kept and sent in one step has been sent.
        let is_certain = |id| self.keeps_at_mailbox() && self.post_of(id).is_some();
        let ours = dialogues.all().filter_map(|(id, dialogue)| {
            let last = dialogue.last_message().filter(|last| last.by == Side::Us)?;
            let is_open = dialogue.ended().is_none() && !is_certain(id);
            is_open.then(|| dialogues.message(id, last.message_id)).flatten().map(|message| (id, message))
        });
        let again = ours.map(|(id, message)| -> LocalFuture<()> {
            let desk = self.clone();
            Box::pin(async move {
                if let Err(Unsent { cause: error, .. }) = desk.say(id, message).await {
                    desk.abandon(id, &Cause::Unsent { reason: error.to_string() });
                    let agent = desk.name();
                    tracing::warn!(%agent, protocol = P::ID, %error, "a dialogue that was kept is given up");
                }
            })
        });
        again.collect()
    }

    async fn hand_over(&self, id: DialogueId, mut message: Message<P>) -> Result<(), DialogueError> {
        let way = self.beside.borrow().get(&id).map(|beside| (beside.way.clone(), beside.known_as.clone()));
        let Some((Way::Calls(peer), known_as)) = way else {
            return Err(Cause::Forgotten.into());
        };
        message.sender = Some(known_as.to_string());
        let envelope = Envelope::new(&message)
            .map_err(|error| DialogueError::Unsendable { reason: error.to_string() })?;
        let handed_over = Unchained(Desk::<P>::call(&peer, envelope.encode())).await;
        match handed_over.map_err(DialogueError::Unsent)? {
            None => {
                self.counters().messages_out.increment(1);
                Ok(())
            }
            Some(error) => Err(refusal(&error)),
        }
    }
}

/// What an envelope says that came back.
fn refusal(envelope: &[u8]) -> DialogueError {
    let read = || {
        let errors = errors().ok_or("the protocol `default` is not at hand")?;
        let envelope = Envelope::decode(envelope, Reading::STRICT).map_err(|error| error.to_string())?;
        let message: Message<Body> =
            envelope.open(errors, Reading::STRICT).map_err(|error| error.to_string())?;
        ErrorReply::read(&message.body).ok_or_else(|| "it says no `error`".to_owned())
    };
    match read() {
        Ok(ErrorReply { code, text, .. }) => DialogueError::Refused { code, reason: text },
        Err(reason) => {
            DialogueError::Unsendable { reason: format!("it came back with what cannot be read: {reason}") }
        }
    }
}

/// Why a message was not said, and whether the dialogue is as it was.
pub(super) struct Unsent {
    pub(super) cause: DialogueError,
    pub(super) is_taken_back: bool,
}

/// A message that is being said: where nobody waits for that any more, its dialogue is given up, unless it outlives the
/// agent, whose next life says it again.
struct Unsaid<'d, P: Conversed> {
    desk: &'d Rc<Desk<P>>,
    id: DialogueId,
    is_over: bool,
}

impl<P: Conversed> Drop for Unsaid<'_, P> {
    fn drop(&mut self) {
        // An end is not said again: it is kept no more.
        if !self.is_over && (self.desk.keeping.is_none() || !self.desk.is_open(self.id)) {
            self.desk.abandon(self.id, &Cause::Abandoned);
        }
    }
}

/// Waits for a message of a dialogue.
struct Waiting<P: Conversed> {
    desk: Rc<Desk<P>>,
    id: DialogueId,
    told: oneshot::Receiver<Result<Heard<P>, Cause>>,
    /// Where the message comes by mail.
    _listening: Option<Listening>,
}

impl<P: Conversed> Future for Waiting<P> {
    type Output = Result<Heard<P>, DialogueError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let told = std::task::ready!(Pin::new(&mut self.told).poll(cx));
        Poll::Ready(match told {
            Ok(Ok(heard)) => Ok(heard),
            Ok(Err(cause)) => Err(cause.into()),
            // Its desk is gone, with the agent's life that began the dialogue.
            Err(_) => Err(Cause::Forgotten.into()),
        })
    }
}

impl<P: Conversed> Drop for Waiting<P> {
    fn drop(&mut self) {
        // What has come and nobody has taken is still there for who asks again.
        if let Ok(Ok(heard)) = self.told.try_recv()
            && let Some(beside) = self.desk.beside.borrow_mut().get_mut(&self.id)
        {
            beside.unread.push_front(heard);
        }
    }
}

/// A future that is polled as if no turn made it: what it calls waits for no turn, so it can close no circle.
struct Unchained<F>(F);

impl<F: Future + Unpin> Future for Unchained<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let mut outside = None;
        chain::swap(&mut outside);
        let polled = Pin::new(&mut self.0).poll(cx);
        chain::swap(&mut outside);
        polled
    }
}
