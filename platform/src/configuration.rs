//! What a configuration cannot be, found before anything starts.
//!
//! Each sentence names the value as it is written in code, what would come of it, and what to write instead.
//! Neighbours: the [`builder`](crate::builder) and [`spawning`](crate::spawning) ask here.

use std::time::Duration;

use folkmoot_agents::dialogues::Limits;
use folkmoot_codecs::hello::MAX_CLUSTER_BYTES;

use crate::limits::{LinkLimits, frame_fault};
use crate::supervision::Rules;

/// What in a container's numbers cannot be.
pub(crate) fn container_fault(workers: usize, deadline: Duration, limits: &LinkLimits) -> Option<String> {
    if workers == 0 {
        return Some("`.workers(0)`: agents need a thread to run on; write 1 or more".to_owned());
    }
    if deadline.is_zero() {
        return Some("`.deadline(..)` is zero: every call would be over before it is sent".to_owned());
    }
    limits_fault(limits)
}

/// What in the name of a cluster cannot be.
pub(crate) fn cluster_fault(cluster: &str) -> Option<String> {
    let is_odd = cluster.len() > MAX_CLUSTER_BYTES || cluster.chars().any(char::is_control);
    is_odd.then(|| {
        format!(
            "`.cluster(..)`: its name is at most {MAX_CLUSTER_BYTES} bytes long, without control characters"
        )
    })
}

/// What in the bounds of links cannot be. No connections at all (`max_links: 0`) can.
fn limits_fault(limits: &LinkLimits) -> Option<String> {
    if let Some(fault) = frame_fault(&limits.frame) {
        return Some(format!("`limits.frame`: {fault}"));
    }
    let counts = [
        ("max_unproven_connections", limits.max_unproven_connections),
        ("max_requests_in_hand", limits.max_requests_in_hand),
        ("max_pending_calls", limits.max_pending_calls),
        ("outbox_high_water_bytes", limits.outbox_high_water_bytes),
        ("max_outbox_bytes", limits.max_outbox_bytes),
    ];
    if let Some((name, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
        return Some(format!("`limits.{name}` is 0: nothing could ever pass; write 1 or more"));
    }
    if limits.certs_check_time.is_zero() {
        return Some(
            "`limits.certs_check_time` is zero: the files would be looked at without a pause".to_owned(),
        );
    }
    let times = [
        ("handshake_time", limits.handshake_time),
        ("read_stall_time", limits.read_stall_time),
        ("write_stall_time", limits.write_stall_time),
    ];
    let (name, _) = times.into_iter().find(|(_, time)| time.is_zero())?;
    Some(format!("`limits.{name}` is zero: every link would be closed at once"))
}

/// What in the bounds of an agent's dialogues cannot be.
pub(crate) fn dialogues_fault(limits: &Limits) -> Option<String> {
    let none =
        |name: &str| Some(format!("`.dialogue_limits(..)`: with `{name}` of 0 no dialogue could begin"));
    match limits {
        Limits { open: 0, .. } => none("open"),
        Limits { open_per_peer: 0, .. } => none("open_per_peer"),
        Limits { time_out: Some(time), .. } if time.is_zero() => Some(
            "`.dialogue_limits(..)`: with a `time_out` of zero each dialogue is given up at once; write `None` for none"
                .to_owned(),
        ),
        Limits { messages: 0 | 1, .. } => Some(
            "`.dialogue_limits(..)`: `messages` is 2 or more, a message and what answers it".to_owned(),
        ),
        _ => None,
    }
}

/// What in the options of a spawn cannot be.
pub(crate) fn spawn_fault(capacity: u32, rules: &Rules) -> Option<String> {
    if capacity == 0 {
        return Some("`.capacity(0)`: every call would be refused; write 1 or more".to_owned());
    }
    if rules.start_deadline.is_zero() {
        return Some("`.start_deadline(..)` is zero: no `#[start]` could finish in time".to_owned());
    }
    if rules.intensity > 0 && rules.period.is_zero() {
        return Some(
            "`.intensity(..)` counts new starts within a period of zero: write a period, or 0 starts to have none"
                .to_owned(),
        );
    }
    None
}
