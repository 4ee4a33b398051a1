//! What a method sees of its surroundings: who calls, the clock, other agents, its own end.
//!
//! Neighbours: [`queue`](crate::queue) makes a [`Scope`] for each turn, generated code asks it for a [`Context`]
//! where the method takes one.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_codecs::{CallError, Principal};
use folkmoot_protocols::typed::{Answered, Answers, AnyRole, Conversed, Opens, Role, Says, State};

use crate::clock::Clock;
use crate::connect::Connect;
use crate::dialogues::{self, Desk, DialogueError, Dialogues, OtherSide, Reply, ReplyError, Speech};
use crate::group::Group;
use crate::host::Wanted;
use crate::interface::{Agent, Interface};
use crate::linked::Linked;
use crate::lookup::Lookup;
use crate::mail::Outbox;
use crate::monitor::Monitor;
use crate::proxy::Proxy;
use crate::queue::Core;
use crate::turn::Origin;

mod mailing;

/// The surroundings of one turn, or of the agent itself where no call is being handled.
///
/// Cheap to clone. It is bound to its worker: what leaves the worker is a [`Proxy`].
pub struct Context<A: Agent> {
    core: Rc<Core<A>>,
    turn: Option<Rc<TurnState>>,
}

impl<A: Agent> Clone for Context<A> {
    fn clone(&self) -> Self {
        Context { core: self.core.clone(), turn: self.turn.clone() }
    }
}

impl<A: Agent> fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("agent", &self.name()).finish_non_exhaustive()
    }
}

/// What belongs to one turn.
#[derive(Debug)]
struct TurnState {
    origin: Arc<Origin>,
    cancelled: Rc<Cell<bool>>,
    /// Where a mail is being handled: what is sent because of it.
    outbox: Option<Rc<Outbox>>,
}

impl<A: Agent> Context<A> {
    pub(crate) fn of_agent(core: &Rc<Core<A>>) -> Context<A> {
        Context { core: core.clone(), turn: None }
    }

    /// The agent's name in its container.
    pub fn name(&self) -> &str {
        self.core.shared().name()
    }

    /// Who calls: the proven principal of the call in hand; the container's own where a timer or the agent itself
    /// is at work.
    pub fn caller(&self) -> &Principal {
        match &self.turn {
            Some(turn) => &turn.origin.caller,
            None => self.core.host().principal(),
        }
    }

    /// Whether the caller went away or its deadline passed. A `&mut self` method runs on all the same: it looks
    /// here where it can stop without leaving half an update behind.
    pub fn cancelled(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.cancelled.get())
    }

    /// The container's clock.
    pub fn clock(&self) -> &(dyn Clock + 'static) {
        &**self.core.host().clock()
    }

    /// Sleeps on the container's clock.
    pub async fn sleep(&self, duration: Duration) {
        self.clock().sleep(duration).await;
    }

    /// The cause of the crash before this life of the agent, if there was one.
    pub fn last_crash(&self) -> Option<String> {
        self.core.last_crash()
    }

    /// Ends the agent: calls in hand finish and `#[stop]` runs. A permanent agent is then started anew; any other does
    /// not come back.
    pub fn stop(&self) {
        let grace = Duration::from_millis(self.core.host().default_deadline_ms());
        self.core.request_stop(grace, None);
    }

    /// A proxy to this agent itself. Calling it from one of its own `&mut self` methods is a `Deadlock`.
    pub fn own_proxy(&self) -> Proxy<A> {
        self.core.own_proxy()
    }

    /// The agent of a proxy that another agent of this container handed over, spoken to by this one. Only typed calls
    /// within a container need it: they hand a proxy over as it is, and it goes on speaking for who obtained it.
    pub fn adopt<I: Interface + ?Sized>(&self, proxy: &Proxy<I>) -> Proxy<I> {
        Proxy::spoken_by(proxy, self.own_principal())
    }

    /// A proxy to another agent of this container, speaking for this one.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name.
    pub fn find<I: Interface + ?Sized>(&self, name: &str) -> Result<Proxy<I>, CallError> {
        Proxy::to_local(self.core.host(), self.own_principal(), name)
    }

    /// A proxy to the agent of that name, wherever it lives among this node and those that have joined, speaking for
    /// this agent. Options, such as `.retry_for(..)`, come before the await.
    pub fn lookup<I: Interface + ?Sized>(&self, name: &str) -> Lookup<I> {
        Lookup::new(self.core.host().clone(), self.own_principal(), name.to_owned())
    }

    /// The agents of a type, by its name, on this node and those that have joined; this agent itself among them, where
    /// it is one. The group speaks for this agent.
    pub fn group_of_type<I: Interface + ?Sized>(&self, agent_type: &str) -> Group<I> {
        Group::live(self.core.host().clone(), self.own_principal(), Wanted::OfType(agent_type.to_owned()))
    }

    /// The agents that say they can do something, on this node and those that have joined; this agent itself among
    /// them, where it says so. The group speaks for this agent.
    pub fn group_able_to<I: Interface + ?Sized>(&self, capability: &str) -> Group<I> {
        Group::live(self.core.host().clone(), self.own_principal(), Wanted::AbleTo(capability.to_owned()))
    }

    /// A proxy to the agent at `url`, on whatever node, speaking for this agent.
    ///
    /// Awaited, it opens a link, unless there is one, and asks whether the agent is there; options, such as
    /// `.retry_for(..)`, come before the await.
    pub fn connect<I: Interface + ?Sized>(&self, url: impl Into<String>) -> Connect<I> {
        Connect::new(self.core.host().clone(), self.own_principal(), url.into())
    }

    /// Watches the agent behind `proxy`, on whatever node: what happens to it from when this is done is told by the
    /// [`Monitor`], until that is dropped.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name; `AgentStopped` where it has ended; `Denied` where no rule of its node lets
    /// this one reach it; `Disconnected` where its node is out of reach.
    pub fn monitor<I: Interface + ?Sized>(
        &self,
        proxy: &Proxy<I>,
    ) -> impl Future<Output = Result<Monitor, CallError>> + Send + use<A, I> {
        Monitor::of(proxy)
    }

    /// Links this agent to the one behind `proxy`, on whatever node: where one of the two crashes, ends otherwise than
    /// in order, or loses the other's node, the other crashes too, and its supervision decides what follows. The link
    /// is over with such a crash, with either agent's end, and when what this gives is dropped.
    ///
    /// # Errors
    /// As [`monitor`](Context::monitor); `Denied` also where no rule of the other's node lets this one call each method
    /// (`*`) of that agent, and where an agent would be linked to itself.
    pub fn link<I: Interface + ?Sized>(
        &self,
        proxy: &Proxy<I>,
    ) -> impl Future<Output = Result<Linked, CallError>> + Send + use<A, I> {
        Linked::between(self.core.link_end(), proxy)
    }

    /// Begins a dialogue with the agent behind `peer`, on whatever node: `ctx.open(&baker, Cfp { query }).await?`. What
    /// is said tells the protocol. The role is left open; [`open_as`](Context::open_as) takes one.
    ///
    /// `peer` is a proxy, whose agent takes the message at once; or, of an agent that has a mailbox of its own, a
    /// [`MailAddress`](crate::mail::MailAddress): the dialogue goes by mail then, and the other side may come to it later.
    ///
    /// # Errors
    /// Those of [`DialogueError`](crate::dialogues::DialogueError), when it is awaited.
    pub fn open<P: Conversed, N: Opens<P>>(
        &self,
        peer: &(impl OtherSide + ?Sized),
        said: N,
    ) -> Speech<AnyRole<P>, N> {
        Speech::opening(self.core.desk(), peer.sought(), said)
    }

    /// The same in a role: `ctx.open_as::<Buyer, _>(&baker, Cfp { query }).await?`.
    ///
    /// # Errors
    /// As [`open`](Context::open).
    pub fn open_as<R, N>(&self, peer: &(impl OtherSide + ?Sized), said: N) -> Speech<R, N>
    where
        R: Role + Says<N>,
        N: Opens<R::Protocol>,
    {
        Speech::opening(self.core.desk(), peer.sought(), said)
    }

    /// Says what comes next in a dialogue: `ctx.reply(dialogue, Propose { .. }).await?`. What the rules do not allow
    /// there does not compile.
    ///
    /// # Errors
    /// A [`ReplyError`](crate::dialogues::ReplyError) when it is awaited, which gives the dialogue back where that is as
    /// it was.
    pub fn reply<D, N>(&self, dialogue: D, said: N) -> Speech<D::Role, N, ReplyError<D>>
    where
        D: State + 'static,
        N: Answers<D::Last>,
        D::Role: Says<N>,
    {
        Speech::next(self.core.desk(), dialogue, said)
    }

    /// Awaits what answers the last message of a dialogue. Where a handler takes it first, or it is awaited already,
    /// that stands: [`Speech::answer`] awaits an answer from before the message leaves.
    ///
    /// # Errors
    /// `Ended`, where the dialogue has ended, also by its time-out; `Awaited`.
    pub fn answer<D: State<Last: Answered>>(
        &self,
        dialogue: D,
    ) -> impl Future<Output = Result<Reply<D::Role, D::Last>, DialogueError>> + use<A, D> {
        dialogues::answer(self.core.desk(), dialogue)
    }

    /// The agent's dialogues in a protocol, and their bounds.
    pub fn dialogues<P: Conversed>(&self) -> Dialogues<P> {
        Dialogues(self.core.desk())
    }

    /// Goes on in the dialogues that have outlived the agent.
    #[doc(hidden)]
    pub fn take_dialogues_back<P: Conversed>(&self) {
        let again = self.core.desk::<P>().say_again();
        again.into_iter().for_each(|saying| self.core.spawn(saying));
    }

    /// Runs `future` beside the agent's turns, on its worker, until it is done or the agent ends or restarts. It
    /// carries no chain of callers.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.core.spawn(Box::pin(future));
    }

    /// The agent's dialogues in a protocol.
    pub(crate) fn desk<P: Conversed>(&self) -> Rc<Desk<P>> {
        self.core.desk()
    }

    fn own_principal(&self) -> Principal {
        self.core.host().principal().with_agent(self.core.shared().name().clone())
    }
}

/// What generated code sees of a turn that begins.
#[doc(hidden)]
pub struct Scope<'a, A: Agent> {
    pub(crate) core: &'a Rc<Core<A>>,
    pub(crate) origin: Option<&'a Arc<Origin>>,
    pub(crate) outbox: Option<&'a Rc<Outbox>>,
}

impl<A: Agent> fmt::Debug for Scope<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<A: Agent> Scope<'_, A> {
    /// The agent's name.
    pub fn name(&self) -> &Arc<str> {
        self.core.shared().name()
    }

    /// `node/name`, as logs have it.
    pub fn full_name(&self) -> &Arc<str> {
        self.core.shared().full_name()
    }

    /// A context for the method, where it takes one.
    pub fn context(&self, cancelled: &Rc<Cell<bool>>) -> Context<A> {
        let turn = self.origin.map(|origin| {
            let (origin, outbox) = (origin.clone(), self.outbox.cloned());
            Rc::new(TurnState { origin, cancelled: cancelled.clone(), outbox })
        });
        Context { core: self.core.clone(), turn }
    }
}
