//! Processes of this binary: started, pinned, asked, ended.
//!
//! A child says numbers and words on its standard output, a line each, and ends when its standard input does.
//! Neighbour: [`role`](crate::role) is what it does.
#![allow(clippy::print_stdout, reason = "a child's answers go to its parent by standard output")]

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Result;
use crate::role::Role;

/// A running child; dropped, it is ended.
pub(crate) struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this binary in that role; with `pinned` on the first core that we may use.
    ///
    /// # Errors
    /// Where the process or `taskset` (of util-linux) cannot be started.
    pub(crate) fn start(role: &Role, pinned: bool) -> Result<Child> {
        Child::start_on(role, pinned.then_some(0))
    }

    /// Starts this binary in that role; on one of the cores that we may use, counted round and round, or on any.
    ///
    /// # Errors
    /// As [`start`](Child::start).
    pub(crate) fn start_on(role: &Role, core: Option<usize>) -> Result<Child> {
        let own = std::env::current_exe()?;
        let mut command = match core {
            Some(nth) => {
                let cores = cores()?;
                let mut command = Command::new("taskset");
                command.arg("-c").arg(cores[nth % cores.len()].to_string()).arg(own);
                command
            }
            None => Command::new(own),
        };
        command.args(role.words());
        Child::start_command(command)
    }

    /// Starts another program that says and takes lines as these children do.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub(crate) fn start_command(mut command: Command) -> Result<Child> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| {
            format!("{}: {error} (pinning needs `taskset`, of util-linux)", command.get_program().display())
        })?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (orders, answers) = pipes.ok_or("a child without pipes")?;
        Ok(Child { process, orders, answers: BufReader::new(answers) })
    }

    /// Gives the child a number to work on.
    pub(crate) fn order(&mut self, number: u64) -> Result<()> {
        Ok(writeln!(self.orders, "{number}")?)
    }

    /// Kills the child as `kill -9` does, and does not wait for its end.
    pub(crate) fn kill(&mut self) -> Result<()> {
        Ok(self.process.kill()?)
    }

    /// Freezes the child: it lives, and does nothing.
    ///
    /// # Errors
    /// Where there is no `sh`, or the child has ended.
    pub(crate) fn freeze(&self) -> Result<()> {
        let stopped =
            Command::new("sh").args(["-c", &format!("kill -STOP {}", self.process.id())]).status()?;
        if stopped.success() { Ok(()) } else { Err(format!("kill -STOP: {stopped}").into()) }
    }

    /// The processor time that the child's threads have taken so far.
    ///
    /// # Errors
    /// Where the system does not tell (`/proc/PID/task/TID/schedstat`, of Linux).
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            let told = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let on_processor = told.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            nanoseconds += on_processor.ok_or("the system's account of a thread cannot be read")?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// The memory that the child has resident.
    ///
    /// # Errors
    /// Where the system does not tell (`/proc/PID/status`, of Linux).
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes =
            resident.and_then(|words| words.split_whitespace().next()).ok_or("the system does not tell")?;
        Ok(kibibytes.parse::<f64>()? * 1024.0)
    }

    /// The child's next word.
    ///
    /// # Errors
    /// Where it ended without one; it has said why on its standard error.
    pub(crate) fn word(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("a child ended before its answer".into());
        }
        Ok(line.trim().to_owned())
    }

    /// The child's next number.
    pub(crate) fn number(&mut self) -> Result<f64> {
        Ok(self.word()?.parse()?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for, so that none is left over.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The cores that this process may use: at least one.
fn cores() -> Result<Vec<usize>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let cores = cores_of(list.ok_or("the system does not tell its cores")?);
    cores.filter(|cores| !cores.is_empty()).ok_or_else(|| "the system's list of cores cannot be read".into())
}

/// The cores of a list such as `0-3,7`.
fn cores_of(list: &str) -> Option<Vec<usize>> {
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cores)
}

/// Tells the parent something.
pub(crate) fn tell(answer: impl Display) -> Result<()> {
    println!("{answer}");
    Ok(std::io::stdout().flush()?)
}

/// The parent's orders, one by one; ends when the parent does.
pub(crate) fn orders() -> tokio::sync::mpsc::Receiver<u64> {
    let (tell, orders) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Some(order) = line.ok().and_then(|line| line.trim().parse().ok()) else { return };
            if tell.blocking_send(order).is_err() {
                return;
            }
        }
    });
    orders
}

#[cfg(test)]
mod tests {
    use super::cores_of;

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(cores_of("\t0-3,7\n"), Some(vec![0, 1, 2, 3, 7]));
        assert_eq!(cores_of("5"), Some(vec![5]));
        assert_eq!(cores_of("none"), None);
    }
}
