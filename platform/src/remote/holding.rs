//! Who holds a way, and what becomes of one that nobody holds.
//!
//! Always true: who lets it go counts first and looks after that, so the last one is never missed. Neighbours:
//! [`remotes`](crate::remotes) is the table of ways, [`remote_proxy`](crate::remote_proxy) waits for the time that idle
//! links are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use folkmoot_agents::deadlines::LinkInstant;

use super::{Idling, Remote, Stage};
use crate::link_time;
use crate::remotes::Remotes;

impl Remote {
    pub(crate) fn hold(&self) {
        self.holders.fetch_add(1, Ordering::AcqRel);
    }

    /// Says whether this was the last who held the way.
    pub(crate) fn release(&self) -> bool {
        // Before it shows that nobody holds the way.
        self.unheld_since.store(link_time::now().0, Ordering::Release);
        self.holders.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(crate) fn is_held(&self) -> bool {
        self.holders.load(Ordering::Acquire) > 0
    }

    /// Nobody holds the way any more: without a link it goes at once, else the actor looks after it.
    pub(crate) fn unheld(self: &Arc<Self>, remotes: &Arc<Remotes>) {
        {
            let mut state = self.state();
            match &state.stage {
                Stage::Closed => return,
                Stage::Idle => {}
                Stage::Opening(_) | Stage::Up(_) => {
                    if matches!(state.idling, Idling::No) {
                        state.idling = Idling::Wanted(remotes.clone());
                        drop(state);
                        self.wake_actor();
                    }
                    return;
                }
            }
        }
        remotes.let_go(self);
    }

    /// For the actor: the table out of which it lets the way go, where it is to look after that.
    pub(crate) fn begins_to_idle(&self) -> Option<Arc<Remotes>> {
        let idling = &mut self.state().idling;
        match std::mem::replace(idling, Idling::Watched) {
            Idling::Wanted(remotes) => Some(remotes),
            other => {
                *idling = other;
                None
            }
        }
    }

    /// For the actor: whether somebody holds the way again; then nobody looks after it until it is let go again.
    pub(crate) fn is_held_again(&self) -> bool {
        let mut state = self.state();
        // Whoever lets it go counts first and looks here after that.
        let held = self.is_held();
        if held {
            state.idling = Idling::No;
        }
        held
    }

    /// How long nobody has held the way, if nobody does.
    pub(crate) fn unheld_for(&self) -> Duration {
        let since = LinkInstant(self.unheld_since.load(Ordering::Acquire));
        Duration::from_millis(link_time::now().since(since))
    }

    pub(crate) fn idle_time(&self) -> Duration {
        self.tables.limits.idle_time
    }

    /// Whether the peer waits for answers over the link, or somebody here holds a proxy that is bound to it.
    pub(crate) fn answers_its_peer(&self) -> bool {
        let is_used = |counted: &AtomicUsize| counted.load(Ordering::Acquire) > 0;
        matches!(&self.state().stage, Stage::Up(link) if is_used(&link.in_hand) || is_used(&link.services))
    }
}
