//! `folkmoot sim`: runs a scenario in virtual time, records its trace, and compares a run with a recorded one.
//!
//! Always: the same file and the same seed print the same text. Neighbours: [`scenario`] is the file, [`population`] the
//! agents that it may name, [`script`] what goes wrong.

mod population;
mod scenario;
mod script;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use folkmoot::Result;
use folkmoot::sim::{Ended, Simulation, TraceFile};

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
        Verb::Run(Run { file, seed }) => play(&file, Simulation::new(seed), seed),
        Verb::Record(Record { run: Run { file, seed }, to }) => {
            play(&file, Simulation::new(seed).record(&to, &title(&file)), seed)
        }
        Verb::Replay(Replay { file, trace }) => replay(&file, &trace),
    }
}

/// What stands in the first line of a trace: the file's name, without where it lies.
fn title(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn play(file: &Path, simulation: Simulation, seed: u64) -> Result<String> {
    let scenario = Scenario::read(file)?;
    let (nodes, agents) = scenario.size();
    let tally = Arc::new(Tally::default());
    let counted = tally.clone();
    let simulation = simulation.delay(scenario.delay.0, scenario.jitter.0);
    let ended: Ended<Result<()>> =
        simulation.run(async move |sim| script::play(&sim, scenario, &counted).await)?;
    let Ended { output, trace, elapsed, moments } = ended;
    output?;
    let (calls, failed) = tally.counts();
    Ok(format!(
        "seed {seed}\nvirtual time {:.3} s, {moments} moments\nnodes {nodes}, agents {agents}\ncalls {calls}, failed {failed}\n\
         frames {}, lines {}\ntrace hash {:016x}",
        elapsed.as_secs_f64(),
        trace.frames,
        trace.lines,
        trace.hash,
    ))
}

fn replay(file: &Path, recorded: &Path) -> Result<String> {
    let seed = TraceFile::open(recorded)?.seed();
    let mut again = recorded.as_os_str().to_owned();
    // Beside the other, and of this process alone.
    again.push(format!(".{}.replay", std::process::id()));
    let again = PathBuf::from(again);
    let played = play(file, Simulation::new(seed).record(&again, &title(file)), seed);
    let compared = played.and_then(|text| {
        trace::compare(recorded, &again)?;
        Ok(text)
    });
    // Where it cannot be removed, it lies where its name says what it is.
    std::fs::remove_file(&again).ok();
    compared.map(|text| format!("{text}\nthe same as {}", recorded.display()))
}
