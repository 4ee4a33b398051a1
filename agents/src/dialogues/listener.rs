//! Whoever takes messages of protocols, whatever its type: the interface, and the call by which a message is handed over.
//!
//! Always true: to hand a message over twice is as good as once. Neighbours: [`speech`](super::speech) hands messages over,
//! [`incoming`](super::incoming) takes them in.

use std::marker::PhantomData;

use folkmoot_codecs::Never;
use folkmoot_protocols::typed::Conversed;
use serde_bytes::ByteBuf;

use super::desk::Desk;
use crate::call::Call;
use crate::interface::{CallsOf, Interface, Method};
use crate::proxy::{Proxy, ProxyCore};
use crate::reply::ReplyTo;

/// The interface of whoever takes messages of protocols.
#[derive(Clone, Copy, Debug)]
pub enum Listener {}

impl Interface for Listener {
    type Calls = ListenerCalls;
    type Request = Never;
    const NAME: &'static str = "Listener";
}

/// The way to a listener.
#[derive(Debug)]
pub struct ListenerCalls(ProxyCore<Listener>);

impl CallsOf<Listener> for ListenerCalls {
    fn new(core: ProxyCore<Listener>) -> Self {
        ListenerCalls(core)
    }

    fn core(&self) -> &ProxyCore<Listener> {
        &self.0
    }
}

/// The method by which messages of a protocol come: it takes an envelope, and returns one with an `error` of the
/// protocol `default` where the message is refused. To hand a message over twice is as good as once.
#[derive(Debug)]
pub struct Tell<P>(PhantomData<fn() -> P>);

impl<P: Conversed> Method for Tell<P> {
    type Interface = Listener;
    type Args = (ByteBuf,);
    type Ok = Option<ByteBuf>;
    type Err = Never;
    const NAME: &'static str = P::ID;
    const PLAIN: bool = false;
    const IDEMPOTENT: bool = true;

    fn request((_,): (ByteBuf,), _: ReplyTo<Option<ByteBuf>, Never>) -> Option<Never> {
        None
    }

    fn again((envelope,): &(ByteBuf,)) -> Option<(ByteBuf,)> {
        Some((envelope.clone(),))
    }
}

impl<P: Conversed> Desk<P> {
    /// The call that hands a message over.
    pub(super) fn call(peer: &Proxy<Listener>, envelope: Vec<u8>) -> Call<Tell<P>> {
        Call::new(Proxy::core(peer), (ByteBuf::from(envelope),))
    }
}
