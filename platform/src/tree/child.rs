//! Beginning a child container: its name and its rules.
//!
//! Neighbours: [`container`](crate::container) begins it, [`attending`](super::attending) is what runs from then on.

use std::fmt;
use std::time::Duration;

use folkmoot_gateway::name::check_agent;

use super::attending::Attendant;
use super::branch::{Branch, BranchRules, Closed};
use super::{MAX_CHILD_CONTAINERS, MAX_DEPTH, NoBranch, Strategy};
use crate::container::Container;
use crate::error::StartError;
use crate::supervision::{Backoff, Rules};

/// A child container that has been prepared.
#[must_use = "there is no child container until it is started"]
pub struct Child {
    container: Container,
    name: String,
    rules: BranchRules,
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("name", &self.name).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Child {
    pub(crate) fn new(container: Container, name: String) -> Child {
        let Rules { intensity, period, backoff, .. } = Rules::default();
        let rules = BranchRules { strategy: Strategy::default(), intensity, period, backoff };
        Child { container, name, rules }
    }

    /// A crash concerns nobody but the agent itself. That is so unless told otherwise.
    pub fn one_for_one(self) -> Child {
        self.strategy(Strategy::OneForOne)
    }

    /// After a crash those start anew too that were started after the one that crashed.
    pub fn rest_for_one(self) -> Child {
        self.strategy(Strategy::RestForOne)
    }

    /// After a crash all start anew.
    pub fn one_for_all(self) -> Child {
        self.strategy(Strategy::OneForAll)
    }

    /// Whom a crash concerns.
    pub fn strategy(mut self, strategy: Strategy) -> Child {
        self.rules.strategy = strategy;
        self
    }

    /// How many crashes of its members within a period are followed by a new start; with one more the child container
    /// gives up. 10 within 10 s unless told otherwise.
    pub fn restarts(mut self, most: u32, period: Duration) -> Child {
        self.rules.intensity = most;
        self.rules.period = period;
        self
    }

    /// The pauses before this container itself is started anew by the one above it.
    pub fn backoff(mut self, backoff: Backoff) -> Child {
        self.rules.backoff = backoff;
        self
    }

    /// Starts it. It begins with nobody in it.
    ///
    /// # Errors
    /// [`StartError::Configuration`], where the name or a rule cannot be, or there are too many child containers;
    /// [`StartError::ChildTaken`]; [`StartError::ShutDown`].
    pub fn start(self) -> Result<Container, StartError> {
        let Child { container, name, rules } = self;
        let parent = container.branch();
        let path = match parent {
            Some(parent) => format!("{}/{name}", parent.path()),
            None => name.clone(),
        };
        let depth = parent.map_or(1, |parent| parent.depth + 1);
        if let Some(fault) = fault(&name, &rules, depth) {
            return Err(StartError::Configuration(format!(
                "child container {name:?} was not started: {fault}"
            )));
        }
        let hall = container.hall();
        let tables = &hall.tables;
        if tables.is_closed() {
            return Err(StartError::ShutDown);
        }
        if !tables.trunk.count_one_more() {
            let most = format!(
                "child container {name:?} was not started: this node has {MAX_CHILD_CONTAINERS} already"
            );
            return Err(StartError::Configuration(most));
        }
        let branch = Branch::new(path, rules, depth, parent, tables);
        let entered = match parent {
            Some(parent) => parent.enter_branch(&branch).map_err(|closed| not_taken_in(closed, name)),
            None => tables.trunk.enter(&branch).map_err(|why| match why {
                NoBranch::NameTaken => StartError::ChildTaken { name },
                NoBranch::ShutDown => StartError::ShutDown,
            }),
        };
        entered.inspect_err(|_| tables.trunk.count_one_less())?;
        let attendant = Attendant(branch.clone());
        let worker = hall.workers.get(hall.workers.next());
        if !worker.executor.spawn_fn(move || drop(actix::spawn(attendant.attend()))) {
            return Err(StartError::ShutDown);
        }
        Ok(container.within(branch))
    }
}

fn not_taken_in(closed: Closed, name: String) -> StartError {
    match closed {
        Closed::NameTaken => StartError::ChildTaken { name },
        Closed::Ended => StartError::ShutDown,
        Closed::Failed(cause) => StartError::Configuration(format!(
            "child container {name:?} was not started: the one above it {}",
            stays_down(&cause)
        )),
    }
}

/// What to do about a child container that stays down.
pub(crate) fn stays_down(cause: &str) -> String {
    format!("stays down ({cause}); start another of its name with `.child(..)`")
}

fn fault(name: &str, rules: &BranchRules, depth: usize) -> Option<String> {
    if let Err(fault) = check_agent(name) {
        return Some(fault.to_string());
    }
    if depth > MAX_DEPTH {
        return Some(format!("child containers lie within each other at most {MAX_DEPTH} deep"));
    }
    (rules.intensity > 0 && rules.period.is_zero()).then(|| {
        "`.restarts(..)` counts new starts within a period of zero: write a period, or 0 restarts to have none"
            .to_owned()
    })
}
