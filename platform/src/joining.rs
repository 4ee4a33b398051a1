//! Joining: keeps a link to another node for good, and attends to every link between nodes that have joined.
//!
//! The one who joins dials again whenever the link has ended, with growing pauses; the other takes the link for its own
//! calls too. While a link stands, each side lets the other hear of it every heartbeat and tells what changes among its
//! agents. Always true: a peer that is not heard for long loses its link, and whoever waits on it is told. Neighbours:
//! [`membership`](crate::membership) is the table of nodes, [`inbound`](crate::inbound) brings what the peer asks.

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::Retry;
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::joining::{AgentNews, JoinReply, JoinRequest, KnownNode, MAX_AGENTS_TOLD};
use folkmoot_codecs::{ArgumentList, CallError, Endpoint};
use serde::Serialize;
use tokio::sync::{broadcast, oneshot, watch};

use crate::container::Hall;
use crate::inbound::{AGENTS, JOIN, PING};
use crate::link::Link;
use crate::link_time;
use crate::membership::{Arrival, JoinedNode};
use crate::peer::Destination;
use crate::remotes::Held;
use crate::tables::{Change, Tables};

/// The pause after a link to a node broke or could not be opened; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts: a node that comes back is soon found.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Attempts to meet a node that another told of, and that was never there, end after this time: when it comes, it
/// joins by itself.
const TIME_TO_MEET: Duration = Duration::from_secs(300);
/// The pause after a node refused us: it will hardly think better of it soon.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// Whom the first attempt tells what came of it.
type Told = oneshot::Sender<Outcome>;

/// What came of joining a node.
pub(crate) type Outcome = Result<JoinedNode, CallError>;

/// Begins to keep a link to the container at `to`, unless one is kept there already. The receiver hears of the first
/// success, or of the first failure that ends the `retry`; after a failure that it has heard of nothing more is tried.
pub(crate) fn begin(hall: &Arc<Hall>, to: &Destination, retry: Retry) -> Option<oneshot::Receiver<Outcome>> {
    let (tell, told) = oneshot::channel();
    begins_to_keep(hall, to, false).then(|| {
        keep(hall, to.clone(), retry, Some(tell), false);
        told
    })
}

/// Keeps a link to the container at `to` for ever, unless one is kept there already.
pub(crate) fn begin_for_ever(hall: &Arc<Hall>, to: Destination) {
    if begins_to_keep(hall, &to, false) {
        keep(hall, to, Retry::Forever, None, false);
    }
}

fn begins_to_keep(hall: &Hall, to: &Destination, hearsay: bool) -> bool {
    // Hearsay may name whatever it likes: what is dialed for it has a bound. What the program asks for has none.
    let most = if hearsay { hall.tables.limits.max_joined_nodes.saturating_mul(2) } else { usize::MAX };
    hall.tables.membership.begin_to_keep(to, most)
}

fn keep(hall: &Arc<Hall>, to: Destination, retry: Retry, told: Option<Told>, hearsay: bool) {
    let (hall_of_keeper, began) = (Arc::downgrade(hall), link_time::now().0);
    let keeper = Keeper { hall: hall_of_keeper, to, retry, began, told, hearsay };
    let worker = hall.workers.get(hall.workers.next());
    // A worker that has ended has shut down with its container.
    worker.executor.spawn_fn(move || drop(actix::spawn(keeper.run())));
}

/// Keeps a link to one container.
struct Keeper {
    hall: Weak<Hall>,
    to: Destination,
    retry: Retry,
    began: u64,
    told: Option<Told>,
    /// Whether the node is known from another only: then it is not waited for for ever, nor when it has left.
    hearsay: bool,
}

/// What came of one attempt.
enum Attempt {
    /// The link stood for a while.
    Stood,
    Failed(CallError),
    Refused(CallError),
    /// The container was shut down, or nobody wants the link any more.
    Over,
}

impl Keeper {
    async fn run(mut self) {
        let Some(mut changes) = self.hall.upgrade().map(|hall| hall.tables.membership.watch()) else {
            return;
        };
        let mut time = FIRST_PAUSE;
        loop {
            match self.attempt().await {
                Attempt::Over => break,
                Attempt::Stood => time = FIRST_PAUSE,
                Attempt::Failed(error) => {
                    if self.gives_up(&error, false) {
                        break;
                    }
                    tracing::debug!(to = %self.to.endpoint, %error, "a node is not there");
                }
                Attempt::Refused(error) => {
                    tracing::warn!(to = %self.to.endpoint, %error, "a node does not let this one join");
                    if self.gives_up(&error, true) {
                        break;
                    }
                    time = PAUSE_AFTER_REFUSAL;
                }
            }
            pause(time.mul_f64(0.5 + fastrand::f64() / 2.0), &mut changes).await;
            time = time.mul_f64(1.5).min(LONGEST_PAUSE);
        }
        if let Some(hall) = self.hall.upgrade() {
            hall.tables.membership.end_to_keep(&self.to);
        }
    }

    /// Tells whoever waits for the first success that there will be none, where that is so.
    fn gives_up(&mut self, error: &CallError, refused: bool) -> bool {
        let over = refused || !self.retry.goes_on(link_time::now().0.saturating_sub(self.began));
        match self.told.take_if(|_| over) {
            Some(told) => {
                told.send(Err(error.clone())).ok();
                true
            }
            None => over && self.hearsay,
        }
    }

    /// Opens a link, joins over it, and attends to it until it ends.
    async fn attempt(&mut self) -> Attempt {
        let Some(hall) = self.hall.upgrade() else { return Attempt::Over };
        let held = match hall.own_remote(self.to.clone()) {
            Ok(held) => Arc::new(held),
            Err(_) if hall.tables.is_closed() => return Attempt::Over,
            Err(error) => return Attempt::Refused(error),
        };
        if let Err(error) = held.up(Retry::Never).await {
            return if hall.tables.is_closed() { Attempt::Over } else { Attempt::Failed(error) };
        }
        let Some(link) = held.link() else {
            return Attempt::Failed(CallError::Disconnected {
                may_have_run: false,
                cause: format!("the link to {} ended", self.to.endpoint),
            });
        };
        // Whom another told of must be someone who might join us, and prove it; whom we were told to join need not.
        if self.hearsay && !hall.tables.gate.may_join(&link.peer) {
            hall.tables.counters.denials.increment(1);
            return Attempt::Refused(not_let_in(&link));
        }
        match join_over(&hall, &held, &link).await {
            Err(error @ CallError::Disconnected { .. }) => Attempt::Failed(error),
            Err(error) => Attempt::Refused(error),
            Ok(name) => {
                let attending = if link.begins_to_be_attended() {
                    Some(actix::spawn(attend(link.clone(), true)))
                } else {
                    // Since the peer joined over it: twice would be two heartbeats. Each may be waiting for the other's
                    // news.
                    tell_all(&link);
                    None
                };
                if hall.tables.membership.keeps(&link) {
                    link_time::within(hall.tables.limits.handshake_time, first_news(&link)).await;
                }
                if let Some(told) = self.told.take()
                    && let Some(node) = hall.tables.membership.joined(&name, &hall.tables)
                {
                    told.send(Ok(node)).ok();
                }
                let tables = hall.tables.clone();
                drop((hall, held));
                match attending {
                    // It ends with its link.
                    Some(attending) => drop(attending.await),
                    None => link.ended().await,
                }
                // Another link to the same node may stand; ours is wanted when it has ended.
                let mut changes = tables.membership.watch();
                while tables.membership.is_connected(&name) && changes.changed().await.is_ok() {}
                self.began = link_time::now().0;
                let unwanted = self.hearsay && tables.membership.has_left(&name);
                if unwanted || tables.is_closed() { Attempt::Over } else { Attempt::Stood }
            }
        }
    }
}

/// Done when the peer has told of its agents, or the link has ended.
async fn first_news(link: &Link) {
    tokio::select! {
        biased;
        () = link.news_came.notified() => {}
        () = link.ended() => {}
    }
}

/// Asks to join over a link that we opened. Gives the node's name.
async fn join_over(hall: &Arc<Hall>, held: &Arc<Held>, link: &Arc<Link>) -> Result<String, CallError> {
    let membership = &hall.tables.membership;
    if !link.is_rich() {
        let reason =
            format!("{} is no Folkmoot container: it can be called, but not joined", held.to().endpoint);
        return Err(CallError::Denied { reason });
    }
    if let Some(theirs) = link.cluster().filter(|theirs| *theirs != membership.cluster()) {
        return Err(CallError::Denied {
            reason: of_another_cluster("the peer", theirs, membership.cluster()),
        });
    }
    let (cluster, node) = (membership.cluster().to_owned(), membership.own().clone());
    let request = JoinRequest { cluster, node, others: membership.told_of() };
    let reply: JoinReply =
        match held.ask(JOIN, &encoded(link, &(request,))?, hall.tables.limits.handshake_time).await {
            FarReply::Failed(error) => return Err(error),
            FarReply::Exception { codec, content } => return Err(CallError::from_exception(codec, &content)),
            FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. } => {
                codec.decode(&content).map_err(|error| CallError::BadReply { reason: error.to_string() })?
            }
        };
    let JoinReply { node: known, keep, others } = reply;
    let name = known.name.clone();
    let arrival = Arrival { known, link, dialed: true };
    membership.check(&arrival).map_err(|reason| CallError::Denied { reason })?;
    if keep && membership.is_kept(&arrival) {
        // Meanwhile a link of the peer's may have taken its place, which is attended to since it was let in.
        held.adopt(link);
        membership.enter(&arrival, held.clone());
    }
    meet(hall, &others);
    Ok(name)
}

/// Nodes that another told of: they are joined too, unless they are known.
fn meet(hall: &Arc<Hall>, others: &[KnownNode]) {
    let membership = &hall.tables.membership;
    for other in others.iter().take(hall.tables.limits.max_joined_nodes) {
        if other.name == membership.own().name || membership.is_connected(&other.name) {
            continue;
        }
        if let Err(reason) = other.check() {
            tracing::warn!(%reason, "a node that another told of cannot be");
            continue;
        }
        match destination(hall, other) {
            Ok(to) if !hall.is_at(&to.endpoint) => {
                if begins_to_keep(hall, &to, true) {
                    keep(hall, to, Retry::For(TIME_TO_MEET), None, true);
                }
            }
            Ok(_) => {}
            Err(reason) => {
                tracing::warn!(node = %other.name, %reason, "a node that another told of cannot be joined")
            }
        }
    }
}

/// Where a node is reached, and who must be found there.
fn destination(hall: &Hall, node: &KnownNode) -> Result<Destination, String> {
    let endpoint: Endpoint =
        node.url.parse().map_err(|error: folkmoot_codecs::AddressError| error.to_string())?;
    let expected_peer = matches!(endpoint.scheme(), "tls" | "unix+tls").then(|| node.name.clone());
    Ok(Destination { endpoint, expected_peer, codec: hall.codec })
}

/// A peer asks to join over a link that it opened: the answer, or why not.
pub(crate) fn accept(link: &Arc<Link>, request: JoinRequest) -> Result<JoinReply, CallError> {
    let denied = |reason| CallError::Denied { reason };
    let JoinRequest { cluster, node: known, others } = request;
    let tables = &link.tables;
    let membership = &tables.membership;
    let hall = membership.hall().ok_or_else(|| denied("the container is not ready".to_owned()))?;
    if !tables.gate.may_join(&link.peer) {
        tables.counters.denials.increment(1);
        return Err(not_let_in(link));
    }
    if cluster != membership.cluster() {
        return Err(denied(of_another_cluster("this node", membership.cluster(), &cluster)));
    }
    if link.codec != hall.codec {
        return Err(denied(format!(
            "the nodes of this cluster speak {} with each other, not {}",
            hall.codec, link.codec
        )));
    }
    let to = destination(&hall, &known).map_err(denied)?;
    let arrival = Arrival { known, link, dialed: false };
    membership.check(&arrival).map_err(denied)?;
    let keep = membership.is_kept(&arrival);
    if keep && !membership.keeps(link) {
        let way = hall.own_remote(to)?;
        let replaced = way.adopt(link);
        // Whoever dials counts this with the way; here it may be another way, if the node is back at another address.
        if membership.enter(&arrival, Arc::new(way)) {
            tables.counters.reconnects.increment(1);
        }
        if let Some(old) = replaced {
            actix::spawn(attend(old, true));
        }
    }
    // Once for each link, however often the peer asks.
    if link.begins_to_be_attended() {
        actix::spawn(attend(link.clone(), false));
    }
    meet(&hall, &others);
    let mut others = membership.told_of();
    others.retain(|other| other.name != arrival.known.name);
    Ok(JoinReply { node: membership.own().clone(), keep, others })
}

fn of_another_cluster(node: &str, its: &str, other: &str) -> String {
    let [its, other] = [its, other].map(folkmoot_gateway::name::short);
    format!("{node} belongs to the cluster \"{its}\", not to \"{other}\"")
}

fn not_let_in(link: &Link) -> CallError {
    let reason = format!("no rule lets {} join (`.allow_host(node, agents)`)", link.peer);
    CallError::Denied { reason }
}

fn encoded<T: Serialize>(link: &Link, value: &T) -> Result<BytesMut, CallError> {
    let mut positional = BytesMut::new();
    let written = link.codec.encode(value, &mut positional);
    written.map(|()| positional).map_err(|error| CallError::Unencodable { reason: error.to_string() })
}

/// Attends to a link between nodes that have joined, until it ends. The one who dialed tells of its agents first; the
/// other waits for that, so that both know of each other by then.
pub(crate) async fn attend(link: Arc<Link>, dialed: bool) {
    // Whichever side dialed.
    link.begins_to_be_attended();
    let tables = link.tables.clone();
    let limits = tables.limits.clone();
    let mut changes = tables.changes();
    let mut told = dialed;
    if dialed {
        tell_all(&link);
    }
    let mut suspect = false;
    let mut nothing = BytesMut::new();
    if let Err(error) = ().encode(link.codec, &mut nothing) {
        tracing::error!(%error, "an empty list did not encode");
    }
    let mut beat = link_time::sleep(limits.heartbeat);
    let mut last_beat = link_time::now();
    loop {
        tokio::select! {
            biased;
            () = link.ended() => break,
            () = link.news_came.notified(), if !told => {
                told = true;
                tell_all(&link);
            }
            () = &mut beat => {
                beat = link_time::sleep(limits.heartbeat);
                link.tell(u64::MAX >> 1, PING, &nothing);
                let now = link_time::now();
                // Where this worker itself was held up, what came meanwhile has not been read yet.
                let held_up = Duration::from_millis(now.since(last_beat)) >= limits.suspect_time;
                last_beat = now;
                if held_up {
                    continue;
                }
                let silence = Duration::from_millis(now.since(link.heard()));
                // The next look comes no later than when the node is unreachable.
                let left = limits.unreachable_time.saturating_sub(silence).max(Duration::from_millis(1));
                if left < limits.heartbeat {
                    beat = link_time::sleep(left);
                }
                if silence >= limits.unreachable_time {
                    link.close(&format!("nothing came from the node for {:?}", limits.unreachable_time));
                } else if (silence >= limits.suspect_time) != suspect {
                    suspect = !suspect;
                    tables.membership.changed();
                    tracing::warn!(peer = %link.peer_address, suspect, ?silence, "the node behind a link");
                }
                if !tables.membership.keeps(&link) && link.is_quiet() {
                    link.leave("there is another link between the two nodes, and one is enough");
                }
            }
            change = changes.recv() => match change {
                Ok(_) if !told => {}
                Ok(change) => match news_of(change, &mut changes) {
                    Some(news) => tell(&link, news),
                    None => tell_all(&link),
                },
                Err(broadcast::error::RecvError::Lagged(_)) => tell_all(&link),
                Err(broadcast::error::RecvError::Closed) => break,
            },
        }
    }
    tables.membership.link_ended(&link);
    // Not by whoever waits for the link's end: a new one may come at once.
    let silence = Duration::from_millis(link_time::now().since(link.heard()));
    let until_unreachable = limits.unreachable_time.saturating_sub(silence);
    actix::spawn(tell_of_unreachable(until_unreachable, tables.membership.watch(), Arc::downgrade(&tables)));
}

/// Tells those who watch the nodes once that time is over: by then the node whose link ended is unreachable, unless it
/// has come back. Ends with the container, and keeps nothing of it.
async fn tell_of_unreachable(time: Duration, mut changes: watch::Receiver<u64>, tables: Weak<Tables>) {
    pause(time, &mut changes).await;
    if let Some(tables) = tables.upgrade() {
        tables.membership.changed();
    }
}

/// Waits for that time, or for the end of the container whose changes those are.
async fn pause(time: Duration, changes: &mut watch::Receiver<u64>) {
    link_time::within(time, async { while changes.changed().await.is_ok() {} }).await;
}

/// One change and those that wait behind it; `None` where some were missed.
fn news_of(first: Change, changes: &mut broadcast::Receiver<Change>) -> Option<AgentNews> {
    let mut news = AgentNews::default();
    let mut next = Some(first);
    while let Some(change) = next {
        match change {
            Change::Came(listing) => {
                news.removed.retain(|name| *name != listing.name);
                news.added.push(listing);
            }
            Change::Went(name) => {
                news.added.retain(|listing| *listing.name != *name);
                news.removed.push(name.to_string());
            }
        }
        if news.added.len() + news.removed.len() >= MAX_AGENTS_TOLD {
            break;
        }
        next = match changes.try_recv() {
            Ok(change) => Some(change),
            Err(broadcast::error::TryRecvError::Lagged(_)) => return None,
            Err(_) => None,
        };
    }
    Some(news)
}

/// Tells of all agents that live here.
fn tell_all(link: &Arc<Link>) {
    let all = link.tables.listings();
    let mut parts = all.chunks(MAX_AGENTS_TOLD);
    let first = parts.next().unwrap_or_default();
    tell(link, AgentNews { whole: true, added: first.to_vec(), removed: Vec::new() });
    for part in parts {
        tell(link, AgentNews { added: part.to_vec(), ..AgentNews::default() });
    }
}

fn tell(link: &Arc<Link>, news: AgentNews) {
    // Where another link is kept between the two nodes, the news goes there.
    if !link.tables.membership.keeps(link) {
        return;
    }
    match encoded(link, &(news,)) {
        Ok(positional) => link.tell(u64::MAX >> 1, AGENTS, &positional),
        Err(error) => tracing::error!(%error, "news of agents did not encode"),
    }
}
