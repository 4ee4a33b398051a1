//! Who is calling whom, right now: the chain of callers that a call carries.
//!
//! While a turn is polled, its [`Position`] is the thread's current one; a nested call reads it at its first
//! poll. One-way calls and tasks of their own carry no chain. Neighbours: [`queue`](crate::queue) finds cycles in
//! a chain, [`waits`](crate::waits) finds crossed chains.

use std::cell::RefCell;
use std::mem;
use std::sync::Arc;

use crate::deadlines::LinkInstant;

/// Which agent, in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentId(pub(crate) u64);

impl AgentId {
    /// An agent of another process: equal to no local one.
    pub const FOREIGN: AgentId = AgentId(0);

    /// Its number, which no other agent of this process ever bears.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// How a turn uses its agent's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `&self`: many at once.
    Shared,
    /// `&mut self`: alone.
    Exclusive,
}

/// One caller in a chain.
#[derive(Debug)]
pub struct Link {
    /// The agent whose turn is waiting.
    pub agent: AgentId,
    /// Its full name: `node/agent`.
    pub name: Arc<str>,
    /// How that turn holds the agent's state.
    pub mode: Mode,
    /// Who waits for that turn.
    pub parent: Option<Chain>,
}

/// A caller and all who wait for it, innermost first.
pub type Chain = Arc<Link>;

/// Longest chain that is followed, in callers: what is longer has lost itself.
pub const MAX_CHAIN_LINKS: usize = 64;

/// Walks from the innermost caller outwards.
pub fn callers(chain: &Option<Chain>) -> impl Iterator<Item = &Link> {
    std::iter::successors(chain.as_deref(), |link| link.parent.as_deref()).take(MAX_CHAIN_LINKS)
}

/// The names of a chain, outermost first, and `last` behind them.
pub fn names(chain: &Option<Chain>, last: &str) -> Vec<String> {
    let mut names: Vec<String> = callers(chain).map(|link| link.name.to_string()).collect();
    names.reverse();
    names.push(last.to_owned());
    names
}

/// Where a running turn stands.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) agent: AgentId,
    pub(crate) name: Arc<str>,
    pub(crate) mode: Mode,
    pub(crate) parent: Option<Chain>,
    /// Made when the turn makes its first call, then kept.
    pub(crate) link: Option<Chain>,
    /// When the call that this turn serves must be answered.
    pub(crate) deadline: Option<LinkInstant>,
}

thread_local! {
    static CURRENT: RefCell<Option<Position>> = const { RefCell::new(None) };
}

/// Exchanges the thread's current position with `position`: called before and after each poll of a turn.
#[inline]
pub(crate) fn swap(position: &mut Option<Position>) {
    CURRENT.with(|current| mem::swap(&mut *current.borrow_mut(), position));
}

/// What a call made here inherits.
pub(crate) struct Inherited {
    pub(crate) chain: Option<Chain>,
    pub(crate) deadline: Option<LinkInstant>,
}

/// The chain and deadline that a call made at this point carries.
pub(crate) fn inherit() -> Inherited {
    CURRENT.with(|current| match &mut *current.borrow_mut() {
        None => Inherited { chain: None, deadline: None },
        Some(position) => {
            let link = position.link.get_or_insert_with(|| {
                Arc::new(Link {
                    agent: position.agent,
                    name: position.name.clone(),
                    mode: position.mode,
                    parent: position.parent.clone(),
                })
            });
            Inherited { chain: Some(link.clone()), deadline: position.deadline }
        }
    })
}
