//! What a front door counts, labelled with the door and the node, with its routes and causes.
//!
//! Always true: a door names its routes and causes once, and counts them by their places in those lists. Neighbours:
//! [`counters`](super) has the names of the metrics; `folkmoot_interop` has the doors.

use metrics::{Counter, Gauge, counter, gauge};

use super::{BYTES_IN, BYTES_OUT, CONNECTIONS, CONNECTIONS_CUT, REFUSALS, REQUESTS, STREAMS};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered with what it asked for.
    Done,
    /// It waited, and nothing came.
    Empty,
    /// It was refused: the client could have known.
    Refused,
    /// It could not be done, and the client can do nothing about it.
    Failed,
    /// Its client went away before it was answered.
    Left,
}

/// Their names, in their order.
const OUTCOMES: [&str; 5] = ["done", "empty", "refused", "failed", "left"];

/// The handles of one front door.
pub struct DoorCounters {
    requests: Vec<[Counter; OUTCOMES.len()]>,
    refusals: Vec<Counter>,
    cut: Vec<Counter>,
    /// Bytes that were read.
    pub bytes_in: Counter,
    /// Bytes that were written.
    pub bytes_out: Counter,
    /// Connections that are open.
    pub connections: Gauge,
    /// Streams that are open.
    pub streams: Gauge,
}

impl DoorCounters {
    /// Takes all handles from the recorder: of the door of that name, on that node.
    pub fn new(
        (door, node): (&'static str, &str),
        routes: &[&'static str],
        refusals: &[&'static str],
        cuts: &[&'static str],
    ) -> DoorCounters {
        let node = || node.to_owned();
        let by_cause = |name, causes: &[&'static str]| {
            causes
                .iter()
                .map(|cause| counter!(name, "door" => door, "node" => node(), "cause" => *cause))
                .collect()
        };
        let of_route = |route: &&'static str| {
            OUTCOMES.map(|outcome| {
                counter!(REQUESTS, "door" => door, "node" => node(), "route" => *route, "outcome" => outcome)
            })
        };
        DoorCounters {
            requests: routes.iter().map(of_route).collect(),
            refusals: by_cause(REFUSALS, refusals),
            cut: by_cause(CONNECTIONS_CUT, cuts),
            bytes_in: counter!(BYTES_IN, "door" => door, "node" => node()),
            bytes_out: counter!(BYTES_OUT, "door" => door, "node" => node()),
            connections: gauge!(CONNECTIONS, "door" => door, "node" => node()),
            streams: gauge!(STREAMS, "door" => door, "node" => node()),
        }
    }

    /// A request to the route at that place has ended.
    pub fn request(&self, route: usize, outcome: Outcome) {
        if let Some(counter) = self.requests.get(route).and_then(|route| route.get(outcome as usize)) {
            counter.increment(1);
        }
    }

    /// A request was refused for the cause at that place.
    pub fn refusal(&self, cause: usize) {
        if let Some(counter) = self.refusals.get(cause) {
            counter.increment(1);
        }
    }

    /// A connection was not taken, or was ended, for the cause at that place.
    pub fn cut(&self, cause: usize) {
        if let Some(counter) = self.cut.get(cause) {
            counter.increment(1);
        }
    }
}

impl std::fmt::Debug for DoorCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoorCounters").finish_non_exhaustive()
    }
}
