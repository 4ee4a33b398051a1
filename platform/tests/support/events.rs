//! What a monitor tells next, and what it should tell.

use folkmoot::{AgentEvent, Monitor};

pub(crate) async fn next(monitor: &mut Monitor) -> AgentEvent {
    monitor.next().await.expect("another event")
}

pub(crate) fn crashed(cause: &str) -> AgentEvent {
    AgentEvent::Crashed { cause: cause.to_owned() }
}

pub(crate) fn restarted(restarts: u64) -> AgentEvent {
    AgentEvent::Restarted { restarts }
}

pub(crate) fn ended(cause: &str, in_order: bool) -> AgentEvent {
    AgentEvent::Ended { cause: cause.to_owned(), in_order }
}
