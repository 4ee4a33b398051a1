//! The nodes as processes: this same program, started anew in another role.
//!
//! Always true: a process is killed when its [`NodeProcess`] is dropped, and it ends by itself when this process does,
//! for it reads from it. What it has to complain about goes to a log file. Neighbours: [`nodes`](crate::nodes) is what
//! runs there, [`day`](crate::day) starts them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use folkmoot::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::nodes::{READY, Role};

/// Lines of a log that an error shows.
const LOG_LINES: usize = 12;

/// One node in a process of its own.
#[derive(Debug)]
pub(crate) struct NodeProcess {
    role: Role,
    /// Where its own certificates lie.
    certs: PathBuf,
    /// Where the node that it joins listens.
    join: Option<String>,
    log: PathBuf,
    child: Child,
    /// Where it listens itself, such as `tls://127.0.0.1:4711`.
    url: String,
}

impl NodeProcess {
    /// Starts a node with certificates that are issued here and now, and waits until it has joined the other, if any.
    ///
    /// # Errors
    /// Why it did not start, with the last lines of its log.
    pub(crate) async fn start(
        role: Role,
        certs: &DevCerts,
        other: Option<&NodeProcess>,
    ) -> Result<NodeProcess> {
        certs.node(role.name())?;
        let log = certs.dir().join(format!("{}.log", role.name()));
        let certs = certs.dir().join(role.name());
        let join = other.map(|other| other.url.clone());
        let (child, url) = launch(role, &certs, join.as_deref(), &log).await?;
        Ok(NodeProcess { role, certs, join, log, child, url })
    }

    /// Kills the process as `kill -9` does.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Starts it once more, on whatever port is free: its fellows find its agents there all the same.
    ///
    /// # Errors
    /// As [`start`](NodeProcess::start).
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        (self.child, self.url) = launch(self.role, &self.certs, self.join.as_deref(), &self.log).await?;
        Ok(())
    }

    /// Lets it shut down: its standard input ends.
    ///
    /// # Errors
    /// Where it ended otherwise than well, with the last lines of its log.
    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        if status.success() {
            return Ok(());
        }
        Err(format!("the node {} ended with {status}:\n{}", self.role.name(), end_of(&self.log)).into())
    }
}

/// Starts the process and waits for the line with its URL.
async fn launch(role: Role, certs: &Path, join: Option<&str>, log: &Path) -> Result<(Child, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    // Ctrl-C in the terminal is for this process, which then ends the others.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command
        .args(["node", role.name(), "--certs"])
        .arg(certs)
        .args(join.into_iter().flat_map(|url| ["--join", url]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::options().create(true).append(true).open(log)?)
        .kill_on_drop(true)
        .spawn()?;
    let Some(output) = child.stdout.take() else { return Err("a process without its output".into()) };
    match ready_url(BufReader::new(output).lines()).await? {
        Some(url) => Ok((child, url)),
        None => Err(format!("the node {} did not start:\n{}", role.name(), end_of(log)).into()),
    }
}

/// The URL that a node prints when it has joined; `None` where it ended before that.
async fn ready_url(mut lines: Lines<BufReader<ChildStdout>>) -> Result<Option<String>> {
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix(READY) {
            return Ok(Some(url.trim().to_owned()));
        }
    }
    Ok(None)
}

fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_else(|error| error.to_string());
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
