//! A trait for callers, and the agent that implements it, without a warning.
#![deny(warnings, missing_docs, unreachable_pub, missing_debug_implementations)]

use folkmoot_agents::{Agent, Call, Context, Interface, Proxy, agent};

/// What a counter does.
#[agent(crate = folkmoot_agents::__private)]
pub trait CounterApi {
    /// Adds `amount`.
    fn add(&mut self, amount: i64) -> i64;
    /// The total.
    #[expose(idempotent)]
    async fn total(&self) -> Result<i64, String>;
}

/// Knows no agent and is known by none.
#[agent(crate = folkmoot_agents::__private)]
trait Unused {
    async fn nothing(&self);
}

#[derive(Agent, Default)]
#[agent(crate = folkmoot_agents::__private)]
struct Counter {
    total: i64,
    ticks: u64,
}

#[agent(crate = folkmoot_agents::__private)]
impl CounterApi for Counter {
    #[expose]
    fn add(&mut self, amount: i64) -> i64 {
        self.total += amount;
        self.total
    }

    #[expose(idempotent)]
    async fn total(&self) -> Result<i64, String> {
        Ok(self.total)
    }

    #[every(milliseconds = 20)]
    fn tick(&mut self) {
        self.ticks += Self::step();
    }

    #[start]
    async fn begin(&mut self, ctx: &Context<Self>) {
        self.total = ctx.name().len() as i64;
    }

    fn step() -> u64 {
        1
    }
}

/// A plain trait with parameters: nobody calls through it.
trait Doubling<T> {
    fn double(&self) -> T;
    fn r#move(&self, by: T) -> T;
}

#[derive(Agent)]
#[agent(crate = folkmoot_agents::__private)]
struct Doubler(i64);

#[agent(crate = folkmoot_agents::__private)]
impl Doubling<i64> for Doubler {
    #[expose]
    fn double(&self) -> i64 {
        2 * self.0
    }

    #[expose]
    fn r#move(&self, by: i64) -> i64 {
        self.0 + by
    }
}

/// A proxy of the trait has the trait's calls.
#[must_use]
pub fn add_two(counter: &Proxy<dyn CounterApi>) -> impl Future<Output = bool> {
    let call = counter.add(2);
    async move { call.await.is_ok() }
}

fn send<M: folkmoot_agents::interface::Method>(call: Call<M>) -> impl Send + 'static {
    call
}

/// A call may be awaited on whatever thread.
#[must_use]
pub fn total(counter: &Proxy<dyn CounterApi>) -> impl Send + 'static {
    send(counter.total())
}

fn main() {
    assert_eq!(<dyn CounterApi as Interface>::NAME, "CounterApi");
    assert_eq!(<Counter as Interface>::NAME, "Counter");
    let mut counter = Counter::default();
    assert_eq!(CounterApi::add(&mut counter, 2), 2);
    assert_eq!((Doubler(2).double(), Doubler(2).r#move(3)), (4, 5));
}
