//! The nodes of a simulation: each runs its tasks in a set of its own, which a crash throws away as it is.
//!
//! Always true: of a node that has crashed nothing runs any more and nothing says goodbye; what it had sent is on its
//! way still. A node runs from its start on, also while it is being made; a start that failed leaves nothing.
//! Neighbours: [`executor`](crate::executor) brings a container's tasks into its node's set.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

use super::SimError;
use super::network::Network;
use super::strangers::{OwnWaker, Strangers};
use crate::builder::Builder;
use crate::clock::VirtualClock;
use crate::container::Container;
use crate::error::Error;
use crate::executor::NodeQueue;

/// A node's container and what lives in it, on their way.
pub(super) type Making = Pin<Box<dyn Future<Output = Result<Container, Error>>>>;

/// Starts them.
type Make = Rc<dyn Fn(Builder) -> Making>;

/// All nodes of a simulation.
pub(super) struct Hosts {
    by_name: RefCell<BTreeMap<String, Host>>,
    lives: Cell<u64>,
    strangers: Arc<Strangers>,
}

struct Host {
    make: Make,
    /// Nanoseconds by which the node's clock is ahead.
    skew: Arc<AtomicI64>,
    running: Option<Rc<Fate>>,
}

/// What is known of one life of a node, and how a crash reaches its set.
#[derive(Default)]
struct Fate {
    /// `None` while it is being made.
    container: RefCell<Option<Container>>,
    /// Whether the node was to end.
    has_come: Cell<bool>,
    crash: RefCell<Option<oneshot::Sender<()>>>,
    waker: RefCell<Option<Waker>>,
}

impl Fate {
    fn container(&self) -> Option<Container> {
        self.container.borrow().clone()
    }
}

/// One life of a node.
struct Life {
    set: Option<LocalSet>,
    queue: NodeQueue,
    fate: Rc<Fate>,
    waker: OwnWaker,
}

impl Future for Life {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(crashed) = this.fate.crash.borrow_mut().take() {
            let set = this.set.take();
            this.queue.within(|| drop(set));
            // Whoever lets a node crash may not wait for it.
            crashed.send(()).ok();
            return Poll::Ready(());
        }
        *this.fate.waker.borrow_mut() = Some(cx.waker().clone());
        let waker = this.waker.of(cx.waker());
        let cx = &mut Context::from_waker(&waker);
        match &mut this.set {
            Some(set) => this.queue.within(|| Pin::new(set).poll(cx)),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let set = self.set.take();
        self.queue.within(|| drop(set));
    }
}

async fn work(mut came: mpsc::UnboundedReceiver<Box<dyn FnOnce() + Send>>) {
    while let Some(work) = came.recv().await {
        work();
    }
}

impl Hosts {
    /// No nodes yet.
    pub(super) fn new(strangers: &Arc<Strangers>) -> Hosts {
        Hosts { by_name: RefCell::default(), lives: Cell::default(), strangers: strangers.clone() }
    }

    /// Enters a node, which does not run yet.
    ///
    /// # Errors
    /// `NodeTaken`.
    pub(super) fn enter(&self, network: &Network, name: &str, make: Make) -> Result<(), SimError> {
        let mut hosts = self.by_name.borrow_mut();
        if hosts.contains_key(name) {
            return Err(SimError::NodeTaken { name: name.to_owned() });
        }
        network.know(name);
        hosts.insert(name.to_owned(), Host { make, skew: Arc::default(), running: None });
        Ok(())
    }

    fn with<R>(&self, name: &str, look: impl FnOnce(&mut Host) -> R) -> Result<R, SimError> {
        let mut hosts = self.by_name.borrow_mut();
        let known = || hosts_names(self);
        match hosts.get_mut(name) {
            Some(host) => Ok(look(host)),
            None => {
                drop(hosts);
                Err(SimError::NoSuchNode { name: name.to_owned(), known: known() })
            }
        }
    }

    /// Lets a node begin a life.
    ///
    /// # Errors
    /// `NoSuchNode`; `Runs`, where it lives already; `NotStarted`, with what its making failed with.
    pub(super) async fn start(&self, network: &Arc<Network>, name: &str) -> Result<Container, SimError> {
        let (make, skew, runs) =
            self.with(name, |host| (host.make.clone(), host.skew.clone(), host.running.is_some()))?;
        if runs {
            return Err(SimError::Runs { name: name.to_owned() });
        }
        network.event(&format!("start {name}"));
        let fate = Rc::new(Fate::default());
        self.with(name, |host| host.running = Some(fate.clone()))?;
        let life = self.lives.get() + 1;
        self.lives.set(life);
        let (queue, came) = NodeQueue::new(life);
        let set = LocalSet::new();
        set.spawn_local(work(came));
        let clock = VirtualClock::skewed(skew).map_err(|_| SimError::Elsewhere)?;
        let builder = Builder::new(&format!("local://{name}")).name(name).clock(clock);
        let (tell, told) = oneshot::channel();
        let living = fate.clone();
        set.spawn_local(async move {
            let made = make(builder).await;
            *living.container.borrow_mut() = made.as_ref().ok().cloned();
            // Whoever starts it may have given up; the node lives on.
            tell.send(made).ok();
        });
        let waker = OwnWaker::new(&self.strangers, &format!("node \"{name}\""));
        actix::spawn(Life { set: Some(set), queue, fate: fate.clone(), waker });
        let told = told.await;
        let cause = match told {
            _ if fate.has_come.get() => "it crashed as it was being made".to_owned(),
            Ok(Ok(container)) => return Ok(container),
            Ok(Err(error)) => format!("{error:?}"),
            Err(_) => "its start panicked".to_owned(),
        };
        if !fate.has_come.get() {
            self.with(name, |host| host.running = None)?;
            end(&fate).await;
        }
        Err(SimError::NotStarted { name: name.to_owned(), cause })
    }

    /// Ends a node's life from one moment to the next.
    ///
    /// # Errors
    /// `NoSuchNode`; `DoesNotRun`.
    pub(super) async fn crash(&self, network: &Network, name: &str) -> Result<(), SimError> {
        let Some(fate) = self.with(name, |host| host.running.take())? else {
            return Err(SimError::DoesNotRun { name: name.to_owned() });
        };
        network.event(&format!("crash {name}"));
        end(&fate).await;
        Ok(())
    }

    /// The container of a node that runs.
    ///
    /// # Errors
    /// `NoSuchNode`; `DoesNotRun`.
    pub(super) fn container(&self, name: &str) -> Result<Container, SimError> {
        let container = self.with(name, |host| host.running.as_ref().and_then(|fate| fate.container()))?;
        container.ok_or_else(|| SimError::DoesNotRun { name: name.to_owned() })
    }

    /// Sets by how much a node's clock is ahead, in nanoseconds.
    ///
    /// # Errors
    /// `NoSuchNode`.
    pub(super) fn set_skew(&self, name: &str, ahead: i64) -> Result<(), SimError> {
        self.with(name, |host| host.skew.store(ahead, Ordering::Relaxed))
    }

    /// The names of all nodes, sorted; of those that run, or of all.
    pub(super) fn names(&self, which: impl Fn(bool) -> bool) -> Vec<String> {
        let hosts = self.by_name.borrow();
        let is_made = |host: &Host| host.running.as_ref().is_some_and(|fate| fate.container().is_some());
        let wanted = hosts.iter().filter(|(_, host)| which(is_made(host)));
        wanted.map(|(name, _)| name.clone()).collect()
    }
}

fn hosts_names(hosts: &Hosts) -> String {
    hosts.names(|_| true).join(", ")
}

async fn end(fate: &Fate) {
    fate.has_come.set(true);
    let (tell, told) = oneshot::channel();
    *fate.crash.borrow_mut() = Some(tell);
    if let Some(waker) = fate.waker.borrow_mut().take() {
        waker.wake();
    }
    // A set that is gone already tells nobody.
    told.await.ok();
}
