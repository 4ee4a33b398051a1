//! A day of a system in virtual time: 1,000 agents on 10 nodes, each of which calls another one once a minute.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use folkmoot::prelude::*;
use folkmoot::sim::{Sim, Simulation};

use crate::Result;
use crate::bench::{Bench, Group, Target, Unit};
use crate::rounds::{Pair, Plan, interleaved};

const NODES: u64 = 10;
const AGENTS_PER_NODE: u64 = 100;
const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: u64 = 1_440;
const SEED: u64 = 7;
/// Each is a whole day; their traces must be the same.
const DAYS: usize = 3;

const ABOUT: &str = "1,000 agents on 10 simulated nodes, each of which calls another one, on whatever node and the same all day, once a minute \
    for a simulated day: 1.44 million calls over the real links and the real wire; 3 runs, whose traces must have the same \
    hash. Processor time of the simulation's thread. Floor: the same calls as events in a heap and messages in a queue of \
    one loop, without agents, links or codec.";

pub(crate) fn group() -> Group {
    let name = "a simulated day of 1,000 agents on 10 nodes";
    let benches = vec![Bench::new(name, Unit::Time, Target::OursAtMost(20e9), measure)];
    Group { title: "Simulation", about: ABOUT, benches }
}

fn measure(_: &Plan) -> Result<Vec<Pair>> {
    let first: Cell<Option<u64>> = Cell::new(None);
    interleaved(
        &Plan::of_rounds(DAYS),
        || busy(|| Ok(by_hand())),
        || {
            let ended =
                Simulation::new(SEED).run(async |sim| day(&sim).await.map_err(|error| error.to_string()))?;
            let hash = ended.trace.hash;
            match first.replace(Some(hash)) {
                Some(before) if before != hash => {
                    Err(format!("the trace of seed {SEED} is {hash:016x} and was {before:016x}").into())
                }
                _ => Ok(ended.output?),
            }
        },
    )
}

/// Processor time of this thread so far, in nanoseconds.
fn processor_time() -> Result<f64> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = told.split_whitespace().next().ok_or("the system does not tell a thread's processor time")?;
    Ok(first.parse()?)
}

fn busy(work: impl FnOnce() -> Result<u64>) -> Result<f64> {
    let before = processor_time()?;
    std::hint::black_box(work()?);
    Ok(processor_time()? - before)
}

/// Calls another agent at each minute of its own.
#[derive(Agent)]
struct Villager {
    number: u64,
    met: u64,
}

#[agent]
impl Villager {
    #[run]
    async fn live(ctx: Context<Self>) {
        ctx.sleep(MINUTE.mul_f64(fastrand::f64())).await;
        let other = fastrand::u64(..NODES * AGENTS_PER_NODE);
        let url = format!("local://node-{}/villager-{other}", other / AGENTS_PER_NODE);
        let mut minutes = ctx.clock().every(MINUTE);
        let greeted = async {
            let other: Proxy<Villager> = ctx.connect(url).await?;
            loop {
                other.greet(fastrand::u64(..)).await?;
                minutes.next().await;
            }
        };
        let failed: std::result::Result<(), CallError> = greeted.await;
        panic!("nothing goes wrong here: {failed:?}");
    }

    #[expose]
    fn greet(&mut self, from: u64) -> u64 {
        self.met += 1;
        self.number ^ from
    }

    #[expose]
    fn met(&self) -> u64 {
        self.met
    }
}

/// Gives the processor time of the day.
async fn day(sim: &Sim) -> Result<f64> {
    for node in 0..NODES {
        let make = async move |builder: folkmoot::Builder| {
            let hall = builder.start().await?;
            for number in node * AGENTS_PER_NODE..(node + 1) * AGENTS_PER_NODE {
                hall.spawn(&format!("villager-{number}"), move || Villager { number, met: 0 }).await?;
            }
            Ok(hall)
        };
        sim.node(&format!("node-{node}"), make).await?;
    }
    let before = processor_time()?;
    // The last began within the first minute.
    sim.sleep(MINUTE * u32::try_from(MINUTES)? + MINUTE).await;
    let took = processor_time()? - before;
    let mut met = 0;
    for number in 0..NODES * AGENTS_PER_NODE {
        let node = sim.container(&format!("node-{}", number / AGENTS_PER_NODE))?;
        let villager: Proxy<Villager> = node.lookup(&format!("villager-{number}")).await?;
        met += villager.met().await?;
    }
    if met < NODES * AGENTS_PER_NODE * MINUTES {
        return Err(format!("only {met} calls in a day").into());
    }
    Ok(took)
}

/// The same calls in one loop.
fn by_hand() -> u64 {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut due: BinaryHeap<Reverse<(u64, u64)>> =
        (0..NODES * AGENTS_PER_NODE).map(|agent| Reverse((random.u64(..60_000), agent))).collect();
    let mut way: VecDeque<(u64, u64, Vec<u8>)> = VecDeque::new();
    let mut met = vec![0_u64; due.len()];
    while let Some(Reverse((at, agent))) = due.pop() {
        if at > MINUTES * 60_000 {
            continue;
        }
        due.push(Reverse((at + 60_000, agent)));
        way.push_back((agent, random.u64(..NODES * AGENTS_PER_NODE), agent.to_be_bytes().to_vec()));
        while let Some((from, to, message)) = way.pop_front() {
            met[usize::try_from(to).unwrap_or(0)] += std::hint::black_box(from ^ message.len() as u64) & 1;
        }
    }
    met.iter().sum()
}
