//! The half of an agent that other threads see: its name, its credits, whether it lives.
//!
//! Neighbours: proxies take credits here before they send; [`life`](crate::life) changes the status.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use folkmoot_codecs::CallError;
use folkmoot_gateway::GateId;
use serde::{Deserialize, Serialize};

use crate::chain::AgentId;
use crate::counters::Counters;
use crate::watching::Watchers;

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its `#[start]` has not finished.
    Starting,
    /// It takes turns.
    Running,
    /// It takes calls and begins none of them, until it is resumed.
    Suspended,
    /// It crashed and will be started anew.
    Restarting,
    /// It takes no new calls and finishes those in hand.
    Stopping,
    /// It has ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Starting => "starting",
            Status::Running => "running",
            Status::Suspended => "suspended",
            Status::Restarting => "restarting",
            Status::Stopping => "stopping",
            Status::Stopped => "stopped",
        })
    }
}

/// What the agents of one container have in common.
#[derive(Debug)]
pub struct Home {
    /// The container's name, as its agents' full names begin.
    pub node: Arc<str>,
    /// The gate whose permits open its agents.
    pub gate: GateId,
    /// Its counters.
    pub counters: Arc<Counters>,
    /// Who is told what happens to its agents.
    pub watchers: Watchers,
}

/// An agent as other threads see it.
#[derive(Debug)]
pub struct AgentShared {
    id: AgentId,
    name: Arc<str>,
    home: Arc<Home>,
    full_name: OnceLock<Arc<str>>,
    cause: OnceLock<Box<str>>,
    capacity: u32,
    in_hand: AtomicU32,
    restarts: AtomicU32,
    status: AtomicU8,
    sweep_asked: AtomicBool,
    /// The protocols in which it has begun dialogues, beside those that it handles; few agents have any.
    listens: OnceLock<Box<Mutex<Vec<&'static str>>>>,
}

impl AgentShared {
    /// A new agent, which takes at most `capacity` calls at once.
    pub fn new(name: &str, home: &Arc<Home>, capacity: u32) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(AgentShared {
            id: AgentId(NEXT.fetch_add(1, Ordering::Relaxed)),
            name: name.into(),
            home: home.clone(),
            full_name: OnceLock::new(),
            cause: OnceLock::new(),
            capacity,
            in_hand: AtomicU32::new(0),
            restarts: AtomicU32::new(0),
            status: AtomicU8::new(Status::Starting as u8),
            sweep_asked: AtomicBool::new(false),
            listens: OnceLock::new(),
        })
    }

    /// From now on messages of that protocol are taken.
    pub(crate) fn listen(&self, protocol: &'static str) {
        let listens = self.listens.get_or_init(Box::default);
        let mut listens = listens.lock().unwrap_or_else(PoisonError::into_inner);
        if !listens.contains(&protocol) {
            listens.push(protocol);
        }
    }

    /// That protocol, by its id, where the agent has begun dialogues in it.
    pub(crate) fn listened(&self, protocol: &str) -> Option<&'static str> {
        let listens = self.listens.get()?.lock().unwrap_or_else(PoisonError::into_inner);
        listens.iter().copied().find(|known| *known == protocol)
    }

    /// Which agent, in this process.
    pub fn id(&self) -> AgentId {
        self.id
    }

    /// Its name in its container.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// `node/name`.
    pub fn full_name(&self) -> &Arc<str> {
        self.full_name.get_or_init(|| format!("{}/{}", self.home.node, self.name).into())
    }

    /// The gate whose permits open this agent.
    pub fn gate(&self) -> GateId {
        self.home.gate
    }

    /// Calls that are queued or running now.
    pub fn in_hand(&self) -> u32 {
        self.in_hand.load(Ordering::Relaxed)
    }

    /// Most calls that it takes at once.
    pub fn capacity(&self) -> u32 {
        self.capacity
    }

    /// How often the agent was started anew.
    pub fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// The counters of its container.
    pub fn counters(&self) -> &Counters {
        &self.home.counters
    }

    /// Who is told what happens to the agents of its container.
    pub(crate) fn watchers(&self) -> &Watchers {
        &self.home.watchers
    }

    /// What the agent is doing.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            0 => Status::Starting,
            1 => Status::Running,
            2 => Status::Suspended,
            3 => Status::Restarting,
            4 => Status::Stopping,
            _ => Status::Stopped,
        }
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn note_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.counters().restarts.increment(1);
    }

    /// Ends the agent for all who look at it.
    pub(crate) fn note_end(&self, cause: &str) {
        // The first cause is the true one; later ones are its consequences.
        self.cause.set(cause.into()).ok();
        self.set_status(Status::Stopped);
    }

    /// The error that callers of an agent get that has ended.
    pub fn stopped_error(&self, may_have_run: bool) -> CallError {
        CallError::AgentStopped {
            agent: self.name.to_string(),
            cause: self.cause.get().map_or("stopped", |cause| cause).to_owned(),
            may_have_run,
        }
    }

    /// The error of a call that was in hand when its turn vanished.
    pub fn lost_error(&self) -> CallError {
        if matches!(self.status(), Status::Stopping | Status::Stopped) {
            self.stopped_error(true)
        } else {
            CallError::AgentRestarted { agent: self.name.to_string(), may_have_run: true }
        }
    }

    /// A one-way call ended with an error, which nobody else hears of.
    pub(crate) fn one_way_failed(&self, error: &dyn std::fmt::Display) {
        self.counters().one_way_failures.increment(1);
        tracing::info!(agent = %self.full_name(), %error, "a one-way call failed");
    }

    /// Whether the agent must be asked to sweep its queue: once, until it has done so.
    pub(crate) fn ask_for_sweep(&self) -> bool {
        !self.sweep_asked.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn note_sweep(&self) {
        self.sweep_asked.store(false, Ordering::Release);
    }

    /// Takes one of the agent's credits.
    ///
    /// # Errors
    /// `Overloaded` if none is left, `AgentStopped` if the agent takes no more calls.
    #[inline]
    pub(crate) fn take_credit(&self) -> Result<(), CallError> {
        if self.status.load(Ordering::Acquire) >= Status::Stopping as u8 {
            return Err(self.stopped_error(false));
        }
        if self.in_hand.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.give_credit();
            self.counters().overloads.increment(1);
            return Err(CallError::Overloaded {
                queue: format!("turns of agent \"{}\"", self.name),
                limit: self.capacity as usize,
            });
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn give_credit(&self) {
        self.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}
