//! A joined node in another process, which is killed or frozen while callers wait for it, and which comes back.
//!
//! Neighbour: [`bare`] is the floor.

use std::time::Duration;

use actix_rt::SystemRunner;
use folkmoot::prelude::*;
use folkmoot::{AgentEvent, Clock, NodeState, RealClock};

use super::bare;
use crate::Result;
use crate::agents::Counter;
use crate::bench::{Bench, Target, Unit};
use crate::child::Child;
use crate::remote::VICTIM;
use crate::role::{Role, Side, Victim};
use crate::rounds::{Pair, Plan, interleaved};
use crate::stopwatch::Stopwatch;

/// How many wait for the node that fails.
const CALLERS: usize = 1_000;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a node stays away before it comes back: by then the pauses between attempts to reach it are at their
/// longest.
const AWAY: Duration = Duration::from_secs(3);
/// Rounds of what takes seconds each.
const FEW_ROUNDS: usize = 5;

const SECOND: Target = Target::OursAtMost(1e9);
const TEN_MILLISECONDS: Target = Target::OursAtMost(1e7);
/// `unreachable_time` of links, as it is unless set, and what a look at it takes.
const SILENCE: Target = Target::OursAtMost(10.1e9);

pub(super) fn benches() -> Vec<Bench> {
    vec![
        Bench::new("killed node, until 1,000 callers know", Unit::Time, SECOND, killed),
        Bench::new("killed node is back, until an old proxy serves", Unit::Time, SECOND, back),
        Bench::new("killed node is back, until joined again by another", Unit::Time, SECOND, joined_again),
        Bench::new("agent crashes, until a monitor elsewhere knows", Unit::Time, TEN_MILLISECONDS, crashed),
        Bench::new("frozen node, until 1,000 callers know", Unit::Time, SILENCE, frozen).long(),
    ]
}

/// This process's node.
struct Caller {
    system: SystemRunner,
    node: Container,
}

impl Caller {
    fn start() -> Result<Caller> {
        let system = actix_rt::System::new();
        let node = system
            .block_on(async { Container::builder("tcp://127.0.0.1:0").name("caller").start().await })?;
        Ok(Caller { system, node })
    }

    /// Starts the node that will fail, which joins this one; gives where it listens, once it does.
    fn start_victim(&self) -> Result<Child> {
        let join = self.node.endpoint().to_string();
        Ok(start_victim("127.0.0.1:0", join)?.0)
    }

    /// A proxy to its agent, once it can be called.
    async fn victim(&self) -> Result<Proxy<Counter>> {
        let victim: Proxy<Counter> = self.node.lookup(VICTIM).retry_for(PATIENCE).await?;
        serves(&victim).await;
        Ok(victim)
    }

    /// Nanoseconds from when the node fails until all who wait for it know.
    fn until_all_know(&self, fail: impl FnOnce(&mut Child) -> Result<()>) -> Result<f64> {
        let mut child = self.start_victim()?;
        self.system.block_on(async {
            let victim = self.victim().await?;
            let waiting: Vec<_> = (0..CALLERS)
                .map(|_| actix_rt::spawn(victim.hold().deadline(PATIENCE).into_future()))
                .collect();
            while usize::try_from(victim.holds().await?)? < CALLERS {
                RealClock.sleep(Duration::from_millis(1)).await;
            }
            let watch = Stopwatch::start();
            fail(&mut child)?;
            for outcome in waiting {
                let outcome = outcome.await?;
                assert!(
                    matches!(outcome, Err(CallError::Disconnected { may_have_run: true, .. })),
                    "{outcome:?}"
                );
            }
            Ok(watch.elapsed().as_nanos() as f64)
        })
    }

    fn end(self) {
        self.system.block_on(self.node.shutdown());
    }
}

fn start_victim(listen: &str, join: String) -> Result<(Child, String)> {
    let role = Role::Victim(Victim { side: Side::Ours, listen: listen.to_owned(), join });
    let mut child = Child::start(&role, false)?;
    let url = child.word()?;
    Ok((child, url))
}

/// Calls until a call succeeds.
async fn serves(victim: &Proxy<Counter>) {
    while victim.holds().await.is_err() {
        RealClock.sleep(Duration::from_millis(1)).await;
    }
}

fn killed(plan: &Plan) -> Result<Vec<Pair>> {
    let caller = Caller::start()?;
    let pairs = interleaved(plan, || bare::killed(CALLERS), || caller.until_all_know(Child::kill));
    caller.end();
    pairs
}

/// A call makes the agent crash, so what a call there and back takes is the floor.
fn crashed(plan: &Plan) -> Result<Vec<Pair>> {
    let caller = Caller::start()?;
    let _child = caller.start_victim()?;
    let victim = caller.system.block_on(caller.victim())?;
    let mut monitor = caller.system.block_on(caller.node.monitor(&victim))?;
    let pairs = interleaved(
        plan,
        || {
            let watch = Stopwatch::start();
            caller.system.block_on(victim.holds().into_future())?;
            Ok(watch.elapsed().as_nanos() as f64)
        },
        || {
            let watch = Stopwatch::start();
            victim.explode().one_way()?;
            let event = caller.system.block_on(monitor.next());
            let took = watch.elapsed().as_nanos() as f64;
            assert!(matches!(event, Some(AgentEvent::Crashed { .. })), "{event:?}");
            let event = caller.system.block_on(monitor.next());
            assert!(matches!(event, Some(AgentEvent::Restarted { .. })), "{event:?}");
            Ok(took)
        },
    );
    drop(monitor);
    caller.end();
    pairs
}

/// Nothing bare notices, so there is no floor.
fn frozen(plan: &Plan) -> Result<Vec<Pair>> {
    let caller = Caller::start()?;
    let few = Plan { rounds: plan.rounds.min(FEW_ROUNDS), ..plan.clone() };
    let pairs = interleaved(&few, || Ok(f64::NAN), || caller.until_all_know(|child| child.freeze()));
    caller.end();
    pairs
}

fn back(plan: &Plan) -> Result<Vec<Pair>> {
    let caller = Caller::start()?;
    let mut child = caller.start_victim()?;
    let victim = caller.system.block_on(caller.victim())?;
    let pairs = interleaved(plan, bare::back, || {
        child.kill()?;
        caller.system.block_on(async {
            while victim.holds().await.is_ok() {
                RealClock.sleep(Duration::from_millis(1)).await;
            }
        });
        child = caller.start_victim()?;
        let watch = Stopwatch::start();
        caller.system.block_on(serves(&victim));
        Ok(watch.elapsed().as_nanos() as f64)
    });
    caller.end();
    pairs
}

fn joined_again(plan: &Plan) -> Result<Vec<Pair>> {
    let caller = Caller::start()?;
    let (mut child, url) = start_victim("127.0.0.1:0", String::new())?;
    let address = url.strip_prefix("tcp://").ok_or("a node over plain TCP")?;
    caller.system.block_on(caller.node.join(&*url).into_future())?;
    let few = Plan { rounds: plan.rounds.min(FEW_ROUNDS), ..plan.clone() };
    let pairs = interleaved(&few, bare::back, || {
        child.kill()?;
        caller.system.block_on(async { RealClock.sleep(AWAY).await });
        child = start_victim(address, String::new())?.0;
        let watch = Stopwatch::start();
        caller.system.block_on(async {
            let mut changes = caller.node.node_changes();
            while caller.node.nodes().iter().all(|node| node.state != NodeState::Joined) {
                changes.next().await;
            }
        });
        Ok(watch.elapsed().as_nanos() as f64)
    });
    caller.end();
    pairs
}
