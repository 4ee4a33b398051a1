//! What an agent needs of its container: the small traits that the platform implements.
//!
//! Agents know no sockets, no tables and no timers; all of that stands behind [`Host`], [`LocalAgent`] and
//! [`Far`]. Neighbours: [`proxy`](crate::proxy) and [`life`](crate::life) are the users.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use folkmoot_codecs::{Arguments, CallError, Codec, Endpoint, PlainTypes, Principal};
use folkmoot_gateway::Admitted;
use tokio::sync::oneshot;

use crate::chain::Chain;
use crate::clock::{Clock, Sleep};
use crate::connect::{Retry, Route, Way};
use crate::counters::Counters;
use crate::deadlines::{LinkInstant, SharedDeadlines};
use crate::describe::AgentDescription;
use crate::mail::{MailError, Outgoing};
use crate::reply::ReplySink;
use crate::retries::{CallKey, Retries};
use crate::shared::{AgentShared, Status};
use crate::turn::{CallHead, Origin};
use crate::waits::Edge;
use crate::watching::{End, FarWatch, Tie, Watcher};

/// A future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An agent's container, as the agent and its callers see it.
pub trait Host: Send + Sync + 'static {
    /// Brings a call before the gate.
    ///
    /// # Errors
    /// `Denied`, with the reason.
    fn admit(&self, head: CallHead) -> Result<Admitted<CallHead>, CallError>;
    /// The container's own principal.
    fn principal(&self) -> &Principal;
    /// Link time.
    fn now(&self) -> LinkInstant;
    /// A sleep on link time.
    fn link_sleep(&self, duration: Duration) -> Sleep;
    /// The deadlines of callers that are on no worker.
    fn shared_deadlines(&self) -> &Arc<SharedDeadlines>;
    /// The deadline of calls that set none, in milliseconds.
    fn default_deadline_ms(&self) -> u64;
    /// The agents' time.
    fn clock(&self) -> &Arc<dyn Clock>;
    /// The container's counters.
    fn counters(&self) -> &Arc<Counters>;
    /// The agent of that name here.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name.
    fn find(&self, name: &str) -> Result<Arc<dyn LocalAgent>, CallError>;
    /// The way to an agent on whatever node.
    ///
    /// # Errors
    /// Why there is none.
    fn reach(self: Arc<Self>, route: Route) -> BoxFuture<'static, Result<Way, CallError>>;
    /// The way to the agent of that name at `endpoint`, whether it is there or not: nothing is opened, and nobody
    /// asked, before the first call.
    fn point_at(self: Arc<Self>, endpoint: Endpoint, agent: String) -> Way;
    /// The way to the agent at an endpoint that `caller` says is its own, to answer it there.
    ///
    /// # Errors
    /// Why nobody is answered there, as a sentence.
    fn answer_at(
        self: Arc<Self>,
        endpoint: Endpoint,
        agent: String,
        caller: &Principal,
    ) -> Result<Way, String>;
    /// The way to the agent of that name, on whatever node that has joined; `retry` says how long to wait for it to
    /// come.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name; `Ambiguous`, where several nodes have one.
    fn look_up(self: Arc<Self>, name: String, retry: Retry) -> BoxFuture<'static, Result<Way, CallError>>;
    /// Who is wanted and lives here or on a joined node, sorted; `None` where nothing has changed since the version
    /// that was seen.
    fn roll(self: Arc<Self>, wanted: &Wanted, seen: Option<u64>) -> Option<Roll>;
    /// Waits until the roll may be another than at the version that was seen.
    fn roll_changed(self: Arc<Self>, seen: u64) -> BoxFuture<'static, ()>;
    /// What an agent on whatever node exposes.
    ///
    /// # Errors
    /// Why it cannot be asked, or what the question was answered with.
    fn describe(self: Arc<Self>, route: Route) -> BoxFuture<'static, Result<AgentDescription, CallError>>;
    /// How often idempotent calls may be made again.
    fn retries(&self) -> &Retries;
    /// The URL of an agent of this container.
    fn url_of(&self, agent: &str) -> String;
    /// The special types of values that its plain peers know.
    fn plain_types(&self) -> &Arc<PlainTypes>;
    /// Sends a mail for the container itself, or for an agent that has no mailbox of its own.
    ///
    /// # Errors
    /// Why it was not taken.
    fn send_mail(
        self: Arc<Self>,
        agent: Option<Arc<str>>,
        mail: Outgoing,
    ) -> BoxFuture<'static, Result<(), MailError>>;
    /// Whether the gate would let an agent's mail pass, and it would find a mailbox.
    ///
    /// # Errors
    /// Why not.
    fn check_mail(
        self: Arc<Self>,
        agent: Arc<str>,
        mail: Outgoing,
    ) -> BoxFuture<'static, Result<(), MailError>>;
}

/// A peer that said no Hello, on its link: another make's container.
pub trait PlainPeer: Send + Sync + 'static {
    /// The special types of values that it knows.
    fn plain_types(&self) -> &Arc<PlainTypes>;
    /// The way over this very link to what the peer exposes at `path`.
    ///
    /// # Errors
    /// What is wrong with the path, as a sentence.
    fn service(self: Arc<Self>, path: &str) -> Result<Arc<dyn Far>, String>;
}

/// Which agents belong to a live group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those of a type, by its name.
    OfType(String),
    /// Those that say they can do something.
    AbleTo(String),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::OfType(agent_type) => write!(f, "the agents of type \"{agent_type}\""),
            Wanted::AbleTo(capability) => write!(f, "the agents able to \"{capability}\""),
        }
    }
}

/// The agents that are wanted, at one moment.
#[derive(Debug)]
pub struct Roll {
    /// Another one where anything may have changed.
    pub version: u64,
    /// Each once, by name and node.
    pub members: Vec<Enrolled>,
}

/// An agent on a roll.
#[derive(Debug)]
pub struct Enrolled {
    /// Its name.
    pub name: String,
    /// Its node's name.
    pub node: String,
    /// The way to it, and to no namesake of it.
    pub way: Way,
}

/// How a call would fare that is sent now, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing speaks against it.
    Open,
    /// The agent, or its node, may not be there.
    Doubtful,
    /// It would not leave, or find nobody.
    Shut(CallError),
}

impl Outlook {
    /// Of a call to an agent of this process.
    pub(crate) fn of(agent: &AgentShared) -> Outlook {
        match agent.status() {
            Status::Starting | Status::Running => Outlook::Open,
            Status::Restarting | Status::Suspended => Outlook::Doubtful,
            Status::Stopping | Status::Stopped => Outlook::Shut(agent.stopped_error(false)),
        }
    }

    /// What keeps a call from being sent.
    pub(crate) fn into_error(self) -> Option<CallError> {
        match self {
            Outlook::Shut(error) => Some(error),
            Outlook::Open | Outlook::Doubtful => None,
        }
    }
}

/// An agent of this process behind its type.
pub trait LocalAgent: Send + Sync + 'static {
    /// The half of it that other threads see.
    fn shared(&self) -> &Arc<AgentShared>;
    /// Hands an admitted, encoded call to the agent. Answers through `sink`, also when it refuses.
    fn deliver(&self, head: Admitted<CallHead>, arguments: &Arguments<'_>, sink: Option<Box<dyn ReplySink>>);
    /// The exposed method of that name.
    fn method_name(&self, name: &str) -> Option<&'static str>;
    /// Whether that method says that to run it twice is as good as once.
    fn is_idempotent(&self, method: &str) -> bool;
    /// Its type's name.
    fn agent_type(&self) -> &'static str;
    /// What it exposes.
    fn describe(&self) -> AgentDescription;
    /// Asks it to end: no new calls, those in hand finish within `grace`. The receiver is told when it has ended.
    fn stop(&self, grace: Duration) -> oneshot::Receiver<()>;
    /// Lets it crash, where the link of that number still stands.
    fn crash(&self, cause: String, link: u64);
    /// Asks it to throw out the queued calls that nobody waits for any more: they hold its credits.
    fn sweep(&self);
    /// Asks it to begin no more turns; those in flight run on. The receiver is told when that holds.
    fn suspend(&self) -> oneshot::Receiver<()>;
    /// Asks it to begin turns again. The receiver is told when that holds.
    fn resume(&self) -> oneshot::Receiver<()>;
    /// Gives it an order of the supervisor that it has together with others.
    fn order(&self, order: Order);
    /// The agent itself, for those who know its type.
    #[doc(hidden)]
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// An agent that is reached by encoded calls.
pub trait Far: Send + Sync + 'static {
    /// The codec of its arguments and replies.
    fn codec(&self) -> Codec;
    /// Sends a call. The reply, or why there is none, comes through the call's own channel.
    fn send(&self, call: FarCall) -> FarTicket;
    /// Watches the agent: `watcher` is told of what happens to it from when this is done, until what it gives is
    /// dropped.
    ///
    /// # Errors
    /// `NoSuchAgent`, `AgentStopped`, `Denied`; `Disconnected` where its node is out of reach.
    fn watch(
        self: Arc<Self>,
        watcher: Arc<dyn Watcher>,
    ) -> BoxFuture<'static, Result<Arc<dyn FarWatch>, CallError>>;
    /// Links the agent to the one at `own`, which crashes when this one does or is lost. What it gives lets this one
    /// crash when the other does.
    ///
    /// # Errors
    /// As `watch`.
    fn tie(self: Arc<Self>, own: End) -> BoxFuture<'static, Result<Arc<dyn Tie>, CallError>>;
    /// Takes a call back whose caller went away. Where it never left, says what kept it.
    fn cancel(&self, ticket: FarTicket) -> Option<CallError>;
    /// The agent's name in its container.
    fn agent(&self) -> &str;
    /// Where the agent is.
    fn url(&self) -> String;
    /// The name of its node; where that is not known, where the node listens.
    fn node(&self) -> String {
        let url = self.url();
        let endpoint = url.strip_suffix(self.agent()).unwrap_or(&url);
        endpoint.trim_end_matches(['/', ':']).to_owned()
    }
    /// How a call would fare that is sent now.
    fn outlook(&self) -> Outlook {
        Outlook::Open
    }
    /// The special types of values that it knows, where its container is a plain peer.
    fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        None
    }
    /// What this leads to within its agent; `None` for the agent itself.
    fn object_path(&self) -> Option<&str> {
        None
    }
    /// The URL by which it is handed on.
    ///
    /// # Errors
    /// Why it cannot be, as a sentence.
    fn handed_on(&self) -> Result<String, String> {
        Ok(self.url())
    }
}

/// Names a call that was sent, to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarTicket(pub u64);

/// An encoded call.
#[derive(Debug)]
pub struct FarCall {
    /// Who speaks to whom.
    pub origin: Arc<Origin>,
    /// The method's name.
    pub method: Cow<'static, str>,
    /// The encoded list of positional arguments.
    pub positional: BytesMut,
    /// The encoded map of keyword arguments.
    pub keyword: Option<BytesMut>,
    /// Who waits for the reply.
    pub chain: Option<Chain>,
    /// When the reply must be there.
    pub deadline: LinkInstant,
    /// Where the reply goes; `None` for a one-way call.
    pub reply: Option<oneshot::Sender<FarReply>>,
    /// The key of an idempotent call, the same at each attempt.
    pub key: Option<CallKey>,
    /// The caller's wait for an agent of this process, which is over when the turn is.
    #[doc(hidden)]
    pub wait: Option<Edge>,
    /// One of those that its agent has for this node, until the reply is there.
    pub credit: Option<Credit>,
}

/// How many calls an agent elsewhere takes at once, and how many of this node are on their way to it.
#[derive(Debug)]
pub struct Credits {
    capacity: u32,
    in_flight: Arc<AtomicU32>,
}

impl Credits {
    /// For an agent that takes `capacity` calls at once.
    pub fn of(capacity: u32) -> Credits {
        Credits { capacity, in_flight: Arc::default() }
    }

    /// Most calls at once.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Takes one, if any is left.
    pub fn take(&self) -> Option<Credit> {
        // Given back at once where it is one too many.
        let credit = Credit(self.in_flight.clone());
        (credit.0.fetch_add(1, Ordering::AcqRel) < self.capacity).then_some(credit)
    }
}

/// One call on its way. Given back when dropped.
#[derive(Debug)]
pub struct Credit(Arc<AtomicU32>);

impl Drop for Credit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What came of an encoded call.
pub enum FarReply {
    /// The encoded value.
    Result {
        /// Its codec.
        codec: Codec,
        /// One encoded value, scanned.
        content: Bytes,
    },
    /// The same from a plain peer, with its special types.
    Plain {
        /// Whose link it came over.
        peer: Arc<dyn PlainPeer>,
        /// Its codec.
        codec: Codec,
        /// One encoded value, scanned.
        content: Bytes,
    },
    /// The encoded exception.
    Exception {
        /// Its codec.
        codec: Codec,
        /// One encoded value, scanned.
        content: Bytes,
    },
    /// There is no answer.
    Failed(CallError),
}

impl fmt::Debug for FarReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. } => {
                f.debug_tuple("Result").field(codec).field(content).finish()
            }
            FarReply::Exception { codec, content } => {
                f.debug_tuple("Exception").field(codec).field(content).finish()
            }
            FarReply::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

/// What to do with an agent that crashed or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start it anew after a pause.
    Restart {
        /// Length of the pause; zero for none.
        after: Duration,
    },
    /// Leave it ended.
    Stay {
        /// The rule that said so; empty where the end was in order.
        reason: String,
    },
    /// Let it lie down until an [`Order`] comes: what follows concerns others too.
    LieDown,
}

/// What the supervisor of several agents wants of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Lie down for the sake of others: turns in flight are dropped, `#[stop]` runs, the state is let go. What is
    /// queued waits.
    LieDown {
        /// What the next life is told.
        cause: String,
        /// Longest time of `#[stop]`.
        grace: Duration,
    },
    /// Start anew, if it lies down.
    Rise,
    /// End for good, if it lies down.
    End {
        /// What its callers are told.
        cause: String,
    },
}

/// The rules of an agent's supervision.
pub trait Supervision: 'static {
    /// Decides after a crash.
    fn crashed(&self, cause: &str, now: LinkInstant) -> Decision;
    /// Decides after the agent lost its mailbox. A new start begins with the mailbox, which may take its time; it counts among
    /// no others, for the agent has done nothing wrong.
    fn lost_mailbox(&self, cause: &str, now: LinkInstant) -> Decision;
    /// Decides after the agent ended of its own accord.
    fn ended_itself(&self, now: LinkInstant) -> Decision;
    /// Longest time of an async `#[start]`, on link time.
    fn start_deadline(&self) -> Duration;
    /// A start has gone well, the first one or another.
    fn started(&self) {}
    /// It lies down as it was ordered.
    fn lies_down(&self) {}
    /// The agent has ended for good and everyone is answered.
    fn ended(&self);
}

/// What a worker is doing, for the watchdog.
#[derive(Debug, Default)]
pub struct WorkerStatus {
    agent: std::sync::atomic::AtomicU64,
}

impl WorkerStatus {
    /// The agent whose turn is being polled now.
    pub fn agent(&self) -> Option<crate::chain::AgentId> {
        match self.agent.load(std::sync::atomic::Ordering::Relaxed) {
            0 => None,
            id => Some(crate::chain::AgentId(id)),
        }
    }

    #[inline]
    pub(crate) fn set(&self, id: u64) {
        self.agent.store(id, std::sync::atomic::Ordering::Relaxed);
    }
}
