//! Monitoring agents of other nodes, and linking them to agents here.
//!
//! Always true: a monitor is of one agent, from its spawn to its end: after the loss of a link it goes on where the
//! very same agent is found again, and says what was found. Neighbours: [`monitors`](crate::monitors) hands on what
//! comes over one link; [`membership`](crate::membership) knows when a joined node is back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::Retry;
use folkmoot_agents::host::{BoxFuture, FarReply};
use folkmoot_agents::linked::cause_of_crash;
use folkmoot_agents::watching::{End, FarWatch, Tie, Watcher};
use folkmoot_codecs::joining::KnownNode;
use folkmoot_codecs::monitoring::{Watched, cut};
use folkmoot_codecs::{AgentEvent, CallError};
use serde::Serialize;

use crate::inbound::{CRASH, LINK, MONITOR, UNMONITOR};
use crate::link::Link;
use crate::link_time;
use crate::membership::Presence;
use crate::remotes::Held;
use crate::watched::lost;

/// The pause after a link broke, or fell silent, under the question whether the agent is still there.
const PAUSE: Duration = Duration::from_millis(50);
/// How many links may break under that question, one after the other, before a monitor by URL ends.
const MOST_BROKEN_LINKS: usize = 20;

/// Watches the agent of that name at the other end of `way`.
pub(crate) async fn watch(
    way: Arc<Held>,
    agent: String,
    watcher: Arc<dyn Watcher>,
) -> Result<Arc<dyn FarWatch>, CallError> {
    let link = link_of(&way).await?;
    let (place, watched) = ask(&way, &link, &Wanted::Monitor { agent: &agent }, watcher.clone()).await?;
    let node = link.tables.membership.node_of(&link);
    Ok(Arc::new(RemoteWatch { way, agent, watcher, node, watched, place: Mutex::new(place) }))
}

/// Links the agent of that name at the other end of `way` to the one at `own`.
pub(crate) async fn tie(way: Arc<Held>, agent: String, own: End) -> Result<Arc<dyn Tie>, CallError> {
    let link = link_of(&way).await?;
    let name = way.to().endpoint.agent(&agent).to_string();
    let other = own.agent().name().clone();
    let watcher = Arc::new(Fate { own, other: name });
    let (place, _) = ask(&way, &link, &Wanted::Link { agent: &agent, other: &other }, watcher).await?;
    Ok(Arc::new(RemoteTie { place, _way: way }))
}

/// A link that is open now.
async fn link_of(way: &Held) -> Result<Arc<Link>, CallError> {
    way.up(Retry::Never).await?;
    way.link().ok_or_else(|| ended(way))
}

fn ended(way: &Held) -> CallError {
    let cause = format!("the link to {} ended", way.to().endpoint);
    CallError::Disconnected { may_have_run: false, cause }
}

/// What is asked of the peer.
enum Wanted<'a> {
    Monitor { agent: &'a str },
    Link { agent: &'a str, other: &'a str },
}

impl Wanted<'_> {
    fn path(&self) -> &'static str {
        match self {
            Wanted::Monitor { .. } => MONITOR,
            Wanted::Link { .. } => LINK,
        }
    }

    fn arguments(&self, link: &Link, number: u64) -> Result<BytesMut, CallError> {
        match self {
            Wanted::Monitor { agent } => encoded(link, &(agent, number)),
            Wanted::Link { agent, other } => encoded(link, &(agent, number, other)),
        }
    }
}

fn encoded(link: &Link, value: &impl Serialize) -> Result<BytesMut, CallError> {
    let mut positional = BytesMut::new();
    let written = link.codec.encode(value, &mut positional);
    written.map(|()| positional).map_err(|error| CallError::Unencodable { reason: error.to_string() })
}

/// A place among what is monitored over a link; dropped, it is given up, and the peer is told.
struct Place {
    link: Arc<Link>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.link.monitors.end(self.number) {
            tell(&self.link, UNMONITOR, &(self.number,));
        }
    }
}

fn tell(link: &Link, path: &str, value: &impl Serialize) {
    match encoded(link, value) {
        Ok(positional) => link.tell(u64::MAX >> 1, path, &positional),
        Err(error) => tracing::error!(%path, %error, "a request of the platform did not encode"),
    }
}

/// Asks over `link`, a link of `way`.
async fn ask(
    way: &Held,
    link: &Arc<Link>,
    wanted: &Wanted<'_>,
    watcher: Arc<dyn Watcher>,
) -> Result<(Place, Watched), CallError> {
    if !link.is_rich() {
        let at = &way.to().endpoint;
        let reason = format!(
            "{at} is no Folkmoot container: its agents can be called, but neither monitored nor linked"
        );
        return Err(CallError::Denied { reason });
    }
    let number = link.monitors.begin(watcher).ok_or_else(|| ended(way))?;
    let place = Place { link: link.clone(), number };
    let positional = wanted.arguments(link, number)?;
    let within = link.tables.default_deadline;
    let watched = match way.ask_over(link, wanted.path(), &positional, within).await {
        FarReply::Failed(error) => return Err(error),
        FarReply::Exception { codec, content } => {
            return Err(match CallError::from_exception(codec, &content) {
                CallError::NoSuchAgent { agent, .. } if agent == wanted.path() => {
                    let at = &way.to().endpoint;
                    let reason = format!(
                        "the node at {at} runs an older Folkmoot, whose agents can be neither monitored nor linked"
                    );
                    CallError::Denied { reason }
                }
                error => error,
            });
        }
        FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. } => {
            codec.decode(&content).map_err(|error| CallError::BadReply { reason: error.to_string() })?
        }
    };
    match link.monitors.confirm(number) {
        true => Ok((place, watched)),
        false => Err(ended(way)),
    }
}

/// An agent of another node that is monitored.
struct RemoteWatch {
    way: Arc<Held>,
    agent: String,
    watcher: Arc<dyn Watcher>,
    /// Its node, where it has joined.
    node: Option<KnownNode>,
    watched: Watched,
    place: Mutex<Place>,
}

/// What an attempt to watch the agent again found.
enum Found {
    This(AgentEvent),
    /// There is no link, or it broke.
    NoLink,
    /// The node does not let us, or cannot say.
    Refused(CallError),
}

impl RemoteWatch {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(cause: &str) -> AgentEvent {
        AgentEvent::Ended { cause: cause.to_owned(), in_order: false }
    }

    async fn attempt(&self, way: &Held, link: &Arc<Link>) -> Found {
        let wanted = Wanted::Monitor { agent: &self.agent };
        match ask(way, link, &wanted, self.watcher.clone()).await {
            Ok((place, watched)) if watched.is_same(&self.watched) => {
                let old = std::mem::replace(&mut *self.place(), place);
                drop(old);
                Found::This(AgentEvent::Reconnected { restarts: watched.restarts })
            }
            Ok((place, watched)) => {
                drop(place);
                Found::This(RemoteWatch::gone(match watched.node == self.watched.node {
                    true => "it ended while its node was out of reach; another agent bears its name now",
                    false => "its node was started anew; another agent bears its name now",
                }))
            }
            Err(CallError::NoSuchAgent { .. } | CallError::AgentStopped { .. }) => {
                Found::This(RemoteWatch::gone("it ended while its node was out of reach"))
            }
            Err(CallError::Disconnected { .. } | CallError::DeadlineExceeded { .. }) => Found::NoLink,
            Err(error) => Found::Refused(error),
        }
    }

    /// To a node that has joined: until it is back or is known not to come.
    async fn again_when_joined(&self, node: &KnownNode) -> Option<AgentEvent> {
        let tables = self.place().link.tables.clone();
        let mut changes = tables.membership.watch();
        loop {
            match tables.membership.presence(&node.name) {
                Presence::Unknown => return None,
                Presence::Left => return Some(RemoteWatch::gone("its node has left")),
                Presence::Here { incarnation, .. } if incarnation != node.incarnation => {
                    return Some(RemoteWatch::gone("its node was started anew"));
                }
                Presence::Here { link: Some(link), way, .. } => match self.attempt(&way, &link).await {
                    Found::This(event) => return Some(event),
                    Found::NoLink => link_time::sleep(PAUSE).await,
                    Found::Refused(error) => return self.refused(&error),
                },
                Presence::Here { link: None, .. } => {
                    if changes.changed().await.is_err() {
                        return None;
                    }
                }
            }
        }
    }

    /// To any other: as long as its connection is tried to be opened again, or else until its node has joined.
    async fn again_as_connected(&self) -> Option<AgentEvent> {
        for _ in 0..MOST_BROKEN_LINKS {
            if let Some(node) = self.joined_since() {
                return self.again_when_joined(&node).await;
            }
            let Ok(link) = link_of(&self.way).await else {
                // It may have joined meanwhile.
                return self.again_when_joined(&self.joined_since()?).await;
            };
            match self.attempt(&self.way, &link).await {
                Found::This(event) => return Some(event),
                Found::NoLink => link_time::sleep(PAUSE).await,
                Found::Refused(error) => return self.refused(&error),
            }
        }
        let (to, broken) = (&self.way.to().endpoint, MOST_BROKEN_LINKS);
        tracing::warn!(agent = %self.agent, %to, broken, "a monitor ends: one link after the other broke under it");
        None
    }

    /// The agent's node, where it has joined since: there is another link to it then.
    fn joined_since(&self) -> Option<KnownNode> {
        let link = self.place().link.clone();
        link.tables.membership.node_behind(&link.peer, self.watched.node)
    }

    fn refused(&self, error: &CallError) -> Option<AgentEvent> {
        let to = &self.way.to().endpoint;
        tracing::warn!(agent = %self.agent, %to, %error, "a monitor ends: its agent can be monitored no more");
        None
    }
}

impl FarWatch for RemoteWatch {
    fn again(self: Arc<Self>) -> BoxFuture<'static, Option<AgentEvent>> {
        Box::pin(async move {
            match &self.node {
                Some(node) => self.again_when_joined(node).await,
                None => self.again_as_connected().await,
            }
        })
    }
}

/// What becomes of an agent here by what happens to the one that it is linked to.
struct Fate {
    own: End,
    other: String,
}

impl Watcher for Fate {
    fn tell(&self, event: AgentEvent) {
        match event {
            AgentEvent::Crashed { cause } | AgentEvent::Ended { cause, in_order: false } => {
                self.own.crash(cause_of_crash(&self.other, &cause));
            }
            AgentEvent::Disconnected { cause } => self.own.crash(lost(&self.other, &cause)),
            _ => {}
        }
    }
}

/// What a crash here does to the agent of another node.
struct RemoteTie {
    place: Place,
    _way: Arc<Held>,
}

impl Tie for RemoteTie {
    fn broken(&self, cause: &str) {
        let Place { link, number } = &self.place;
        // After that nobody here waits for more of it.
        if link.monitors.end(*number) {
            let mut cause = cause.to_owned();
            cut(&mut cause, link.max_cause_bytes());
            tell(link, CRASH, &(*number, cause));
        }
    }
}

#[cfg(test)]
mod tests {
    use folkmoot_agents::{Context, Linked, Proxy};

    use crate::{Agent, CallError, Container, agent, block_on};

    use super::*;

    #[derive(Agent, Default)]
    #[agent(crate = crate::__private)]
    struct Watched(Option<Linked>);

    #[agent(crate = crate::__private)]
    impl Watched {
        #[expose]
        async fn link(&mut self, ctx: &Context<Self>, url: String) -> Result<(), CallError> {
            let other: Proxy<Watched> = ctx.connect(url).await?;
            self.0 = Some(ctx.link(&other).await?);
            Ok(())
        }

        #[expose]
        fn unlink(&mut self) {
            self.0 = None;
        }
    }

    async fn node() -> (Container, Proxy<Watched>) {
        let node = Container::builder("tcp://127.0.0.1:0").start().await.unwrap();
        let agent = node.spawn("watched", Watched::default).await.unwrap();
        (node, agent)
    }

    /// How many watch agents of that container.
    fn count(node: &Container) -> usize {
        node.hall().tables.home.watchers.count()
    }

    #[test]
    fn nothing_is_left_in_the_tables_when_a_monitor_a_link_or_a_link_of_containers_is_over() {
        block_on(async {
            let ((server, _), (client, own)) = (node().await, node().await);
            let there: Proxy<Watched> = client.connect(server.url("watched")).await.unwrap();
            let first = client.monitor(&there).await.unwrap();
            let second = client.monitor(&there).await.unwrap();
            own.link(server.url("watched")).await.unwrap();
            // Of what is linked there are two entries: one for its crash, one for its end.
            assert_eq!((count(&server), count(&client)), (4, 1));
            drop(first);
            own.unlink().await.unwrap();
            while count(&server) != 1 {
                tokio::task::yield_now().await;
            }
            assert_eq!(count(&client), 0);
            own.link(server.url("watched")).await.unwrap();
            let local = client.monitor(&own).await.unwrap();
            client.stop("watched", Duration::from_secs(60)).await.unwrap();
            assert_eq!(count(&client), 0, "an agent that has ended is watched by nobody");
            client.shutdown().await;
            while count(&server) != 0 {
                tokio::task::yield_now().await;
            }
            drop((second, local));
            server.shutdown().await;
        });
    }
}
