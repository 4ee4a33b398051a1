//! How a message gets in: out of its call, through the rules, to whoever is to have it.
//!
//! Always true: each message is answered at once, whatever the agent does meanwhile. Neighbours: generated code calls
//! [`take_in`] from the agent's queue, before turns are queued; [`judging`](super::judging) asks the rules.

use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use folkmoot_codecs::{ArgumentList, Arguments, CallError, Never};
use folkmoot_protocols::typed::{Conversed, Dialogue, Heard, Part, Performative, Role};
use serde_bytes::ByteBuf;

use super::desk::Desk;
use super::judging::{Accepted, Came, TakenIn};
use super::unspoken::refuse_unspoken_envelope;
use super::{Cause, StoreError};
use crate::chain::Mode;
use crate::context::Scope;
use crate::describe::{ArgumentDescription, MethodDescription};
use crate::interface::{Agent, LocalFuture, Refused};
use crate::reply::{ReplySink, ReplyTo};
use crate::shared::AgentShared;
use crate::turn::{Origin, Ticketed};

/// The answer to a handed-over message: nothing, or an envelope with an `error`.
pub(super) type Answer = ReplyTo<Option<ByteBuf>, Never>;

/// A message on its way to the agent.
pub enum Incoming<P> {
    /// In its envelope.
    Sealed(Vec<u8>, Answer),
    /// Taken in, on its way to the handler of its performative.
    Heard(Heard<P>),
}

impl<P> fmt::Debug for Incoming<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Incoming::Sealed(..) => "Incoming::Sealed",
            Incoming::Heard(_) => "Incoming::Heard",
        })
    }
}

impl<P: Conversed> Incoming<P> {
    /// One that was handed over by a call.
    pub fn sealed((envelope,): (ByteBuf,), reply: Answer) -> Incoming<P> {
        Incoming::Sealed(envelope.into_vec(), reply)
    }

    /// How its turn uses the state; `mode` knows the handlers by their performatives.
    pub fn mode(&self, mode: impl Fn(u16) -> Option<Mode>) -> Mode {
        match self {
            Incoming::Sealed(..) => Mode::Shared,
            Incoming::Heard(heard) => mode(heard.said.performative()).unwrap_or(Mode::Shared),
        }
    }

    /// What was said, and the rest, where it was taken in: its handler's turn begins.
    pub fn begin<A: Agent>(self, scope: &Scope<'_, A>) -> Option<(P, Part)> {
        match self {
            Incoming::Sealed(..) => None,
            Incoming::Heard(heard) => {
                let desk = scope.core.desk::<P>();
                if let Some(beside) = desk.beside.borrow_mut().get_mut(&heard.id()) {
                    beside.queued = beside.queued.saturating_sub(1);
                }
                Some(heard.part())
            }
        }
    }

    /// Answers without taking it in. One that was taken in stays in its dialogue, unanswered.
    pub fn refuse(self, error: CallError) {
        if let Incoming::Sealed(_, reply) = self {
            reply.refuse(error);
        }
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_cancelled(&self) -> bool {
        match self {
            Incoming::Sealed(_, reply) => reply.is_cancelled(),
            Incoming::Heard(_) => false,
        }
    }
}

/// What an agent tells of the messages that it takes: each performative with the words of its handler.
pub fn describe_messages<P: Conversed>(handlers: &[(&str, &str)]) -> MethodDescription {
    let said: Vec<String> = handlers
        .iter()
        .map(|(name, docs)| match docs.trim() {
            "" => format!("- `{name}`"),
            docs => format!("- `{name}`: {}", docs.replace('\n', " ")),
        })
        .collect();
    let bytes =
        || serde_json::json!({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}});
    MethodDescription {
        name: P::ID.to_owned(),
        docs: format!("Takes a message of the protocol in its envelope:\n{}", said.join("\n")),
        shared: true,
        idempotent: true,
        arguments: vec![ArgumentDescription { name: "envelope".to_owned(), schema: bytes() }],
        returns: serde_json::json!({"anyOf": [bytes(), {"type": "null"}]}),
    }
}

/// A message of a protocol that the agent has no handlers for, in its envelope.
pub(crate) struct Sealed {
    /// The protocol's id.
    pub(crate) protocol: &'static str,
    pub(crate) permit: Ticketed,
    envelope: Vec<u8>,
    reply: Answer,
}

impl Sealed {
    /// Reads the arguments of its call.
    ///
    /// # Errors
    /// `BadArguments`, with the way back.
    pub(crate) fn decode(
        protocol: &'static str,
        permit: Ticketed,
        arguments: &Arguments<'_>,
        sink: Option<Box<dyn ReplySink>>,
    ) -> Result<Sealed, Refused> {
        match <(ByteBuf,)>::decode(arguments, protocol, &["envelope"]) {
            Ok((envelope,)) => {
                Ok(Sealed { protocol, permit, envelope: envelope.into_vec(), reply: ReplyTo::encoded(sink) })
            }
            Err(error) => Err(Refused { error, sink }),
        }
    }

    /// Answers without taking it in.
    pub(crate) fn refuse(self, error: CallError) {
        self.reply.refuse(error);
    }

    /// Answers that the agent does not speak its protocol any more.
    pub(crate) fn refuse_unspoken(self, agent: &AgentShared) {
        let (name, method) = (agent.name().to_string(), self.protocol.to_owned());
        let error = CallError::NoSuchMethod { agent: name, method, nearest: None };
        refuse_unspoken_envelope(agent, error, &self.envelope, self.reply);
    }

    /// Has it taken in. Gives what is to be done before it is, if anything is.
    pub(super) fn take_in<P: Conversed>(self, desk: &Rc<Desk<P>>) -> Option<LocalFuture<()>> {
        let origin = self.permit.head().origin.clone();
        match receive(desk.clone(), &self.envelope, self.reply, &origin, |_| false) {
            Received::Done(_) => None,
            Received::Later(later) => Some(Box::pin(async move {
                later.await;
            })),
        }
    }
}

/// What the handler of that number takes. Generated code asks for it through functions alone, so that a type which is no
/// performative is told once, where it stands.
pub trait Handles<const N: usize> {
    /// The protocol that `#[handles]` names.
    type Protocol: Conversed;
    /// What was said.
    type Said: Performative<Protocol = Self::Protocol>;
}

/// The place of what a handler takes among the protocol's performatives.
pub fn index_of<A: Handles<N>, const N: usize>() -> u16 {
    A::Said::INDEX
}

/// The name of what a handler takes.
pub fn name_of<A: Handles<N>, const N: usize>() -> &'static str {
    A::Said::NAME
}

/// Whether two texts are the same, for the compiler.
pub const fn is_same_text(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        match (one, other) {
            ([], []) => return true,
            ([a, more_of_one @ ..], [b, more_of_other @ ..]) if *a == *b => {
                one = more_of_one;
                other = more_of_other;
            }
            _ => return false,
        }
    }
}

/// What was said, if it is what the handler takes.
///
/// # Errors
/// It is something else, and given back.
pub fn from_said<A: Handles<N>, const N: usize>(said: A::Protocol) -> Result<A::Said, A::Protocol> {
    A::Said::from_said(said)
}

/// The dialogue in which it was said.
pub fn dialogue_of<A: Handles<N>, const N: usize, R: Role<Protocol = A::Protocol>>(
    part: &Part,
) -> Dialogue<R, A::Said> {
    part.dialogue()
}

/// What became of a request that may have been a message.
#[derive(Debug)]
pub enum Taken<Q> {
    /// It is a call like any other.
    Call(Q),
    /// A message that its handler is to have.
    Handle(Q),
    /// It has been seen to.
    Done,
    /// It is kept first.
    Later(Pending<Q>),
}

/// What is done before a message goes to its handler, if it does.
pub struct Pending<Q>(pub(crate) LocalFuture<Option<Q>>);

impl<Q> fmt::Debug for Pending<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Takes a message in. `handles` knows by its performative whether there is a handler; `request` puts it into the
/// agent's requests.
pub fn take_in<P: Conversed, A: Agent>(
    incoming: Incoming<P>,
    scope: &Scope<'_, A>,
    handles: impl Fn(u16) -> bool + 'static,
    request: impl FnOnce(Incoming<P>) -> A::Request + 'static,
) -> Taken<A::Request> {
    let (bytes, reply) = match incoming {
        Incoming::Sealed(bytes, reply) => (bytes, reply),
        heard @ Incoming::Heard(_) => return Taken::Handle(request(heard)),
    };
    let desk = scope.core.desk::<P>();
    // Only timers have none, and those are no messages.
    let Some(origin) = scope.origin else { return Taken::Done };
    match receive(desk, &bytes, reply, origin, handles) {
        Received::Done(heard) => {
            heard.map_or(Taken::Done, |heard| Taken::Handle(request(Incoming::Heard(heard))))
        }
        Received::Later(later) => Taken::Later(Pending(Box::pin(async move {
            later.await.map(|heard| request(Incoming::Heard(heard)))
        }))),
    }
}

/// What became of a message.
enum Received<P> {
    /// It has been seen to, but for what its handler is to have.
    Done(Option<Heard<P>>),
    /// It is kept first.
    Later(LocalFuture<Option<Heard<P>>>),
}

/// Reads and judges a message, answers it, and hands it to who awaits it.
fn receive<P: Conversed>(
    desk: Rc<Desk<P>>,
    bytes: &[u8],
    reply: Answer,
    origin: &Origin,
    handles: impl Fn(u16) -> bool + 'static,
) -> Received<P> {
    let TakenIn { id, heard, ends } = match desk.take(bytes, &Came::ByCall(origin), &handles) {
        Ok(Accepted::Message(taken)) => taken,
        Ok(Accepted::Notice(_)) => {
            reply.send(Ok(None));
            return Received::Done(None);
        }
        Err(refused) => {
            desk.refuse(*refused, reply);
            return Received::Done(None);
        }
    };
    let finish = move |desk: &Desk<P>, kept: Result<(), StoreError>| {
        if let Err(error) = kept {
            if ends {
                desk.note_end(id);
            }
            desk.give_up(id, &Cause::Abandoned, "its messages cannot be kept there");
            let (agent, protocol) = (desk.full_name(), P::ID);
            tracing::error!(%agent, protocol, %error, "a message came that could not be kept; its dialogue is given up");
            reply.refuse(CallError::BadReply { reason: format!("the message could not be kept: {error}") });
            return None;
        }
        reply.send(Ok(None));
        let heard = heard.and_then(|heard| desk.hand_on(id, heard, &handles));
        if ends {
            desk.note_end(id);
        }
        // Something else may be awaited in a dialogue that this has ended.
        desk.tell_end(id);
        heard
    };
    let Some(mut keeping) = desk.keep(id) else { return Received::Done(finish(&desk, Ok(()))) };
    // Most stores are done at once, and then the order of arrival holds.
    let mut idle = Context::from_waker(Waker::noop());
    match keeping.as_mut().poll(&mut idle) {
        Poll::Ready(kept) => Received::Done(finish(&desk, kept)),
        Poll::Pending => Received::Later(Box::pin(async move { finish(&desk, keeping.await) })),
    }
}
