//! A container: one node, and the handle to it.
//!
//! The handle is cheap to clone and may be used from every thread. Neighbours: [`builder`](crate::builder) starts
//! it; [`spawning`](crate::spawning) and [`connecting`](crate::connecting) do its two main works, [`hall`]
//! is what it is made of, [`shutdown`] ends it.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use folkmoot_agents::connect::Connect;
use folkmoot_agents::host::{Host, Wanted};
use folkmoot_agents::mail::{self, Mail, MailAddress, Tracking};
use folkmoot_agents::{Agent, Clock, Group, Interface, Lookup, Monitor, Proxy, Workplace};
use folkmoot_codecs::{CallError, Endpoint, Principal};
use folkmoot_exchange::{ExchangeError, MailboxId};
use serde::de::DeserializeOwned;

use crate::builder::Builder;
use crate::directory::{self, ListedAgent};
use crate::durable::answers::MailRequest;
use crate::durable::naming;
use crate::join::Join;
use crate::link_events::{LinkEvents, LinkPeer};
use crate::mailroom::Mailroom;
use crate::membership::{JoinedNode, NodeChanges};
use crate::spawning::Spawn;
use crate::tree::branch::Branch;

mod hall;
mod shutdown;

pub(crate) use hall::{Hall, Open};

/// A handle to one node, or to a child container of it. Dropping it ends nothing: [`shutdown`](Container::shutdown) does,
/// and lets agents finish.
#[derive(Clone)]
pub struct Container {
    hall: Arc<Hall>,
    /// The child container that this is a handle to; `None` for the node's own.
    branch: Option<Arc<Branch>>,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let branch = self.branch.as_ref().map_or("", |branch| branch.path());
        let between = if branch.is_empty() { "" } else { " " };
        write!(f, "Container({}{between}{branch})", self.hall.tables.endpoint)
    }
}

impl Container {
    /// Prepares a container that listens at `endpoint`: `tls://host:port`, `tcp://host:port`,
    /// `unix:///path`, `unix+tls:///path` or `local://name`. Port 0 takes a free port.
    pub fn builder(endpoint: &str) -> Builder {
        Builder::new(endpoint)
    }

    pub(crate) fn over(hall: Arc<Hall>) -> Container {
        hall.tables.membership.set_hall(&hall);
        let place: Weak<dyn Workplace> = Arc::downgrade(&(hall.clone() as Arc<dyn Workplace>));
        hall.tables.clock.attend(place);
        Container { hall, branch: None }
    }

    /// The same node, within a child container.
    pub(crate) fn within(&self, branch: Arc<Branch>) -> Container {
        Container { hall: self.hall.clone(), branch: Some(branch) }
    }

    pub(crate) fn branch(&self) -> Option<&Arc<Branch>> {
        self.branch.as_ref()
    }

    pub(crate) fn hall(&self) -> &Arc<Hall> {
        &self.hall
    }

    /// Where the container listens, the real port in it.
    pub fn endpoint(&self) -> &Endpoint {
        &self.hall.tables.endpoint
    }

    /// The URL of an agent of this container, as others reach it: with the host that was told by
    /// [`Builder::advertise`].
    pub fn url(&self, agent: &str) -> String {
        self.hall.url_of(agent)
    }

    /// The URL of an agent of this container that aiomas's own `connect()` takes: `tcp://host:port/name`, over TLS too, or
    /// `ipc://[path]/name` where the container listens at a unix socket.
    pub fn aiomas_url(&self, agent: &str) -> String {
        self.hall.tables.advertised.for_aiomas(agent)
    }

    /// Who this container is to others: its node, as its certificate names it.
    pub fn principal(&self) -> &Principal {
        &self.hall.tables.principal
    }

    /// Spawns an agent. The factory makes its state, now and after each crash.
    ///
    /// Awaited, it gives a proxy once `#[start]` has finished; options come before the await.
    ///
    /// # Errors
    /// [`SpawnError`](crate::SpawnError): the name is none or taken, the factory or `#[start]` failed, or the container was
    /// shut down. The agent is then not there.
    pub fn spawn<A: Agent>(&self, name: &str, factory: impl Fn() -> A + Send + 'static) -> Spawn<A> {
        Spawn::new(self.clone(), Some(name.to_owned()), Box::new(factory))
    }

    /// Spawns an agent whose name is the node's next number: `0`, `1` and so on, in the order in which these spawns are
    /// awaited. [`Proxy::agent_name`] tells it.
    ///
    /// No number is given twice, whatever has ended since or did not start, nor one that an agent was given as its name.
    ///
    /// # Errors
    /// As of [`spawn`](Container::spawn).
    pub fn spawn_numbered<A: Agent>(&self, factory: impl Fn() -> A + Send + 'static) -> Spawn<A> {
        Spawn::new(self.clone(), None, Box::new(factory))
    }

    /// Spawns an agent on the worker of another one of this container: a call between them stays on one thread.
    pub fn spawn_near<A: Agent, I: Interface + ?Sized>(
        &self,
        neighbour: &Proxy<I>,
        name: &str,
        factory: impl Fn() -> A + Send + 'static,
    ) -> Spawn<A> {
        self.spawn(name, factory).near(Proxy::agent_name(neighbour))
    }

    /// A proxy to an agent of this container.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name.
    pub fn find<I: Interface + ?Sized>(&self, name: &str) -> Result<Proxy<I>, CallError> {
        let host: Arc<dyn Host> = self.hall.clone();
        Proxy::to_local(&host, self.hall.tables.principal.clone(), name)
    }

    /// A proxy to an agent of another container, or of this one.
    ///
    /// Awaited, it opens a link, unless there is one, and asks whether the agent is there; options come before the await.
    ///
    /// # Errors
    /// `BadAddress`; `Disconnected` where there is no link (one attempt, unless told otherwise), with the cause; `NoSuchAgent`;
    /// `DeadlineExceeded` where the other node does not answer within the container's deadline.
    pub fn connect<I: Interface + ?Sized>(&self, url: impl Into<String>) -> Connect<I> {
        Connect::new(self.hall.clone(), self.hall.tables.principal.clone(), url.into())
    }

    /// A proxy to the agent of that name, wherever it lives among this node and those that have joined.
    ///
    /// The proxy follows its agent through restarts of the agent and of its node. `.retry_for(..)` waits for the agent to
    /// come.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name; `Ambiguous` where several nodes have an agent of that name.
    pub fn lookup<I: Interface + ?Sized>(&self, name: &str) -> Lookup<I> {
        Lookup::new(self.hall.clone(), self.hall.tables.principal.clone(), name.to_owned())
    }

    /// Watches the agent behind `proxy`, on whatever node: what happens to it from when this is done is told by the
    /// [`Monitor`], until that is dropped.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name; `AgentStopped` where it has ended; `Denied` where no rule of its node lets
    /// this one reach it; `Disconnected` where its node is out of reach.
    pub fn monitor<I: Interface + ?Sized>(
        &self,
        proxy: &Proxy<I>,
    ) -> impl Future<Output = Result<Monitor, CallError>> + Send + use<I> {
        Monitor::of(proxy)
    }

    /// The agents of a type, by its name, on this node and those that have joined.
    pub fn agents_of_type(&self, agent_type: &str) -> Vec<ListedAgent> {
        directory::list(&self.hall, |agent| agent.agent_type == agent_type)
    }

    /// The agents that say they can do something ([`Spawn::capability`]), on this node and those that have joined.
    pub fn agents_able_to(&self, capability: &str) -> Vec<ListedAgent> {
        directory::list(&self.hall, |agent| agent.capabilities.iter().any(|able| able == capability))
    }

    /// All agents of this node and those that have joined.
    pub fn all_agents(&self) -> Vec<ListedAgent> {
        directory::list(&self.hall, |_| true)
    }

    /// The agents of a type, by its name, on this node and those that have joined, spoken to as one: members come and go
    /// as the agents and nodes do. See [`groups`](crate::guide::groups).
    pub fn group_of_type<I: Interface + ?Sized>(&self, agent_type: &str) -> Group<I> {
        self.group(Wanted::OfType(agent_type.to_owned()))
    }

    /// The agents that say they can do something ([`Spawn::capability`]), on this node and those that have joined, spoken
    /// to as one.
    pub fn group_able_to<I: Interface + ?Sized>(&self, capability: &str) -> Group<I> {
        self.group(Wanted::AbleTo(capability.to_owned()))
    }

    fn group<I: Interface + ?Sized>(&self, wanted: Wanted) -> Group<I> {
        Group::live(self.hall.clone(), self.hall.tables.principal.clone(), wanted)
    }

    /// Joins the node whose container listens at `url`, and all that have joined there: from now on each knows the
    /// others' agents, and links to them are kept for good.
    ///
    /// Awaited, it gives the node once it has joined; one attempt unless `.retry_for(..)` says more.
    ///
    /// # Errors
    /// `BadAddress`; `Disconnected`, with the cause; `Denied` where the other node does not let this one join, with the
    /// reason: no rule ([`Builder::allow_host`]), another cluster, a name that is taken.
    pub fn join(&self, url: impl Into<String>) -> Join {
        Join::new(self.hall.clone(), url.into())
    }

    /// The nodes that have joined, by name.
    pub fn nodes(&self) -> Vec<JoinedNode> {
        self.hall.tables.membership.list(&self.hall.tables)
    }

    /// Tells of each change among the nodes and their agents from now on.
    pub fn node_changes(&self) -> NodeChanges {
        NodeChanges::new(self.hall.tables.membership.watch())
    }

    /// The container's exchange, with its gate before it. See [`exchange`](crate::guide::exchange).
    ///
    /// # Errors
    /// [`ExchangeError::None`] where its builder was given none.
    pub fn mailroom(&self) -> Result<&Mailroom, ExchangeError> {
        self.hall.mailroom.as_ref().ok_or(ExchangeError::None)
    }

    /// The id of the mailbox that mail to that agent goes to, by which those who do not know its name reach it.
    ///
    /// # Errors
    /// `NoExchange`, `NoSuchMailbox`; `Failed`, which passes.
    pub async fn mailbox_of(&self, agent: &str) -> Result<MailboxId, mail::MailError> {
        let mailroom = self.hall.mailroom.as_ref().ok_or(mail::MailError::NoExchange)?;
        naming::find(mailroom, &agent.into()).await.map(|(mailbox, _)| mailbox)
    }

    /// Sends a mail to the mailbox of an agent, by the agent's name, or to a mailbox by its id. Done when the exchange has
    /// taken it. See [`mail`](crate::guide::mail).
    ///
    /// # Errors
    /// `NoExchange`, `NoSuchMailbox`, `Terminated`, `Denied`, `Invalid`; `Full` and `Failed`, which pass.
    pub async fn send(&self, to: impl Into<MailAddress>, mail: Mail) -> Result<(), mail::MailError> {
        let mail = mail.into_outgoing(to.into(), Tracking::Plain)?;
        self.hall.clone().send_mail(None, mail).await
    }

    /// Asks by mail: `let litres: u64 = node.request("pump", Mail::new("level?", &())).await?`. Options, such as
    /// `.deadline(..)`, come before the await.
    ///
    /// # Errors
    /// `NoAnswer`, `BadAnswer`; `Terminated` where the mailbox that was asked is over, also if it ends before it has
    /// answered; otherwise as [`send`](Container::send).
    pub fn request<T: DeserializeOwned>(&self, to: impl Into<MailAddress>, mail: Mail) -> MailRequest<T> {
        MailRequest::new(self.hall.clone(), to.into(), mail)
    }

    /// The clock that the agents here live by.
    pub fn clock(&self) -> &(dyn Clock + 'static) {
        &*self.hall.tables.clock
    }

    /// The links that are open, with whomever: in the order in which they were opened.
    pub fn links(&self) -> Vec<LinkPeer> {
        self.hall.tables.told_links.list()
    }

    /// Tells of each link that is opened or ends from now on, with its cause: of those that this container opened and of
    /// those that peers opened.
    pub fn link_events(&self) -> LinkEvents {
        self.hall.tables.told_links.watch()
    }

    /// The names of the agents that live here, sorted: in a child container and those within it, or on the whole node.
    pub fn agents(&self) -> Vec<String> {
        let agents = match &self.branch {
            Some(branch) => branch.agents(),
            None => self.hall.tables.list(),
        };
        let mut names: Vec<_> = agents.iter().map(|agent| agent.shared().name().to_string()).collect();
        names.sort();
        names
    }

    /// What an agent of this container exposes. For one of another container: `connect(url).describe()`.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name.
    pub fn describe(&self, agent: &str) -> Result<crate::AgentDescription, CallError> {
        Ok(self.hall.find(agent)?.describe())
    }

    /// How often an agent was started anew.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name.
    pub fn restarts(&self, agent: &str) -> Result<u64, CallError> {
        Ok(u64::from(self.hall.find(agent)?.shared().restarts()))
    }

    /// Ends an agent: calls in hand finish within `grace`, `#[stop]` runs, its name is free again.
    ///
    /// # Errors
    /// `NoSuchAgent`, with the nearest name.
    pub async fn stop(&self, agent: &str, grace: Duration) -> Result<(), CallError> {
        let ended = self.hall.find(agent)?.stop(grace);
        // An agent that ended by itself meanwhile is what was asked for.
        ended.await.ok();
        Ok(())
    }
}
