//! Channels: requests and replies in both directions over one connection, without agents.
//!
//! The lowest layer that a program may stop at. A request has any content; replies come in any order; either end may
//! send and serve. It is the wire of containers without a Hello, which is that of aiomas's channels, and of the
//! co-simulator mosaik in JSON. The page [`channels`](crate::guide::channels) shows it at work; [`rpc`](crate::rpc) calls
//! methods over it.
//!
//! Always true: a channel is a link like those of containers, with the same bounds ([`LinkLimits`](crate::LinkLimits)),
//! counters and log; only what is asked goes to whoever holds it, in the place of agents.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use folkmoot_agents::deadlines::{self, LinkInstant, Ticket};
use folkmoot_agents::host::FarReply;
use folkmoot_codecs::frame::HEADER_BYTES;
use folkmoot_codecs::{CallError, Codec, EncodeError, Limits, Principal, encode_open};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::builder::Ground;
use crate::link::{Link, Serves};
use crate::link_time;
use crate::scratch;

mod listener;
mod options;
mod queue;
mod request;

pub use listener::Listener;
pub use options::Options;
pub use request::Request;

pub(crate) use queue::{Queue, take};

/// One end of a connection on which both ends ask and answer. Clones are handles to the same channel, which is closed
/// with the last of them.
#[derive(Clone)]
pub struct Channel(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    _ground: Arc<Ground>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.link.leave("the channel was closed");
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("peer", &self.0.link.peer_address).finish_non_exhaustive()
    }
}

impl Channel {
    fn new(link: Arc<Link>, ground: impl Into<Arc<Ground>>) -> Channel {
        Channel(Arc::new(Inner { link, _ground: ground.into() }))
    }

    /// Sends a request with that content, which is encoded at once: requests leave in the order of these calls. The reply
    /// is awaited. Dropped, it is not waited for any more.
    ///
    /// What is wrong is told by the reply: [`CallError::Unencodable`], [`CallError::Overloaded`] where too many wait,
    /// [`CallError::Disconnected`], [`CallError::DeadlineExceeded`], [`CallError::BadReply`] where it is no `R`, and
    /// [`CallError::Remote`] where the peer answered with an exception.
    pub fn send<T: Serialize + ?Sized, R: DeserializeOwned>(&self, content: &T) -> Reply<R> {
        self.send_frame(|codec, out, id, limits| encode_open(codec, out, id, content, limits))
    }

    /// Sends a request whose frame is written by `write`.
    pub(crate) fn send_frame<R>(
        &self,
        write: impl FnOnce(Codec, &mut BytesMut, u64, &Limits) -> Result<(), EncodeError>,
    ) -> Reply<R> {
        let link = &self.0.link;
        let id = link.next_id();
        let mut encoded = Ok(());
        let frame = scratch::written(|out| {
            encoded = link.with_its_types(|| write(link.codec, out, id, &link.frame_limits()));
        });
        let checked = encoded.map_err(|error| error.to_string()).and_then(|()| match link.plain_types() {
            Some(types) => types.check_payload(link.codec, frame.get(HEADER_BYTES..).unwrap_or_default()),
            None => Ok(()),
        });
        let state = match checked {
            Err(reason) => Err(CallError::Unencodable { reason }),
            Ok(()) => link.send_open(id, frame),
        };
        let deadline = link.tables.default_deadline;
        let channel = self.clone();
        Reply { state: Some(state), channel, id, deadline, due: None, ticket: None, reply: PhantomData }
    }

    /// From now on services are called over it, which both ends know as values.
    pub(crate) fn carries_services(&self) {
        if let Serves::Channel(queue) = &self.0.link.serves {
            queue.carries_services();
        }
    }

    /// The next request of the peer, in the order they came; `None` once the channel has ended. Several may wait at once:
    /// each gets another request. Cancel safe.
    ///
    /// Where nobody takes them, as many requests wait as may be in hand
    /// ([`max_requests_in_hand`](crate::LinkLimits::max_requests_in_hand)), with as many bytes as a frame may have; one
    /// too many is refused as overloaded.
    pub async fn recv(&self) -> Option<Request> {
        match &self.0.link.serves {
            Serves::Channel(queue) => queue.next().await,
            Serves::Agents | Serves::Nobody(_) => None,
        }
    }

    /// Closes the channel once what waits is written and the requests in hand are answered, within
    /// [`handshake_time`](crate::LinkLimits::handshake_time). Who waits for a reply gets [`CallError::Disconnected`].
    pub async fn close(&self) {
        self.0.link.leave("the channel was closed");
        self.0.link.ended().await;
    }

    /// Waits until the channel has ended, and gives the reason as a sentence.
    pub async fn ended(&self) -> String {
        self.0.link.ended().await;
        self.0.link.end().unwrap_or_default().to_owned()
    }

    /// Waits until nothing more comes from the other end, which may still read for a while.
    pub(crate) async fn peer_closed(&self) {
        if let Serves::Channel(queue) = &self.0.link.serves {
            queue.peer_closed().await;
        }
    }

    /// Whether requests may be sent.
    pub fn is_open(&self) -> bool {
        self.0.link.is_open()
    }

    /// Who is at the other end, as proven.
    pub fn peer(&self) -> &Principal {
        &self.0.link.peer
    }

    /// Where the other end is, as the log names it.
    pub fn peer_address(&self) -> &str {
        &self.0.link.peer_address
    }

    /// How values are written.
    pub fn codec(&self) -> Codec {
        self.0.link.codec
    }
}

/// A reply on its way.
#[must_use = "a reply that is dropped is not waited for"]
pub struct Reply<R> {
    /// `None` once it is done.
    state: Option<Result<oneshot::Receiver<FarReply>, CallError>>,
    channel: Channel,
    id: u64,
    deadline: Duration,
    /// When that is over, from the first look on.
    due: Option<LinkInstant>,
    ticket: Option<Ticket>,
    reply: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<R> Reply<R> {
    /// How long it is waited for, from the first look at it.
    pub fn deadline(mut self, deadline: Duration) -> Reply<R> {
        self.deadline = deadline;
        self
    }

    fn poll_far(&mut self, cx: &mut Context<'_>) -> Poll<Result<FarReply, CallError>> {
        let receiver = match &mut self.state {
            Some(Ok(receiver)) => receiver,
            Some(Err(error)) => return Poll::Ready(Err(error.clone())),
            // Awaited again after its end.
            None => return Poll::Ready(Err(CallError::Cancelled)),
        };
        if let Poll::Ready(reply) = Pin::new(receiver).poll(cx) {
            let cause = || self.channel.0.link.as_cause("it went away");
            return Poll::Ready(
                reply.map_err(|_| CallError::Disconnected { may_have_run: true, cause: cause() }),
            );
        }
        let tables = &self.channel.0.link.tables;
        let now = link_time::now();
        let after = u64::try_from(self.deadline.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let due = *self.due.get_or_insert_with(|| now.plus(after));
        if now >= due {
            tables.counters.deadlines.increment(1);
            let chain = vec![self.channel.peer_address().to_owned()];
            return Poll::Ready(Err(CallError::DeadlineExceeded {
                after: self.deadline,
                may_have_run: true,
                chain,
            }));
        }
        self.ticket = None;
        self.ticket = Some(deadlines::file(due, cx.waker(), &tables.shared_deadlines));
        Poll::Pending
    }
}

impl<R: DeserializeOwned> Future for Reply<R> {
    type Output = Result<R, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_far(cx).map(|far| {
            let reply = match far {
                Err(error) | Ok(FarReply::Failed(error)) => Err(error),
                Ok(FarReply::Exception { codec, content }) => Err(CallError::from_exception(codec, &content)),
                Ok(FarReply::Result { codec, content } | FarReply::Plain { codec, content, .. }) => {
                    let read = self.channel.0.link.with_its_types(|| codec.decode(&content));
                    read.map_err(|error| CallError::BadReply { reason: error.to_string() })
                }
            };
            self.state = match reply {
                // Its reply may still come, to nobody.
                Err(CallError::DeadlineExceeded { .. }) => self.state.take(),
                _ => None,
            };
            reply
        })
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if matches!(self.state, Some(Ok(_))) {
            self.channel.0.link.cancel(self.id, None);
        }
    }
}
