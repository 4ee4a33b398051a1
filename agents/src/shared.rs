//! The half of an agent that other threads see: its name, its credits, whether it lives.
//!
//! Neighbours: proxies take credits here before they send; [`life`](crate::life) changes the status.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use folkmoot_codecs::CallError;
use folkmoot_gateway::GateId;

use crate::chain::AgentId;
use crate::counters::Counters;

/// What an agent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its `#[start]` has not finished.
    Starting,
    /// It takes turns.
    Running,
    /// It crashed and will be started anew.
    Restarting,
    /// It takes no new calls and finishes those in hand.
    Stopping,
    /// It has ended.
    Stopped,
}

/// An agent as other threads see it.
#[derive(Debug)]
pub struct AgentShared {
    id: AgentId,
    name: Arc<str>,
    node: Arc<str>,
    full_name: OnceLock<Arc<str>>,
    gate: GateId,
    capacity: usize,
    in_hand: AtomicUsize,
    status: AtomicU8,
    restarts: AtomicU64,
    sweep_asked: AtomicBool,
    cause: OnceLock<String>,
    counters: Arc<Counters>,
}

impl AgentShared {
    /// A new agent of the container `node`, which takes at most `capacity` calls at once.
    pub fn new(
        name: &str,
        node: &Arc<str>,
        gate: GateId,
        capacity: usize,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(AgentShared {
            id: AgentId(NEXT.fetch_add(1, Ordering::Relaxed)),
            name: name.into(),
            node: node.clone(),
            full_name: OnceLock::new(),
            gate,
            capacity,
            in_hand: AtomicUsize::new(0),
            status: AtomicU8::new(Status::Starting as u8),
            restarts: AtomicU64::new(0),
            sweep_asked: AtomicBool::new(false),
            cause: OnceLock::new(),
            counters,
        })
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
        self.full_name.get_or_init(|| format!("{}/{}", self.node, self.name).into())
    }

    /// The gate whose permits open this agent.
    pub fn gate(&self) -> GateId {
        self.gate
    }

    /// Calls that are queued or running now.
    pub fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Relaxed)
    }

    /// How often the agent was started anew.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// The counters of its container.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the agent is doing.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            0 => Status::Starting,
            1 => Status::Running,
            2 => Status::Restarting,
            3 => Status::Stopping,
            _ => Status::Stopped,
        }
    }

    pub(crate) fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::Release);
    }

    pub(crate) fn note_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.counters.restarts.increment(1);
    }

    /// Ends the agent for all who look at it.
    pub(crate) fn note_end(&self, cause: &str) {
        // The first cause is the true one; later ones are its consequences.
        self.cause.set(cause.to_owned()).ok();
        self.set_status(Status::Stopped);
    }

    /// The error that callers of an agent get that has ended.
    pub fn stopped_error(&self, may_have_run: bool) -> CallError {
        CallError::AgentStopped {
            agent: self.name.to_string(),
            cause: self.cause.get().map_or("stopped", String::as_str).to_owned(),
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
            self.counters.overloads.increment(1);
            return Err(CallError::Overloaded {
                queue: format!("turns of agent \"{}\"", self.name),
                limit: self.capacity,
            });
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn give_credit(&self) {
        self.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}
