//! What Academy's own handles call: an agent of Folkmoot's with a mailbox.
//!
//! Neighbour: `platform/interop/tests/academy/bridge.py` asks it, and knows what it must answer.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::{Exception, Value};

/// An agent with an action for each thing that there is to try.
#[derive(Agent, Default)]
pub(crate) struct Peer {
    total: i64,
    sleepers: Rc<Cell<u32>>,
}

/// One action that sleeps, for as long as it does.
struct Sleeper(Rc<Cell<u32>>);

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[agent]
impl Peer {
    /// Adds, and returns the total.
    #[expose]
    fn add(&mut self, amount: i64, times: Option<i64>) -> i64 {
        self.total += amount * times.unwrap_or(1);
        self.total
    }

    /// Returns what it is given.
    #[expose]
    fn echo(&self, value: Value) -> Value {
        value
    }

    /// That many letters.
    #[expose]
    fn letters(&self, count: usize) -> String {
        "x".repeat(count)
    }

    /// Fails.
    #[expose]
    fn fail(&self, why: String) -> Result<(), Exception> {
        Err(Exception::value_error(why))
    }

    /// Panics.
    #[expose]
    fn break_down(&mut self) {
        panic!("as asked");
    }

    /// Sleeps.
    #[expose]
    async fn sleep(&self, seconds: f64, ctx: &Context<Self>) {
        self.sleepers.set(self.sleepers.get() + 1);
        let _sleeper = Sleeper(self.sleepers.clone());
        ctx.clock().sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default()).await;
    }

    /// How many actions sleep.
    #[expose]
    fn sleepers(&self) -> u32 {
        self.sleepers.get()
    }
}
