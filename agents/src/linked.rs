//! Linked agents: two of which a crash of one is a crash of the other.
//!
//! Always true: a crash that comes over a link finds only the life in which the link was made, so it never comes back
//! to where it began; an end in order takes nothing down. Neighbours: [`watching`](crate::watching) holds both ends;
//! what is behind [`Far`](crate::host::Far) links agents of other nodes. (A link between containers is another thing.)

use std::fmt;
use std::sync::Arc;

use folkmoot_codecs::CallError;

use crate::host::LocalAgent;
use crate::interface::Interface;
use crate::proxy::{Proxy, Target};
use crate::shared::AgentShared;
use crate::watching::{End, Tie, Watch};

/// A link from this agent to another, made by [`Context::link`](crate::Context::link). Dropped, the two are linked no
/// more, save where a panic drops it: then the crash that follows is the other's too.
#[must_use = "a link ends when it is dropped; keep it in the agent's state"]
pub struct Linked {
    other: String,
    own: Watch,
}

impl fmt::Debug for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked").field("to", &self.other).finish_non_exhaustive()
    }
}

impl Linked {
    /// A link from the agent at `own`, which has begun to live, to the one behind the proxy.
    pub(crate) fn between<I: Interface + ?Sized>(
        own: Option<End>,
        proxy: &Proxy<I>,
    ) -> impl Future<Output = Result<Linked, CallError>> + Send + use<I> {
        let core = Proxy::renewed(proxy);
        let other = Proxy::agent_name(proxy).to_owned();
        async move {
            let own = own.ok_or(CallError::Cancelled)?;
            let inner = &*core.0;
            let tie = match &inner.target {
                Target::Near(_) => near(own.clone(), inner.host.find(&inner.origin.agent)?)?,
                Target::Far(far) => far.clone().tie(own.clone()).await?,
            };
            Ok(Linked { other, own: own.tie(tie)? })
        }
    }

    /// The name of the agent at the other end, in its container.
    pub fn agent_name(&self) -> &str {
        &self.other
    }

    /// Ends the link, as dropping it does.
    pub fn unlink(self) {}
}

impl Drop for Linked {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The turn that holds it is about to be a crash.
            self.own.keep();
        }
    }
}

/// Links two agents of one container. What it gives is for the end at `own`.
///
/// # Errors
/// `AgentStopped` where the other has ended; `Denied` where both are one.
pub(crate) fn near(own: End, other: Arc<dyn LocalAgent>) -> Result<Arc<dyn Tie>, CallError> {
    if Arc::ptr_eq(own.agent(), other.shared()) {
        let reason = format!(
            "agent \"{}\" cannot be linked to itself: it crashes with itself as it is",
            own.agent().name()
        );
        return Err(CallError::Denied { reason });
    }
    let (own_shared, their_shared) = (own.agent().clone(), other.shared().clone());
    let theirs = End::of(other);
    let back = theirs.tie(Arc::new(NearTie { from: their_shared, to: own, back: None }))?;
    Ok(Arc::new(NearTie { from: own_shared, to: theirs, back: Some(back) }))
}

/// The sentence with which the agent at the other end crashes.
#[must_use]
pub fn cause_of_crash(agent: &str, cause: &str) -> String {
    format!("the linked agent {agent} crashed: {cause}")
}

/// What a crash of `from` does to `to`.
struct NearTie {
    from: Arc<AgentShared>,
    to: End,
    /// The other direction, which goes with this one.
    back: Option<Watch>,
}

impl Tie for NearTie {
    fn broken(&self, cause: &str) {
        if let Some(back) = &self.back {
            back.keep();
        }
        self.to.crash(cause_of_crash(self.from.full_name(), cause));
    }
}
