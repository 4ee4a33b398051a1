//! The agents that a scenario may name: echoes, and callers that call them.
//!
//! Always true: what they do by chance follows from the seed. Neighbour: [`script`](super::script) spawns them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use folkmoot::prelude::*;

/// The calls of all callers.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    /// How many calls have ended, and how many of them failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    fn count<T>(&self, outcome: &Result<T, CallError>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(outcome.is_err()), Ordering::Relaxed);
    }
}

/// Answers with what it is given.
#[derive(Agent)]
pub(super) struct Echo;

#[agent]
impl Echo {
    #[expose]
    fn echo(&self, text: String) -> String {
        text
    }
}

/// Where echoes are.
#[derive(Debug)]
pub(super) struct Echoes {
    /// Names where nodes have joined, else URLs.
    pub(super) all: Vec<String>,
    pub(super) joined: bool,
}

/// How a caller calls.
#[derive(Clone, Debug)]
pub(super) struct Habit {
    pub(super) every: Duration,
    pub(super) bytes: usize,
    pub(super) deadline: Duration,
}

/// Calls an echo, every so often another one.
#[derive(Agent)]
pub(super) struct Caller {
    echoes: Arc<Echoes>,
    habit: Habit,
    tally: Arc<Tally>,
    known: BTreeMap<usize, Proxy<Echo>>,
}

impl Caller {
    pub(super) fn new(echoes: &Arc<Echoes>, habit: &Habit, tally: &Arc<Tally>) -> Caller {
        let (echoes, habit, tally) = (echoes.clone(), habit.clone(), tally.clone());
        Caller { echoes, habit, tally, known: BTreeMap::new() }
    }

    async fn ask(&mut self, ctx: &Context<Self>) -> Result<(), CallError> {
        let at = fastrand::usize(..self.echoes.all.len());
        let echo = match self.known.get(&at) {
            Some(echo) => echo.clone(),
            None => {
                let place = &self.echoes.all[at];
                let echo: Proxy<Echo> =
                    if self.echoes.joined { ctx.lookup(place).await? } else { ctx.connect(place).await? };
                self.known.insert(at, echo.clone());
                echo
            }
        };
        let text = "x".repeat(self.habit.bytes);
        echo.echo(text).deadline(self.habit.deadline).await.map(drop)
    }
}

#[agent]
impl Caller {
    #[run]
    async fn call_on(ctx: Context<Self>) {
        let own = ctx.own_proxy();
        let Ok(every) = own.period().await else { return };
        // Not all at the same moment.
        ctx.sleep(every.mul_f64(fastrand::f64())).await;
        let mut moments = ctx.clock().every(every);
        loop {
            // A caller that ended meanwhile is not polled any more.
            own.call().await.ok();
            moments.next().await;
        }
    }

    #[expose]
    fn period(&self) -> Duration {
        self.habit.every
    }

    #[expose]
    async fn call(&mut self, ctx: &Context<Self>) {
        let outcome = self.ask(ctx).await;
        self.tally.count(&outcome);
    }
}
