//! How a container is made: what it listens on, who may call, what it lives by.
//!
//! Neighbours: [`checking`] says what cannot be, [`container`](crate::container) is what is made.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::Clock;
use folkmoot_codecs::{Codec, Endpoint, PlainTypes, Principal, Serializable};
use folkmoot_exchange::ExchangeLimits;
use folkmoot_gateway::{Gate, HostRule, Rule, RuleSet};
use folkmoot_transports::{
    Leaf, Listener, LocalNetwork, LocalTransport, SslCerts, TcpTransport, TlsTransport, Transport,
    TransportError,
};
#[cfg(unix)]
use folkmoot_transports::{UnixTlsTransport, UnixTransport};

use crate::advertised::{advertised, everywhere};
use crate::certified;
use crate::clock::{RealClock, VirtualClock};
use crate::container::{Container, Hall, Open};
use crate::error::StartError;
use crate::executor;
use crate::interpreter::Interpreter;
use crate::joining;
use crate::limits::LinkLimits;
use crate::link_time;
use crate::listener::{self, Accepteds, Door, Serving};
use crate::mailroom::Mailroom;
use crate::peer::Destination;
use crate::sim::{self, SimTransport, virtual_time};
use crate::tables::{Facts, Tables};
use crate::watchdog::Watchdog;
use crate::workers::Workers;

mod checking;

/// The deadline of calls that set none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// The name of a system of nodes that was given none.
const DEFAULT_CLUSTER: &str = "folkmoot";

/// A container that has not started.
#[must_use = "a container does nothing until `.start().await`"]
pub struct Builder {
    endpoint: String,
    advertised: Option<String>,
    name: Option<String>,
    certs: Option<SslCerts>,
    rules: Vec<(String, String, String)>,
    insecure: bool,
    answered_hosts: Vec<String>,
    workers: usize,
    codec: Codec,
    taken: Vec<Codec>,
    limits: LinkLimits,
    deadline: Duration,
    clock: Option<Arc<dyn Clock>>,
    transports: Vec<Arc<dyn Transport>>,
    network: Option<LocalNetwork>,
    hosts: Vec<(String, String)>,
    cluster: String,
    seeds: Vec<String>,
    plain_types: PlainTypes,
    plain_types_fault: Option<String>,
    exchange: Option<ExchangeAt>,
    exchange_limits: ExchangeLimits,
    interpreters: Vec<Arc<dyn Interpreter>>,
}

/// Where the mailboxes of a container live.
enum ExchangeAt {
    /// In an exchange of its own, by its line.
    Line(String),
    /// In another's.
    Of(Mailroom),
}

/// What channels stand on.
pub(crate) struct Ground {
    pub(crate) tables: Arc<Tables>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) codec: Codec,
    pub(crate) taken: Vec<Codec>,
    /// Drives deadlines.
    driver: tokio::task::JoinHandle<()>,
    /// Looks at the certificates' files.
    watching: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.driver.abort();
        if let Some(watching) = &self.watching {
            watching.abort();
        }
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(endpoint: &str) -> Builder {
        Builder {
            endpoint: endpoint.to_owned(),
            advertised: None,
            name: None,
            certs: None,
            rules: Vec::new(),
            insecure: false,
            workers: 1,
            codec: Codec::MsgPack,
            taken: Codec::ALL.to_vec(),
            limits: LinkLimits::default(),
            deadline: DEFAULT_DEADLINE,
            clock: None,
            transports: Vec::new(),
            network: None,
            hosts: Vec::new(),
            answered_hosts: Vec::new(),
            cluster: DEFAULT_CLUSTER.to_owned(),
            seeds: Vec::new(),
            plain_types: PlainTypes::default(),
            plain_types_fault: None,
            exchange: None,
            exchange_limits: ExchangeLimits::default(),
            interpreters: Vec::new(),
        }
    }

    /// Where others reach the container: a host, or `host:port`, that stands in every URL it hands out. Needed behind a port
    /// mapping, and where it listens on all addresses (`0.0.0.0`, `[::]`, no host at all) of a machine that others know by
    /// another name than its own, which stands in the URLs else. Over `tls://` the node's certificate must
    /// name that host, or those who connect say whom they expect (`.peer("spiffe://..")`).
    ///
    /// ```
    /// # use folkmoot::prelude::*;
    /// # fn builder(certs: SslCerts) -> folkmoot::Builder {
    /// Container::builder("tls://0.0.0.0:5555").certs(certs).advertise("market.example")
    /// # }
    /// ```
    pub fn advertise(mut self, host: &str) -> Builder {
        self.advertised = Some(host.to_owned());
        self
    }

    /// Lets [agents that speak a protocol](crate::guide::speaking) answer at a host, whoever says to be there: by its name or IP
    /// address, as it stands in URLs; `*` for all. Where nobody proves who they are, answers go to agents of this node
    /// and of nodes that have joined, and to IP addresses from which a link stands; else to who proves to be whoever
    /// spoke. Nobody looks a name up before that, so nodes that others know by their names alone need this, or to join.
    pub fn answer_to(mut self, host: &str) -> Builder {
        self.answered_hosts.push(host.to_owned());
        self
    }

    /// The node's name where it has no certificate; the endpoint in its URLs unless told otherwise.
    pub fn name(mut self, name: &str) -> Builder {
        self.name = Some(name.to_owned());
        self
    }

    /// The node's certificates: for `tls://` and `unix+tls://`, and to prove its name. With them the gate denies
    /// what no rule allows. Those read from files are looked at while the container runs, and changes are taken.
    pub fn certs(mut self, certs: SslCerts) -> Builder {
        self.certs = Some(certs);
        self
    }

    /// Lets the nodes that match `principal` call the methods that match `method` of the agents that match `agent`.
    /// Each is a name, a prefix followed by `*`, or `*`.
    pub fn allow(mut self, principal: &str, agent: &str, method: &str) -> Builder {
        self.rules.push((principal.to_owned(), agent.to_owned(), method.to_owned()));
        self
    }

    /// Lets the nodes that match `node` join, and believes them that they host the agents that match `agents`. Each is a
    /// name, a prefix followed by `*`, or `*`. What such a node may call is another rule's matter.
    pub fn allow_host(mut self, node: &str, agents: &str) -> Builder {
        self.hosts.push((node.to_owned(), agents.to_owned()));
        self
    }

    /// Joins the node at `url`, and all that have joined there, as soon as it can be reached; again whenever the link to
    /// it has ended. To wait for it, or to say whom to expect there, see [`Container::join`].
    pub fn join(mut self, url: &str) -> Builder {
        self.seeds.push(url.to_owned());
        self
    }

    /// The name of the system of nodes that join with each other; "folkmoot" unless told otherwise.
    pub fn cluster(mut self, name: &str) -> Builder {
        self.cluster = name.to_owned();
        self
    }

    /// Listens on plain TCP beyond this machine, where everyone on the network is let in.
    pub fn insecure(mut self) -> Builder {
        self.insecure = true;
        self
    }

    /// How many threads run agents and links, the starting one included; 1 unless told otherwise.
    pub fn workers(mut self, count: usize) -> Builder {
        self.workers = count;
        self
    }

    /// The codec of links that this container opens; MsgPack unless told otherwise.
    pub fn codec(mut self, codec: Codec) -> Builder {
        self.codec = codec;
        self
    }

    /// The codecs that the container takes from those who connect; all unless told otherwise. Who begins with another one
    /// is told so.
    pub fn take_codecs(mut self, codecs: impl IntoIterator<Item = Codec>) -> Builder {
        self.taken = codecs.into_iter().collect();
        self
    }

    /// The bounds of links and listeners.
    pub fn limits(mut self, limits: LinkLimits) -> Builder {
        self.limits = limits;
        self
    }

    /// Lets plain peers, such as aiomas, know the values of `T` as values of a type of its own. Its id on the wire is its
    /// place among all that are registered, behind the date's: so both ends register the same types in the same order, as
    /// with aiomas's `extra_serializers`.
    pub fn serializer<T: Serializable>(mut self) -> Builder {
        self.plain_types_fault = self.plain_types_fault.or(self.plain_types.add::<T>().err());
        self
    }

    /// Without any special types but those that are registered from now on, the date included.
    pub(crate) fn without_types(mut self) -> Builder {
        self.plain_types = PlainTypes::none();
        self
    }

    /// The deadline of calls that set none; 30 s unless told otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Builder {
        self.deadline = deadline;
        self
    }

    /// The agents' clock; the machine's wall clock unless told otherwise, and in a simulation its virtual one. See [`time`](crate::guide::time).
    pub fn clock(mut self, clock: impl Clock) -> Builder {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// A transport of one's own, in the place of the built-in one of its scheme.
    pub fn transport(mut self, transport: impl Transport) -> Builder {
        self.transports.push(Arc::new(transport));
        self
    }

    /// The network on which `local://` names are known; one that the whole process shares unless told otherwise.
    pub fn network(mut self, network: &LocalNetwork) -> Builder {
        self.network = Some(network.clone());
        self
    }

    /// Gives the container an exchange, where mailboxes live: `memory:` keeps them as long as the container runs, the URL of
    /// another node is the exchange there. See
    /// [`exchange`](crate::guide::exchange).
    ///
    /// ```
    /// # use folkmoot::prelude::*;
    /// # fn builder() -> folkmoot::Builder {
    /// Container::builder("local://market").exchange("memory:")
    /// # }
    /// ```
    pub fn exchange(mut self, line: &str) -> Builder {
        self.exchange = Some(ExchangeAt::Line(line.to_owned()));
        self
    }

    /// Lets the container use an exchange that is there already: that of another container in this process, or one that
    /// outlives containers, such as in a simulation in which nodes crash. Mail passes the gate of the container that sends
    /// it. The exchange stays when this container is shut down.
    pub fn exchange_of(mut self, mailroom: &Mailroom) -> Builder {
        self.exchange = Some(ExchangeAt::Of(mailroom.clone()));
        self
    }

    /// The bounds of the container's exchange, and of the mailboxes in it.
    pub fn exchange_limits(mut self, limits: ExchangeLimits) -> Builder {
        self.exchange_limits = limits;
        self
    }

    /// Lets the container's durable agents answer mail of another platform, as if they had been called: the front door of
    /// that platform has the interpreter. See [`interpreter`](crate::interpreter).
    pub fn interpreter(mut self, interpreter: impl Interpreter) -> Builder {
        self.interpreters.push(Arc::new(interpreter));
        self
    }

    /// Starts the container on this thread.
    ///
    /// # Errors
    /// What in the configuration cannot be, or what kept it from listening.
    pub async fn start(self) -> Result<Container, StartError> {
        executor::at_home(self.start_here()).await.unwrap_or(Err(StartError::NoRuntime))
    }

    async fn start_here(mut self) -> Result<Container, StartError> {
        let (endpoint, or_else) = places(&self.endpoint)?;
        self.check(&endpoint)?;
        self.check_values()?;
        self.check_place(&endpoint)?;
        let clock = self.clock.take().unwrap_or_else(usual_clock);
        let gate = self.gate(&endpoint)?;
        let seeds = self.seeds.iter().map(|url| url.parse()).collect::<Result<Vec<Endpoint>, _>>()?;
        let transports = self.transports(&endpoint);
        let transport = transports.get(endpoint.scheme()).ok_or_else(|| StartError::NoTransport {
            endpoint: endpoint.to_string(),
            scheme: endpoint.scheme().to_owned(),
        })?;
        let listener = listen(&**transport, &endpoint, or_else.as_ref()).await?;
        let endpoint = listener.endpoint().clone();
        let own =
            self.certs.as_ref().filter(|_| endpoint.scheme() == "tls").and_then(|certs| certs.in_use().own);
        let advertised = advertised(&endpoint, self.advertised.as_deref(), own.as_ref().map(Leaf::dns))?;
        let tables = Arc::new(Tables::new(Facts {
            gate,
            principal: Principal::node(self.node_name(&advertised)),
            endpoint,
            advertised,
            limits: self.limits,
            default_deadline: self.deadline,
            clock,
            shared_deadlines: link_time::shared_deadlines().0,
            certs: self.certs.clone(),
            cluster: self.cluster,
            plain_types: self.plain_types,
            answered_hosts: self.answered_hosts,
            interpreters: self.interpreters,
        }));
        let mailroom = match &self.exchange {
            Some(ExchangeAt::Line(line)) => {
                Some(Mailroom::of_container(line, self.exchange_limits, self.codec, &tables).await?)
            }
            Some(ExchangeAt::Of(mailroom)) => Some(mailroom.shared_with(&tables)),
            None => None,
        };
        let workers = Arc::new(Workers::start(self.workers).await);
        let accepteds = Arc::new(Accepteds::default());
        let watchdog = (!virtual_time::is_here()).then(|| Watchdog::start(&workers, &tables));
        let watchdog = watchdog.and_then(|watchdog| {
            watchdog
                .inspect_err(
                    |error| tracing::warn!(%error, "no watchdog: blocked workers will not be noticed"),
                )
                .ok()
        });
        let serving = Serving { door: Door::Agents(workers.clone()), codecs: self.taken };
        let listening = actix::spawn(listener::run(listener, tables.clone(), serving, accepteds.clone()));
        tracing::info!(endpoint = %tables.endpoint, node = tables.principal.node_name(), "the container listens");
        let certs = self.certs.filter(SslCerts::is_from_files);
        let watching = certs.map(|certs| actix::spawn(certified::watch(certs, tables.clone())));
        let open =
            Open { listening: Some(listening), watching, mailroom: mailroom.clone(), _watchdog: watchdog };
        let container = Container::over(Arc::new(Hall::new(
            tables,
            workers,
            self.codec,
            transports,
            (accepteds, open),
            mailroom,
        )));
        for endpoint in seeds {
            let to = Destination { endpoint, expected_peer: None, codec: self.codec };
            joining::begin_for_ever(container.hall(), to);
        }
        Ok(container)
    }

    /// What channels stand on, which have no agents: the ways to `endpoint`, bounds, counters, certificates.
    pub(crate) fn ground(mut self, endpoint: &Endpoint, listens: bool) -> Result<Ground, StartError> {
        if listens || !matches!(endpoint, Endpoint::Tcp { .. }) {
            self.check(endpoint)?;
        }
        self.check_values()?;
        self.check_place(endpoint)?;
        let clock = self.clock.take().unwrap_or_else(usual_clock);
        let transport = self.transports(endpoint).remove(endpoint.scheme());
        let transport = transport.ok_or_else(|| StartError::NoTransport {
            endpoint: endpoint.to_string(),
            scheme: endpoint.scheme().to_owned(),
        })?;
        let (shared_deadlines, driver) = link_time::shared_deadlines();
        let tables = Arc::new(Tables::new(Facts {
            gate: Gate::open(),
            principal: Principal::node(self.node_name(endpoint)),
            endpoint: endpoint.clone(),
            advertised: endpoint.clone(),
            limits: self.limits,
            default_deadline: self.deadline,
            clock,
            shared_deadlines,
            certs: self.certs.clone(),
            cluster: self.cluster,
            plain_types: self.plain_types,
            answered_hosts: self.answered_hosts,
            interpreters: self.interpreters,
        }));
        let certs = self.certs.filter(SslCerts::is_from_files);
        let watching = certs.map(|certs| actix::spawn(certified::watch(certs, tables.clone())));
        Ok(Ground { tables, transport, codec: self.codec, taken: self.taken, driver, watching })
    }

    /// Deny by default where speakers can be told apart, or rules say who may call; else open, with a word about it.
    fn gate(&self, endpoint: &Endpoint) -> Result<Gate, StartError> {
        let mut rules = RuleSet::default();
        for (principal, agent, method) in &self.rules {
            rules.allow(Rule::new(principal, agent, method).map_err(StartError::Rule)?);
        }
        for (node, agents) in &self.hosts {
            rules.allow_host(HostRule::new(node, agents).map_err(StartError::Rule)?);
        }
        if self.certs.is_some() || !rules.is_empty() {
            return Ok(Gate::deny_by_default(rules));
        }
        tracing::warn!(%endpoint, "there are no certificates and no rules: whoever can connect may call everything");
        Ok(Gate::open())
    }

    fn node_name(&self, endpoint: &Endpoint) -> String {
        let certified = self.certs.as_ref().and_then(SslCerts::node_name).map(str::to_owned);
        certified.or_else(|| self.name.clone()).unwrap_or_else(|| endpoint.to_string())
    }

    fn transports(&mut self, endpoint: &Endpoint) -> HashMap<&'static str, Arc<dyn Transport>> {
        if let Some(network) = sim::network_here() {
            let simulated: Arc<dyn Transport> =
                Arc::new(SimTransport::new(network, &self.node_name(endpoint)));
            return HashMap::from([("local", simulated)]);
        }
        let network = self.network.take().unwrap_or_else(LocalNetwork::process);
        let node = self.node_name(endpoint);
        let mut transports: HashMap<&'static str, Arc<dyn Transport>> = HashMap::new();
        transports.insert("tcp", Arc::new(TcpTransport::new()));
        transports.insert("local", Arc::new(LocalTransport::named(network, &node)));
        #[cfg(unix)]
        transports.insert("unix", Arc::new(UnixTransport::new()));
        if let Some(certs) = &self.certs {
            transports.insert("tls", Arc::new(TlsTransport::new(certs.clone())));
            #[cfg(unix)]
            transports.insert("unix+tls", Arc::new(UnixTlsTransport::new(certs.clone())));
        }
        for transport in self.transports.drain(..) {
            transports.insert(transport.scheme(), transport);
        }
        transports
    }
}

/// Where to listen, and where else if that cannot be: without a host it is everywhere.
pub(crate) fn places(endpoint: &str) -> Result<(Endpoint, Option<Endpoint>), StartError> {
    Ok(match everywhere(endpoint) {
        Some([both, one]) => (both.parse()?, Some(one.parse()?)),
        None => (endpoint.parse()?, None),
    })
}

/// Listens at `endpoint`, or at the other where the system has no addresses of that kind.
pub(crate) async fn listen(
    transport: &dyn Transport,
    endpoint: &Endpoint,
    or_else: Option<&Endpoint>,
) -> Result<Box<dyn Listener>, TransportError> {
    match (transport.listen(endpoint).await, or_else) {
        (Err(error), Some(or_else)) if lacks_a_kind_of_address(&error) => transport.listen(or_else).await,
        (listener, _) => listener,
    }
}

/// Whether the system may have no addresses of that kind: a port that is taken, or forbidden, is another matter.
fn lacks_a_kind_of_address(error: &TransportError) -> bool {
    use std::io::ErrorKind::{AddrInUse, PermissionDenied};
    matches!(error, TransportError::Listen { source, .. } if !matches!(source.kind(), AddrInUse | PermissionDenied))
}

/// The clock of containers that are given none.
fn usual_clock() -> Arc<dyn Clock> {
    match VirtualClock::here() {
        Ok(clock) => Arc::new(clock),
        Err(_) => Arc::new(RealClock),
    }
}
