//! How generated code begins turns and hooks: the guards around a user's method.
//!
//! Always true: the method runs inside a panic guard, the state is borrowed only while it runs, and an answer is
//! given whatever comes of it. Bounds stand on [`Method`] alone, so that a type that cannot travel is told once.
//! Neighbours: `#[agent]` calls these, [`queue`](crate::queue) takes the [`Step`]s.

// The queue is what keeps a borrow that lasts over an await from meeting another: one exclusive turn, or shared ones.
#![allow(clippy::await_holding_refcell_ref)]

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use folkmoot_codecs::{ArgumentList, Arguments, CallError, Never};
use folkmoot_protocols::typed::Conversed;

use crate::context::{Context, Scope};
use crate::dialogues::Handled;
use crate::interface::{Agent, HookOutcome, LocalFuture, Method, Refused, Step};
use crate::mail;
use crate::panics::{Attended, Panic, attend, guard};
use crate::queue::{Change, Core};
use crate::reply::{Outcome, Plain, ReplySink, ReplyTo};
use crate::shared::AgentShared;

/// Runs a plain `&self` method.
#[inline]
pub fn begin_shared<M: Method, A: Agent, R: Outcome<M::Ok, M::Err>>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    reply: ReplyTo<M::Ok, M::Err>,
    method: impl FnOnce(&A) -> R,
) -> Step {
    let outcome = guard(|| method(&state.borrow()));
    Step::Done(reply.finish(outcome, scope.name()))
}

/// Runs a plain `&mut self` method.
#[inline]
pub fn begin_exclusive<M: Method, A: Agent, R: Outcome<M::Ok, M::Err>>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    reply: ReplyTo<M::Ok, M::Err>,
    method: impl FnOnce(&mut A) -> R,
) -> Step {
    let outcome = guard(|| method(&mut state.borrow_mut()));
    if A::PERSISTS {
        return end_keeping::<M, A, R>(state, scope, reply, outcome);
    }
    Step::Done(reply.finish(outcome, scope.name()))
}

/// Begins an async `&self` method: it is dropped when nobody waits for it any more.
pub fn begin_shared_async<M, A, R>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    mut reply: ReplyTo<M::Ok, M::Err>,
    flag: Option<Rc<Cell<bool>>>,
    method: impl AsyncFnOnce(&A) -> R + 'static,
) -> Step
where
    M: Method,
    A: Agent,
    R: Outcome<M::Ok, M::Err> + 'static,
{
    let (state, shared) = (state.clone(), scope.core.shared().clone());
    Step::Future(Box::pin(async move {
        let attended = {
            let agent = state.borrow();
            let future = pin!(method(&agent));
            attend(future, &mut reply, flag.as_ref(), true).await
        };
        // The answer is given when the state is free: the caller's next call must not find it borrowed.
        drop(state);
        end::<M, R>(attended, reply, &shared)
    }))
}

/// Begins an async `&mut self` method: it runs to its end, and sees `flag` when nobody waits for it any more.
pub fn begin_exclusive_async<M, A, R>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    mut reply: ReplyTo<M::Ok, M::Err>,
    flag: Option<Rc<Cell<bool>>>,
    method: impl AsyncFnOnce(&mut A) -> R + 'static,
) -> Step
where
    M: Method,
    A: Agent,
    R: Outcome<M::Ok, M::Err> + 'static,
{
    let state = state.clone();
    if A::PERSISTS {
        let core = scope.core.clone();
        return Step::Future(Box::pin(async move {
            let attended = {
                let mut agent = state.borrow_mut();
                let future = pin!(method(&mut agent));
                attend(future, &mut reply, flag.as_ref(), false).await
            };
            if let Attended::Done(returned) = attended {
                return match core.change(&state) {
                    Ok(change) => {
                        answer_kept::<M, A>(state, core, reply, change, returned.into_result()).await
                    }
                    Err(panic) => reply.finish(Err::<R, _>(panic), core.shared().name()),
                };
            }
            drop(state);
            end::<M, R>(attended, reply, core.shared())
        }));
    }
    let shared = scope.core.shared().clone();
    Step::Future(Box::pin(async move {
        let attended = {
            let mut agent = state.borrow_mut();
            let future = pin!(method(&mut agent));
            attend(future, &mut reply, flag.as_ref(), false).await
        };
        drop(state);
        end::<M, R>(attended, reply, &shared)
    }))
}

/// The end of a plain `&mut self` method of an agent that keeps fields: at once, where it has changed none of them.
fn end_keeping<M: Method, A: Agent, R: Outcome<M::Ok, M::Err>>(
    state: &Rc<RefCell<A>>,
    scope: &Scope<'_, A>,
    reply: ReplyTo<M::Ok, M::Err>,
    outcome: Result<R, Panic>,
) -> Step {
    let (returned, change) = match outcome.and_then(|returned| Ok((returned, scope.core.change(state)?))) {
        Ok((returned, Change::None)) => return Step::Done(reply.finish(Ok(returned), scope.name())),
        Ok((returned, change)) => (returned.into_result(), change),
        Err(panic) => return Step::Done(reply.finish(Err::<R, _>(panic), scope.name())),
    };
    let answer = answer_kept::<M, A>(state.clone(), scope.core.clone(), reply, change, returned);
    Step::Future(Box::pin(answer))
}

/// Keeps what a turn has changed, then answers.
async fn answer_kept<M: Method, A: Agent>(
    state: Rc<RefCell<A>>,
    core: Rc<Core<A>>,
    reply: ReplyTo<M::Ok, M::Err>,
    change: Change,
    returned: Result<M::Ok, M::Err>,
) -> Option<Panic> {
    let kept = core.keep(&state, change, mail::Step::default()).await;
    // The answer is given when the state is free: the caller's next call must not find it borrowed.
    drop(state);
    match kept {
        Ok(()) => reply.send(returned.map_err(CallError::Agent)),
        Err(error) => reply.refuse(core.not_kept(&error)),
    }
    None
}

fn end<M: Method, R: Outcome<M::Ok, M::Err>>(
    attended: Attended<R>,
    reply: ReplyTo<M::Ok, M::Err>,
    shared: &AgentShared,
) -> Option<Panic> {
    match attended {
        Attended::Done(returned) => reply.finish(Ok(returned), shared.name()),
        Attended::Panicked(panic) => reply.finish(Err::<R, _>(panic), shared.name()),
        Attended::Cancelled => {
            shared.counters().cancels.increment(1);
            None
        }
    }
}

/// A context for a turn, with the flag that tells it of a cancel.
pub fn watched_context<A: Agent>(scope: &Scope<'_, A>) -> (Context<A>, Rc<Cell<bool>>) {
    let flag = Rc::new(Cell::new(false));
    (scope.context(&flag), flag)
}

/// What came of an `#[every]` method: a failure goes to the log, for nobody waits for it.
pub fn timer_outcome(agent: &Arc<str>, method: &str, returned: impl HookOutcome) -> Plain<()> {
    if let Err(error) = returned.into_outcome() {
        tracing::warn!(%agent, method, %error, "a timed method failed");
    }
    Plain(())
}

/// What came of a handler of messages: a failure goes to the log, and to the other side, which would wait for an answer.
pub fn handler_outcome<P: Conversed>(
    agent: &Arc<str>,
    method: &str,
    handled: &Handled<P>,
    returned: impl HookOutcome,
) -> Plain<()> {
    if let Err(error) = returned.into_outcome() {
        tracing::warn!(%agent, method, %error, "a handler of a message failed");
        handled.failed(method, &error);
    }
    Plain(())
}

/// What came of a method that is told of ended dialogues: a failure goes to the log, for nobody waits for it.
pub fn end_outcome(agent: &Arc<str>, method: &str, returned: impl HookOutcome) -> Plain<()> {
    if let Err(error) = returned.into_outcome() {
        tracing::warn!(%agent, method, %error, "what is told of ended dialogues failed");
    }
    Plain(())
}

/// A hook on its way; `None` where it is over and went well.
type Hook = Option<LocalFuture<Result<(), String>>>;

fn hook_over(outcome: Result<(), String>) -> Hook {
    match outcome {
        Ok(()) => None,
        Err(error) => Some(Box::pin(std::future::ready(Err(error)))),
    }
}

/// Runs a plain `&self` hook.
pub fn hook_shared<A: Agent, R: HookOutcome>(state: &Rc<RefCell<A>>, hook: impl FnOnce(&A) -> R) -> Hook {
    hook_over(hook(&state.borrow()).into_outcome())
}

/// Runs a plain `&mut self` hook.
pub fn hook_exclusive<A: Agent, R: HookOutcome>(
    state: &Rc<RefCell<A>>,
    hook: impl FnOnce(&mut A) -> R,
) -> Hook {
    hook_over(hook(&mut state.borrow_mut()).into_outcome())
}

/// Begins an async `&self` hook.
pub fn hook_shared_async<A: Agent, R: HookOutcome>(
    state: &Rc<RefCell<A>>,
    hook: impl AsyncFnOnce(&A) -> R + 'static,
) -> Hook {
    let state = state.clone();
    Some(Box::pin(async move {
        let agent = state.borrow();
        hook(&agent).await.into_outcome()
    }))
}

/// Begins an async `&mut self` hook.
pub fn hook_exclusive_async<A: Agent, R: HookOutcome>(
    state: &Rc<RefCell<A>>,
    hook: impl AsyncFnOnce(&mut A) -> R + 'static,
) -> Hook {
    let state = state.clone();
    Some(Box::pin(async move {
        let mut agent = state.borrow_mut();
        hook(&mut agent).await.into_outcome()
    }))
}

/// Reads the arguments of a call into the request of its method, or gives the way back with what is wrong.
///
/// # Errors
/// `BadArguments`, with the path of the wrong value.
pub fn decode<M: Method, Q>(
    arguments: &Arguments<'_>,
    names: &[&str],
    sink: Option<Box<dyn ReplySink>>,
    request: impl FnOnce(M::Args, ReplyTo<M::Ok, M::Err>) -> Q,
) -> Result<Q, Refused> {
    // Decoders are the user's code too, and run on the link's task.
    match guard(|| M::Args::decode(arguments, M::NAME, names)) {
        Ok(Ok(decoded)) => Ok(request(decoded, ReplyTo::encoded(sink))),
        Ok(Err(error)) => Err(Refused { error, sink }),
        Err(panic) => {
            let (method, path) = (M::NAME.to_owned(), String::new());
            let reason = format!("a decoder panicked: {}", panic.text());
            Err(Refused { error: CallError::BadArguments { method, path, reason }, sink })
        }
    }
}

/// Answers a call that does not run.
pub fn refuse<M: Method>(reply: ReplyTo<M::Ok, M::Err>, error: CallError) {
    reply.refuse(error);
}

/// The method of a timer's turn, for which nobody waits.
#[derive(Debug)]
pub struct Timed<A>(PhantomData<A>);

impl<A: Agent> Method for Timed<A> {
    type Interface = A;
    type Args = ();
    type Ok = ();
    type Err = Never;
    const NAME: &'static str = "";
    const PLAIN: bool = false;

    fn request((): (), _: ReplyTo<(), Never>) -> Option<A::Request> {
        None
    }
}
