//! The agents of the benches, and the container they live in.
//!
//! Neighbour: [`floor`](crate::floor) does the same with bare actors.

use std::cell::Cell;

use folkmoot::prelude::*;

use crate::tasks::pending_once;

/// A counter.
#[derive(Agent, Default)]
pub(crate) struct Counter {
    total: i64,
    held: Cell<i64>,
}

#[agent]
impl Counter {
    /// Adds, in place.
    #[expose]
    pub(crate) fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    /// Adds in a future that has the state to itself and is ready at once.
    #[expose]
    pub(crate) async fn add_ready(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    /// Adds in a future that has the state to itself and is pending once.
    #[expose]
    pub(crate) async fn add_pending(&mut self, amount: i64) -> i64 {
        pending_once().await;
        self.total += amount;
        self.total
    }

    /// Reads in a future that is pending once; others may run meanwhile.
    #[expose]
    pub(crate) async fn read_pending(&self) -> i64 {
        pending_once().await;
        self.total
    }

    /// Takes a text.
    #[expose]
    pub(crate) fn length(&self, text: String) -> usize {
        text.len()
    }

    /// Stays in flight until its caller goes away.
    #[expose]
    pub(crate) async fn hold(&self) {
        self.held.set(self.held.get() + 1);
        std::future::pending::<()>().await;
    }

    /// How many turns have begun to stay in flight.
    #[expose]
    pub(crate) fn holds(&self) -> i64 {
        self.held.get()
    }

    /// Panics.
    #[expose]
    pub(crate) fn explode(&mut self) {
        panic!("on purpose");
    }

    /// Gives the text back.
    #[expose]
    pub(crate) fn echo(&self, text: String) -> String {
        text
    }

    /// Names the thread that the agent lives on.
    #[expose]
    pub(crate) fn thread(&self) -> String {
        format!("{:?}", std::thread::current().id())
    }
}

/// An agent that calls a counter from its own turn.
#[derive(Agent)]
pub(crate) struct Caller {
    counter: Proxy<Counter>,
}

impl Caller {
    pub(crate) fn of(counter: &Proxy<Counter>) -> impl Fn() -> Caller + Send + 'static {
        let counter = counter.clone();
        move || Caller { counter: counter.clone() }
    }
}

#[agent]
impl Caller {
    /// Calls the counter that many times, one after the other, in a shared turn.
    #[expose]
    pub(crate) async fn call_often(&self, calls: u64) -> i64 {
        let mut total = 0;
        for _ in 0..calls {
            total = self.counter.add(1).await.expect("the counter lives");
        }
        total
    }

    /// The same in an exclusive turn: each call is entered in the graph of who waits for whom.
    #[expose]
    pub(crate) async fn call_often_alone(&mut self, calls: u64) -> i64 {
        let mut total = 0;
        for _ in 0..calls {
            total = self.counter.add(1).await.expect("the counter lives");
        }
        total
    }
}

/// A container on this thread, whose gate has a rule.
pub(crate) async fn hall(workers: usize) -> crate::Result<Container> {
    let builder = Container::builder("tcp://127.0.0.1:0").name("hall").workers(workers);
    Ok(builder.allow("somebody", "counter", "add").start().await?)
}
