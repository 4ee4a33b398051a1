//! Processes of this binary: started, pinned, asked, ended.
//!
//! A child says numbers and words on its standard output, a line each, and ends when its standard input does.
//! Neighbour: [`role`](crate::role) is what it does.
#![allow(clippy::print_stdout, reason = "a child's answers go to its parent by standard output")]

use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

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
        let own = std::env::current_exe()?;
        let mut command = if pinned {
            let mut command = Command::new("taskset");
            command.arg("-c").arg(first_core()?).arg(own);
            command
        } else {
            Command::new(own)
        };
        command.args(role.words()).stdin(Stdio::piped()).stdout(Stdio::piped());
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

/// The first core that this process may use.
fn first_core() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let digits = |list: &str| list.trim().chars().take_while(char::is_ascii_digit).collect::<String>();
    Ok(list.map(digits).filter(|core| !core.is_empty()).ok_or("the system does not tell its cores")?)
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
