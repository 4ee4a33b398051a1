//! What an idle agent weighs.

use actix::{Actor, System};

use crate::Result;
use crate::agents::{Counter, hall};
use crate::bench::{Bench, Group, Target, Unit};
use crate::child::Child;
use crate::floor::{Add, BareCounter};
use crate::role::{Role, Side, Weigh};
use crate::rounds::interleaved;

/// Agents that are weighed together.
const AGENTS: u32 = 100_000;
/// Agents that live before the scales are set to zero, so that code and runtime are not weighed.
const AGENTS_BEFORE: u32 = 100;

const ABOUT: &str = "Growth of the resident set by 100,000 agents that have been called once, divided by their \
    number; each measurement in a process of its own. Floor: actix actors, each with the `Addr` that keeps it alive. \
    An agent lives without a proxy; the second row keeps the one that its spawn gave.";
const MOST: Target = Target::OursAtMost(1_600.0);

pub(crate) fn group() -> Group {
    let bench = |name, keep_proxies| {
        Bench::new(name, Unit::Bytes, MOST, move |plan| {
            let weigh =
                |side| move || Child::start(&Role::Weigh(Weigh { side, keep_proxies }), false)?.number();
            interleaved(plan, weigh(Side::Floor), weigh(Side::Ours))
        })
    };
    let benches = vec![bench("idle agent", false), bench("idle agent and a proxy to it", true)];
    Group { title: "Idle agents", about: ABOUT, benches }
}

/// Bytes an agent, measured in this process.
pub(crate) fn weigh(weigh: &Weigh) -> Result<f64> {
    let system = System::new();
    match weigh.side {
        Side::Floor | Side::Multiplexer => system.block_on(weigh_bare()),
        Side::Ours => system.block_on(weigh_ours(weigh.keep_proxies)),
    }
}

async fn weigh_bare() -> Result<f64> {
    let mut actors = Vec::new();
    let mut empty = 0.0;
    for number in 0..AGENTS_BEFORE + AGENTS {
        if number == AGENTS_BEFORE {
            empty = resident_bytes()?;
        }
        let actor = BareCounter::default().start();
        actor.send(Add(1)).await?;
        actors.push(actor);
    }
    Ok((resident_bytes()? - empty) / f64::from(AGENTS))
}

async fn weigh_ours(keep_proxies: bool) -> Result<f64> {
    let hall = hall(1).await?;
    let mut proxies = Vec::new();
    let mut empty = 0.0;
    for number in 0..AGENTS_BEFORE + AGENTS {
        if number == AGENTS_BEFORE {
            empty = resident_bytes()?;
        }
        let agent = hall.spawn(&format!("counter-{number}"), Counter::default).await?;
        agent.add(1).await?;
        if keep_proxies {
            proxies.push(agent);
        }
    }
    Ok((resident_bytes()? - empty) / f64::from(AGENTS))
}

/// The resident set of this process.
pub(super) fn resident_bytes() -> Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let kilobytes = rollup.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"));
    let kilobytes: f64 = kilobytes.ok_or("the system does not tell the resident set")?.trim().parse()?;
    Ok(kilobytes * 1024.0)
}
