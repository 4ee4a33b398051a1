//! The agents of a peer that are monitored or linked over one link: the half that asked.
//!
//! Always true: an event reaches only who asked under its number; when the link ends, everyone is told and forgotten.
//! Neighbours: [`monitoring`](crate::monitoring) asks, [`watched`](crate::watched) is the other half.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use folkmoot_agents::watching::Watcher;
use folkmoot_codecs::{AgentEvent, ArgumentList, Arguments, CallError};

use crate::in_order::in_order;
use crate::inbound::EVENT;
use crate::link::Link;
use crate::one_line::one_line;

/// All that is monitored over one link.
#[derive(Default)]
pub(crate) struct Monitors {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u64,
    asked: HashMap<u64, Asked>,
    closed: bool,
}

struct Asked {
    watcher: Arc<dyn Watcher>,
    /// Whether the peer said yes: until then whoever asked learns of the link's end by that question.
    confirmed: bool,
}

impl Monitors {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inner().asked.is_empty()
    }

    /// A number to ask under; `None` where the link has ended.
    pub(crate) fn begin(&self, watcher: Arc<dyn Watcher>) -> Option<u64> {
        let mut inner = self.inner();
        if inner.closed {
            return None;
        }
        inner.last += 1;
        let number = inner.last;
        inner.asked.insert(number, Asked { watcher, confirmed: false });
        Some(number)
    }

    /// The peer said yes. Says whether that still holds: where the link has ended, it does not.
    pub(crate) fn confirm(&self, number: u64) -> bool {
        let mut inner = self.inner();
        if let Some(asked) = inner.asked.get_mut(&number) {
            asked.confirmed = true;
        }
        !inner.closed
    }

    /// Says whether the peer is to be told.
    pub(crate) fn end(&self, number: u64) -> bool {
        let ended = self.inner().asked.remove(&number);
        // Outside of the lock: with it whoever was told may go.
        ended.is_some()
    }

    /// Says whether anyone asked for it.
    fn tell(&self, number: u64, event: AgentEvent) -> bool {
        let mut inner = self.inner();
        let watcher = match event {
            // Nothing comes after that.
            AgentEvent::Ended { .. } => inner.asked.remove(&number).map(|asked| asked.watcher),
            _ => inner.asked.get(&number).map(|asked| asked.watcher.clone()),
        };
        drop(inner);
        let is_known = watcher.is_some();
        if let Some(watcher) = watcher {
            watcher.tell(event);
        }
        is_known
    }

    /// The link has ended.
    pub(crate) fn close(&self, cause: &str) {
        let asked = {
            let mut inner = self.inner();
            inner.closed = true;
            std::mem::take(&mut inner.asked)
        };
        for asked in in_order(asked).filter(|asked| asked.confirmed) {
            asked.watcher.tell(AgentEvent::Disconnected { cause: cause.to_owned() });
        }
    }
}

/// The peer tells of one of its agents.
pub(crate) fn event(link: &Link, arguments: &Arguments<'_>) -> Result<(), CallError> {
    let (number, event) = <(u64, AgentEvent)>::decode(arguments, EVENT, &["number", "event"])?;
    if !link.monitors.tell(number, in_one_line(event)) {
        // It may have met the end of its monitor on the way.
        link.tables.counters.stray_events.increment(1);
        tracing::debug!(peer = %link.peer_address, number, "an event that nobody waits for");
    }
    Ok(())
}

/// A peer's words may come into our log.
fn in_one_line(event: AgentEvent) -> AgentEvent {
    match event.bounded() {
        AgentEvent::Crashed { cause } => AgentEvent::Crashed { cause: one_line(&cause) },
        AgentEvent::Ended { cause, in_order } => AgentEvent::Ended { cause: one_line(&cause), in_order },
        other => other,
    }
}
