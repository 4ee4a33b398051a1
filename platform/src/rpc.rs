//! Services: methods that are called by their path over a channel, without agents.
//!
//! The layer between [`channel`](crate::channel) and agents, and that of aiomas's `rpc`: a [`Service`] has methods and
//! services beneath it, a [`Peer`] is the other end of a channel, whose service is called through a [`Remote`]. Both ends
//! may serve, and hand each other services to call back. The page [`services`](crate::guide::services) shows it at work.
//!
//! Always true: it is built on what `channel` gives anyone, so its bounds, deadlines and ends are those of channels; a
//! method that panics ends its own call.

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use bytes::BytesMut;
use folkmoot_codecs::{ArgumentList, CallError, Exception, encode_request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use crate::channel::{Channel, Listener, Reply, Request};

mod reference;
mod service;

pub use reference::Reference;
pub use service::Service;

/// Serves `root` to all who open a channel, and gives each of them to `met`, who may call it back. Dropped, the server takes
/// no more; those that are there live on.
///
/// # Panics
/// Outside of a runtime: [`channel::Options::listen`](crate::channel::Options::listen) has asked for one before. In a task
/// of `tokio::spawn` too, for a service belongs to its thread: begin such a task with `tokio::task::spawn_local`.
pub fn serve(mut listener: Listener, root: Service, met: impl Fn(Peer) + 'static) -> Server {
    let endpoint = listener.endpoint().to_string();
    let accepting = actix::spawn(async move {
        while let Some(channel) = listener.accept().await {
            let peer = Peer::new(channel, Some(root.clone()));
            met(peer.clone());
            // Held until its end, whoever else holds it.
            actix::spawn(async move { drop((peer.ended().await, peer)) });
        }
    });
    Server { endpoint, accepting }
}

/// A service that is served to all who connect.
#[must_use = "a server that is dropped takes nobody any more"]
pub struct Server {
    endpoint: String,
    accepting: JoinHandle<()>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Server {
    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The other end of a channel. Clones are handles to the same one; with the last of them the channel is closed, unless it
/// came to a [`Server`], which holds it until its end.
#[derive(Clone)]
pub struct Peer(Rc<Inner>);

struct Inner {
    channel: Channel,
    root: Option<Service>,
    serving: Cell<Option<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("channel", &self.0.channel).finish_non_exhaustive()
    }
}

impl Peer {
    /// The other end of this channel, to which `root` is served; with `None` its calls are refused.
    ///
    /// # Panics
    /// In a task of `tokio::spawn`, as [`serve`] does.
    pub fn new(channel: Channel, root: Option<Service>) -> Peer {
        channel.carries_services();
        let inner = Rc::new(Inner { channel: channel.clone(), root, serving: Cell::new(None) });
        inner.serving.set(Some(actix::spawn(answer(channel, Rc::downgrade(&inner)))));
        Peer(inner)
    }

    /// The service at the other end.
    pub fn remote(&self) -> Remote {
        Remote { channel: self.0.channel.clone(), path: String::new() }
    }

    /// What was passed by the other end, to be called there.
    pub fn remote_of(&self, passed: &Reference) -> Remote {
        Remote { channel: self.0.channel.clone(), path: passed.path().to_owned() }
    }

    /// A service of ours as an argument or a result, for this peer to call.
    ///
    /// # Errors
    /// [`CallError::Unencodable`] where it is neither the one that is served to this peer nor beneath it: put it there
    /// with [`Service::insert`] first.
    pub fn pass(&self, service: &Service) -> Result<Reference, CallError> {
        let path = self.0.root.as_ref().and_then(|root| root.path_to(service));
        path.map(Reference::to).ok_or_else(|| CallError::Unencodable {
            reason: "the service is not served to this peer: insert it beneath the one that is".to_owned(),
        })
    }

    /// The channel itself.
    pub fn channel(&self) -> &Channel {
        &self.0.channel
    }

    /// Waits until the other end is gone, and gives the reason as a sentence.
    pub async fn ended(&self) -> String {
        self.0.channel.ended().await
    }
}

/// Answers what the peer asks, for as long as anybody holds it.
async fn answer(channel: Channel, peer: Weak<Inner>) {
    while let Some(request) = channel.recv().await {
        let Some(inner) = peer.upgrade() else { return };
        let peer = Peer(inner);
        match &peer.0.root {
            Some(root) => root.begin(&peer, request),
            None => raise(request, "LookupError", "no service is served here"),
        }
    }
}

/// Answers with an exception of that type, in Python's words.
fn raise(request: Request, kind: &str, message: &str) {
    request.refuse(&CallError::Agent(Exception::new(kind, message)));
}

/// A service at the other end, by its path.
#[derive(Clone)]
pub struct Remote {
    channel: Channel,
    path: String,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("channel", &self.channel).field("path", &self.path).finish()
    }
}

impl Remote {
    /// The service of that name beneath this one; `a/b` is `b` beneath `a`.
    pub fn at(&self, name: &str) -> Remote {
        Remote { channel: self.channel.clone(), path: self.path_of(name) }
    }

    fn path_of(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.path),
        }
    }

    /// Calls a method with the arguments in their order, a tuple. The request leaves at once; the reply is awaited.
    ///
    /// What is wrong is told by the reply, as with [`Channel::send`].
    pub fn call<R: DeserializeOwned>(&self, method: &str, arguments: impl ArgumentList) -> Reply<R> {
        self.send(method, &arguments, None::<&()>)
    }

    /// The same with arguments by their names behind them: a map or a struct.
    pub fn call_with<R: DeserializeOwned>(
        &self,
        method: &str,
        arguments: impl ArgumentList,
        named: &impl Serialize,
    ) -> Reply<R> {
        self.send(method, &arguments, Some(named))
    }

    fn send<R>(
        &self,
        method: &str,
        arguments: &impl ArgumentList,
        named: Option<&impl Serialize>,
    ) -> Reply<R> {
        let path = self.path_of(method);
        self.channel.send_frame(|codec, out, id, limits| {
            let (mut positional, mut keyword) = (BytesMut::new(), BytesMut::new());
            arguments.encode(codec, &mut positional)?;
            if let Some(named) = named {
                codec.encode(named, &mut keyword)?;
            }
            let keyword = named.is_some().then_some(&*keyword);
            encode_request(codec, out, id, &path, &positional, keyword, None, limits)
        })
    }
}
