//! The tree as one looks at it: containers, agents, what they do and what happened to them.
//!
//! A view is a copy of one moment for each container, not of one moment for all. Neighbours: `Container::tree` takes it
//! here, [`inbound`](crate::inbound) gives it to peers that may see it, [`asking`](super::asking) gets it from there.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use folkmoot_agents::chain::AgentId;
use folkmoot_agents::host::LocalAgent;
use folkmoot_agents::shared::Status;
use serde::{Deserialize, Serialize};

use super::branch::{Branch, Member};
use super::plan::Aim;
use super::{Strategy, Trunk};
use crate::one_line::one_line;
use crate::tables::Tables;

/// Most agents and child containers that another node is told of.
pub(crate) const MAX_ENTRIES_TOLD: usize = 10_000;

/// The agents and child containers of a node, or of one of its child containers.
///
/// Displayed, it is an indented list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tree {
    /// The node's name, behind it the names of the child containers that lead to this one.
    pub name: String,
    /// What is in it, in the order of their start; of a node its own agents first.
    pub entries: Vec<TreeEntry>,
    /// Agents and child containers that were left out, for there are too many.
    #[serde(default)]
    pub left_out: u64,
}

/// An agent or a child container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TreeEntry {
    /// An agent.
    Agent(TreeAgent),
    /// A child container, with what is in it.
    Container(TreeContainer),
}

/// An agent in a [`Tree`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TreeAgent {
    /// Its name.
    pub name: String,
    /// Its type's name.
    pub agent_type: String,
    /// What it is doing.
    pub status: Status,
    /// How often it was started anew.
    pub restarts: u64,
    /// Calls that are queued or running.
    pub in_hand: u64,
    /// Why it was started anew the last time.
    #[serde(default)]
    pub last_crash: Option<String>,
}

/// A child container in a [`Tree`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TreeContainer {
    /// Its name.
    pub name: String,
    /// Whom a crash in it concerns.
    pub strategy: Strategy,
    /// What it is doing: `Running`; `Restarting` while members lie down or rise; `Suspended`; `Stopping`; `Stopped`
    /// where it gave up and stays down.
    pub status: Status,
    /// Crashes of its members that were followed by a new start.
    pub restarts: u64,
    /// How many of them within `period` are too many.
    pub most_restarts: u32,
    /// The period in which they are counted, in milliseconds.
    pub period_ms: u64,
    /// The last crash in it; where it stays down, why.
    #[serde(default)]
    pub last_crash: Option<String>,
    /// What is in it, in the order of their start.
    pub entries: Vec<TreeEntry>,
}

impl Tree {
    /// What is in a whole container.
    pub(crate) fn of_node(tables: &Tables) -> Tree {
        // First all: who is listed was in its branch before, and is still there unless it ended.
        let mut agents = tables.list();
        let branches = tables.trunk.branches();
        let in_branches: HashSet<AgentId> =
            branches.iter().flat_map(|branch| branch.agents()).map(|agent| agent.shared().id()).collect();
        agents.retain(|agent| {
            !in_branches.contains(&agent.shared().id()) && agent.shared().status() != Status::Stopped
        });
        agents.sort_by_key(|agent| agent.shared().id());
        let agents = agents.iter().map(|agent| TreeEntry::Agent(TreeAgent::of(&tables.trunk, &**agent)));
        let branches =
            branches.iter().map(|branch| TreeEntry::Container(TreeContainer::of(&tables.trunk, branch)));
        let entries = agents.chain(branches).collect();
        Tree { name: tables.principal.node_name().to_owned(), entries, left_out: 0 }
    }

    /// What is in a child container.
    pub(crate) fn of_branch(tables: &Tables, branch: &Branch) -> Tree {
        let TreeContainer { entries, .. } = TreeContainer::of(&tables.trunk, branch);
        Tree { name: branch.full_path.clone(), entries, left_out: 0 }
    }

    /// The agent of that name.
    pub fn agent(&self, name: &str) -> Option<&TreeAgent> {
        let mut all = self.flat();
        all.find_map(|(_, entry)| match entry {
            TreeEntry::Agent(agent) if agent.name == name => Some(agent),
            _ => None,
        })
    }

    /// The first child container of that name, from the top.
    pub fn container(&self, name: &str) -> Option<&TreeContainer> {
        let mut all = self.flat();
        all.find_map(|(_, entry)| match entry {
            TreeEntry::Container(container) if container.name == name => Some(container),
            _ => None,
        })
    }

    /// Everything in it with its depth, each container before what is in it.
    fn flat(&self) -> impl Iterator<Item = (usize, &TreeEntry)> {
        let mut left: Vec<(usize, &TreeEntry)> = self.entries.iter().rev().map(|entry| (1, entry)).collect();
        std::iter::from_fn(move || {
            let (depth, entry) = left.pop()?;
            if let TreeEntry::Container(container) = entry {
                left.extend(container.entries.iter().rev().map(|entry| (depth + 1, entry)));
            }
            Some((depth, entry))
        })
    }

    /// The same with at most so many entries.
    pub(crate) fn bounded(mut self, most: usize) -> Tree {
        let all = self.flat().count();
        if all > most {
            let mut room = most;
            keep(&mut self.entries, &mut room);
            self.left_out = u64::try_from(all - most).unwrap_or(u64::MAX);
        }
        self
    }
}

/// Keeps entries while there is room.
fn keep(entries: &mut Vec<TreeEntry>, room: &mut usize) {
    let mut kept = 0;
    for entry in entries.iter_mut() {
        if *room == 0 {
            break;
        }
        *room -= 1;
        kept += 1;
        if let TreeEntry::Container(container) = entry {
            keep(&mut container.entries, room);
        }
    }
    entries.truncate(kept);
}

impl TreeAgent {
    fn of(trunk: &Trunk, agent: &dyn LocalAgent) -> TreeAgent {
        let shared = agent.shared();
        TreeAgent {
            name: shared.name().to_string(),
            agent_type: agent.agent_type().to_owned(),
            status: shared.status(),
            restarts: shared.restarts().into(),
            in_hand: shared.in_hand().into(),
            last_crash: trunk.last_crash(shared.id()),
        }
    }
}

impl TreeContainer {
    fn of(trunk: &Trunk, branch: &Branch) -> TreeContainer {
        let members = branch.members();
        let mut seen = {
            let state = branch.lock();
            let status = if state.ended || state.failed.is_some() {
                Status::Stopped
            } else if state.stopping.is_some() {
                Status::Stopping
            } else if state.plan.aim() != Aim::Up || state.plan.is_moving() {
                Status::Restarting
            } else if state.suspended {
                Status::Suspended
            } else {
                Status::Running
            };
            TreeContainer {
                name: branch.name().to_owned(),
                strategy: branch.rules.strategy,
                status,
                restarts: state.restarts,
                most_restarts: branch.rules.intensity,
                period_ms: u64::try_from(branch.rules.period.as_millis()).unwrap_or(u64::MAX),
                last_crash: state.failed.clone().or_else(|| state.last_crash.clone()),
                entries: Vec::new(),
            }
        };
        // Each branch is looked at by itself: no two locks at once.
        let entry = |member: &Member| match member {
            Member::Agent(agent) => TreeEntry::Agent(TreeAgent::of(trunk, &**agent)),
            Member::Branch(branch) => TreeEntry::Container(TreeContainer::of(trunk, branch)),
        };
        seen.entries = members.iter().map(entry).collect();
        seen
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.name))?;
        for (depth, entry) in self.flat() {
            write!(f, "\n{:1$}{entry}", "", depth * 2)?;
        }
        match self.left_out {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl fmt::Display for TreeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut line, last_crash) = match self {
            TreeEntry::Agent(agent) => {
                let TreeAgent { name, agent_type, status, restarts, in_hand, last_crash } = agent;
                let line = format!("{name} ({agent_type}) {status}, {}, {in_hand} in hand", times(*restarts));
                (line, last_crash)
            }
            TreeEntry::Container(container) => {
                let TreeContainer { name, strategy, status, restarts, most_restarts, .. } = container;
                let period = Duration::from_millis(container.period_ms);
                let bound = format!("at most {most_restarts} within {period:?}");
                let line = format!("{name}/ {strategy}, {status}, {} ({bound})", times(*restarts));
                (line, &container.last_crash)
            }
        };
        if let Some(cause) = last_crash {
            line.push_str("; ");
            line.push_str(cause);
        }
        // Its words come from agents and from other nodes: none of them may look like a line of the tree.
        f.write_str(&one_line(&line))
    }
}

fn times(restarts: u64) -> String {
    match restarts {
        0 => "never restarted".to_owned(),
        1 => "restarted once".to_owned(),
        more => format!("restarted {more} times"),
    }
}
