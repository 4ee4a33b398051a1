//! The wait-for graph of exclusive turns: finds agents that wait for each other on crossed chains.
//!
//! An edge `a -> b` stands while an exclusive turn of `a` awaits a call to `b`. Adding an edge that closes a ring
//! is refused, so the ring never forms. Neighbours: [`call`](crate::call) holds an [`Edge`] while it waits, and the
//! [`turn`](crate::turn) that it waits for holds the same one: it is gone when either of them is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chain::AgentId;

/// The edges of one process. Small: one entry per nested call of an exclusive turn that is waiting now.
#[derive(Debug, Default)]
struct Graph {
    edges: HashMap<AgentId, Vec<AgentId>>,
}

static GRAPH: Mutex<Option<Graph>> = Mutex::new(None);

fn lock() -> MutexGuard<'static, Option<Graph>> {
    GRAPH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One wait, held at both of its ends; over when either end lets go of it.
#[derive(Debug)]
pub struct Edge(Arc<Ends>);

#[derive(Debug)]
struct Ends {
    from: AgentId,
    to: AgentId,
    over: AtomicBool,
}

impl Edge {
    /// Notes that an exclusive turn of `from` waits for `to`.
    ///
    /// # Errors
    /// The agents of the ring that this wait would close, beginning with `from`.
    pub(crate) fn add(from: AgentId, to: AgentId) -> Result<Edge, Vec<AgentId>> {
        let mut guard = lock();
        let graph = guard.get_or_insert_with(Graph::default);
        if let Some(ring) = graph.ring(from, to) {
            return Err(ring);
        }
        graph.edges.entry(from).or_default().push(to);
        Ok(Edge(Arc::new(Ends { from, to, over: AtomicBool::new(false) })))
    }

    /// The same wait, for its other end.
    pub(crate) fn other_end(&self) -> Edge {
        Edge(self.0.clone())
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        let Ends { from, to, over } = &*self.0;
        if over.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(graph) = &mut *lock()
            && let Some(targets) = graph.edges.get_mut(from)
        {
            if let Some(at) = targets.iter().position(|target| target == to) {
                targets.swap_remove(at);
            }
            if targets.is_empty() {
                graph.edges.remove(from);
            }
        }
    }
}

impl Graph {
    /// The agents on a way from `from` over `to` back to `from`, if there is one. Each agent is looked at once, however
    /// many wait for it, and the depth of the search costs no stack.
    fn ring(&self, from: AgentId, to: AgentId) -> Option<Vec<AgentId>> {
        // By whom each was found.
        let mut found = HashMap::from([(to, from)]);
        let mut open = vec![to];
        while let Some(at) = open.pop() {
            if at == from {
                return Some(way_back(&found, from));
            }
            for next in self.edges.get(&at).into_iter().flatten() {
                if let Entry::Vacant(unseen) = found.entry(*next) {
                    unseen.insert(at);
                    open.push(*next);
                }
            }
        }
        None
    }
}

/// The ring that was found, beginning and ending with `from`.
fn way_back(found: &HashMap<AgentId, AgentId>, from: AgentId) -> Vec<AgentId> {
    let mut ring = vec![from];
    let mut at = from;
    while let Some(by) = found.get(&at) {
        ring.push(*by);
        at = *by;
        if at == from {
            break;
        }
    }
    ring.reverse();
    ring
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_of_three_is_refused_and_a_dropped_edge_frees_it() {
        let [a, b, c] = [AgentId(u64::MAX), AgentId(u64::MAX - 1), AgentId(u64::MAX - 2)];
        let ab = Edge::add(a, b).unwrap();
        let _bc = Edge::add(b, c).unwrap();
        assert_eq!(Edge::add(c, a).unwrap_err(), vec![c, a, b, c]);
        drop(ab.other_end());
        assert!(Edge::add(c, a).is_ok());
        let ab_again = Edge::add(a, b).unwrap();
        drop(ab);
        assert!(Edge::add(c, a).is_err(), "an end that was over took another wait away");
        drop(ab_again);
    }

    #[test]
    fn a_search_looks_at_each_agent_once_and_needs_no_stack() {
        let agent = |layer: u64, at: u64| AgentId(u64::MAX / 2 + layer * 2 + at);
        // Two agents in each layer wait for both of the next: a million ways after 20 layers.
        let mut edges = Vec::new();
        for layer in (0..60).rev() {
            for (from, to) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                edges.push(Edge::add(agent(layer, from), agent(layer + 1, to)).unwrap());
            }
        }
        assert_eq!(Edge::add(agent(60, 0), agent(0, 0)).unwrap_err().len(), 62);
        let deep = |at: u64| AgentId(u64::MAX / 4 + at);
        edges.extend((0..100_000).map(|at| Edge::add(deep(at), deep(at + 1)).unwrap()));
        assert_eq!(Edge::add(deep(100_000), deep(0)).unwrap_err().len(), 100_002);
    }
}
