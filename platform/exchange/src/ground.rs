//! What an engine and its store stand on: time, bounds, gates, who waits, who counts.
//!
//! Neighbours: [`engine`](crate::engine) and each [`store`](crate::store) hold it together.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use folkmoot_gateway::GateId;

use crate::happening::Happening;
use crate::limits::ExchangeLimits;
use crate::mailbox_id::MailboxId;
use crate::moment::{ExchangeClock, Moment};
use crate::waiting::Waiting;

/// What an engine stands on.
pub struct Ground {
    clock: Arc<dyn ExchangeClock>,
    limits: ExchangeLimits,
    gates: RwLock<Vec<GateId>>,
    waiting: Waiting,
    counting: Option<Counting>,
    deriving: Option<Deriving>,
}

/// Whether an id follows from the name of an agent of that owner.
type Deriving = Arc<dyn Fn(&str, &str, MailboxId) -> bool + Send + Sync>;

/// Who is told what happens, and how often.
type Counting = Arc<dyn Fn(Happening, u64) + Send + Sync>;

impl Ground {
    /// With the usual bounds, and no gate yet.
    pub fn new(clock: impl ExchangeClock) -> Ground {
        let limits = ExchangeLimits::default();
        let waiting = Waiting::new(limits.waiting_receivers);
        Ground {
            clock: Arc::new(clock),
            limits,
            gates: RwLock::default(),
            waiting,
            counting: None,
            deriving: None,
        }
    }

    /// The same, with other bounds.
    #[must_use]
    pub fn limits(mut self, limits: ExchangeLimits) -> Ground {
        self.waiting = Waiting::new(limits.waiting_receivers);
        self.limits = limits;
        self
    }

    /// The same, taking mail that `gate` admitted.
    #[must_use]
    pub fn gate(self, gate: GateId) -> Ground {
        self.trust(gate);
        self
    }

    /// The same, telling `counting` of each thing that happens, and how often it did at once.
    #[must_use]
    pub fn counting(mut self, counting: impl Fn(Happening, u64) + Send + Sync + 'static) -> Ground {
        self.counting = Some(Arc::new(counting));
        self
    }

    /// The same, letting a user register an agent's mailbox whose id follows from a name where `deriving` says that it follows
    /// from that user's name and the mailbox's own. Without it only the container registers such mailboxes.
    #[must_use]
    pub fn deriving(
        mut self,
        deriving: impl Fn(&str, &str, MailboxId) -> bool + Send + Sync + 'static,
    ) -> Ground {
        self.deriving = Some(Arc::new(deriving));
        self
    }

    pub(crate) fn follows(&self, owner: &str, name: &str, id: MailboxId) -> bool {
        self.deriving.as_ref().is_some_and(|deriving| deriving(owner, name, id))
    }

    /// So much happened at once.
    pub fn count(&self, happening: Happening, count: u64) {
        if let Some(counting) = self.counting.as_ref().filter(|_| count > 0) {
            counting(happening, count);
        }
    }

    /// The bounds.
    pub fn bounds(&self) -> &ExchangeLimits {
        &self.limits
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Who waits for mail.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    pub(crate) fn clock(&self) -> &dyn ExchangeClock {
        &*self.clock
    }

    pub(crate) fn trust(&self, gate: GateId) {
        let mut gates = self.gates.write().unwrap_or_else(PoisonError::into_inner);
        if !gates.contains(&gate) {
            gates.push(gate);
        }
    }

    pub(crate) fn distrust(&self, gate: GateId) {
        self.gates.write().unwrap_or_else(PoisonError::into_inner).retain(|known| *known != gate);
    }

    pub(crate) fn knows(&self, gate: GateId) -> bool {
        self.gates.read().unwrap_or_else(PoisonError::into_inner).contains(&gate)
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("limits", &self.limits).finish_non_exhaustive()
    }
}
