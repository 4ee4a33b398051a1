//! One child container: its members, and what happened to them.
//!
//! What an agent reports here is decided at once, under the lock, and done by the branch's task. Always true: whoever
//! is told to lie down is told once to rise or to end. Neighbours: [`plan`](super::plan) decides the order,
//! [`attending`](super::attending) is the task, [`seat`](super::seat) brings what agents report.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_agents::host::{Decision, LocalAgent};
use tokio::sync::{Notify, oneshot};

use super::plan::{Aim, Fate, MemberId, Plan};
use super::{Strategy, cut};
use crate::in_order::in_order;
use crate::supervision::{Backoff, one_more, pause};
use crate::tables::Tables;

/// The least pause before another try to start: a worker would do nothing else.
const PAUSE_AFTER_FAILED_START: Duration = Duration::from_millis(10);

/// The rules of one child container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BranchRules {
    pub(crate) strategy: Strategy,
    /// New starts of its members within `period`; with one more it gives up.
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    /// The pauses before the container itself is started anew.
    pub(crate) backoff: Backoff,
}

/// A child container.
pub(crate) struct Branch {
    pub(super) id: MemberId,
    /// Its name behind those of the containers that it lies in: `crew/deck`.
    pub(super) path: String,
    pub(super) depth: usize,
    pub(super) rules: BranchRules,
    pub(super) parent: Option<Weak<Branch>>,
    pub(super) tables: Weak<Tables>,
    /// `node/path`, for the log.
    pub(super) full_path: String,
    state: Mutex<State>,
    pub(super) changed: Notify,
}

/// Who is in a child container.
#[derive(Clone)]
pub(crate) enum Member {
    Agent(Arc<dyn LocalAgent>),
    Branch(Arc<Branch>),
}

/// What the branch above waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    LiesDown,
    Started,
}

/// The wish that a child container end.
pub(super) struct Stopping {
    pub(super) grace: Duration,
    pub(super) done: Vec<oneshot::Sender<()>>,
}

pub(super) struct State {
    pub(super) plan: Plan,
    pub(super) members: HashMap<MemberId, Member>,
    /// New starts of members within the last period, at most `intensity`.
    starts: VecDeque<LinkInstant>,
    /// Times within the last period that it left its failure to the branch above.
    pub(super) escalations: VecDeque<LinkInstant>,
    pub(super) restarts: u64,
    /// Why members lie down, as they are told.
    pub(super) cause: String,
    pub(super) last_crash: Option<String>,
    /// Why it gave up, until the branch above has said what follows.
    pub(super) given_up: Option<String>,
    pub(super) answer: Option<Answer>,
    /// Orders from above so far.
    pub(super) orders: u64,
    pub(super) stopping: Option<Stopping>,
    pub(super) suspended: bool,
    /// Why it stays down.
    pub(super) failed: Option<String>,
    pub(super) ended: bool,
}

/// Why somebody was not entered: the child container takes no more.
pub(crate) enum Closed {
    Ended,
    /// It stays down, for this cause.
    Failed(String),
    NameTaken,
}

impl Branch {
    pub(super) fn new(
        path: String,
        rules: BranchRules,
        depth: usize,
        parent: Option<&Arc<Branch>>,
        tables: &Arc<Tables>,
    ) -> Arc<Branch> {
        let state = State {
            plan: Plan::new(rules.strategy),
            members: HashMap::new(),
            starts: VecDeque::new(),
            escalations: VecDeque::new(),
            restarts: 0,
            cause: String::new(),
            last_crash: None,
            given_up: None,
            answer: None,
            orders: 0,
            stopping: None,
            suspended: false,
            failed: None,
            ended: false,
        };
        Arc::new(Branch {
            id: MemberId::next(),
            full_path: format!("{}/{path}", tables.principal.node_name()),
            path,
            depth,
            rules,
            parent: parent.map(Arc::downgrade),
            tables: Arc::downgrade(tables),
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its own name.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Its name behind those of the containers that it lies in.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    /// Takes an agent in, in the place behind all others. It begins suspended where the others are.
    pub(super) fn enter_agent(
        &self,
        id: MemberId,
        agent: Arc<dyn LocalAgent>,
        temporary: bool,
    ) -> Result<(), Closed> {
        let mut state = self.lock();
        state.check_open()?;
        state.plan.enter(id, temporary);
        if state.suspended {
            // The first that it hears: no turn begins before.
            drop(agent.suspend());
        }
        state.members.insert(id, Member::Agent(agent));
        Ok(())
    }

    /// Takes a branch in, in the place behind all others.
    pub(super) fn enter_branch(&self, branch: &Arc<Branch>) -> Result<(), Closed> {
        let mut state = self.lock();
        state.check_open()?;
        let is_namesake =
            |member: &Member| matches!(member, Member::Branch(other) if other.name() == branch.name());
        if state.members.values().any(is_namesake) {
            return Err(Closed::NameTaken);
        }
        state.plan.enter(branch.id, false);
        // It starts with nobody in it, and begins as the others here.
        state.plan.started(branch.id);
        branch.lock().suspended = state.suspended;
        state.members.insert(branch.id, Member::Branch(branch.clone()));
        Ok(())
    }

    pub(super) fn started(&self, id: MemberId) {
        self.lock().plan.started(id);
        self.changed.notify_one();
    }

    pub(super) fn lies_down(&self, id: MemberId) {
        self.lock().plan.lies_down(id);
        self.changed.notify_one();
    }

    /// A member has ended.
    pub(super) fn gone(&self, id: MemberId) {
        let gone = {
            let mut state = self.lock();
            state.plan.remove(id);
            state.members.remove(&id)
        };
        self.changed.notify_one();
        // Outside of the lock: it may be the last who holds it.
        drop(gone);
    }

    /// A member crashed, or ended though it never should: what follows. `after` is the pause that its own rules want.
    pub(super) fn crashed(
        &self,
        id: MemberId,
        who: &str,
        cause: &str,
        after: Duration,
        now: LinkInstant,
    ) -> Decision {
        let decision = {
            let state = &mut *self.lock();
            if !state.members.contains_key(&id) {
                return Decision::Stay { reason: "its child container has ended".to_owned() };
            }
            state.last_crash = Some(cut(&format!("{who} crashed: {cause}")));
            if state.stopping.is_some() || !state.plan.heeds(id) {
                state.plan.falls(id);
                Decision::LieDown
            } else {
                self.decide(state, id, &format!("{who} crashed: {cause}"), after, now)
            }
        };
        self.changed.notify_one();
        decision
    }

    /// A member lost its mailbox: what follows is what follows a crash, but that it counts among no new starts. Where an
    /// exchange is away all members lose theirs, and their container shall not give up for that.
    pub(super) fn lost_mailbox(&self, id: MemberId, who: &str, cause: &str, now: LinkInstant) -> Decision {
        let decision = {
            let state = &mut *self.lock();
            if !state.members.contains_key(&id) {
                return Decision::Stay { reason: "its child container has ended".to_owned() };
            }
            let crash = format!("{who}: {cause}");
            state.last_crash = Some(cut(&crash));
            if state.stopping.is_some() || !state.plan.heeds(id) {
                state.plan.falls(id);
                Decision::LieDown
            } else {
                self.start_anew(state, id, &crash, Duration::ZERO, now)
            }
        };
        self.changed.notify_one();
        decision
    }

    fn decide(
        &self,
        state: &mut State,
        id: MemberId,
        crash: &str,
        after: Duration,
        now: LinkInstant,
    ) -> Decision {
        let BranchRules { intensity, period, .. } = self.rules;
        if one_more(&mut state.starts, intensity, period, now).is_none() {
            self.give_up(state, id, format!("{crash}; more than {intensity} new starts within {period:?}"));
            return Decision::LieDown;
        }
        let least = if state.plan.is_rising(id) { PAUSE_AFTER_FAILED_START } else { Duration::ZERO };
        self.start_anew(state, id, crash, after.max(least), now)
    }

    /// One new start more, of that member alone or of others with it.
    fn start_anew(
        &self,
        state: &mut State,
        id: MemberId,
        crash: &str,
        after: Duration,
        now: LinkInstant,
    ) -> Decision {
        let BranchRules { strategy, .. } = self.rules;
        state.restarts += 1;
        let not_before = now.plus(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        match state.plan.crashed(id, not_before) {
            Fate::Alone => Decision::Restart { after },
            Fate::LiesDown => {
                state.cause = format!("child container \"{}\" ({strategy}): {crash}", self.path);
                tracing::warn!(container = %self.full_path, %strategy, cause = %crash, "agents are started anew together");
                Decision::LieDown
            }
        }
    }

    /// A member that may not be started anew by its own rules: the child container has failed with it.
    pub(super) fn member_gives_up(&self, id: MemberId, who: &str, cause: &str) -> Decision {
        {
            let state = &mut *self.lock();
            if !state.members.contains_key(&id) {
                return Decision::Stay { reason: cause.to_owned() };
            }
            let crash = format!("{who} crashed: {cause}");
            state.last_crash = Some(cut(&crash));
            if state.stopping.is_some() || !state.plan.heeds(id) {
                state.plan.falls(id);
            } else {
                self.give_up(state, id, crash);
            }
        }
        self.changed.notify_one();
        Decision::LieDown
    }

    /// All members lie down; then the branch above is asked.
    fn give_up(&self, state: &mut State, id: MemberId, crash: String) {
        tracing::warn!(container = %self.full_path, cause = %crash, "a child container gives up");
        if let Some(tables) = self.tables.upgrade() {
            tables.counters.escalations.increment(1);
        }
        state.plan.falls(id);
        state.plan.lower(Aim::Down);
        state.cause = format!("child container \"{}\" gave up: {crash}", self.path);
        state.given_up = Some(crash);
    }

    /// The pause before it is started anew after it gave up.
    pub(super) fn own_pause(&self, now: LinkInstant) -> Duration {
        let nth = one_more(&mut self.lock().escalations, u32::MAX, self.rules.period, now);
        pause(self.rules.backoff, nth.unwrap_or(u32::MAX))
    }

    /// The branch above wants it to lie down.
    pub(super) fn lie_down(&self, cause: String) {
        self.ordered(|state| {
            state.given_up = None;
            state.answer = Some(Answer::LiesDown);
            state.cause = cause;
            state.plan.lower(Aim::Down);
        });
    }

    /// The branch above wants it to start anew.
    pub(super) fn rise(&self) {
        self.ordered(|state| {
            state.answer = Some(Answer::Started);
            state.starts.clear();
            state.plan.raise(None);
        });
    }

    /// It stays down, and its members end.
    pub(super) fn end(&self, cause: String) {
        self.ordered(|state| {
            state.given_up = None;
            state.answer = None;
            state.cause.clone_from(&cause);
            state.failed = Some(cut(&cause));
            state.plan.lower(Aim::Gone);
        });
    }

    fn ordered(&self, order: impl FnOnce(&mut State)) {
        {
            let mut state = self.lock();
            state.orders += 1;
            order(&mut state);
        }
        self.changed.notify_one();
    }

    /// Starts it anew by its own, as the branch above let it; unless that wanted something else meanwhile.
    pub(super) fn rise_after(&self, not_before: LinkInstant, orders: u64) {
        let mut state = self.lock();
        if state.orders == orders {
            state.starts.clear();
            state.plan.raise(Some(not_before));
        }
    }

    /// Asks it to end: no new members, those that there are end one after the other, the last one first. The receiver
    /// is told when it has ended.
    pub(crate) fn stop(&self, grace: Duration) -> oneshot::Receiver<()> {
        let (tell, done) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.ended {
                // It stayed down until now, for those who look at the tree.
                drop(state);
                tell.send(()).ok();
                if let (None, Some(tables)) = (&self.parent, self.tables.upgrade()) {
                    tables.trunk.remove(self);
                }
                return done;
            }
            let stopping = state.stopping.get_or_insert(Stopping { grace, done: Vec::new() });
            stopping.grace = stopping.grace.min(grace);
            stopping.done.push(tell);
        }
        self.changed.notify_one();
        done
    }

    /// Suspends or resumes all its agents, and those of the branches in it. Gives those that were asked.
    pub(crate) fn set_suspended(&self, suspended: bool) -> Vec<(Arc<dyn LocalAgent>, oneshot::Receiver<()>)> {
        let members: Vec<Member> = {
            let mut state = self.lock();
            state.suspended = suspended;
            in_order(state.members.clone()).collect()
        };
        let asked = members.into_iter().flat_map(|member| match member {
            Member::Agent(agent) => {
                let done = if suspended { agent.suspend() } else { agent.resume() };
                vec![(agent, done)]
            }
            Member::Branch(branch) => branch.set_suspended(suspended),
        });
        asked.collect()
    }

    /// Its agents, and those of the branches in it.
    pub(crate) fn agents(&self) -> Vec<Arc<dyn LocalAgent>> {
        let agents = self.members().into_iter().flat_map(|member| match member {
            Member::Agent(agent) => vec![agent],
            Member::Branch(branch) => branch.agents(),
        });
        agents.collect()
    }

    /// Its members, in the order of their start.
    pub(super) fn members(&self) -> Vec<Member> {
        let state = self.lock();
        state.plan.members().filter_map(|id| state.members.get(&id).cloned()).collect()
    }
}

impl State {
    fn check_open(&self) -> Result<(), Closed> {
        match &self.failed {
            Some(cause) => Err(Closed::Failed(cause.clone())),
            None if self.ended || self.stopping.is_some() => Err(Closed::Ended),
            None => Ok(()),
        }
    }
}
