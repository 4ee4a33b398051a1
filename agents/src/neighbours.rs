//! The agents of this worker, for callers on the same thread.
//!
//! A call of a plain method to an idle agent on the caller's own worker runs in place: it spares the way through the
//! mailbox and back. Always true: it runs in place only where nothing at all is queued, running or on its way to the
//! agent, so nobody is overtaken. The worker's other tasks get their turn all the same: a task whose awaits are all
//! ready is made to yield by tokio's own budget, and a link's task by the number of its frames. Neighbours:
//! [`call`](crate::call) and [`local`](crate::local) ask here first, [`life`](crate::life) enters and leaves.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::interface::Interface;
use crate::turn::Turn;

/// An agent that may run turns at once, whatever its type.
pub(crate) trait Neighbour {
    /// Takes the turn, an `Option<Turn<I>>` of the agent's own interface, out and runs it, if the agent is idle.
    fn run_in_place(self: Rc<Self>, turn: &mut dyn Any);
}

/// Where an agent is entered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    worker: u64,
    slot: usize,
}

struct Here {
    worker: u64,
    agents: Vec<Option<Rc<dyn Neighbour>>>,
    free: Vec<usize>,
}

thread_local! {
    static HERE: RefCell<Here> = RefCell::new(Here::new());
}

impl Here {
    fn new() -> Here {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Here { worker: NEXT.fetch_add(1, Ordering::Relaxed), agents: Vec::new(), free: Vec::new() }
    }
}

/// Enters an agent of this worker.
pub(crate) fn enter(agent: Rc<dyn Neighbour>) -> Place {
    HERE.with(|here| {
        let here = &mut *here.borrow_mut();
        let slot = here.free.pop().unwrap_or(here.agents.len());
        if slot == here.agents.len() {
            here.agents.push(None);
        }
        here.agents[slot] = Some(agent);
        Place { worker: here.worker, slot }
    })
}

/// Takes an agent of this worker out.
pub(crate) fn leave(place: Place) {
    let gone = HERE.with(|here| {
        let here = &mut *here.borrow_mut();
        if here.worker != place.worker {
            return None;
        }
        let gone = here.agents.get_mut(place.slot).and_then(Option::take);
        if gone.is_some() {
            here.free.push(place.slot);
        }
        gone
    });
    // Outside of the borrow: what is dropped may be the agent itself.
    drop(gone);
}

/// Runs the turn now, if the agent at `place` lives on this thread and is idle; gives it back otherwise.
#[inline]
pub(crate) fn run<I: Interface + ?Sized>(place: Place, turn: Turn<I>) -> Result<(), Turn<I>> {
    let Some(agent) = at(place) else { return Err(turn) };
    let mut turn = Some(turn);
    agent.run_in_place(&mut turn);
    turn.map_or(Ok(()), Err)
}

/// The agent at `place`, if it lives on this thread.
fn at(place: Place) -> Option<Rc<dyn Neighbour>> {
    HERE.with(|here| {
        let here = here.borrow();
        if here.worker != place.worker {
            return None;
        }
        here.agents.get(place.slot)?.clone()
    })
}
