//! Kills an exchange again and again while four send to it and two receive, and looks whether it keeps its promises.
//!
//! Each life of the exchange is a process of its own ([`life`]) that is killed without warning after a random time and says
//! over a pipe what it was told. Of that the [`ledger`] is kept: what was accepted must be delivered until it is
//! acknowledged, in order, and never after. `just crash` runs 200 rounds.
#![allow(clippy::print_stdout)]

mod ledger;
mod life;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use clap::Parser;
use folkmoot::exchange::sqlite;

use ledger::Ledger;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Kills an exchange again and again, and looks whether anything is lost.
#[derive(Debug, Parser)]
struct Arguments {
    /// How often it is killed
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// What the times between are made of; the same seed gives the same times
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The longest life, in milliseconds
    #[arg(long, default_value_t = 400)]
    longest: u64,
    /// The folder of the exchange; one that goes when all is done unless given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Be one life of the exchange: what each sender sends next
    #[arg(long, hide = true, value_delimiter = ',')]
    live: Option<Vec<u64>>,
    /// Be the last life, which sends nothing and ends when all is received
    #[arg(long, hide = true)]
    last: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match (&arguments.live, &arguments.dir) {
        (Some(next), Some(dir)) => life::live(dir, next, arguments.last).map(|()| true),
        _ => kill_and_look(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn kill_and_look(arguments: &Arguments) -> Result<bool> {
    let temporary = tempfile::tempdir()?;
    let dir = arguments.dir.as_deref().unwrap_or(temporary.path());
    let mut random = fastrand::Rng::with_seed(arguments.seed);
    let mut ledger = Ledger::default();
    for round in 1..=arguments.rounds {
        let time = Duration::from_millis(random.u64(1..=arguments.longest.max(1)));
        one_life(dir, &mut ledger, Some(time))?;
        if round % 20 == 0 {
            println!("{round} rounds: {ledger}");
        }
    }
    one_life(dir, &mut ledger, None)?;
    let report = sqlite::check(dir)?;
    report.findings.iter().for_each(|finding| println!("{finding}"));
    let (faults, rounds) = (ledger.faults(), arguments.rounds);
    faults.iter().for_each(|fault| println!("{fault}"));
    println!("{rounds} rounds, seed {}: {ledger}", arguments.seed);
    Ok(faults.is_empty() && report.findings.is_empty() && (rounds == 0 || ledger.accepted() > 0))
}

/// One life: killed after `time`, or the last one, which ends by itself.
fn one_life(dir: &Path, ledger: &mut Ledger, time: Option<Duration>) -> Result<()> {
    let next: Vec<String> = ledger.next().iter().map(u64::to_string).collect();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("--dir").arg(dir).arg("--live").arg(next.join(",")).stdout(Stdio::piped());
    if time.is_none() {
        command.arg("--last");
    }
    let mut child = command.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("the life has no output")?);
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 || line.trim() != "READY" {
        child.kill()?;
        let said = child.wait()?;
        return Err(format!("a life of the exchange did not begin: {line}{said}").into());
    }
    ledger.begin_life();
    let killer = time.map(|time| {
        std::thread::spawn(move || {
            #[allow(clippy::disallowed_methods, reason = "nobody else lives in this process")]
            std::thread::sleep(time);
            let killed = child.kill();
            child.wait().and(killed)
        })
    });
    loop {
        line.clear();
        // What stands in the pipe is there also when its writer is dead; its last line may be half a line.
        if lines.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            break;
        }
        ledger.enter(line.trim_end())?;
    }
    if let Some(killer) = killer {
        killer.join().map_err(|_| "the thread that kills panicked")??;
    }
    Ok(())
}
