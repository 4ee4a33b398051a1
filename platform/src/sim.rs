//! Simulation: a whole system of nodes in one thread, in virtual time, the same each time for the same seed.
//!
//! Links, codecs, directory, gate, supervision and agents are the real ones; what is simulated is beneath them: time, the
//! network, the nodes, and all that is random. See [`simulation`](crate::guide::simulation) for how one works with it.
//! Always true: nothing from outside the thread takes part. Neighbours within: [`runner`] runs it, [`hosts`] are the
//! nodes, [`network`] and [`pipe`] what lies between them, [`trace`] what is told of it.

mod chaos;
mod command;
mod hosts;
mod network;
mod pipe;
mod runner;
mod strangers;
mod trace;
mod trace_file;
mod transport;
pub(crate) mod virtual_time;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub use chaos::Chaos;
pub use runner::{Ended, Simulation, TestOutput, run_test, run_test_twice};
pub use trace::{LINES_TOLD, Trace};
pub use trace_file::{Difference, TraceFile};
pub(crate) use transport::SimTransport;

use crate::builder::Builder;
use crate::clock::VirtualClock;
use crate::container::Container;
use crate::error::Error;
use crate::link_time;
use hosts::{Hosts, Making};
use network::{Network, Travel};
use strangers::Strangers;

thread_local! {
    static NETWORK: std::cell::RefCell<Option<Arc<Network>>> = const { std::cell::RefCell::new(None) };
}

/// The network of the simulation that this thread runs, if it runs one.
pub(crate) fn network_here() -> Option<Arc<Network>> {
    NETWORK.with(|network| network.borrow().clone())
}

/// Why a simulation failed, or something in it could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// There is a node of that name.
    #[error(
        "there is a node \"{name}\" in the simulation already: give each its own name, and `restart` one that crashed"
    )]
    NodeTaken {
        /// The name.
        name: String,
    },
    /// There is no node of that name.
    #[error("there is no node \"{name}\" in the simulation; there are: {known}")]
    NoSuchNode {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The node runs already.
    #[error("node \"{name}\" runs: let it `crash` before it is started anew")]
    Runs {
        /// Its name.
        name: String,
    },
    /// The node does not run.
    #[error("node \"{name}\" does not run: it has crashed, or never started; `restart` it first")]
    DoesNotRun {
        /// Its name.
        name: String,
    },
    /// The node's start failed.
    #[error("node \"{name}\" did not start: {cause}")]
    NotStarted {
        /// Its name.
        name: String,
        /// With what.
        cause: String,
    },
    /// This thread runs no simulation.
    #[error("this is not the thread of the simulation: start nodes from within it")]
    Elsewhere,
    /// Nothing can go on, and nobody waits for a moment.
    #[error(
        "the simulation stands still at {at:?}: nothing can go on and nobody sleeps, so what it waits for never comes \
         (other threads are not waited for)"
    )]
    Stuck {
        /// The virtual time.
        at: Duration,
    },
    /// There were too many moments.
    #[error(
        "the simulation has not ended after {moments} moments, at {at:?}: raise `.most_moments(..)` if it is to go on. \
         What keeps it awake, {awake}"
    )]
    Endless {
        /// The limit.
        moments: u64,
        /// The virtual time.
        at: Duration,
        /// Who woke most often.
        awake: String,
    },
    /// One moment does not end.
    #[error(
        "the simulation does not come to rest at {at:?}: there is always something that can go on. The last at work: {busy}"
    )]
    Busy {
        /// The virtual time.
        at: Duration,
        /// Who worked.
        busy: String,
    },
    /// A fault was for a node that there never was.
    #[error("`{event}` was for \"{name}\", and there never was a node of that name; there were: {known}")]
    MeantNobody {
        /// The fault, as the trace tells it.
        event: String,
        /// The name.
        name: String,
        /// The names that there were.
        known: String,
    },
    /// Another thread took part.
    #[error(
        "{what}: a simulation is one thread, and when another one is done no seed decides; do the work in place, and \
         wait for nothing but agents and the clock"
    )]
    OtherThread {
        /// What was seen of it.
        what: String,
    },
    /// A runtime or a thread could not be had, or a trace not be written.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: String,
        /// Why it could not be.
        source: std::io::Error,
    },
    /// A text is no trace.
    #[error("{name} is no trace: {reason}; `folkmoot sim record` writes one")]
    NoTrace {
        /// Where it lies.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A node cannot be what the fault needs.
    #[error("{0}")]
    Fault(String),
}

/// A simulation from within: its nodes, its network, its time. Clones are handles to the same.
#[derive(Clone)]
pub struct Sim {
    inner: Rc<Inner>,
}

struct Inner {
    seed: u64,
    network: Arc<Network>,
    hosts: Hosts,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.inner.seed)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

impl Sim {
    fn new(seed: u64, network: Arc<Network>, strangers: &Arc<Strangers>) -> Sim {
        Sim { inner: Rc::new(Inner { seed, network, hosts: Hosts::new(strangers) }) }
    }

    /// The seed from which everything random follows.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// The virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.inner.network.elapsed()
    }

    /// Sleeps in virtual time.
    pub async fn sleep(&self, duration: Duration) {
        link_time::sleep(duration).await;
    }

    /// The true time of the simulation; a node's own clock may be ahead of it or behind.
    ///
    /// # Errors
    /// `Elsewhere`, on a thread of one's own.
    pub fn clock(&self) -> Result<VirtualClock, SimError> {
        VirtualClock::here().map_err(|_| SimError::Elsewhere)
    }

    /// Starts a node. `make` is given a builder for a container at `local://NAME`, starts it, and spawns what lives there;
    /// it is called again each time that the node is [restarted](Sim::restart). Containers that are started otherwise in a
    /// simulation are on its network too, but cannot crash.
    ///
    /// # Errors
    /// `NodeTaken`; `NotStarted`, with the error of `make`.
    pub async fn node<F>(&self, name: &str, make: F) -> Result<Container, SimError>
    where
        F: AsyncFn(Builder) -> Result<Container, Error> + 'static,
    {
        let make = Rc::new(make);
        let make = move |builder| -> Making {
            let make = make.clone();
            Box::pin(async move { make(builder).await })
        };
        self.inner.hosts.enter(&self.inner.network, name, Rc::new(make))?;
        self.inner.hosts.start(&self.inner.network, name).await
    }

    /// The container of a node that runs.
    ///
    /// # Errors
    /// `NoSuchNode`, `DoesNotRun`.
    pub fn container(&self, name: &str) -> Result<Container, SimError> {
        self.inner.hosts.container(name)
    }

    /// The names of the nodes that run, sorted.
    pub fn running(&self) -> Vec<String> {
        self.inner.hosts.names(|runs| runs)
    }

    /// The names of the nodes that have crashed, sorted.
    pub fn crashed(&self) -> Vec<String> {
        self.inner.hosts.names(|runs| !runs)
    }

    /// Ends a node as kill -9 would: nothing of it runs on, nobody is told; what it had sent is on its way still.
    ///
    /// # Errors
    /// `NoSuchNode`, `DoesNotRun`.
    pub async fn crash(&self, name: &str) -> Result<(), SimError> {
        self.inner.hosts.crash(&self.inner.network, name).await
    }

    /// Starts a node that has crashed.
    ///
    /// # Errors
    /// `NoSuchNode`, `Runs`, `NotStarted`.
    pub async fn restart(&self, name: &str) -> Result<Container, SimError> {
        self.inner.hosts.start(&self.inner.network, name).await
    }

    /// From now on bytes take `delay`, and by chance up to `jitter` more, between two nodes, either way. They stay in order.
    pub fn delay(&self, a: &str, b: &str, delay: Duration, jitter: Duration) {
        self.fault_between(&[a, b], &format!("delay {a} {b} {delay:?} {jitter:?}"));
        self.inner.network.set_travel(a, b, Travel { delay, jitter });
    }

    /// From now on bytes take between two nodes, either way, what they take between all.
    pub fn usual_delay(&self, a: &str, b: &str) {
        self.fault_between(&[a, b], &format!("usual-delay {a} {b}"));
        let usual = self.inner.network.usual();
        self.inner.network.set_travel(a, b, usual);
    }

    /// Nothing more arrives that one node sends to the other, until [`release`](Sim::release): it is lost on the way and sent
    /// again, as over TCP. The other direction goes on.
    pub fn stall(&self, from: &str, to: &str) {
        self.fault_between(&[from, to], &format!("stall {from} > {to}"));
        self.inner.network.stall(from, to, true);
    }

    /// Ends a [`stall`](Sim::stall).
    pub fn release(&self, from: &str, to: &str) {
        self.fault_between(&[from, to], &format!("release {from} > {to}"));
        self.inner.network.stall(from, to, false);
    }

    /// The next frame that one node sends to the other breaks their connection before it has arrived whole. Gives how many
    /// connections that concerns: none where there is none.
    pub fn cut(&self, from: &str, to: &str) -> usize {
        self.event(&format!("cut-next {from} > {to}"));
        self.inner.network.cut(from, to)
    }

    /// Nothing arrives between the nodes of the two sides, either way, until [`heal`](Sim::heal).
    pub fn partition(&self, ones: &[&str], others: &[&str]) {
        let nodes: Vec<&str> = ones.iter().chain(others).copied().collect();
        self.fault_between(&nodes, &format!("partition {} | {}", ones.join(" "), others.join(" ")));
        self.inner.network.part(ones, others);
    }

    /// Ends one [`partition`](Sim::partition) of these sides; what others part stays so.
    pub fn heal_between(&self, ones: &[&str], others: &[&str]) {
        self.event(&format!("heal {} | {}", ones.join(" "), others.join(" ")));
        self.inner.network.unpart(ones, others);
    }

    /// Ends all partitions.
    pub fn heal(&self) {
        self.event("heal");
        self.inner.network.heal();
    }

    /// Sets a node's clock so far ahead of the true time; it keeps that over a restart.
    ///
    /// # Errors
    /// `NoSuchNode`.
    pub fn set_ahead(&self, name: &str, by: Duration) -> Result<(), SimError> {
        self.skew(name, i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Sets a node's clock so far behind the true time; it keeps that over a restart.
    ///
    /// # Errors
    /// `NoSuchNode`.
    pub fn set_behind(&self, name: &str, by: Duration) -> Result<(), SimError> {
        self.skew(name, -i64::try_from(by.as_nanos()).unwrap_or(i64::MAX))
    }

    fn skew(&self, name: &str, ahead: i64) -> Result<(), SimError> {
        self.inner.hosts.set_skew(name, ahead)?;
        self.event(&format!("skew {name} {ahead} ns"));
        Ok(())
    }

    /// Writes a line of one's own into the trace: what a test has seen, so that two runs are compared by it too.
    pub fn note(&self, text: &str) {
        self.event(&format!("note {text:?}"));
    }

    fn event(&self, event: &str) {
        self.inner.network.event(event);
    }

    /// The nodes may come later; where they never do, the run fails at its end.
    fn fault_between(&self, nodes: &[&str], event: &str) {
        self.event(event);
        self.inner.network.mean(nodes, event);
    }
}
