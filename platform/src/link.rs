//! A link between two containers: the half that callers and agents see.
//!
//! Either side may send requests and answers on it. Always true: a reply reaches only the call whose id it names;
//! when the link ends, everyone who waits on it is told. Neighbours: the [`link_task`](crate::link_task) moves the
//! bytes, [`pending`] has who waits for replies, [`remote`](crate::remote) sends requests, [`inbound`](crate::inbound) answers those of the peer.

use std::fmt::Display;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use folkmoot_agents::deadlines::{self, LinkInstant};
use folkmoot_codecs::hello::PIECES_SINCE;
use folkmoot_codecs::piece::{LARGE_PAYLOAD_BYTES, LEAST_FRAME_FOR_PIECES};
use folkmoot_codecs::{CallError, Codec, Endpoint, Hello, Limits, PlainTypes, Principal, plain_types};
use folkmoot_transports::PeerCertificate;
use tokio::sync::Notify;

use crate::cancels::Cancels;
use crate::channel::Queue;
use crate::exchange_door::receivers::Receivers;
use crate::link_events::LinkPeer;
use crate::link_time;
use crate::monitors::Monitors;
use crate::one_line::one_line;
use crate::outbox::Outbox;
use crate::tables::Tables;
use crate::watched::WatchedAgents;

mod pending;
mod sending;

pub(crate) use pending::NotSent;
use pending::Pending;
pub(crate) use sending::{agent_of, order_key, payload_bytes};

/// One open link.
pub(crate) struct Link {
    pub(crate) tables: Arc<Tables>,
    pub(crate) codec: Codec,
    pub(crate) peer: Principal,
    pub(crate) peer_address: String,
    /// What the peer proved itself by, where it had a certificate.
    certificate: OnceLock<PeerCertificate>,
    /// Where it was sought; `None` where the peer opened it.
    url: Option<String>,
    /// Its number among the links that the program is told of.
    told_as: OnceLock<u64>,
    /// What it leads to, as errors name it: the peer's URL where it was dialed.
    name: String,
    /// Where it was sought, where it was dialed.
    dialed: Option<Endpoint>,
    /// The ids of our requests over it.
    ids: Arc<AtomicU64>,
    /// Proxies that are bound to it.
    pub(crate) services: AtomicUsize,
    pub(crate) outbox: Outbox,
    pub(crate) cancels: Cancels,
    /// The agents that are monitored or linked there.
    pub(crate) monitors: Monitors,
    /// The agents here that the peer monitors, or has linked to its own.
    pub(crate) watched: WatchedAgents,
    /// Those of the peer that wait for mail here.
    pub(crate) receivers: Receivers,
    /// Who handles the peer's requests.
    pub(crate) serves: Serves,
    /// Requests of the peer that are being handled.
    pub(crate) in_hand: AtomicUsize,
    /// What the peer said in its first Hello: it is a Folkmoot container then.
    told: OnceLock<Told>,
    pending: Mutex<Pending>,
    leaving: OnceLock<String>,
    end: OnceLock<String>,
    /// Told when the link has ended.
    ended: Notify,
    /// Told when the peer, a node that has joined, tells of its agents.
    pub(crate) news_came: Notify,
    opened: LinkInstant,
    /// When something came last, in milliseconds of link time; 0 where nothing has.
    heard: AtomicU64,
    /// Whether it is attended to as a link between nodes that have joined.
    attended: AtomicBool,
}

/// Who handles the requests of a link's peer.
pub(crate) enum Serves {
    /// The container: they are calls of its agents, and the platform's own paths.
    Agents,
    /// Whoever holds the channel: they have any content.
    Channel(Arc<Queue>),
    /// Nobody: the first of them is answered with that sentence, and the link ends.
    Nobody(String),
}

/// What matters of a peer's Hello.
struct Told {
    limits: Limits,
    /// The version of the wire that both speak.
    version: u16,
    /// Most requests of ours that it takes in hand at once.
    max_requests: Option<usize>,
    /// What the peer's node calls itself.
    node: String,
    /// Whether that is the name of ours.
    is_namesake: bool,
    /// Which life of its node that is.
    incarnation: Option<u64>,
    cluster: Option<String>,
}

impl Link {
    /// A link over a proven connection; `dialed` is where it was sought, and what counts the ids of the requests there.
    pub(crate) fn new(
        tables: Arc<Tables>,
        codec: Codec,
        peer: Principal,
        peer_address: String,
        dialed: Option<(&Endpoint, &Arc<AtomicU64>)>,
        serves: Serves,
    ) -> Arc<Link> {
        let (dialed, ids) = dialed.unzip();
        let name = dialed.map_or_else(|| peer_address.clone(), Endpoint::to_string);
        tables.counters.links.increment(1);
        tables.open_links.fetch_add(1, Ordering::AcqRel);
        tables.counters.links_opened.increment(1);
        let outbox = Outbox::new(tables.limits.max_unanswered_bytes);
        let receivers = Receivers::new(&tables.counters);
        Arc::new(Link {
            tables,
            codec,
            peer,
            peer_address,
            certificate: OnceLock::new(),
            url: dialed.map(Endpoint::to_string),
            told_as: OnceLock::new(),
            name,
            dialed: dialed.cloned(),
            ids: ids.cloned().unwrap_or_default(),
            services: AtomicUsize::new(0),
            outbox,
            cancels: Cancels::default(),
            monitors: Monitors::default(),
            watched: WatchedAgents::default(),
            receivers,
            serves,
            in_hand: AtomicUsize::new(0),
            told: OnceLock::new(),
            pending: Mutex::default(),
            leaving: OnceLock::new(),
            end: OnceLock::new(),
            ended: Notify::new(),
            news_came: Notify::new(),
            opened: link_time::now(),
            heard: AtomicU64::new(0),
            attended: AtomicBool::new(false),
        })
    }

    /// Whether the peer understands headers, rich exceptions and the paths under `folkmoot/`.
    pub(crate) fn is_rich(&self) -> bool {
        self.told.get().is_some()
    }

    /// The peer said Hello, and both agreed upon that version of the wire.
    pub(crate) fn set_rich(&self, theirs: &Hello, version: u16) {
        let own = self.tables.principal.node_name();
        let limits = self.tables.limits.frame.both(&theirs.limits());
        let max_requests = theirs.max_requests_in_hand.map(|most| most as usize);
        let told = Told {
            limits,
            version,
            max_requests,
            node: one_line(&theirs.node),
            is_namesake: theirs.node == own,
            incarnation: theirs.incarnation,
            cluster: theirs.cluster.clone(),
        };
        if told.is_namesake {
            tracing::warn!(
                peer = %self.peer_address, node = %own,
                "the peer's node bears the name of this one, so rings of calls between the two are not found: give \
                 each node a name of its own"
            );
        }
        self.told.set(told).ok();
        if let (Some(number), Some(node)) = (self.told_as.get(), self.said_name()) {
            self.tables.told_links.named(*number, node);
        }
    }

    /// Whether the peer's node bears the name of ours: what it says of `node/agent` is not said of agents here.
    pub(crate) fn is_namesake(&self) -> bool {
        self.told.get().is_some_and(|told| told.is_namesake)
    }

    /// Which life of its node the peer's Hello told of.
    pub(crate) fn incarnation(&self) -> Option<u64> {
        self.told.get()?.incarnation
    }

    /// The cluster of the peer, where its Hello told.
    pub(crate) fn cluster(&self) -> Option<&str> {
        self.told.get()?.cluster.as_deref()
    }

    /// The bounds of frames to this peer: what both sides take, or our own where it told none.
    pub(crate) fn frame_limits(&self) -> Limits {
        self.told.get().map_or(self.tables.limits.frame, |told| told.limits)
    }

    /// Whether a payload of that many bytes goes to this peer in pieces.
    #[inline]
    pub(crate) fn cuts(&self, payload_bytes: usize) -> bool {
        payload_bytes > LARGE_PAYLOAD_BYTES && self.has_pieces() && {
            self.frame_limits().max_frame_bytes >= LEAST_FRAME_FOR_PIECES
        }
    }

    /// Whether the peer speaks a version of the wire that has pieces.
    pub(crate) fn has_pieces(&self) -> bool {
        self.told.get().is_some_and(|told| told.version >= PIECES_SINCE)
    }

    /// Where it was sought, where it was dialed.
    pub(crate) fn dialed(&self) -> Option<&Endpoint> {
        self.dialed.as_ref()
    }

    /// An id for a request of ours, which no other has had over this link.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The special types of values that the peer knows, where it said no Hello.
    pub(crate) fn plain_types(&self) -> Option<Arc<PlainTypes>> {
        let knows = match &self.serves {
            // What a channel carries is the affair of its two ends, unless they have said what they know.
            Serves::Channel(queue) => queue.has_types(),
            Serves::Agents | Serves::Nobody(_) => !self.is_rich(),
        };
        knows.then(|| self.tables.plain_types.clone())
    }

    /// Writes or reads values with the special types that the peer knows.
    pub(crate) fn with_its_types<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.plain_types() {
            Some(types) => plain_types::within(Some(types), work),
            None => work(),
        }
    }

    /// A one-way call of ours did not leave.
    pub(crate) fn one_way_not_sent(&self, path: &str, error: &CallError) {
        self.tables.counters.one_way_failures.increment(1);
        tracing::warn!(to = %self.name, %path, %error, "a one-way call was not sent");
    }

    /// Why the link ended, once it has.
    pub(crate) fn end(&self) -> Option<&str> {
        self.end.get().map(String::as_str)
    }

    /// The peer has proven itself: from now on the program knows of the link.
    pub(crate) fn tell_of(&self) {
        let (principal, address, url) = (self.peer.clone(), self.peer_address.clone(), self.url.clone());
        let peer = LinkPeer { principal, address, url, node: self.said_name() };
        let number = self.tables.told_links.opened(peer);
        self.told_as.set(number).ok();
        // Where it ended meanwhile, that came to nobody.
        if self.end().is_some() {
            self.tell_of_end();
        }
    }

    fn said_name(&self) -> Option<String> {
        self.told.get().map(|told| told.node.clone())
    }

    fn tell_of_end(&self) {
        if let Some(number) = self.told_as.get() {
            self.tables.told_links.ended(*number, &one_line(self.end().unwrap_or_default()));
        }
    }

    /// Waits until the link has ended.
    pub(crate) async fn ended(&self) {
        let mut ended = pin!(self.ended.notified());
        // Before the look, or an end between the two would be missed.
        ended.as_mut().enable();
        if self.end().is_none() {
            ended.await;
        }
    }

    /// Says whether nobody attended to the link before.
    pub(crate) fn begins_to_be_attended(&self) -> bool {
        !self.attended.swap(true, Ordering::AcqRel)
    }

    /// Whether it is attended to already.
    pub(crate) fn is_attended(&self) -> bool {
        self.attended.load(Ordering::Acquire)
    }

    /// Notes what the peer proved itself by.
    pub(crate) fn prove(&self, certificate: PeerCertificate) {
        self.certificate.set(certificate).ok();
    }

    /// Whether the peer proved to be who is to be found at `endpoint`; where nothing can be proven of one, whether
    /// links to it prove nothing either.
    pub(crate) fn is_proven_for(&self, endpoint: &Endpoint) -> bool {
        match endpoint {
            Endpoint::Tls { host, .. } => {
                self.certificate.get().is_some_and(|certificate| certificate.stands_for(host))
            }
            Endpoint::UnixTls { .. } => false,
            _ => self.certificate.get().is_none(),
        }
    }

    /// Whether it is more than a way for calls: that it has broken is then to be known at once.
    pub(crate) fn is_relied_on(&self) -> bool {
        self.attended.load(Ordering::Acquire) || !self.monitors.is_empty() || !self.watched.is_empty()
    }

    /// Something came.
    pub(crate) fn hear(&self) {
        // On the worker's coarse time: it is asked of each read, and compared with seconds.
        let now = deadlines::coarse_now().unwrap_or_else(link_time::now);
        self.heard.store(now.0.max(1), Ordering::Relaxed);
    }

    /// When something came last, or when it was opened.
    pub(crate) fn heard(&self) -> LinkInstant {
        match self.heard.load(Ordering::Relaxed) {
            0 => self.opened,
            heard => LinkInstant(heard),
        }
    }

    /// Whether anything came at all.
    pub(crate) fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed) != 0
    }

    /// Whether neither side waits for a reply, or watches agents over this link.
    pub(crate) fn is_quiet(&self) -> bool {
        self.in_hand.load(Ordering::Acquire) == 0
            && self.has_no_calls()
            && self.monitors.is_empty()
            && self.watched.is_empty()
    }

    /// Ends the link once what waits to be written is written and what is in hand is answered.
    pub(crate) fn leave(&self, reason: &str) {
        self.leaving.set(reason.to_owned()).ok();
        self.fail_pending(reason);
        self.outbox.wake();
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.get().is_some()
    }

    /// Whether calls may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.end().is_none() && !self.is_leaving()
    }

    pub(crate) fn leaving(&self) -> Option<String> {
        self.leaving.get().cloned()
    }

    /// What keeps a call from leaving where the link has ended.
    pub(crate) fn gone(&self) -> CallError {
        let cause = self.as_cause(self.end().unwrap_or("it was closed"));
        CallError::Disconnected { may_have_run: false, cause }
    }

    /// A request of the peer's that wants no reply ended with an error: nobody else learns of it. One of the
    /// platform's own has neither agent nor method.
    pub(crate) fn one_way_failed(&self, agent: &str, method: &str, error: &dyn Display) {
        self.tables.counters.one_way_failures.increment(1);
        let node = self.tables.principal.node_name();
        let agent = match agent {
            "" => node.to_owned(),
            _ => format!("{node}/{}", one_line(agent)),
        };
        let (method, error) = (one_line(method), one_line(&error.to_string()));
        tracing::info!(%agent, %method, peer = %self.peer_address, %error, "a one-way call failed");
    }

    /// Ends the link for all who wait on it. The first cause stands.
    pub(crate) fn close(&self, cause: &str) {
        if self.end.set(cause.to_owned()).is_err() {
            return;
        }
        self.ended.notify_waiters();
        self.tables.counters.links.decrement(1);
        self.tables.open_links.fetch_sub(1, Ordering::AcqRel);
        self.outbox.close();
        self.cancels.close();
        self.tables.sweep();
        if let Serves::Channel(queue) = &self.serves {
            queue.close();
        }
        self.fail_pending(cause);
        self.monitors.close(&self.as_cause(cause));
        self.watched.close(self, &self.as_cause(cause));
        self.receivers.close();
        self.tell_of_end();
    }

    /// What is told of this link's end to those who used it.
    pub(crate) fn as_cause(&self, cause: &str) -> String {
        format!("the link to {} ended: {cause}", self.name)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.close("the link was dropped");
    }
}

/// The part of a frame that holds `content`, without a copy.
pub(crate) fn slice(payload: &Bytes, content: &[u8]) -> Bytes {
    payload.slice_ref(content)
}
