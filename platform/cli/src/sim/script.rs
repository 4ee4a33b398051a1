//! Plays a scenario: starts its nodes, lets its faults happen, waits for its end.
//!
//! Always true: faults of one moment happen in the order of the file. Neighbour: [`scenario`](super::scenario).

use std::sync::Arc;
use std::time::Duration;

use folkmoot::sim::{Chaos, Sim, SimError};
use folkmoot::{Builder, Container, Result};
use futures_util::future::{join, join_all};

use super::population::{Caller, Echo, Echoes, Habit, Tally};
use super::scenario::{AgentPlan, Fault, NodePlan, Scenario, What};

/// Plays it to its end.
///
/// # Errors
/// A node that does not start, or a fault that cannot be.
pub(super) async fn play(sim: &Sim, scenario: Scenario, tally: &Arc<Tally>) -> Result<()> {
    let began = sim.elapsed();
    let echoes = Arc::new(echoes(&scenario));
    let mut seed: Option<String> = None;
    for plan in &scenario.nodes {
        for name in plan.names() {
            let (plan, echoes, tally) = (plan.clone(), echoes.clone(), tally.clone());
            let join = seed.clone().filter(|_| scenario.joined);
            let node = name.clone();
            let make = move |builder: Builder| {
                let (plan, echoes, tally) = (plan.clone(), echoes.clone(), tally.clone());
                let builder = join.iter().fold(builder, |builder, url| builder.join(url));
                let node = node.clone();
                async move { populate(builder, &node, &plan, &echoes, &tally).await }
            };
            sim.node(&name, make).await?;
            seed.get_or_insert(format!("local://{name}"));
        }
    }
    let faults = join_all(scenario.faults.iter().map(|fault| happen(sim, fault)));
    let chaos = async {
        match &scenario.chaos {
            None => Ok(()),
            Some(plan) => {
                let chaos = Chaos::default().every(plan.every.0).lasting(plan.lasting.0);
                let chaos = if plan.crashes { chaos } else { chaos.without_crashes() };
                let chaos = if plan.skew { chaos } else { chaos.without_skew() };
                sim.chaos(&chaos, scenario.duration.0).await
            }
        }
    };
    let (faults, chaos) = join(faults, chaos).await;
    chaos?;
    for outcome in faults {
        outcome?;
    }
    sim.sleep(scenario.duration.0.saturating_sub(sim.elapsed() - began)).await;
    Ok(())
}

/// Where all echoes will be.
fn echoes(scenario: &Scenario) -> Echoes {
    let joined = scenario.joined;
    let of_node = |plan: &NodePlan, node: &str| -> Vec<String> {
        let names = plan.agents.iter().enumerate().flat_map(|(at, agents)| match agents {
            AgentPlan::Echo { count } => (1..=*count).map(|number| echo_name(node, at, number)).collect(),
            AgentPlan::Caller { .. } => Vec::new(),
        });
        names.map(|name| if joined { name } else { format!("local://{node}/{name}") }).collect()
    };
    let all = scenario
        .nodes
        .iter()
        .flat_map(|plan| plan.names().into_iter().flat_map(move |node| of_node(plan, &node)));
    Echoes { all: all.collect(), joined }
}

fn echo_name(node: &str, at: usize, number: u64) -> String {
    format!("{node}-echo-{at}-{number}")
}

async fn populate(
    builder: Builder,
    node: &str,
    plan: &NodePlan,
    echoes: &Arc<Echoes>,
    tally: &Arc<Tally>,
) -> Result<Container> {
    let hall = builder.start().await?;
    for (at, agents) in plan.agents.iter().enumerate() {
        match agents {
            AgentPlan::Echo { count } => {
                for number in 1..=*count {
                    hall.spawn(&echo_name(node, at, number), || Echo).await?;
                }
            }
            AgentPlan::Caller { count, every, bytes, deadline } => {
                let habit = Habit { every: every.0, bytes: *bytes, deadline: deadline.0 };
                for number in 1..=*count {
                    let (echoes, habit, tally) = (echoes.clone(), habit.clone(), tally.clone());
                    let make = move || Caller::new(&echoes, &habit, &tally);
                    hall.spawn(&format!("{node}-caller-{at}-{number}"), make).await?;
                }
            }
        }
    }
    Ok(hall)
}

/// One fault, from its beginning to its end.
async fn happen(sim: &Sim, fault: &Fault) -> Result<()> {
    sim.sleep(fault.at.0).await;
    let lasts = fault.lasts.0;
    match &fault.what {
        What::Crash(node) => crash(sim, node, lasts).await?,
        What::Partition(ones, others) => {
            sim.partition(&side(ones), &side(others));
            sim.sleep(lasts).await;
            sim.heal_between(&side(ones), &side(others));
        }
        What::Stall(from, to) => {
            sim.stall(from, to);
            sim.sleep(lasts).await;
            sim.release(from, to);
        }
        What::Cut(from, to) => {
            sim.cut(from, to);
        }
        What::Slow(a, b, delay) => {
            sim.delay(a, b, delay.0, Duration::ZERO);
            sim.sleep(lasts).await;
            sim.usual_delay(a, b);
        }
        What::Ahead(node, by) => {
            sim.set_ahead(node, by.0)?;
            sim.sleep(lasts).await;
            sim.set_ahead(node, Duration::ZERO)?;
        }
        What::Behind(node, by) => {
            sim.set_behind(node, by.0)?;
            sim.sleep(lasts).await;
            sim.set_behind(node, Duration::ZERO)?;
        }
    }
    Ok(())
}

/// One that another fault keeps down or brings back meanwhile stays as that has it.
async fn crash(sim: &Sim, node: &str, lasts: Duration) -> Result<()> {
    match sim.crash(node).await {
        Err(SimError::DoesNotRun { .. }) => {
            sim.note(&format!("{node} is down already"));
            return Ok(());
        }
        other => other?,
    }
    sim.sleep(lasts).await;
    match sim.restart(node).await {
        Err(SimError::Runs { .. }) => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

fn side(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}
