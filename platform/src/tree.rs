//! Trees of supervision: child containers within a container.
//!
//! A child container is a branch. Its task does what its plan says, an agent in it asks it after each crash, and a
//! branch is to the branch above it what an agent is to its branch. Always true: nobody holds the locks of two branches
//! at once, save of one that nobody else knows yet; an agent of the container itself has no branch, and pays for none.
//! Neighbours: [`plan`] decides, [`branch`] keeps the members, [`attending`] does the steps, [`seat`] is what an agent
//! asks, [`child`] begins a branch, [`view`] shows the whole.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use folkmoot_agents::chain::AgentId;
use folkmoot_agents::deadlines::LinkInstant;
use folkmoot_codecs::CallError;
use serde::{Deserialize, Serialize};

pub(crate) mod asking;
mod attending;
pub(crate) mod branch;
pub(crate) mod child;
mod plan;
pub(crate) mod seat;
pub(crate) mod view;

use crate::container::Container;
use crate::link_time;
use crate::membership::NodeState;

use asking::TreeAt;
use branch::Branch;
use child::Child;
use plan::MemberId;
use view::Tree;

/// What an agent is given at least where those that ended before it have used up the grace of all.
const LAST_GRACE: Duration = Duration::from_secs(1);
/// Most child containers of one node, at whatever depth.
pub(crate) const MAX_CHILD_CONTAINERS: usize = 4_096;
/// How deep child containers may lie within each other.
pub(crate) const MAX_DEPTH: usize = 16;
/// Longest cause of a crash that is kept for those who look at the tree, in bytes.
const MAX_CAUSE_BYTES: usize = 512;

/// Whom a crash in a child container concerns beside the one that crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nobody.
    #[default]
    OneForOne,
    /// Those that were started after it.
    RestForOne,
    /// All.
    OneForAll,
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::OneForOne => "one for one",
            Strategy::RestForOne => "rest for one",
            Strategy::OneForAll => "one for all",
        })
    }
}

/// What a container's tables hold of its tree: the branches at its root, and the last crash of each agent that crashed.
#[derive(Default)]
pub(crate) struct Trunk {
    branches: Mutex<Branches>,
    /// Child containers at whatever depth.
    count: AtomicUsize,
    suspended: AtomicBool,
    crashes: Mutex<HashMap<AgentId, Box<str>>>,
}

#[derive(Default)]
struct Branches {
    all: Vec<Arc<Branch>>,
    closed: bool,
}

/// Why a child container was not entered.
pub(crate) enum NoBranch {
    NameTaken,
    ShutDown,
}

impl Container {
    /// Prepares a child container: agents that are supervised together, within this container. Its handle is a
    /// `Container` too: what is spawned through it lives in it, all else is as for the whole node.
    pub fn child(&self, name: &str) -> Child {
        Child::new(self.clone(), name.to_owned())
    }

    /// What is in this container: agents, child containers, and what they are doing.
    pub fn tree(&self) -> Tree {
        match self.branch() {
            Some(branch) => Tree::of_branch(&self.hall().tables, branch),
            None => Tree::of_node(&self.hall().tables),
        }
    }

    /// What is in the whole container that listens at `url`. Awaited, it gives its [`Tree`], the first 10,000 entries
    /// of it.
    ///
    /// # Errors
    /// `BadAddress`; `Disconnected`; `Denied` where no rule there lets this node see it: one as for the method `tree`
    /// of an agent `folkmoot`; `NoSuchAgent` or `Remote` from a node that has no trees.
    pub fn tree_at(&self, url: impl Into<String>) -> TreeAt {
        TreeAt::new(self.hall().clone(), url.into())
    }

    /// The trees of this node and of all that have joined and are there, by the node's name; of each that cannot be
    /// asked or does not tell, why.
    pub async fn trees(&self) -> Vec<(String, Result<Tree, CallError>)> {
        let own = self.hall().tables.principal.node_name().to_owned();
        let asked = self.nodes().into_iter().filter(|node| node.state != NodeState::Left).map(|node| async {
            let tree = self.tree_at(node.url).expecting(&node.name).await;
            (node.name, tree)
        });
        let mut trees = futures_util::future::join_all(asked).await;
        trees.push((own, Ok(Tree::of_node(&self.hall().tables))));
        trees.sort_by(|(one, _), (other, _)| one.cmp(other));
        trees
    }
}

/// Ends the child containers of a node, the one that was started last first. Gives what is left of the time for the
/// agents that are in none of them.
pub(crate) async fn stop_branches(trunk: &Trunk, grace: Duration) -> Duration {
    let mut branches = trunk.close();
    if branches.is_empty() {
        return grace;
    }
    let began = link_time::now();
    let longest = grace.saturating_mul(2).saturating_add(LAST_GRACE);
    link_time::within(longest, async {
        while let Some(branch) = branches.last() {
            branch.stop(left(began, grace)).await.ok();
            branches.pop();
        }
    })
    .await;
    // Out of time: the others end beside the agents that are in none.
    for branch in branches {
        drop(branch.stop(Duration::ZERO));
    }
    left(began, grace)
}

/// What is left of the grace of all for the next one.
fn left(began: LinkInstant, grace: Duration) -> Duration {
    let passed = Duration::from_millis(link_time::now().since(began));
    grace.saturating_sub(passed).max(LAST_GRACE.min(grace))
}

impl MemberId {
    fn next() -> MemberId {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        MemberId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl Trunk {
    fn lock(&self) -> MutexGuard<'_, Branches> {
        self.branches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn crashes(&self) -> MutexGuard<'_, HashMap<AgentId, Box<str>>> {
        self.crashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The branches at the root, in the order of their start.
    pub(crate) fn branches(&self) -> Vec<Arc<Branch>> {
        self.lock().all.clone()
    }

    /// Takes a branch in, suspended where all are. One of the same name that stays down gives its place away.
    fn enter(&self, branch: &Arc<Branch>) -> Result<(), NoBranch> {
        let mut branches = self.lock();
        if branches.closed {
            return Err(NoBranch::ShutDown);
        }
        if let Some(at) = branches.all.iter().position(|other| other.name() == branch.name()) {
            if !branches.all[at].has_ended() {
                return Err(NoBranch::NameTaken);
            }
            branches.all.remove(at);
            self.count_one_less();
        }
        branch.lock().suspended = self.is_suspended();
        branches.all.push(branch.clone());
        Ok(())
    }

    fn remove(&self, branch: &Branch) {
        let mut branches = self.lock();
        let before = branches.all.len();
        branches.all.retain(|other| !std::ptr::eq(&**other, branch));
        if branches.all.len() < before {
            self.count_one_less();
        }
    }

    /// Takes no more branches; returns those at the root.
    pub(crate) fn close(&self) -> Vec<Arc<Branch>> {
        let mut branches = self.lock();
        branches.closed = true;
        branches.all.clone()
    }

    /// Counts one more child container, unless there are too many.
    fn count_one_more(&self) -> bool {
        let more = |count| (count < MAX_CHILD_CONTAINERS).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn count_one_less(&self) {
        self.count.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether agents that are spawned at the root begin suspended.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Acquire)
    }

    pub(crate) fn set_suspended(&self, suspended: bool) {
        self.suspended.store(suspended, Ordering::Release);
    }

    /// Keeps the cause of an agent's crash until the next, or its end.
    pub(crate) fn note_crash(&self, agent: AgentId, cause: &str) {
        self.crashes().insert(agent, cut(cause).into());
    }

    pub(crate) fn forget_crash(&self, agent: AgentId) {
        self.crashes().remove(&agent);
    }

    pub(crate) fn last_crash(&self, agent: AgentId) -> Option<String> {
        self.crashes().get(&agent).map(|cause| cause.to_string())
    }
}

/// A cause as the tree keeps it.
fn cut(cause: &str) -> String {
    if cause.len() <= MAX_CAUSE_BYTES {
        return cause.to_owned();
    }
    let end = (0..=MAX_CAUSE_BYTES).rev().find(|end| cause.is_char_boundary(*end)).unwrap_or(0);
    format!("{}...", cause.get(..end).unwrap_or_default())
}
