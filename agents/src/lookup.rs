//! Looking an agent up by its name, for programs and for agents alike.
//!
//! Always true: the proxy speaks for whoever looked. Neighbours: [`host`](crate::host) knows where agents live,
//! [`connect`](crate::connect) goes by a URL instead.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use folkmoot_codecs::{CallError, Principal};

use crate::connect::{Retry, Way};
use crate::host::Host;
use crate::interface::Interface;
use crate::proxy::Proxy;

/// A lookup that has been prepared; awaited, it gives a proxy to the agent, wherever it lives.
#[must_use = "nothing is looked up until this is awaited"]
pub struct Lookup<I: Interface + ?Sized> {
    host: Arc<dyn Host>,
    caller: Principal,
    name: String,
    retry: Retry,
    interface: PhantomData<fn() -> Box<I>>,
}

impl<I: Interface + ?Sized> fmt::Debug for Lookup<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("name", &self.name).field("retry", &self.retry).finish_non_exhaustive()
    }
}

impl<I: Interface + ?Sized> Lookup<I> {
    /// A lookup by `host` that will speak for `caller`, who lives there.
    #[doc(hidden)]
    pub fn new(host: Arc<dyn Host>, caller: Principal, name: String) -> Lookup<I> {
        Lookup { host, caller, name, retry: Retry::Never, interface: PhantomData }
    }

    /// Waits this long for an agent of that name to come.
    pub fn retry_for(mut self, time: Duration) -> Lookup<I> {
        self.retry = Retry::For(time);
        self
    }

    /// Waits until an agent of that name has come.
    pub fn retry_forever(mut self) -> Lookup<I> {
        self.retry = Retry::Forever;
        self
    }

    async fn look_up(self) -> Result<Proxy<I>, CallError> {
        let Lookup { host, caller, name, retry, .. } = self;
        match host.clone().look_up(name, retry).await? {
            Way::Here(agent) => Proxy::to_local(&host, caller, &agent),
            Way::Far(far) => Ok(Proxy::to_far(host, caller, far)),
        }
    }
}

impl<I: Interface + ?Sized> IntoFuture for Lookup<I> {
    type Output = Result<Proxy<I>, CallError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.look_up())
    }
}
