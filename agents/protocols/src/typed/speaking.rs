//! Dialogues as types: what the rules do not allow does not compile.
//!
//! A [`Dialogue<R, S>`] is one in which the other side said `S` last to us, who are in the role `R`: it takes the answers
//! to `S`, once. What we said ourselves is a [`Said<R, A>`], which takes what the other side answers. Both are plain
//! values of a few words, that can be kept and used later. What always holds: they are made of what [`Dialogues`] has
//! accepted, and each message goes through it; that the other side keeps to the rules, times and bounds is its business.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::{Performative, TypedProtocol};
use crate::dialogue::{DialogueId, Dialogues, Ended, Refusal, Side, Update};
use crate::message::Message;

/// A protocol that is spoken in dialogues.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no protocol with dialogues",
    note = "`protocol!` makes an enum of a specification, as `fipa::Fipa`; it has dialogues where the specification has a dialogue section"
)]
pub trait Conversed: TypedProtocol {
    /// Each performative with which a dialogue may begin, and the dialogue.
    type Opening<R: Role<Protocol = Self>>: OneOf<R>;
    /// Each performative, and the dialogue.
    type Any<R: Role<Protocol = Self>>: OneOf<R>;
}

/// A part that an agent takes in a protocol's dialogues.
pub trait Role: Sized + fmt::Debug + Send + 'static {
    /// Whose it is.
    type Protocol: Conversed;
    /// The part of the other side.
    type Other: Role<Protocol = Self::Protocol, Other = Self>;
    /// As the specification has it; none where it is left open.
    const NAME: Option<&'static str>;

    /// Begins a dialogue in this role. The message is to be sent; `now` as [`Dialogues::begin`] has it.
    ///
    /// # Errors
    /// The bounds or the program's own validation do not allow it.
    fn open<A>(
        dialogues: &mut Dialogues<Self::Protocol>,
        peer: &str,
        said: A,
        now: Duration,
    ) -> Result<Spoken<Self, A>, Refusal>
    where
        A: Opens<Self::Protocol>,
        Self: Says<A>,
    {
        let (id, message) = dialogues.begin(peer, said.into(), now)?;
        Ok((Said { at: At { id, message_id: message.message_id }, marker: PhantomData }, message))
    }
}

/// What was said in the role `R`, and its message, which is to be sent.
pub type Spoken<R, A> = (Said<R, A>, Message<<R as Role>::Protocol>);

/// A performative with which a dialogue may begin.
#[diagnostic::on_unimplemented(
    message = "no dialogue begins with `{Self}`",
    label = "this answers something, or is of another protocol",
    note = "the protocol's specification lists under `initiation` what dialogues begin with"
)]
pub trait Opens<P>: Performative<Protocol = P> {}

/// A performative that may answer another.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer `{S}`",
    label = "the rules do not allow this in answer to `{S}`",
    note = "the protocol's specification lists under `reply` what may answer `{S}`"
)]
pub trait Answers<S>: Performative<Protocol = <S as Performative>::Protocol>
where
    S: Performative,
{
}

/// A performative that something may answer.
#[diagnostic::on_unimplemented(
    message = "nothing answers `{Self}`",
    label = "`{Self}` ends the dialogue",
    note = "the protocol's specification lists under `termination` what ends dialogues"
)]
pub trait Answered: Performative<Protocol: Conversed> {
    /// Each performative that may answer it, and the dialogue.
    type By<R: Role<Protocol = Self::Protocol>>: OneOf<R>;
}

/// A performative that ends its dialogue.
pub trait Ends: Performative {}

/// A role that may say a performative.
pub trait Says<A> {}

impl<R, A: SaidBy<R>> Says<A> for R {}

/// A performative that a role may say. It is told of performatives, so that what a role says is never guessed where there is one
/// thing that it may say.
#[diagnostic::on_unimplemented(
    message = "the role `{R}` does not say `{Self}`",
    label = "only the other side may say this",
    note = "the protocol's specification lists under `roles` what each of them may say"
)]
pub trait SaidBy<R> {}

/// The role of an agent that leaves it open: who may say what is looked at where the dialogues are kept, and not before.
#[derive(Debug)]
pub struct AnyRole<P>(PhantomData<fn() -> P>);

impl<P: Conversed> Role for AnyRole<P> {
    type Protocol = P;
    type Other = AnyRole<P>;
    const NAME: Option<&'static str> = None;
}

impl<P: Conversed, A: Performative<Protocol = P>> SaidBy<AnyRole<P>> for A {}

/// One of several performatives that came, each with its dialogue.
pub trait OneOf<R: Role>: Sized {
    /// What came, if it is one of them.
    ///
    /// # Errors
    /// It is none of them, and given back.
    fn of(heard: Heard<R::Protocol>) -> Result<Self, Heard<R::Protocol>>;
}

/// A message that came and was accepted: the next one of its dialogue.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "the other side waits for an answer"]
#[non_exhaustive]
pub struct Heard<P> {
    /// What it says.
    pub said: P,
    /// The number of the message that it answers; 0 for the first.
    pub target: i32,
    /// Whether it begins its dialogue.
    pub is_new: bool,
    /// How the dialogue ended, if it did by this message.
    pub ended: Option<Ended>,
    at: At,
}

/// A message that came and is not the next one of a dialogue.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Unheard<P> {
    /// The message.
    pub message: Message<P>,
    /// What came of it: it was refused, came before, or crossed an end.
    pub update: Update,
}

impl<P: TypedProtocol> Heard<P> {
    /// Takes a message that came; `now` as [`Dialogues::update`] has it.
    ///
    /// # Errors
    /// It is not the next one of a dialogue: what is to be done about it, [`Dialogues::update`] says.
    pub fn take(
        dialogues: &mut Dialogues<P>,
        message: Message<P>,
        now: Duration,
    ) -> Result<Heard<P>, Box<Unheard<P>>> {
        match dialogues.update(&message, now) {
            Update::Accepted { id, is_new, ended } => {
                let at = At { id, message_id: message.message_id };
                Ok(Heard { said: message.body, target: message.target, is_new, ended, at })
            }
            update => Err(Box::new(Unheard { message, update })),
        }
    }

    /// What the other side said last in a dialogue that is known, if that is still to be answered: to go on after a restart.
    pub fn last(dialogues: &Dialogues<P>, id: DialogueId) -> Option<Heard<P>> {
        let dialogue = dialogues.get(id)?;
        let last = dialogue.last_message().filter(|last| last.by == Side::Them)?;
        let (ended, said) = (dialogue.ended().copied(), last.body?.clone());
        let at = At { id, message_id: last.message_id };
        Some(Heard { said, target: last.target, is_new: dialogue.message_count() == 1, ended, at })
    }

    /// The dialogue, by which [`Dialogues`] knows it.
    pub fn id(&self) -> DialogueId {
        self.at.id
    }

    /// What is said and the dialogue in which it was said, for code that was generated.
    #[doc(hidden)]
    pub fn part(self) -> (P, Part) {
        (self.said, Part { target: self.target, is_new: self.is_new, ended: self.ended, at: self.at })
    }

    /// The other way round.
    #[doc(hidden)]
    pub fn joined(said: P, part: Part) -> Heard<P> {
        let Part { target, is_new, ended, at } = part;
        Heard { said, target, is_new, ended, at }
    }
}

impl<P: Conversed> Heard<P> {
    /// What came, by the performative that it is.
    ///
    /// # Errors
    /// Never, for the types are of all performatives.
    pub fn any<R: Role<Protocol = P>>(self) -> Result<P::Any<R>, Heard<P>> {
        OneOf::of(self)
    }

    /// What came, if a dialogue begins with it.
    ///
    /// # Errors
    /// It does not begin its dialogue, and is given back.
    pub fn opening<R: Role<Protocol = P>>(self) -> Result<P::Opening<R>, Heard<P>> {
        if self.is_new { OneOf::of(self) } else { Err(self) }
    }
}

/// A [`Heard`] without what was said.
#[doc(hidden)]
#[derive(Debug)]
pub struct Part {
    target: i32,
    is_new: bool,
    ended: Option<Ended>,
    at: At,
}

impl Part {
    /// The dialogue.
    #[doc(hidden)]
    pub fn id(&self) -> DialogueId {
        self.at.id
    }

    /// The message's number.
    #[doc(hidden)]
    pub fn message_id(&self) -> i32 {
        self.at.message_id
    }

    /// The dialogue in which `S` was said.
    #[doc(hidden)]
    pub fn dialogue<R, S>(&self) -> Dialogue<R, S> {
        Dialogue { at: self.at, marker: PhantomData }
    }
}

/// A message in a dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct At {
    id: DialogueId,
    message_id: i32,
}

/// A dialogue in which we, in the role `R`, were told `S` last: ours to answer, once.
#[must_use = "the other side waits for an answer"]
pub struct Dialogue<R, S> {
    at: At,
    marker: PhantomData<fn() -> (R, S)>,
}

/// A dialogue in which we, in the role `R`, said `A` last: the other side's to answer.
pub struct Said<R, A> {
    at: At,
    marker: PhantomData<fn() -> (R, A)>,
}

/// What came, and the dialogue that it does not answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct NoAnswer<D, P> {
    /// The dialogue, which waits on.
    pub dialogue: D,
    /// What came instead: in another dialogue, or in answer to another message of this one.
    pub heard: Heard<P>,
}

/// What was not said, and the dialogue, which is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unsaid<D> {
    /// The dialogue.
    pub dialogue: D,
    /// Why.
    pub refusal: Refusal,
}

impl<D: fmt::Debug> fmt::Display for Unsaid<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(formatter)
    }
}

impl<D: fmt::Debug> std::error::Error for Unsaid<D> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.refusal)
    }
}

impl<D: fmt::Debug, P: fmt::Debug> fmt::Display for NoAnswer<D, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "what came belongs to another dialogue or answers another message: {:?}",
            self.heard.said
        )
    }
}

impl<D: fmt::Debug, P: fmt::Debug> std::error::Error for NoAnswer<D, P> {}

/// Where a dialogue stands, as one side sees it: a [`Dialogue`] or a [`Said`].
pub trait State: fmt::Debug + Sized + sealed::Sealed {
    /// The role in which one takes part.
    type Role: Role;
    /// What was said last.
    type Last: Performative<Protocol = <Self::Role as Role>::Protocol>;

    /// The dialogue, by which [`Dialogues`] knows it.
    fn id(&self) -> DialogueId;

    /// The number of the message that was said last.
    fn message_id(&self) -> i32;

    /// The same state once more, for who gives it back where what was said in it has not gone out.
    #[doc(hidden)]
    fn twin(&self) -> Self;

    /// Says what may come next, as [`Dialogue::reply`] and [`Said::go_on`] do.
    ///
    /// # Errors
    /// As those.
    fn say<N>(
        self,
        dialogues: &mut Dialogues<<Self::Role as Role>::Protocol>,
        said: N,
        now: Duration,
    ) -> Result<Spoken<Self::Role, N>, Box<Unsaid<Self>>>
    where
        N: Answers<Self::Last>,
        Self::Role: Says<N>;

    /// Takes what answers, as [`Said::receive`] and [`Dialogue::receive`] do.
    ///
    /// # Errors
    /// As those.
    fn take(
        self,
        heard: Heard<<Self::Role as Role>::Protocol>,
    ) -> Result<<Self::Last as Answered>::By<Self::Role>, Unfit<Self>>
    where
        Self::Last: Answered;
}

/// A message that does not answer what was said last in a dialogue, and the dialogue.
pub type Unfit<D> = Box<NoAnswer<D, <<D as State>::Role as Role>::Protocol>>;

mod sealed {
    pub trait Sealed {}
}

/// What a side whose turn it is may say, and what both may hear: the same for both states.
macro_rules! state {
    ($state:ident, $last:ident, $say:ident, $(#[$doc:meta])*) => {
        impl<R: Role, $last: Performative<Protocol = R::Protocol>> $state<R, $last> {
            /// The dialogue, by which [`Dialogues`] knows it.
            pub fn id(&self) -> DialogueId {
                self.at.id
            }

            /// The number of the message that was said last.
            pub fn message_id(&self) -> i32 {
                self.at.message_id
            }

            $(#[$doc])*
            ///
            /// # Errors
            /// The dialogue has ended or timed out meanwhile, or the bounds or the program's own validation do not allow it.
            pub fn $say<N>(
                self,
                dialogues: &mut Dialogues<R::Protocol>,
                said: N,
                now: Duration,
            ) -> Result<Spoken<R, N>, Box<Unsaid<Self>>>
            where
                N: Answers<$last>,
                R: Says<N>,
            {
                match dialogues.reply(self.at.id, Some(self.at.message_id), said.into(), now) {
                    Ok(message) => {
                        let at = At { id: self.at.id, message_id: message.message_id };
                        Ok((Said { at, marker: PhantomData }, message))
                    }
                    Err(refusal) => Err(Box::new(Unsaid { dialogue: self, refusal })),
                }
            }

            /// Takes what came in answer to the message that was said last, by whichever side.
            ///
            /// # Errors
            /// It came in another dialogue, or answers another message of this one. Both are given back.
            pub fn receive(
                self,
                heard: Heard<R::Protocol>,
            ) -> Result<$last::By<R>, Box<NoAnswer<Self, R::Protocol>>>
            where
                $last: Answered,
            {
                if heard.at.id != self.at.id || heard.target != self.at.message_id {
                    return Err(Box::new(NoAnswer { dialogue: self, heard }));
                }
                OneOf::of(heard).map_err(|heard| Box::new(NoAnswer { dialogue: self, heard }))
            }
        }

        impl<R, $last> sealed::Sealed for $state<R, $last> {}

        impl<R: Role, $last: Performative<Protocol = R::Protocol>> State for $state<R, $last> {
            type Role = R;
            type Last = $last;

            fn id(&self) -> DialogueId {
                self.at.id
            }

            fn message_id(&self) -> i32 {
                self.at.message_id
            }

            fn twin(&self) -> Self {
                $state { at: self.at, marker: PhantomData }
            }

            fn say<N>(
                self,
                dialogues: &mut Dialogues<R::Protocol>,
                said: N,
                now: Duration,
            ) -> Result<Spoken<R, N>, Box<Unsaid<Self>>>
            where
                N: Answers<$last>,
                R: Says<N>,
            {
                self.$say(dialogues, said, now)
            }

            fn take(
                self,
                heard: Heard<R::Protocol>,
            ) -> Result<$last::By<R>, Box<NoAnswer<Self, R::Protocol>>>
            where
                $last: Answered,
            {
                self.receive(heard)
            }
        }

        impl<R, $last> fmt::Debug for $state<R, $last> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_struct(stringify!($state)).field("at", &self.at).finish_non_exhaustive()
            }
        }
    };
}

state!(
    Dialogue,
    S,
    reply,
    /// Answers. The message is to be sent; `now` as [`Dialogues::reply`] has it.
);
state!(
    Said,
    A,
    go_on,
    /// Says more, where the rules let a side answer itself. The message is to be sent; `now` as [`Dialogues::reply`] has it.
);
