//! A typed, cheap, cloneable handle to an agent, local or remote.
//!
//! A proxy speaks for whoever obtained it and derefs to the generated calls, so it has no methods of its own: only
//! associated functions. It sends typed turns to an agent of its own process and encoded calls to all others.
//! Neighbours: [`call`](crate::call) sends, [`host`](crate::host) tells where to.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use actix::Recipient;
use actix::prelude::SendError;
use folkmoot_codecs::{CallError, Principal};

use crate::actor::{Control, Knock};
use crate::dialogues::incoming::Sealed;
use crate::erased::Erased;
use crate::host::{Far, Host};
use crate::interface::{CallsOf, Interface};
use crate::local::typed_door;
use crate::neighbours::Place;
use crate::proxy_serde::Reader;
use crate::shared::{AgentShared, Status};
use crate::turn::{Origin, Turn};

/// A handle to an agent that exposes `I`.
///
/// Calls are methods of what it derefs to: `counter.add(2).await`. Cloning costs one atomic increment.
pub struct Proxy<I: Interface + ?Sized> {
    calls: I::Calls,
}

impl<I: Interface + ?Sized> Proxy<I> {
    /// Where the agent is: a URL that another container can connect to, where its container listens.
    pub fn url(proxy: &Proxy<I>) -> String {
        let core = proxy.calls.core();
        match &core.0.target {
            Target::Near(_) => core.host().url_of(&core.0.origin.agent),
            Target::Far(far) => far.url(),
        }
    }

    /// The agent's name in its container.
    pub fn agent_name(proxy: &Proxy<I>) -> &str {
        &proxy.calls.core().0.origin.agent
    }

    /// The same agent through the calls of another interface; calls that it does not expose fail as
    /// `NoSuchMethod`.
    ///
    /// # Errors
    /// `NoSuchAgent`, where a local agent has ended meanwhile.
    pub fn cast<J: Interface + ?Sized>(proxy: &Proxy<I>) -> Result<Proxy<J>, CallError> {
        let inner = &proxy.calls.core().0;
        match &inner.target {
            Target::Far(far) => {
                Ok(Proxy::over(inner.host.clone(), inner.origin.clone(), Target::Far(far.clone())))
            }
            Target::Near(_) => Proxy::to_local(&inner.host, inner.origin.caller.clone(), &inner.origin.agent),
        }
    }

    /// The same way to the same agent, for another caller of the same container.
    pub(crate) fn spoken_by(proxy: &Proxy<I>, caller: Principal) -> Proxy<I> {
        let Inner { host, origin, target } = &*proxy.calls.core().0;
        let Origin { agent, target: shared, inside, .. } = &**origin;
        let origin = Origin { agent: agent.clone(), target: shared.clone(), caller, inside: *inside };
        Proxy::over(host.clone(), Arc::new(origin), target.clone())
    }

    /// The way to the agent that bears the name now.
    pub(crate) fn renewed(proxy: &Proxy<I>) -> ProxyCore<I> {
        let mut core = proxy.calls.core().clone();
        core.renew();
        core
    }

    pub(crate) fn over(host: Arc<dyn Host>, origin: Arc<Origin>, target: Target<I>) -> Proxy<I> {
        Proxy { calls: I::Calls::new(ProxyCore(Arc::new(Inner { host, origin, target }))) }
    }

    /// A proxy to an agent of `host`, speaking for `caller`, who lives there.
    #[doc(hidden)]
    pub fn to_local(host: &Arc<dyn Host>, caller: Principal, name: &str) -> Result<Proxy<I>, CallError> {
        let agent = host.find(name)?;
        let origin = Arc::new(Origin {
            agent: agent.shared().name().clone(),
            target: Some(agent.shared().clone()),
            caller,
            inside: true,
        });
        let target = match typed_door::<I>(agent.clone()) {
            Some(typed) => Target::Near(typed),
            None => Target::Far(Arc::new(Erased::new(host.clone(), agent))),
        };
        Ok(Proxy::over(host.clone(), origin, target))
    }

    /// A proxy to whoever bears that name in `host` when it is called, speaking for `caller`, who lives there.
    pub(crate) fn to_named(host: &Arc<dyn Host>, caller: Principal, name: &str) -> Proxy<I> {
        Proxy::to_local(host, caller.clone(), name).unwrap_or_else(|_| {
            let agent: Arc<str> = name.into();
            let origin = Arc::new(Origin { agent: agent.clone(), target: None, caller, inside: true });
            Proxy::over(host.clone(), origin, Target::Far(Arc::new(Erased::named(host.clone(), agent))))
        })
    }

    pub(crate) fn core(proxy: &Proxy<I>) -> &ProxyCore<I> {
        proxy.calls.core()
    }

    /// A proxy over a known way to an agent.
    pub(crate) fn to_far(host: Arc<dyn Host>, caller: Principal, far: Arc<dyn Far>) -> Proxy<I> {
        let origin = Arc::new(Origin { agent: far.agent().into(), target: None, caller, inside: false });
        Proxy::over(host, origin, Target::Far(far))
    }
}

impl<I: Interface + ?Sized> Clone for Proxy<I> {
    fn clone(&self) -> Self {
        Proxy { calls: I::Calls::new(self.calls.core().clone()) }
    }
}

impl<I: Interface + ?Sized> Deref for Proxy<I> {
    type Target = I::Calls;

    fn deref(&self) -> &I::Calls {
        &self.calls
    }
}

impl<I: Interface + ?Sized> fmt::Debug for Proxy<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy<{}>({})", I::NAME, Proxy::url(self))
    }
}

/// The way to an agent, shared by a proxy, its clones and its calls.
pub struct ProxyCore<I: Interface + ?Sized>(pub(crate) Arc<Inner<I>>);

pub(crate) struct Inner<I: Interface + ?Sized> {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) target: Target<I>,
}

/// Where calls go.
pub(crate) enum Target<I: Interface + ?Sized> {
    /// To an agent of this process, typed.
    Near(Arc<Door<I>>),
    /// Encoded.
    Far(Arc<dyn Far>),
}

impl<I: Interface + ?Sized> Clone for Target<I> {
    fn clone(&self) -> Self {
        match self {
            Target::Near(door) => Target::Near(door.clone()),
            Target::Far(far) => Target::Far(far.clone()),
        }
    }
}

/// The door of an agent's mailbox, shared by all its proxies and its container's tables.
pub(crate) struct Door<I: Interface + ?Sized> {
    shared: Arc<AgentShared>,
    mailbox: Recipient<Knock<I>>,
    pub(crate) place: Place,
    /// The agent's container. Weak, for its tables lead to this.
    host: Weak<dyn Host>,
}

impl<I: Interface + ?Sized> Door<I> {
    pub(crate) fn new(
        shared: Arc<AgentShared>,
        mailbox: Recipient<Knock<I>>,
        place: Place,
        host: &Arc<dyn Host>,
    ) -> Door<I> {
        Door { shared, mailbox, place, host: Arc::downgrade(host) }
    }

    /// The agent, as it reads the arguments of encoded calls.
    pub(crate) fn reader(&self) -> Reader {
        Reader::Called(self.host.clone(), self.shared.clone())
    }

    /// The half of the agent that other threads see.
    pub(crate) fn shared(&self) -> &Arc<AgentShared> {
        &self.shared
    }

    /// Sends a turn; gives it back where the agent has ended.
    #[inline]
    pub(crate) fn send(&self, turn: Turn<I>) -> Result<(), Turn<I>> {
        match self.mailbox.try_send(Knock::Turn(turn)) {
            Err(SendError::Full(Knock::Turn(turn)) | SendError::Closed(Knock::Turn(turn))) => Err(turn),
            _ => Ok(()),
        }
    }

    /// Sends a message of a protocol that the agent has no handlers for; gives it back where the agent has ended.
    pub(crate) fn send_message(&self, message: Box<Sealed>) -> Result<(), Box<Sealed>> {
        match self.mailbox.try_send(Knock::Message(message)) {
            Err(SendError::Full(Knock::Message(message)) | SendError::Closed(Knock::Message(message))) => {
                Err(message)
            }
            _ => Ok(()),
        }
    }

    /// Asks something of the agent beside calls. One that has ended has nothing to do.
    pub(crate) fn control(&self, control: Control) {
        self.mailbox.try_send(Knock::Control(control)).ok();
    }

    /// Lets the agent throw out queued turns that nobody waits for, once, until it has done so.
    pub(crate) fn ask_for_sweep(&self) {
        if self.shared.ask_for_sweep() {
            self.control(Control::Sweep);
        }
    }
}

impl<I: Interface + ?Sized> ProxyCore<I> {
    /// Whoever waits for a reply, as it reads that.
    pub(crate) fn reader(&self) -> Reader {
        let Inner { host, origin, .. } = &*self.0;
        Reader::Caller(host.clone(), origin.clone())
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        &self.0.host
    }

    /// Where the agent has ended and another of its name lives, that one is called: a proxy names an agent, here as
    /// on another node.
    #[inline]
    pub(crate) fn renew(&mut self) {
        if let Target::Near(door) = &self.0.target
            && door.shared.status() == Status::Stopped
        {
            self.find_again();
        }
    }

    #[cold]
    fn find_again(&mut self) {
        let Inner { host, origin, .. } = &*self.0;
        if let Ok(found) = Proxy::<I>::to_local(host, origin.caller.clone(), &origin.agent) {
            *self = found.calls.core().clone();
        }
    }
}

impl<I: Interface + ?Sized> Clone for ProxyCore<I> {
    fn clone(&self) -> Self {
        ProxyCore(self.0.clone())
    }
}

impl<I: Interface + ?Sized> fmt::Debug for ProxyCore<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProxyCore").field(&self.0.origin.agent).finish()
    }
}
