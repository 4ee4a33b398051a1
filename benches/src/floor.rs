//! The floors within one process: bare actix actors that do what [`agents`](crate::agents) do.
//!
//! Each handler is written in the cheapest style that actix has for it.

use actix::prelude::*;

use crate::tasks::pending_once;

/// Messages that a bare actor's mailbox takes before senders wait: more than any case has in flight.
const CAPACITY_MESSAGES: usize = 1024;

/// A counter.
#[derive(Default)]
pub(crate) struct BareCounter {
    total: i64,
}

impl Actor for BareCounter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(CAPACITY_MESSAGES);
    }
}

impl Supervised for BareCounter {
    fn restarting(&mut self, _: &mut Self::Context) {
        *self = BareCounter::default();
    }
}

/// Adds, in place.
#[derive(Message)]
#[rtype(result = "i64")]
pub(crate) struct Add(pub(crate) i64);

impl Handler<Add> for BareCounter {
    type Result = i64;

    fn handle(&mut self, Add(amount): Add, _: &mut Self::Context) -> i64 {
        self.total += amount;
        self.total
    }
}

/// Adds in a future that has the state to itself and is ready at once.
#[derive(Message)]
#[rtype(result = "i64")]
pub(crate) struct AddReady(pub(crate) i64);

impl Handler<AddReady> for BareCounter {
    type Result = AtomicResponse<Self, i64>;

    fn handle(&mut self, AddReady(amount): AddReady, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(async {}.into_actor(self).map(move |(), counter, _| {
            counter.total += amount;
            counter.total
        })))
    }
}

/// Adds in a future that has the state to itself and is pending once.
#[derive(Message)]
#[rtype(result = "i64")]
pub(crate) struct AddPending(pub(crate) i64);

impl Handler<AddPending> for BareCounter {
    type Result = AtomicResponse<Self, i64>;

    fn handle(&mut self, AddPending(amount): AddPending, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(pending_once().into_actor(self).map(move |(), counter, _| {
            counter.total += amount;
            counter.total
        })))
    }
}

/// Reads in a future that is pending once; others may run meanwhile.
#[derive(Message)]
#[rtype(result = "i64")]
pub(crate) struct ReadPending;

impl Handler<ReadPending> for BareCounter {
    type Result = ResponseActFuture<Self, i64>;

    fn handle(&mut self, _: ReadPending, _: &mut Self::Context) -> Self::Result {
        Box::pin(pending_once().into_actor(self).map(|(), counter, _| counter.total))
    }
}

/// Reads, in place.
#[derive(Message)]
#[rtype(result = "i64")]
pub(crate) struct Read;

impl Handler<Read> for BareCounter {
    type Result = i64;

    fn handle(&mut self, _: Read, _: &mut Self::Context) -> i64 {
        self.total
    }
}

/// Keeps a future of the actor's in flight.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Hold;

impl Handler<Hold> for BareCounter {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Hold, _: &mut Self::Context) -> Self::Result {
        Box::pin(std::future::pending::<()>().into_actor(self))
    }
}

/// Ends the actor, so that its supervisor starts it anew.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Crash;

impl Handler<Crash> for BareCounter {
    type Result = ();

    fn handle(&mut self, _: Crash, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// An actor that calls a counter from its own handler.
pub(crate) struct BareCaller {
    pub(crate) counter: Addr<BareCounter>,
}

impl Actor for BareCaller {
    type Context = Context<Self>;
}

/// Calls the counter that many times, one after the other.
#[derive(Message)]
#[rtype(result = "i64")]
pub(crate) struct CallOften(pub(crate) u64);

impl Handler<CallOften> for BareCaller {
    type Result = ResponseFuture<i64>;

    fn handle(&mut self, CallOften(calls): CallOften, _: &mut Self::Context) -> Self::Result {
        let counter = self.counter.clone();
        Box::pin(async move {
            let mut total = 0;
            for _ in 0..calls {
                total = counter.send(Add(1)).await.expect("the bare counter lives");
            }
            total
        })
    }
}
