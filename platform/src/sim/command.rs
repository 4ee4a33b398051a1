//! Runs that are compared: with a recorded trace, with each other; and a program's own command line for all that.
//!
//! Always true: files that are made for a comparison are removed after it. Neighbours: [`runner`](super::runner) runs,
//! [`trace_file`](super::trace_file) compares.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Difference, Ended, Sim, SimError, Simulation, TestOutput, TraceFile};

const USAGE: &str = "the command line is one of\n  run [--seed N]\n  record [--seed N] --to TRACE\n  replay TRACE\n\
                     and without any it is `run --seed 0`";

/// A file for a comparison, gone with it.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        // Where it cannot be removed, it lies where its name says what it is.
        std::fs::remove_file(&self.0).ok();
    }
}

impl Simulation {
    /// Runs it with the seed of a recorded trace, and gives the first difference; `None` where there is none.
    ///
    /// # Errors
    /// As [`run`](Simulation::run); `NoTrace`.
    pub fn replay<F, Fut, T>(
        self,
        recorded: impl AsRef<Path>,
        body: F,
    ) -> Result<(Ended<T>, Option<Difference>), SimError>
    where
        F: FnOnce(Sim) -> Fut + Send + 'static,
        Fut: Future<Output = T>,
        T: Send + 'static,
    {
        let recorded = recorded.as_ref();
        let before = TraceFile::open(recorded)?;
        let mut again = recorded.as_os_str().to_owned();
        // Beside the other, and of this run alone.
        static RUNS: AtomicU64 = AtomicU64::new(0);
        again.push(format!(".{}.{}.replay", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed)));
        let again = Passing(PathBuf::from(again));
        let ended = self.with_seed(before.seed()).record(&again.0, before.title()).run(body)?;
        let difference = before.first_difference(TraceFile::open(&again.0)?)?;
        Ok((ended, difference))
    }

    /// Runs it two times, and gives the first difference of the two traces: what in it follows from something else than
    /// the seed, such as the order of a hash table or the machine's time.
    ///
    /// # Errors
    /// As [`run`](Simulation::run).
    pub fn twice<F, Fut, T>(self, body: F) -> Result<(Ended<T>, Option<Difference>), SimError>
    where
        F: FnOnce(Sim) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = T>,
        T: Send + 'static,
    {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let number = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = format!("folkmoot-{}-{number}.trace", std::process::id());
        let first = Passing(std::env::temp_dir().join(name));
        self.clone().record(&first.0, "the first of two").run(body.clone())?;
        self.replay(&first.0, body)
    }

    /// Serves the command line of a program whose scenario is `body`: `run --seed 7`, `record --seed 7 --to TRACE` and
    /// `replay TRACE`, as `folkmoot sim` does for scenarios in files. `title` stands in the traces. What `main`
    /// returns.
    ///
    /// The exit code is 0, or 1 where the run fails or differs from what was recorded, or 2 for a command line that
    /// cannot be understood.
    ///
    /// ```no_run
    /// use folkmoot::sim::{Sim, Simulation};
    ///
    /// async fn a_day(sim: Sim) -> folkmoot::Result<()> {
    ///     sim.sleep(std::time::Duration::from_secs(86_400)).await;
    ///     Ok(())
    /// }
    ///
    /// fn main() -> std::process::ExitCode {
    ///     Simulation::new(0).main("a day", a_day)
    /// }
    /// ```
    pub fn main<F, Fut, T>(self, title: &str, body: F) -> ExitCode
    where
        F: FnOnce(Sim) -> Fut + Send + 'static,
        Fut: Future<Output = T>,
        T: TestOutput,
    {
        let (out, code) = match read(std::env::args_os().skip(1)) {
            Ok(order) => self.obey(order, title, body),
            Err(wrong) => (Err(format!("{wrong}\n{USAGE}")), 2),
        };
        let told = match out {
            Ok(text) => writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        match told {
            Ok(()) => ExitCode::from(code),
            Err(why) => {
                // Where even this cannot be written, the exit code still tells.
                writeln!(std::io::stderr(), "{why}").ok();
                ExitCode::from(code.max(1))
            }
        }
    }

    fn obey<F, Fut, T>(self, order: Order, title: &str, body: F) -> (Result<String, String>, u8)
    where
        F: FnOnce(Sim) -> Fut + Send + 'static,
        Fut: Future<Output = T>,
        T: TestOutput,
    {
        let seed = order.seed.unwrap_or(self.seed());
        let played = match (order.verb, order.file) {
            (Verb::Run, _) | (_, None) => self.with_seed(seed).run(body).map(|ended| (seed, ended, None)),
            (Verb::Record, Some(to)) => {
                self.with_seed(seed).record(to, title).run(body).map(|ended| (seed, ended, None))
            }
            (Verb::Replay, Some(trace)) => TraceFile::open(&trace).and_then(|recorded| {
                let seed = recorded.seed();
                self.replay(&trace, body).map(|(ended, difference)| (seed, ended, difference))
            }),
        };
        match played {
            // The run itself has printed why.
            Err(error @ (SimError::NoTrace { .. } | SimError::Io { .. })) => (Err(error.to_string()), 1),
            Err(_) => (Err("the run failed".to_owned()), 1),
            Ok((seed, ended, difference)) => {
                let told = ended.told(seed);
                match (ended.output.failure(), difference) {
                    (Some(why), _) => (Err(format!("{told}\nthe run failed: {why}")), 1),
                    (None, Some(difference)) => {
                        (Ok(format!("{told}\nit differs from what was recorded in {difference}")), 1)
                    }
                    (None, None) => (Ok(told), 0),
                }
            }
        }
    }
}

impl<T> Ended<T> {
    /// What came of the run with that seed, in lines for a person.
    pub fn told(&self, seed: u64) -> String {
        format!(
            "seed {seed}\nvirtual time {:.3} s, {} moments\nframes {}, lines {}\ntrace hash {:016x}",
            self.elapsed.as_secs_f64(),
            self.moments,
            self.trace.frames,
            self.trace.lines,
            self.trace.hash,
        )
    }
}

#[derive(Debug, PartialEq)]
struct Order {
    verb: Verb,
    seed: Option<u64>,
    /// Where a trace is written to, or lies.
    file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Run,
    Record,
    Replay,
}

/// Understands a command line, or says why it cannot be.
fn read(mut arguments: impl Iterator<Item = OsString>) -> Result<Order, String> {
    let verb = match arguments.next() {
        None => return Ok(Order { verb: Verb::Run, seed: None, file: None }),
        Some(verb) => match verb.to_str() {
            Some("run") => Verb::Run,
            Some("record") => Verb::Record,
            Some("replay") => Verb::Replay,
            _ => return Err(format!("{verb:?} is no verb")),
        },
    };
    let mut order = Order { verb, seed: None, file: None };
    while let Some(argument) = arguments.next() {
        match (verb, argument.to_str()) {
            (Verb::Run | Verb::Record, Some("--seed")) => {
                let seed = arguments.next().unwrap_or_default();
                let number = seed.to_str().and_then(|seed| seed.parse().ok());
                order.seed = Some(number.ok_or_else(|| format!("{seed:?} is no seed"))?);
            }
            (Verb::Record, Some("--to")) => order.file = arguments.next().map(PathBuf::from),
            (Verb::Replay, _) if order.file.is_none() => order.file = Some(PathBuf::from(argument)),
            _ => return Err(format!("{argument:?} cannot be understood here")),
        }
    }
    match (verb, &order.file) {
        (Verb::Record, None) => Err("where is the trace to be written? (--to TRACE)".to_owned()),
        (Verb::Replay, None) => Err("which trace is to be replayed?".to_owned()),
        _ => Ok(order),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> Result<Order, String> {
        read(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn command_lines_are_understood_or_refused() {
        let run = |seed| Order { verb: Verb::Run, seed, file: None };
        assert_eq!(order(""), Ok(run(None)));
        assert_eq!(order("run --seed 7"), Ok(run(Some(7))));
        let file = Some(PathBuf::from("t"));
        let record = Order { verb: Verb::Record, seed: Some(7), file: file.clone() };
        assert_eq!(order("record --to t --seed 7"), Ok(record));
        assert_eq!(order("replay t"), Ok(Order { verb: Verb::Replay, seed: None, file }));
        for wrong in
            ["walk", "run 7", "run --seed", "run --seed -1", "record", "record --to", "replay", "replay a b"]
        {
            assert!(order(wrong).is_err(), "{wrong}");
        }
    }
}
