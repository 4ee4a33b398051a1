//! Spawning an agent: its name, its worker, its rules.
//!
//! Neighbours: [`container`](crate::container) begins a spawn, `agents` begins the life.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::dialogues::{DialogueStore, Limits, MailboxDialogues};
use folkmoot_agents::host::{Host, LocalAgent, Supervision};
use folkmoot_agents::local::{KeptElsewhere, Newborn, spawn_here};
use folkmoot_agents::mail::OwnMailbox;
use folkmoot_agents::shared::AgentShared;
use folkmoot_agents::{Agent, Proxy};
use folkmoot_gateway::name::check_agent;
use tokio::sync::oneshot;

use crate::configuration::{dialogues_fault, spawn_fault};
use crate::container::Container;
use crate::durable::{self, Applicant, Durable};
use crate::error::SpawnError;
use crate::executor::{self, Beginning};
use crate::supervision::{Backoff, Restart, Rules, Supervisor};
use crate::tables::{Entry, NotEntered};
use crate::tree::branch::{Branch, Closed};
use crate::tree::seat::Seat;

/// Calls that an agent takes at once, queued and running, unless told otherwise.
const DEFAULT_CAPACITY: u32 = 1024;

/// A spawn that has been prepared; awaited, it gives a proxy once the agent's `#[start]` has finished.
#[must_use = "nothing is spawned until this is awaited"]
pub struct Spawn<A: Agent> {
    container: Container,
    /// `None` for the next number.
    name: Option<String>,
    factory: Box<dyn Fn() -> A + Send>,
    rules: Rules,
    capacity: u32,
    near: Option<String>,
    capabilities: Vec<String>,
    dialogues: Option<Arc<dyn DialogueStore>>,
    dialogue_limits: Option<Limits>,
    durable: Option<Durable>,
}

impl<A: Agent> std::fmt::Debug for Spawn<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spawn").field("name", &self.name).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl<A: Agent> Spawn<A> {
    pub(crate) fn new(
        container: Container,
        name: Option<String>,
        factory: Box<dyn Fn() -> A + Send>,
    ) -> Spawn<A> {
        Spawn {
            container,
            name,
            factory,
            rules: Rules::default(),
            capacity: DEFAULT_CAPACITY,
            near: None,
            capabilities: Vec::new(),
            dialogues: None,
            dialogue_limits: None,
            durable: None,
        }
    }

    /// When the agent is started anew after a crash or an end of its own; transient unless told otherwise.
    pub fn restart(mut self, restart: Restart) -> Spawn<A> {
        self.rules.restart = restart;
        self
    }

    /// How many new starts within a period are too many; 10 within 10 s unless told otherwise.
    pub fn intensity(mut self, starts: u32, period: Duration) -> Spawn<A> {
        self.rules.intensity = starts;
        self.rules.period = period;
        self
    }

    /// The pauses between new starts.
    pub fn backoff(mut self, backoff: Backoff) -> Spawn<A> {
        self.rules.backoff = backoff;
        self
    }

    /// How many calls the agent takes at once, queued and running, before it refuses more as `Overloaded`; 1,024
    /// unless told otherwise.
    pub fn capacity(mut self, calls: usize) -> Spawn<A> {
        self.capacity = u32::try_from(calls).unwrap_or(u32::MAX);
        self
    }

    /// How long an async `#[start]` may take, on link time, before it has failed; 30 s unless told otherwise. The first
    /// time the spawn fails with it, after a crash it is another crash.
    pub fn start_deadline(mut self, time: Duration) -> Spawn<A> {
        self.rules.start_deadline = time;
        self
    }

    /// Something that the agent can do, by which other nodes find it ([`Container::agents_able_to`]).
    pub fn capability(mut self, name: &str) -> Spawn<A> {
        self.capabilities.push(name.to_owned());
        self
    }

    /// Keeps the agent's dialogues in `store`, so that they outlive a crash of it and, as far as the store does, its node:
    /// what it has said and taken in is kept before anybody learns of it. What others have said and the agent has not
    /// answered, `ctx.dialogues::<Fipa>().unanswered()` tells in `#[start]`. Others' dialogues end with the agent's
    /// life.
    pub fn keep_dialogues(mut self, store: impl DialogueStore) -> Spawn<A> {
        self.dialogues = Some(Arc::new(store));
        self
    }

    /// How much the agent's dialogues may take, in each protocol that it speaks: how many may be open, with one peer and with
    /// those who have proven nothing, and how long one may be silent before it is given up. The usual ones are those of
    /// [`Limits`](crate::protocols::dialogue::Limits); an agent changes those of one protocol later by
    /// `ctx.dialogues::<Fipa>().set_limits(..)`.
    pub fn dialogue_limits(mut self, limits: Limits) -> Spawn<A> {
        self.dialogue_limits = Some(limits);
        self
    }

    /// Gives the agent a mailbox of its own in the container's exchange, which outlives it: its `#[on]` methods are called
    /// with the mail there. Whoever next spawns an agent of that name, on whatever node that uses the same exchange, goes on
    /// with the same mailbox; while one has it the spawn of another waits, as long as `#[start]` may take. See
    /// [`mail`](crate::guide::mail).
    pub fn durable(self) -> Spawn<A> {
        self.durable_with(Durable::new())
    }

    /// The same, in another way than the usual one.
    pub fn durable_with(mut self, durable: Durable) -> Spawn<A> {
        self.durable = Some(durable);
        self
    }

    /// On the worker of another agent of this container: those that talk much share one.
    pub(crate) fn near(mut self, agent: &str) -> Spawn<A> {
        self.near = Some(agent.to_owned());
        self
    }

    async fn spawn(self) -> Result<Proxy<A>, SpawnError> {
        let Spawn { container, name, factory, rules, capacity, near, capabilities, .. } = self;
        let Spawn { dialogues, dialogue_limits, durable, .. } = self;
        let hall = container.hall().clone();
        let tables = hall.tables.clone();
        let name = name.unwrap_or_else(|| tables.next_number());
        check(&name, capacity, &rules, (durable.as_ref(), dialogue_limits.as_ref()))?;
        if A::PERSISTS && durable.is_none() {
            let fault =
                "it keeps fields (`#[persist]`), and that needs a mailbox: spawn it with `.durable()`"
                    .to_owned();
            return Err(SpawnError::Configuration { name, fault });
        }
        let worker = match near.and_then(|near| tables.agent(&near)) {
            Some(entry) => entry.worker,
            None => hall.workers.next(),
        };
        let shared = AgentShared::new(&name, &tables.home, capacity);
        let branch = container.branch().cloned();
        let mail = match durable {
            None => None,
            Some(_) if tables.agent(&name).is_some() => return Err(SpawnError::NameTaken { name }),
            Some(durable) => {
                let (name, agent_type, capabilities) = (&*name, A::TYPE, &*capabilities);
                let time = rules.start_deadline;
                let applicant = Applicant { name, agent_type, capabilities, time, worker };
                Some(durable::own(&hall, durable, applicant).await?)
            }
        };
        // Those of a durable agent are kept where its mail is, unless it was told otherwise.
        let at_mailbox = |(mailbox, _): &(Arc<dyn OwnMailbox>, _)| {
            Arc::new(MailboxDialogues::new(mailbox.clone())) as Arc<dyn DialogueStore>
        };
        let dialogues = match dialogues.or_else(|| mail.as_ref().map(at_mailbox)) {
            None => None,
            Some(store) => {
                let loaded = store.load(&name).await.map_err(|error| {
                    let cause = format!("its dialogues could not be read: {error}");
                    SpawnError::Failed { name: name.clone(), cause }
                })?;
                Some((store, loaded))
            }
        };
        let kept = KeptElsewhere { dialogues, mail, dialogue_limits };
        let birth = Birth { shared, host: hall.clone(), factory, rules, worker, capabilities, branch, kept };
        let worker = hall.workers.get(worker);
        let (proxy, born) = if worker.is_current() {
            // The spawner may be a task that can begin nothing itself.
            birth.here(executor::begin)?
        } else {
            let (tell, told) = oneshot::channel();
            worker.executor.spawn_fn(move || {
                // The spawner may have gone; then the agent lives without a witness.
                let at_once = |beginning: Beginning| {
                    beginning();
                    true
                };
                tell.send(birth.here(at_once)).ok();
            });
            told.await.map_err(|_| SpawnError::ShutDown)??
        };
        match born.await {
            Ok(Ok(())) => Ok(proxy),
            Ok(Err(cause)) => Err(SpawnError::Failed { name, cause }),
            Err(_) => Err(SpawnError::ShutDown),
        }
    }
}

type Born = oneshot::Receiver<Result<(), String>>;

/// All that an agent's life begins with, on its way to the worker.
struct Birth<A: Agent> {
    shared: Arc<AgentShared>,
    host: Arc<crate::container::Hall>,
    factory: Box<dyn Fn() -> A + Send>,
    rules: Rules,
    worker: usize,
    capabilities: Vec<String>,
    /// The child container that it is spawned in.
    branch: Option<Arc<Branch>>,
    kept: KeptElsewhere,
}

impl<A: Agent> Birth<A> {
    /// Begins the life on the current thread, which is the agent's worker, by what calls `Beginning`s and says whether it
    /// will.
    fn here(self, begin: impl FnOnce(Beginning) -> bool) -> Result<(Proxy<A>, Born), SpawnError> {
        let Birth { shared, host, factory, rules, worker, capabilities, branch, kept } = self;
        let tables = host.tables.clone();
        let supervisor = Supervisor::new(rules, shared.clone(), Arc::downgrade(&tables));
        let status = host.workers.get(worker).status.clone();
        let (id, name) = (shared.id(), shared.name().clone());
        let host: Arc<dyn Host> = host;
        let (supervision, entrance): (Box<dyn Supervision>, _) = match &branch {
            None => (Box::new(supervisor), None),
            Some(branch) => {
                let seat = Seat::new(supervisor, branch);
                let entrance = seat.entrance();
                (Box::new(seat), Some(entrance))
            }
        };
        let enter = |agent: Arc<dyn LocalAgent>| {
            if let Some(entrance) = &entrance {
                entrance.enter(agent.clone()).map_err(|closed| not_taken_in(closed, &name))?;
            }
            let entry = Entry { agent: agent.clone(), worker };
            tables.enter(entry, capabilities).map_err(|why| {
                if let Some(entrance) = &entrance {
                    entrance.leave();
                }
                not_entered(why, &name)
            })?;
            if entrance.is_none() && tables.trunk.is_suspended() {
                // The first that it hears: no turn begins before.
                drop(agent.suspend());
            }
            Ok(())
        };
        let Newborn { begin: beginning, born, proxy } =
            spawn_here(shared, host, factory, supervision, status, kept, enter)?;
        if !begin(beginning) {
            // It never lived, and nobody else takes it out again.
            tables.remove(id, &name);
            if let Some(entrance) = &entrance {
                entrance.leave();
            }
            return Err(SpawnError::ShutDown);
        }
        Ok((proxy, born))
    }
}

impl<A: Agent> IntoFuture for Spawn<A> {
    type Output = Result<Proxy<A>, SpawnError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.spawn())
    }
}

fn not_entered(why: NotEntered, name: &str) -> SpawnError {
    match why {
        NotEntered::NameTaken => SpawnError::NameTaken { name: name.to_owned() },
        NotEntered::ShutDown => SpawnError::ShutDown,
    }
}

fn not_taken_in(closed: Closed, name: &str) -> SpawnError {
    match closed {
        Closed::Ended => SpawnError::ShutDown,
        Closed::NameTaken => SpawnError::NameTaken { name: name.to_owned() },
        Closed::Failed(cause) => SpawnError::Down { name: name.to_owned(), cause },
    }
}

/// Why the agent cannot be, whatever its type.
fn check(
    name: &str,
    capacity: u32,
    rules: &Rules,
    (durable, dialogues): (Option<&Durable>, Option<&Limits>),
) -> Result<(), SpawnError> {
    check_agent(name).map_err(|fault| SpawnError::BadName { name: name.to_owned(), fault })?;
    let fault = spawn_fault(capacity, rules).or_else(|| durable.and_then(Durable::fault));
    match fault.or_else(|| dialogues.and_then(dialogues_fault)) {
        Some(fault) => Err(SpawnError::Configuration { name: name.to_owned(), fault }),
        None => Ok(()),
    }
}
