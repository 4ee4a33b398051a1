//! What the front door counts: requests by route and outcome, refusals and ended connections by cause, bytes and streams.
//!
//! Always true: each request is counted once, also where its client goes away before it is answered. Neighbours:
//! [`door`](super::door) counts requests, [`wire`](super::wire) bytes, [`connection`](super::connection) and
//! [`server`](super::server) connections; the names of the metrics are in `folkmoot::METRICS`.

use std::sync::Arc;

use folkmoot::exchange::ExchangeError;
use folkmoot::{DoorCounters, DoorOutcome};

use super::answers::Refused;

/// As the metrics name this door.
const DOOR: &str = "academy";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Create,
    Status,
    Terminate,
    Share,
    Shares,
    Unshare,
    Send,
    Receive,
    Listen,
    Age,
    Heartbeat,
    Stats,
    Discover,
    /// No path, or no method, of the exchange.
    Other,
}

/// In the order of [`Route`].
const ROUTES: [&str; 14] = [
    "POST /mailbox",
    "GET /mailbox",
    "DELETE /mailbox",
    "POST /mailbox/share",
    "GET /mailbox/share",
    "DELETE /mailbox/share",
    "PUT /message",
    "GET /message",
    "GET /mailbox/listen",
    "GET /mailbox/heartbeat",
    "POST /mailbox/heartbeat",
    "GET /mailbox/stats",
    "GET /discover",
    "other",
];

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Field,
    Timeout,
    LongBody,
    SlowBody,
    CutBody,
    LongMessage,
    NoToken,
    UnknownToken,
    Forbidden,
    UnknownMailbox,
    Terminated,
    Full,
    Conflict,
    TooMany,
    Unavailable,
    Failed,
    Route,
    SecondAnswer,
}

/// In the order of [`Cause`].
const CAUSES: [&str; 18] = [
    "wrong field",
    "wrong timeout",
    "long body",
    "slow body",
    "cut body",
    "long message",
    "no token",
    "unknown token",
    "forbidden",
    "unknown mailbox",
    "terminated",
    "full mailbox",
    "conflict",
    "too many found",
    "unavailable",
    "failed",
    "no such route",
    "second answer",
];

/// Why a connection was not taken, or was ended before its client ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// There were as many as may be.
    TooMany,
    /// There was no handshake, or not in time.
    Handshake,
    /// What came was no HTTP.
    Malformed,
    /// A request began to come and did not go on.
    SlowHead,
    /// Nothing was asked.
    Idle,
    /// The client took nothing of what waited for it.
    Stalled,
}

/// In the order of [`Cut`].
const CUTS: [&str; 6] = ["too many", "no handshake", "no http", "slow request", "idle", "stalled"];

/// The counters of this door.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) counters: DoorCounters,
}

impl Counts {
    pub(crate) fn new(node: &str) -> Counts {
        Counts { counters: DoorCounters::new((DOOR, node), &ROUTES, &CAUSES, &CUTS) }
    }

    /// A connection was ended, or not taken.
    pub(crate) fn cut(&self, why: Cut) {
        self.counters.cut(why as usize);
    }

    /// A request that is no route's was refused.
    pub(crate) fn no_route(&self) {
        self.counters.refusal(Cause::Route as usize);
        self.counters.request(Route::Other as usize, DoorOutcome::Refused);
    }

    /// An answer was left out, whose sender is told nothing of that.
    pub(crate) fn left_out(&self) {
        self.counters.refusal(Cause::SecondAnswer as usize);
    }

    /// A request that begins.
    pub(crate) fn begin(self: &Arc<Counts>, route: Route) -> Request {
        Request { counts: self.clone(), route, outcome: DoorOutcome::Left }
    }

    /// A stream that begins; it is over when what is given is dropped.
    pub(crate) fn stream(self: &Arc<Counts>) -> Open {
        Open::of(self, What::Stream)
    }

    /// A connection that begins; it is over when what is given is dropped.
    pub(crate) fn connection(self: &Arc<Counts>) -> Open {
        Open::of(self, What::Connection)
    }
}

/// A request, counted when it is dropped.
pub(crate) struct Request {
    counts: Arc<Counts>,
    route: Route,
    outcome: DoorOutcome,
}

impl Request {
    /// It is answered.
    pub(crate) fn done(&mut self) {
        self.outcome = DoorOutcome::Done;
    }

    /// It is refused.
    pub(crate) fn refused(&mut self, why: &Refused) {
        let Some(cause) = cause(why) else {
            self.outcome = DoorOutcome::Empty;
            return;
        };
        self.counts.counters.refusal(cause as usize);
        self.outcome = match cause {
            Cause::Failed | Cause::Unavailable => DoorOutcome::Failed,
            _ => DoorOutcome::Refused,
        };
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.counts.counters.request(self.route as usize, self.outcome);
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Stream,
    Connection,
}

/// A stream, or a connection, that is open.
#[derive(Debug)]
pub(crate) struct Open {
    counts: Arc<Counts>,
    what: What,
}

impl Open {
    fn of(counts: &Arc<Counts>, what: What) -> Open {
        match what {
            What::Stream => counts.counters.streams.increment(1),
            What::Connection => counts.counters.connections.increment(1),
        }
        Open { counts: counts.clone(), what }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        match self.what {
            What::Stream => self.counts.counters.streams.decrement(1),
            What::Connection => self.counts.counters.connections.decrement(1),
        }
    }
}

/// The cause of a refusal; none where a client had waited for mail and none came.
fn cause(why: &Refused) -> Option<Cause> {
    Some(match why {
        Refused::NothingCame => return None,
        Refused::Field(_) => Cause::Field,
        Refused::Timeout { .. } => Cause::Timeout,
        Refused::Body { .. } => Cause::LongBody,
        Refused::SlowBody => Cause::SlowBody,
        Refused::CutBody => Cause::CutBody,
        Refused::Message { .. } => Cause::LongMessage,
        Refused::NoToken => Cause::NoToken,
        Refused::UnknownToken => Cause::UnknownToken,
        Refused::Forbidden => Cause::Forbidden,
        Refused::TooMany { .. } => Cause::TooMany,
        Refused::Stopping => Cause::Unavailable,
        Refused::Exchange(error) => match error {
            ExchangeError::NoSuchMailbox { .. } => Cause::UnknownMailbox,
            ExchangeError::MailboxTerminated { .. } => Cause::Terminated,
            ExchangeError::Forbidden { .. }
            | ExchangeError::NotOwner { .. }
            | ExchangeError::NotInGroup { .. }
            | ExchangeError::WrongGate
            | ExchangeError::WrongName { .. }
            | ExchangeError::ContainerOnly { .. } => Cause::Forbidden,
            ExchangeError::TooLarge { .. } => Cause::LongMessage,
            ExchangeError::Invalid { .. } => Cause::Field,
            ExchangeError::Full { .. } => Cause::Full,
            ExchangeError::Closed | ExchangeError::DiskFull => Cause::Unavailable,
            ExchangeError::IdUsed { .. }
            | ExchangeError::Owned { .. }
            | ExchangeError::NotTheOwner { .. } => Cause::Conflict,
            _ => Cause::Failed,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_its_name() {
        assert_eq!(ROUTES[Route::Other as usize], "other");
        assert_eq!(ROUTES[Route::Listen as usize], "GET /mailbox/listen");
        assert_eq!(CAUSES[Cause::Route as usize], "no such route");
        assert_eq!(CAUSES[Cause::SecondAnswer as usize], "second answer");
        assert_eq!(CAUSES[Cause::Terminated as usize], "terminated");
        assert_eq!(CUTS[Cut::Stalled as usize], "stalled");
    }
}
