//! How channels are opened and accepted.
//!
//! Neighbours: the [`builder`](crate::builder) of containers knows the same words and does the checks,
//! [`peer`](crate::peer) dials, the [`listener`](crate::listener) accepts.

use std::sync::Arc;
use std::time::Duration;

use folkmoot_agents::Retry;
use folkmoot_codecs::{CallError, Codec, Endpoint, Serializable};
use folkmoot_transports::{LocalNetwork, SslCerts, Transport};
use tokio::sync::mpsc;

use super::{Channel, Listener, Queue};
use crate::builder::{Builder, Ground, listen, places};
use crate::error::{Error, StartError};
use crate::executor;
use crate::limits::LinkLimits;
use crate::link::{Link, Serves};
use crate::link_time;
use crate::listener::{self, Accepteds, Door, Serving};
use crate::peer::{self, Destination};

/// The pause before the second attempt to open a channel; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Most channels that wait to be accepted; one more is closed.
const MAX_WAITING_CHANNELS: usize = 256;

/// How channels are opened and accepted: codec, certificates, bounds.
#[derive(Debug)]
#[must_use = "options do nothing until `.open(..)` or `.listen(..)`"]
pub struct Options {
    builder: Builder,
    retry: Retry,
    peer: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// JSON, no certificates, the default bounds.
    pub fn new() -> Options {
        let builder = Builder::new("").codec(Codec::Json).without_types();
        Options { builder, retry: Retry::Never, peer: None }
    }

    /// The codec of channels that are opened; JSON unless told otherwise.
    pub fn codec(mut self, codec: Codec) -> Options {
        self.builder = self.builder.codec(codec);
        self
    }

    /// The codecs that a listener takes; all unless told otherwise. Who begins with another one is told so.
    pub fn take_codecs(mut self, codecs: impl IntoIterator<Item = Codec>) -> Options {
        self.builder = self.builder.take_codecs(codecs);
        self
    }

    /// Lets both ends know the values of `T` as values of a type of its own: what aiomas calls a serializer. Its id on the
    /// wire is its place among all that are registered, so both ends register the same types in the same order. Of dates
    /// it is `serializer::<Date>()`, in its place.
    ///
    /// From then on a map with the key `__type__` is such a value, and what is none is refused. Where nothing is
    /// registered it is a map, unless [services](crate::rpc) are called over the channel.
    pub fn serializer<T: Serializable>(mut self) -> Options {
        self.builder = self.builder.serializer::<T>();
        self
    }

    /// The certificates for `tls://` and `unix+tls://`. With them a listener takes every peer that the authority has
    /// certified: ask [`Channel::peer`] who it is.
    pub fn certs(mut self, certs: SslCerts) -> Options {
        self.builder = self.builder.certs(certs);
        self
    }

    /// The name that the other end must prove (`spiffe://..`), in the place of one that matches the URL.
    pub fn peer(mut self, name: &str) -> Options {
        self.peer = Some(name.to_owned());
        self
    }

    /// Goes on trying to open a channel for so long, where nobody listens yet.
    pub fn retry_for(mut self, time: Duration) -> Options {
        self.retry = Retry::For(time);
        self
    }

    /// The bounds of channels and listeners.
    pub fn limits(mut self, limits: LinkLimits) -> Options {
        self.builder = self.builder.limits(limits);
        self
    }

    /// The deadline of requests that set none; 30 s unless told otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Options {
        self.builder = self.builder.deadline(deadline);
        self
    }

    /// Listens on plain TCP beyond this machine, where everyone on the network is let in.
    pub fn insecure(mut self) -> Options {
        self.builder = self.builder.insecure();
        self
    }

    /// A transport of one's own, in the place of the built-in one of its scheme.
    pub fn transport(mut self, transport: impl Transport) -> Options {
        self.builder = self.builder.transport(transport);
        self
    }

    /// The network on which `local://` names are known; one that the whole process shares unless told otherwise.
    pub fn network(mut self, network: &LocalNetwork) -> Options {
        self.builder = self.builder.network(network);
        self
    }

    /// Opens a channel to `endpoint`, as in `tcp://127.0.0.1:5555`.
    ///
    /// # Errors
    /// [`Error::Start`] where the options cannot be, [`Error::Call`] with [`CallError::Disconnected`] where nobody is
    /// there.
    pub async fn open(self, endpoint: &str) -> Result<Channel, Error> {
        let endpoint: Endpoint = endpoint.parse()?;
        let opened = executor::at_home(self.open_here(endpoint)).await;
        opened.unwrap_or_else(|| Err(StartError::NoRuntime.into()))
    }

    async fn open_here(self, endpoint: Endpoint) -> Result<Channel, Error> {
        let ground = self.builder.ground(&endpoint, false)?;
        let to = Destination { endpoint, expected_peer: self.peer, codec: ground.codec };
        let (began, mut pause) = (link_time::now(), FIRST_PAUSE);
        loop {
            match open_once(&ground, &to).await {
                Ok(link) => return Ok(Channel::new(link, ground)),
                Err(_) if self.retry.goes_on(link_time::now().since(began)) => {
                    link_time::sleep(pause).await;
                    pause = LONGEST_PAUSE.min(pause * 3 / 2);
                }
                Err(cause) => {
                    let cause = format!("no channel to {}: {cause}", to.endpoint);
                    return Err(CallError::<folkmoot_codecs::Never>::Disconnected {
                        may_have_run: false,
                        cause,
                    }
                    .into());
                }
            }
        }
    }

    /// Listens at `endpoint`; port 0 takes a free one, which [`Listener::endpoint`] tells. `tcp://:5555` is on all
    /// addresses.
    ///
    /// # Errors
    /// Where the options cannot be, or the address cannot be had.
    pub async fn listen(self, endpoint: &str) -> Result<Listener, StartError> {
        let listening = executor::at_home(self.listen_here(endpoint.to_owned())).await;
        listening.unwrap_or(Err(StartError::NoRuntime))
    }

    async fn listen_here(self, endpoint: String) -> Result<Listener, StartError> {
        let (endpoint, or_else) = places(&endpoint)?;
        let mut ground = self.builder.ground(&endpoint, true)?;
        let door = listen(&*ground.transport, &endpoint, or_else.as_ref()).await?;
        let endpoint = door.endpoint().clone();
        let (hand_on, accepted) = mpsc::channel(MAX_WAITING_CHANNELS);
        let serving = Serving { door: Door::Channels(hand_on), codecs: std::mem::take(&mut ground.taken) };
        let listening =
            actix::spawn(listener::run(door, ground.tables.clone(), serving, Arc::<Accepteds>::default()));
        tracing::info!(%endpoint, "channels are accepted");
        Ok(Listener::new(endpoint, accepted, listening, ground))
    }
}

async fn open_once(ground: &Ground, to: &Destination) -> Result<Arc<Link>, String> {
    let serves = Serves::Channel(Queue::new(&ground.tables.limits, &ground.tables.plain_types));
    peer::dial(&ground.tables, &ground.transport, (to, &Arc::default()), serves, || {}).await
}
