//! `folkmoot sim`: runs a scenario in virtual time, records its trace, and compares a run with a recorded one.
//!
//! Always: the same file and the same seed print the same text. Neighbours: [`scenario`] is the file, [`population`] the
//! agents that it may name, [`script`] what goes wrong.

mod population;
mod scenario;
mod script;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use clap::{Args, Subcommand};
use folkmoot::Result;
use folkmoot::sim::{Ended, Sim, Simulation, TraceFile};

use crate::trace;
use population::Tally;
use scenario::Scenario;

/// The verbs of `folkmoot sim`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Runs a scenario and prints what came of it
    Run(Run),
    /// Runs a scenario and writes its trace to a file
    Record(Record),
    /// Runs a scenario with the seed of a recorded trace and compares: exit code 1, and the first difference
    Replay(Replay),
}

/// The arguments of `folkmoot sim run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The scenario, a TOML file
    file: PathBuf,
    /// What everything random follows from
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// The arguments of `folkmoot sim record`.
#[derive(Debug, Args)]
pub(crate) struct Record {
    #[command(flatten)]
    run: Run,
    /// Where the trace is written to
    #[arg(long)]
    to: PathBuf,
}

/// The arguments of `folkmoot sim replay`.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The scenario, a TOML file
    file: PathBuf,
    /// The trace that `folkmoot sim record` wrote
    trace: PathBuf,
}

/// Does what the verb says.
///
/// # Errors
/// What is wrong with the scenario, why the run failed, or where it differs from the recorded one.
pub(crate) fn run(verb: Verb) -> Result<String> {
    match verb {
        Verb::Run(Run { file, seed }) => play(&file, seed, None),
        Verb::Record(Record { run: Run { file, seed }, to }) => play(&file, seed, Some(&to)),
        Verb::Replay(Replay { file, trace }) => replay(&file, &trace),
    }
}

/// A scenario being played.
type Playing = Pin<Box<dyn Future<Output = Result<()>>>>;

/// A scenario that has been read, and what stands of it in the first line of a trace.
struct Play {
    scenario: Scenario,
    title: String,
}

impl Play {
    fn read(file: &Path) -> Result<Play> {
        let (scenario, text) = Scenario::read(file)?;
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Play { scenario, title: format!("{name} {:08x}", checksum(&text)) })
    }

    fn simulation(&self, seed: u64) -> Simulation {
        Simulation::new(seed).delay(self.scenario.delay.0, self.scenario.jitter.0)
    }

    /// What the simulation runs, and where it counts.
    fn body(self) -> (Arc<Tally>, impl FnOnce(Sim) -> Playing + Send + 'static) {
        let tally = Arc::new(Tally::default());
        let (counted, scenario) = (tally.clone(), self.scenario);
        (tally, move |sim| Box::pin(async move { script::play(&sim, scenario, &counted).await }))
    }
}

/// FNV-1a with 32 bits, by which one sees that a scenario is another one than it was.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum: u32, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn play(file: &Path, seed: u64, to: Option<&Path>) -> Result<String> {
    let play = Play::read(file)?;
    if let Some(to) = to.filter(|to| is_the_same(file, to)) {
        return Err(format!("{} is the scenario: name another file for the trace", to.display()).into());
    }
    let (simulation, size) = (play.simulation(seed), play.scenario.size());
    let simulation = match to {
        Some(to) => simulation.record(to, &play.title),
        None => simulation,
    };
    let (tally, body) = play.body();
    told(simulation.run(body)?, seed, size, &tally)
}

fn is_the_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        // One that does not exist yet is none.
        _ => false,
    }
}

fn told(ended: Ended<Result<()>>, seed: u64, size: (u64, u64), tally: &Tally) -> Result<String> {
    let text = ended.told(seed);
    ended.output?;
    let ((nodes, agents), (calls, failed)) = (size, tally.counts());
    let counts = format!("nodes {nodes}, agents {agents}\ncalls {calls}, failed {failed}\nframes");
    Ok(text.replacen("frames", &counts, 1))
}

fn replay(file: &Path, recorded: &Path) -> Result<String> {
    let play = Play::read(file)?;
    let head = TraceFile::open(recorded)?;
    let mut why = Vec::new();
    if head.title() != play.title {
        why.push(format!("it was recorded of another scenario ({}, this is {})", head.title(), play.title));
    }
    if !head.is_of_this_version() {
        why.push(format!("it was recorded by version {} of Folkmoot", head.version()));
    }
    let (simulation, size) = (play.simulation(head.seed()), play.scenario.size());
    let (tally, body) = play.body();
    let (ended, difference) = simulation.replay(recorded, body)?;
    let text = told(ended, head.seed(), size, &tally)?;
    match difference {
        None => Ok(format!("{text}\nthe same as {}", recorded.display())),
        Some(difference) => {
            let what = format!("{} and its replay", recorded.display());
            Err(trace::differ(&what, &difference, &why))
        }
    }
}
