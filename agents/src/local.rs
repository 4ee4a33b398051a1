//! An agent of this process behind its type: how a container spawns it, finds it and hands it encoded calls.
//!
//! Neighbours: the platform keeps `Arc<dyn LocalAgent>` in its tables; [`life`](crate::life) is the agent itself.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use actix::Context as ActorContext;
use folkmoot_codecs::{Arguments, CallError, Never, Principal};
use folkmoot_gateway::Admitted;
use folkmoot_gateway::name::short;
use tokio::sync::oneshot;

use crate::actor::{AgentActor, Control};
use crate::describe::AgentDescription;
use crate::dialogues::incoming::Sealed;
use crate::dialogues::{
    Desks, DialogueStore, Keeping, Limits, Stored, may_be_protocol, refuse_unspoken_call,
};
use crate::host::{Host, LocalAgent, Order, Supervision, WorkerStatus};
use crate::interface::{Agent, Interface, Refused};
use crate::life::Life;
use crate::mail::{MailRules, OwnMailbox};
use crate::nearest::nearest_path;
use crate::neighbours;
use crate::proxy::{Door, Proxy, Target};
use crate::proxy_serde;
use crate::queue::{Core, Making};
use crate::reply::{ReplySink, ReplyTo};
use crate::shared::AgentShared;
use crate::turn::{CallHead, Origin, Ticketed, Turn};

/// A spawned agent and the news of its birth.
pub struct Newborn<A: Agent> {
    /// Begins its life: to be called on this worker, by a task that can begin others.
    pub begin: Box<dyn FnOnce()>,
    /// Told when the first `#[start]` has ended, well or with a cause.
    pub born: oneshot::Receiver<Result<(), String>>,
    /// A proxy that speaks for the agent's container.
    pub proxy: Proxy<A>,
}

impl<A: Agent> std::fmt::Debug for Newborn<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Newborn").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// What of an agent outlives it, and how much of its dialogues there may be.
#[derive(Default)]
pub struct KeptElsewhere {
    /// Where its dialogues are kept, and what was found there.
    pub dialogues: Option<(Arc<dyn DialogueStore>, Vec<Stored>)>,
    /// Its mailbox, and how it treats its mail.
    pub mail: Option<(Arc<dyn OwnMailbox>, MailRules)>,
    /// How much its dialogues may take, in each protocol; the usual bounds where it is `None`.
    pub dialogue_limits: Option<Limits>,
}

impl std::fmt::Debug for KeptElsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptElsewhere").finish_non_exhaustive()
    }
}

/// Makes an agent ready to live on the current worker, where the factory will be called; `enter` takes it into the
/// container's tables.
///
/// # Errors
/// That of `enter`: then the agent never lived, and its factory is not called.
pub fn spawn_here<A: Agent, E>(
    shared: Arc<AgentShared>,
    host: Arc<dyn Host>,
    factory: Box<dyn Fn() -> A>,
    supervision: Box<dyn Supervision>,
    worker: Arc<WorkerStatus>,
    kept: KeptElsewhere,
    enter: impl FnOnce(Arc<dyn LocalAgent>) -> Result<(), E>,
) -> Result<Newborn<A>, E> {
    let KeptElsewhere { dialogues, mail, dialogue_limits } = kept;
    let keeping = dialogues.map(|(store, loaded)| Keeping::new(store, loaded));
    let desks = Desks::of(keeping, dialogue_limits);
    let making = Making { factory, supervision, worker, desks, mail };
    let core = Core::new(shared.clone(), host.clone(), making);
    let mut actor_context = ActorContext::<AgentActor<A>>::new();
    // 0 is "no bound" to actix: every message holds one of the agent's credits, which are the bound.
    actor_context.set_mailbox_capacity(0);
    let actor = actor_context.into_future(AgentActor { core: core.clone() });
    let place = neighbours::enter(core.clone());
    let door = Arc::new(Door::new(shared, actor.address().recipient(), place, &host));
    core.set_door(door.clone());
    if let Err(error) = enter(door.clone()) {
        neighbours::leave(place);
        return Err(error);
    }
    let proxy = proxy_through(&door, &host, host.principal().clone());
    let (tell, born) = oneshot::channel();
    let life = Life::new(actor, core, tell);
    Ok(Newborn { begin: Box::new(move || drop(actix::spawn(life))), born, proxy })
}

/// A proxy to an agent of this process, speaking for `caller`, who lives in the same container.
pub(crate) fn proxy_through<A: Agent>(
    door: &Arc<Door<A>>,
    host: &Arc<dyn Host>,
    caller: Principal,
) -> Proxy<A> {
    let (agent, target) = (door.shared().name().clone(), Some(door.shared().clone()));
    let origin = Arc::new(Origin { agent, target, caller, inside: true });
    Proxy::over(host.clone(), origin, Target::Near(door.clone()))
}

impl std::fmt::Debug for dyn LocalAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LocalAgent").field(&self.shared().full_name()).finish()
    }
}

impl<A: Agent> Door<A> {
    /// The permit of a call, its credit taken, and the place of its method.
    fn check(&self, head: Admitted<CallHead>, is_plain: bool) -> Result<(Ticketed, usize), CallError> {
        let method = &head.message().method;
        let index = A::method_index(method).ok_or_else(|| self.no_such_method(method, is_plain))?;
        Ok((Ticketed::new(head)?, index))
    }

    /// The protocol of a message, where the agent has begun dialogues in it and has no handlers for it.
    fn listened(&self, head: &Admitted<CallHead>) -> Option<&'static str> {
        let method = &*head.message().method;
        let is_unknown = may_be_protocol(method) && A::method_index(method).is_none();
        is_unknown.then(|| self.shared().listened(method)).flatten()
    }

    /// Hands a message over that the agent has no handlers for.
    fn deliver_message(
        &self,
        protocol: &'static str,
        head: Admitted<CallHead>,
        arguments: &Arguments<'_>,
        sink: Option<Box<dyn ReplySink>>,
    ) {
        let permit = match Ticketed::new(head) {
            Ok(permit) => permit,
            Err(error) => return ReplyTo::<(), Never>::encoded(sink).refuse(error),
        };
        match Sealed::decode(protocol, permit, arguments, sink) {
            Err(Refused { error, sink }) => ReplyTo::<(), Never>::encoded(sink).refuse(error),
            Ok(message) => {
                if let Err(message) = self.send_message(Box::new(message)) {
                    message.refuse(Door::shared(self).stopped_error(false));
                }
            }
        }
    }

    #[cold]
    fn no_such_method(&self, method: &str, is_plain: bool) -> CallError {
        if is_plain && let Some(name) = A::unexposed(method) {
            // In aiomas's words, where it has others than for what is not there.
            let message = format!("\"{name}\" is not exposed");
            return CallError::Remote { kind: "LookupError".to_owned(), traceback: message.clone(), message };
        }
        CallError::NoSuchMethod {
            agent: self.shared().name().to_string(),
            method: short(method).into_owned(),
            nearest: nearest_path(method, A::METHODS.iter().map(|info| info.name)),
        }
    }
}

impl<A: Agent> LocalAgent for Door<A> {
    fn shared(&self) -> &Arc<AgentShared> {
        Door::shared(self)
    }

    fn deliver(&self, head: Admitted<CallHead>, arguments: &Arguments<'_>, sink: Option<Box<dyn ReplySink>>) {
        if let Some(protocol) = self.listened(&head) {
            return self.deliver_message(protocol, head, arguments, sink);
        }
        let plain = sink.as_ref().and_then(|sink| sink.plain_peer());
        let (permit, index) = match self.check(head, plain.is_some()) {
            Ok(checked) => checked,
            Err(error @ CallError::NoSuchMethod { .. }) => {
                return refuse_unspoken_call(Door::shared(self), error, arguments, sink);
            }
            Err(error) => return ReplyTo::<(), Never>::encoded(sink).refuse(error),
        };
        let decode = || A::decode(index, arguments, sink);
        let decoded = proxy_serde::read_for(self.reader(), || match plain {
            Some(peer) => proxy_serde::read_from(peer, decode),
            None => decode(),
        });
        match decoded {
            Err(Refused { error, sink }) => ReplyTo::<(), Never>::encoded(sink).refuse(error),
            Ok(request) => {
                let turn = Turn { permit, request };
                let left = match A::method_of(&turn.request).plain {
                    true => neighbours::run(self.place, turn),
                    false => Err(turn),
                };
                if let Err(turn) = left.or_else(|turn| self.send(turn)) {
                    A::refuse(turn.request, Door::shared(self).stopped_error(false));
                }
            }
        }
    }

    fn method_name(&self, name: &str) -> Option<&'static str> {
        A::method_index(name).and_then(|index| A::METHODS.get(index)).map(|info| info.name)
    }

    fn is_idempotent(&self, method: &str) -> bool {
        let info = A::method_index(method).and_then(|index| A::METHODS.get(index));
        info.is_some_and(|info| info.idempotent)
    }

    fn agent_type(&self) -> &'static str {
        A::TYPE
    }

    fn describe(&self) -> AgentDescription {
        A::describe()
    }

    fn stop(&self, grace: Duration) -> oneshot::Receiver<()> {
        let (tell, done) = oneshot::channel();
        // An agent that has ended drops the message and with it `tell`: the receiver learns of it.
        self.control(Control::Stop(grace, tell));
        done
    }

    fn crash(&self, cause: String, link: u64) {
        self.control(Control::Crash(cause, link));
    }

    fn sweep(&self) {
        self.ask_for_sweep();
    }

    fn suspend(&self) -> oneshot::Receiver<()> {
        let (tell, done) = oneshot::channel();
        self.control(Control::Suspend(tell));
        done
    }

    fn resume(&self) -> oneshot::Receiver<()> {
        let (tell, done) = oneshot::channel();
        self.control(Control::Resume(tell));
        done
    }

    fn order(&self, order: Order) {
        self.control(Control::Order(order));
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// The typed door of an agent, where `I` is its own type.
pub(crate) fn typed_door<I: Interface + ?Sized>(agent: Arc<dyn LocalAgent>) -> Option<Arc<Door<I>>> {
    agent.into_any().downcast().ok()
}
