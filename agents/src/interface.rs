//! What an agent is to the platform: the traits that the macros implement.
//!
//! `#[derive(Agent)]` gives [`Agent`]; `#[agent]` gives [`Interface`] and [`Behaviour`]. Nobody implements them by
//! hand. Neighbours: [`proxy`](crate::proxy) calls through [`Method`], [`queue`](crate::queue) runs requests.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use folkmoot_codecs::{ArgumentList, Arguments, CallError};
use serde::Serialize;
use serde::de::{DeserializeOwned, MapAccess};
use serde::ser::SerializeMap;

use crate::chain::Mode;
use crate::context::{Context, Scope};
use crate::describe::AgentDescription;
use crate::dialogues::incoming::{Pending, Taken};
use crate::mail::{MailTurn, MailedMessage};
use crate::panics::Panic;
use crate::proxy::ProxyCore;
use crate::reply::{ReplySink, ReplyTo};
use crate::snapshot::{KeptField, pass_over};

/// A future of this worker.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// Something that can be called through a [`Proxy`](crate::Proxy): an agent's type, or `dyn Trait` of an `#[agent]`
/// trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no exposed methods to call",
    note = "put `#[agent]` on its `impl` block, or on the trait that its callers know; `#[object]`, where it is a part of an agent"
)]
pub trait Interface: 'static {
    /// The generated calls; a proxy derefs to them.
    type Calls: CallsOf<Self>;
    /// A call with typed arguments and its way back.
    type Request: Send + 'static;
    /// The type's name.
    const NAME: &'static str;
}

/// The generated calls of an interface.
pub trait CallsOf<I: Interface + ?Sized>: Send + Sync + 'static {
    /// Calls through `core`.
    fn new(core: ProxyCore<I>) -> Self;
    /// The way to the agent.
    fn core(&self) -> &ProxyCore<I>;
}

/// One exposed method.
pub trait Method: 'static {
    /// Where it is exposed.
    type Interface: Interface + ?Sized;
    /// Its arguments, as a tuple.
    type Args: ArgumentList + Send + 'static;
    /// What it returns when all is well.
    type Ok: Serialize + DeserializeOwned + Send + 'static;
    /// Its own error.
    type Err: Serialize + DeserializeOwned + std::fmt::Display + Send + 'static;
    /// Its name.
    const NAME: &'static str;
    /// Whether it is a plain `fn`, which awaits nothing.
    const PLAIN: bool;
    /// Whether to run it twice is as good as once, so that its calls may be made again.
    const IDEMPOTENT: bool = false;
    /// The request with typed arguments; `None` where the interface is no agent and calls are encoded.
    fn request(
        args: Self::Args,
        reply: ReplyTo<Self::Ok, Self::Err>,
    ) -> Option<<Self::Interface as Interface>::Request>;
    /// The same arguments for another attempt; `None` where calls are encoded, or are made once.
    fn again(_args: &Self::Args) -> Option<Self::Args> {
        None
    }
}

/// What an argument of an idempotent method is: something of which each attempt gets its own.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is an argument of a method marked `#[expose(idempotent)]`, so it must be `Clone`",
    label = "a call of this method may be made again, with the same arguments",
    note = "derive `Clone` for it and for what is in it, or take `idempotent` off the method"
)]
pub trait Again: Sized {
    /// Another of the same.
    fn again(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Again for T {
    fn again(&self) -> T {
        self.clone()
    }
}

/// A method as the queue sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its name.
    pub name: &'static str,
    /// How it uses the state.
    pub mode: Mode,
    /// Whether it is a plain `fn`, which awaits nothing.
    pub plain: bool,
    /// Whether to run it twice is as good as once.
    pub idempotent: bool,
}

/// A method that the container's clock calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerInfo {
    /// The method's name.
    pub name: &'static str,
    /// Time from one turn to the next.
    pub period: Duration,
}

/// A method that takes mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailInfo {
    /// The method's name.
    pub name: &'static str,
    /// The kind of mail that it takes; `None` for all others.
    pub kind: Option<&'static str>,
    /// How it uses the state.
    pub mode: Mode,
}

/// What came of beginning a turn.
#[doc(hidden)]
pub enum Step {
    /// It is over; the panic, if it ended so.
    Done(Option<Panic>),
    /// It awaits something.
    Future(LocalFuture<Option<Panic>>),
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Done(panic) => f.debug_tuple("Done").field(panic).finish(),
            Step::Future(_) => f.write_str("Future"),
        }
    }
}

/// How an agent answers: generated by `#[agent]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` derives `Agent` but has no `#[agent]` impl block",
    note = "write `#[agent] impl {Self} {{ .. }}`, with its methods marked `#[expose]`"
)]
pub trait Behaviour: Interface + Sized {
    /// The exposed methods, in the order of their declaration.
    const METHODS: &'static [MethodInfo];
    /// The methods that the clock calls.
    const TIMERS: &'static [TimerInfo];
    /// Names, docs and schemas of the exposed methods.
    fn describe() -> AgentDescription;
    /// The place of an exposed method in [`METHODS`](Behaviour::METHODS).
    #[doc(hidden)]
    fn method_index(name: &str) -> Option<usize>;
    /// The full name of a function of the agent, or of an object of it, that is there and not exposed.
    #[doc(hidden)]
    fn unexposed(name: &str) -> Option<&'static str>;
    /// Reads the arguments of an encoded call straight into the method's types.
    #[doc(hidden)]
    fn decode(
        method: usize,
        arguments: &Arguments<'_>,
        sink: Option<Box<dyn ReplySink>>,
    ) -> Result<Self::Request, Refused>;
    /// The methods that take mail.
    const MAILS: &'static [MailInfo] = &[];
    /// Begins the turn of a mail, by the place of its method in [`MAILS`](Behaviour::MAILS).
    #[doc(hidden)]
    fn run_mail(
        _handler: usize,
        _state: &Rc<RefCell<Self>>,
        _mail: MailTurn,
        _scope: &Scope<'_, Self>,
    ) -> Step
    where
        Self: Agent,
    {
        Step::Done(None)
    }
    /// Whether messages of protocols are among its requests.
    #[doc(hidden)]
    const SPEAKS: bool = false;
    /// Takes a message of a protocol in, if the request is one that has not been.
    #[doc(hidden)]
    fn take_in(request: Self::Request, _scope: &Scope<'_, Self>) -> Taken<Self::Request>
    where
        Self: Agent,
    {
        Taken::Call(request)
    }
    /// Takes a message of a protocol in that came by mail; gives it back where it is of a protocol that the agent does not
    /// handle.
    #[doc(hidden)]
    fn take_mailed(
        message: MailedMessage,
        _scope: &Scope<'_, Self>,
    ) -> Result<Pending<Self::Request>, MailedMessage>
    where
        Self: Agent,
    {
        Err(message)
    }
    /// Takes the dialogues back that outlived the agent.
    #[doc(hidden)]
    fn take_dialogues_back(_ctx: &Context<Self>)
    where
        Self: Agent,
    {
    }
    /// Whether the agent is told of the dialogues in a protocol, by its id, that have ended.
    #[doc(hidden)]
    fn hears_ends(_protocol: &str) -> bool {
        false
    }
    /// Tells of the next dialogue that has ended.
    #[doc(hidden)]
    fn next_end(_ctx: &Context<Self>) -> Option<Self::Request>
    where
        Self: Agent,
    {
        None
    }
    /// The method of a request.
    #[doc(hidden)]
    fn method_of(request: &Self::Request) -> MethodInfo;
    /// Answers a request without running it.
    #[doc(hidden)]
    fn refuse(request: Self::Request, error: CallError);
    /// Whether nobody waits for the answer any more.
    #[doc(hidden)]
    fn is_cancelled(request: &Self::Request) -> bool;
    /// Begins a turn.
    #[doc(hidden)]
    fn run(state: &Rc<RefCell<Self>>, request: Self::Request, scope: &Scope<'_, Self>) -> Step
    where
        Self: Agent;
    /// The request of a timer.
    #[doc(hidden)]
    fn timer(index: usize) -> Self::Request;
    /// `#[start]`, if there is one.
    #[doc(hidden)]
    fn start(state: &Rc<RefCell<Self>>, ctx: Context<Self>) -> Option<LocalFuture<Result<(), String>>>
    where
        Self: Agent;
    /// `#[stop]`, if there is one.
    #[doc(hidden)]
    fn stop(state: &Rc<RefCell<Self>>, ctx: Context<Self>) -> Option<LocalFuture<Result<(), String>>>
    where
        Self: Agent;
    /// The `#[run]` loops.
    #[doc(hidden)]
    fn loops(ctx: &Context<Self>) -> Vec<LocalFuture<()>>
    where
        Self: Agent;
}

/// A call whose arguments did not decode, with its way back.
#[doc(hidden)]
pub struct Refused {
    /// What is wrong.
    pub error: CallError,
    /// The way back; `None` for a one-way call.
    pub sink: Option<Box<dyn ReplySink>>,
}

impl std::fmt::Debug for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refused").field("error", &self.error).finish_non_exhaustive()
    }
}

/// A struct that a container can spawn.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no agent",
    note = "put `#[derive(Agent)]` on the struct and `#[agent]` on its `impl` block"
)]
pub trait Agent: Behaviour + 'static {
    /// The type's name, as directories and descriptions show it.
    const TYPE: &'static str;
    /// The struct's doc comment.
    const DOCS: &'static str;
    /// The fields that are kept: those marked `#[persist]`.
    #[doc(hidden)]
    const KEPT: &'static [KeptField] = &[];
    /// Whether there are any.
    #[doc(hidden)]
    const PERSISTS: bool = !Self::KEPT.is_empty();
    /// The name of the type under which they are kept.
    #[doc(hidden)]
    const KNOWN_AS: &'static str = Self::TYPE;
    /// Writes the fields that are kept.
    #[doc(hidden)]
    fn write_kept<M: SerializeMap>(&self, _map: &mut M) -> Result<(), M::Error> {
        Ok(())
    }
    /// Reads the value of the field of that name, if there is one that is kept under it; else passes over it.
    #[doc(hidden)]
    fn read_kept<'de, M: MapAccess<'de>>(&mut self, _name: &str, map: &mut M) -> Result<(), M::Error> {
        pass_over(map)
    }
}

/// What `#[start]` and `#[stop]` may return: nothing, or a result.
#[doc(hidden)]
pub trait HookOutcome {
    /// The failure as a sentence.
    fn into_outcome(self) -> Result<(), String>;
}

impl HookOutcome for () {
    fn into_outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: std::fmt::Display> HookOutcome for Result<(), E> {
    fn into_outcome(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
