//! The listening side: accepts connections, lets them prove themselves in bounded time and number, opens links.
//!
//! Always true: nobody who has not sent a first frame holds more than a place among the unproven, and that not for
//! long. Neighbours: [`link_task`](crate::link_task) runs what was accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::{Codec, FrameError, Principal};
use folkmoot_transports::{
    Accepted, ByteStream, Connection, Listener, PeerCertificate, explain_io, looks_like_http, looks_like_tls,
};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::channel::Queue;
use crate::link::{Link, Serves};
use crate::link_task::LinkTask;
use crate::link_time;
use crate::tables::Tables;
use crate::unproven::{GAVE_WAY, Place, Unproven};
use crate::workers::Workers;

/// The pause after the system could not give us a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Bytes needed to know a first frame's codec: its length and its first byte.
const FIRST_BYTES: usize = 5;
const HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
    Content-Length: 45\r\n\r\nThis port speaks Folkmoot's wire, not HTTP.\r\n";

/// The open links of a listener, to end them at shutdown.
#[derive(Default)]
pub(crate) struct Accepteds {
    links: std::sync::Mutex<Vec<std::sync::Weak<Link>>>,
    count: AtomicUsize,
}

impl Accepteds {
    fn add(&self, link: &Arc<Link>) {
        let mut links = self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Now and then: the list stays within twice the number of links that live.
        if links.len() >= 16 && links.len() >= 2 * self.count.load(Ordering::Relaxed) {
            links.retain(|link| link.strong_count() > 0);
        }
        links.push(Arc::downgrade(link));
    }

    /// Ends all links after what is in hand.
    pub(crate) fn leave(&self, reason: &str) {
        let links =
            std::mem::take(&mut *self.links.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        for link in links.iter().filter_map(std::sync::Weak::upgrade) {
            link.leave(reason);
        }
    }

    /// How many links are open.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

/// One open link, however it ends.
struct Counted(Arc<Accepteds>);

impl Counted {
    fn new(accepteds: &Arc<Accepteds>) -> Counted {
        accepteds.count.fetch_add(1, Ordering::AcqRel);
        Counted(accepteds.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What becomes of those who connect.
pub(crate) enum Door {
    /// Their links live on the workers and lead to the agents.
    Agents(Arc<Workers>),
    /// Their links live on this thread, and are handed on to who accepts channels.
    Channels(mpsc::Sender<Arc<Link>>),
}

/// What a listener does with those who connect, by the codec of their first frame.
pub(crate) struct Serving {
    pub(crate) door: Door,
    /// The codecs that it takes.
    pub(crate) codecs: Vec<Codec>,
}

impl Serving {
    fn serves(&self, codec: Codec, tables: &Tables) -> Serves {
        if !self.codecs.contains(&codec) {
            let names: Vec<&str> = self.codecs.iter().map(|codec| codec.name()).collect();
            let node = tables.principal.node_name();
            return Serves::Nobody(format!(
                "{node} takes {} alone, and the link began with {codec}",
                names.join(", ")
            ));
        }
        match self.door {
            Door::Agents(_) => Serves::Agents,
            Door::Channels(_) => Serves::Channel(Queue::new(&tables.limits, &tables.plain_types)),
        }
    }

    /// Hands a channel on.
    ///
    /// # Errors
    /// Why not, where nobody takes it.
    fn hand_on(&self, link: &Arc<Link>) -> Result<(), String> {
        match (&self.door, &link.serves) {
            (Door::Channels(accepted), Serves::Channel(_)) => accepted
                .try_send(link.clone())
                .map_err(|_| "too many channels wait to be accepted".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Accepts for ever. Dropping the future closes the door; links that are open live on.
pub(crate) async fn run(
    mut listener: Box<dyn Listener>,
    tables: Arc<Tables>,
    serving: Serving,
    accepteds: Arc<Accepteds>,
) {
    let serving = Arc::new(serving);
    let unproven = Unproven::new(tables.limits.max_unproven_connections);
    loop {
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(endpoint = %tables.endpoint, %error, "could not accept a connection");
                link_time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if accepteds.count() >= tables.limits.max_links {
            tables.counters.links_refused.increment(1);
            let reason = "there are too many links";
            tracing::warn!(peer = accepted.peer_address(), reason, "a connection was refused");
            continue;
        }
        let (place, tables, accepteds) = (unproven.take(), tables.clone(), accepteds.clone());
        let welcome = welcome(accepted, place, tables, serving.clone(), accepteds);
        match &serving.door {
            Door::Agents(workers) => {
                let worker = workers.get(workers.next());
                worker.executor.spawn_fn(move || drop(actix::spawn(welcome)));
            }
            Door::Channels(_) => drop(actix::spawn(welcome)),
        }
    }
}

/// Takes a connection from its handshake to the end of its link.
async fn welcome(
    accepted: Accepted,
    mut place: Place,
    tables: Arc<Tables>,
    serving: Arc<Serving>,
    accepteds: Arc<Accepteds>,
) {
    let peer_address = accepted.peer_address().to_owned();
    let proven = tokio::select! {
        biased;
        () = &mut place => Err(GAVE_WAY.to_owned()),
        proven = prove(accepted, tables.limits.handshake_time) => proven,
    };
    let refused = match proven {
        Err(reason) => reason,
        Ok(Proven { stream, principal, certificate, codec, read, frame_time }) => {
            let serves = serving.serves(codec, &tables);
            let link = Link::new(tables.clone(), codec, principal, peer_address.clone(), None, serves);
            accepteds.add(&link);
            let _counted = Counted::new(&accepteds);
            let entered = tables.certified.enter(&link, certificate).map_err(|fault| fault.to_string());
            match entered.and_then(|()| serving.hand_on(&link)) {
                Err(fault) => fault,
                Ok(()) => {
                    tracing::info!(peer = %link.peer_address, principal = %link.peer, %codec, "a link was opened");
                    link.tell_of();
                    LinkTask::accepted(link, stream, (read, frame_time), Some(place)).run().await;
                    return;
                }
            }
        }
    };
    tables.counters.links_refused.increment(1);
    tracing::warn!(peer = %peer_address, reason = %refused, "a connection was refused");
}

/// A connection whose handshake is done and whose first frame has begun.
struct Proven {
    stream: Box<dyn ByteStream>,
    principal: Principal,
    certificate: Option<PeerCertificate>,
    codec: Codec,
    /// What has been read of the first frame.
    read: BytesMut,
    /// The time that is left for the rest of it.
    frame_time: Duration,
}

/// The handshake and the beginning of the first frame, each within `time`; else why not.
async fn prove(accepted: Accepted, time: Duration) -> Result<Proven, String> {
    let connection = match link_time::within(time, accepted.handshake()).await {
        None => return Err(format!("no handshake within {time:?}")),
        Some(connection) => connection.map_err(|error| error.to_string())?,
    };
    let Connection { mut stream, principal, certificate, .. } = connection;
    let began = link_time::now();
    let Some(first) = link_time::within(time, first_bytes(&mut stream)).await else {
        return Err(format!("no frame within {time:?}"));
    };
    let frame_time = time.saturating_sub(Duration::from_millis(link_time::now().since(began)));
    first.map(|(codec, read)| Proven { stream, principal, certificate, codec, read, frame_time })
}

/// Reads what has come and forgets it: closed with bytes unread, the system would reset the connection, and the
/// peer might never read our answer. Waits for nothing.
fn throw_away(stream: &mut Box<dyn ByteStream>) {
    let mut waste = [0; 4096];
    for _ in 0..16 {
        if !matches!(stream.read(&mut waste).now_or_never(), Some(Ok(1..))) {
            return;
        }
    }
}

/// Reads until the codec of the first frame shows.
async fn first_bytes(stream: &mut Box<dyn ByteStream>) -> Result<(Codec, BytesMut), String> {
    let mut read = BytesMut::new();
    while read.len() < FIRST_BYTES {
        match stream.read_buf(&mut read).await {
            Ok(0) => return Err(format!("it closed after {} bytes", read.len())),
            Ok(_) => {}
            Err(error) => return Err(explain_io(&error)),
        }
        if read.starts_with(&[0; HEADER_BYTES]) {
            return Err(FrameError::Empty.to_string());
        }
    }
    if looks_like_tls(&read) {
        return Err("it speaks TLS to a plain port: connect with tcp:// or unix://, or listen on tls:// or unix+tls://".to_owned());
    }
    if looks_like_http(&read) {
        // What it spoke is worth more than whether it hears us.
        drop(stream.write_all(HTTP_ANSWER).await);
        drop(stream.shutdown().await);
        throw_away(stream);
        return Err("it speaks HTTP, which is not served here".to_owned());
    }
    match read.get(FIRST_BYTES - 1).copied().and_then(Codec::detect) {
        Some(codec) => Ok((codec, read)),
        None => Err("its first frame is neither JSON, MsgPack, MsgPackBlosc nor CBOR".to_owned()),
    }
}
