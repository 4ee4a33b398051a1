//! The Manager: an agent through which another process spawns agents here, sets the clock, and ends the container.
//!
//! Peers of aiomas know it from `aiomas.subproc`. Always true: it spawns what its container has given a name, and
//! nothing else; it ends nothing itself, whoever waits for [`Managed::stopped`] does. Neighbours:
//! [`container`](crate::container) spawns, [`clock`](crate::clock) is set.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::BytesMut;
use folkmoot_agents::nearest;
use folkmoot_codecs::{
    Address, AllArguments, ArgumentList, Arguments, CallError, Codec, Exception, Value, plain_types,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::sync::watch;

use crate::clock::ExternalClock;
use crate::error::SpawnError;
use crate::{Agent, Container, Context, Proxy, Untyped, agent};

/// Keeps every value, and is not on the wire.
const CODEC: Codec = Codec::Cbor;

type Spawning = Pin<Box<dyn Future<Output = Result<Proxy<Untyped>, SpawnError>>>>;
type Make = dyn Fn(&Container, AllArguments) -> Result<Spawning, Exception> + Send + Sync;

/// A Manager that is not spawned yet: what it may spawn, and the clock that it sets.
///
/// ```
/// use folkmoot::prelude::*;
/// use folkmoot::{AllArguments, ExternalClock, Manager, ManagerSetup};
///
/// #[derive(Agent)]
/// struct Household {
///     size: u32,
/// }
///
/// #[agent]
/// impl Household {
///     #[expose]
///     fn size(&self) -> u32 {
///         self.size
///     }
/// }
///
/// # #[folkmoot::main]
/// # async fn main() -> Result<()> {
/// let clock = ExternalClock::new("2014-01-01T00:00:00".parse()?);
/// let hall = Container::builder("tcp://127.0.0.1:0").clock(clock.clone()).start().await?;
/// let managed = ManagerSetup::new()
///     .kind_with("household", &["size"], |(size,): (u32,)| Household { size })
///     .clock(&clock)
///     .spawn(&hall)
///     .await?;
///
/// // Another process, in Rust or in Python.
/// let driver = Container::builder("tcp://127.0.0.1:0").start().await?;
/// let manager: Proxy<Manager> = driver.connect(hall.url("0")).await?;
/// let wanted = AllArguments { positional: vec!["household".into(), 4.into()], keyword: Vec::new() };
/// let (household, url) = manager.spawn(wanted).await?;
/// assert_eq!(household.call("size", [0; 0]).await?, 4.into());
/// assert_eq!(url.as_str(), hall.url("1"));
/// manager.set_time(900.0).await?;
/// manager.stop().await?;
///
/// managed.stopped().await;
/// hall.shutdown().await;
/// # driver.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
#[must_use = "a Manager does nothing until it is spawned"]
pub struct ManagerSetup {
    kinds: BTreeMap<String, Box<Make>>,
    clock: Option<ExternalClock>,
}

impl fmt::Debug for ManagerSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagerSetup").field("kinds", &self.kinds.keys()).finish_non_exhaustive()
    }
}

impl ManagerSetup {
    /// One that can spawn nothing yet, and sets no clock.
    pub fn new() -> ManagerSetup {
        ManagerSetup::default()
    }

    /// Lets agents be spawned under that name, which take no arguments. Drivers in Python name them as they name a
    /// factory, `package.module:factory`; any text will do. The last factory of a name is the one.
    pub fn kind<A: Agent>(
        self,
        name: &str,
        factory: impl Fn() -> A + Clone + Send + Sync + 'static,
    ) -> ManagerSetup {
        self.kind_with(name, &[], move |()| factory())
    }

    /// The same for agents that are made of arguments: a tuple of them, whose `names` callers may use.
    pub fn kind_with<T, A: Agent>(
        mut self,
        name: &str,
        names: &'static [&'static str],
        factory: impl Fn(T) -> A + Clone + Send + Sync + 'static,
    ) -> ManagerSetup
    where
        T: ArgumentList + Clone + Send + Sync + 'static,
    {
        let kind = name.to_owned();
        let make = move |container: &Container, given: AllArguments| {
            let arguments: T = read(container, &given, &kind, names)?;
            let (container, factory) = (container.clone(), factory.clone());
            let spawning: Spawning = Box::pin(async move {
                let proxy = container.spawn_numbered(move || factory(arguments.clone())).await?;
                Proxy::cast(&proxy).map_err(|_| SpawnError::ShutDown)
            });
            Ok(spawning)
        };
        self.kinds.insert(name.to_owned(), Box::new(make));
        self
    }

    /// Lets the Manager set that clock, which is its container's.
    pub fn clock(mut self, clock: &ExternalClock) -> ManagerSetup {
        self.clock = Some(clock.clone());
        self
    }

    /// Spawns the Manager under the container's next number: "0", where it is the first.
    ///
    /// # Errors
    /// As [`Container::spawn`].
    pub async fn spawn(self, container: &Container) -> Result<Managed, SpawnError> {
        let (tell, stop) = watch::channel(false);
        let ManagerSetup { kinds, clock } = self;
        let set = Arc::new(Set { kinds, clock, container: container.clone(), stop: tell });
        let proxy = container.spawn_numbered(move || Manager { set: set.clone() }).await?;
        Ok(Managed { proxy, stop })
    }
}

/// Reads the arguments of a spawn into those of a factory.
fn read<T: ArgumentList>(
    container: &Container,
    given: &AllArguments,
    kind: &str,
    names: &[&str],
) -> Result<T, Exception> {
    let mut positional = BytesMut::new();
    let encoded = given.encode(CODEC, &mut positional).and_then(|()| given.encode_keyword(CODEC));
    let keyword = encoded.map_err(Exception::type_error)?;
    let arguments = Arguments { codec: CODEC, positional: &positional, keyword: keyword.as_deref() };
    // Special types of plain peers are still the maps that they are on the wire.
    let types = container.hall().tables.plain_types.clone();
    let read = T::decode(&arguments, kind, names).or_else(|error| {
        plain_types::within(Some(types), || T::decode(&arguments, kind, names)).map_err(|_| error)
    });
    read.map_err(|error: CallError| Exception::type_error(error))
}

/// A Manager that was spawned.
#[derive(Debug)]
pub struct Managed {
    proxy: Proxy<Manager>,
    stop: watch::Receiver<bool>,
}

impl Managed {
    /// The Manager.
    pub fn proxy(&self) -> &Proxy<Manager> {
        &self.proxy
    }

    /// Waits until somebody has called `stop`: shut the container down then.
    pub async fn stopped(&self) {
        // Where the Manager has ended, its container has been shut down.
        self.stop.clone().wait_for(|stop| *stop).await.ok();
    }
}

/// What a Manager keeps through its new starts.
struct Set {
    kinds: BTreeMap<String, Box<Make>>,
    clock: Option<ExternalClock>,
    container: Container,
    stop: watch::Sender<bool>,
}

/// Spawns agents of known kinds, sets the clock, and says when to end, at the word of another process.
#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
pub struct Manager {
    set: Arc<Set>,
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("kinds", &self.set.kinds.keys()).finish_non_exhaustive()
    }
}

#[agent(crate = folkmoot_agents::__private)]
impl Manager {
    /// Spawns an agent: the first argument names its kind, all others are those of its factory. Gives a proxy and the
    /// URL.
    #[expose]
    async fn spawn(
        &self,
        ctx: &Context<Self>,
        arguments: AllArguments,
    ) -> Result<(Proxy<Untyped>, AgentUrl), Exception> {
        let AllArguments { mut positional, keyword } = arguments;
        if positional.is_empty() {
            return Err(Exception::type_error("the first argument of spawn is the kind of the agent"));
        }
        let Value::Text(kind) = positional.remove(0) else {
            return Err(Exception::type_error(
                "the kind of an agent is a text, such as \"package.module:factory\"",
            ));
        };
        let make = self.set.kinds.get(&kind).ok_or_else(|| self.unknown(&kind))?;
        let proxy = make(&self.set.container, AllArguments { positional, keyword })?
            .await
            .map_err(|error| Exception::new("RuntimeError", error))?;
        let url = AgentUrl(Proxy::url(&proxy));
        Ok((ctx.adopt(&proxy), url))
    }

    /// Sets the container's clock, in seconds since its start, and comes back when everything that is due has run.
    #[expose]
    async fn set_time(&self, time: f64) -> Result<(), Exception> {
        match &self.set.clock {
            Some(clock) => clock.advance_to(time).await.map_err(Exception::value_error),
            None => Err(Exception::type_error("this container's clock is none that can be set")),
        }
    }

    /// Has the container end.
    #[expose]
    fn stop(&self) {
        self.set.stop.send_replace(true);
    }
}

impl Manager {
    fn unknown(&self, kind: &str) -> Exception {
        let known = self.set.kinds.keys().map(String::as_str);
        let hint = match nearest(kind, known.clone()) {
            Some(name) => format!("; did you mean \"{name}\"?"),
            None => format!("; known are {}", known.collect::<Vec<_>>().join(", ")),
        };
        let shown: String = kind.chars().take(100).collect();
        Exception::value_error(format!("there is no kind of agent \"{shown}\" here{hint}"))
    }
}

/// Where an agent is. A plain peer gets it in the form that aiomas's `connect()` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentUrl(String);

impl AgentUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for AgentUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (plain_types::current(), self.0.parse()) {
            (Some(_), Ok(address)) => serializer.serialize_str(&Address::for_aiomas(&address)),
            _ => serializer.serialize_str(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for AgentUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AgentUrl, D::Error> {
        String::deserialize(deserializer).map(AgentUrl)
    }
}
