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
    log: PathBuf,
    child: Child,
    /// Where it listens, such as `tls://127.0.0.1:4711`.
    url: String,
}

impl NodeProcess {
    /// Starts a node on a free port, with certificates that are issued here and now, and waits until it is ready.
    ///
    /// # Errors
    /// Why it did not start, with the last lines of its log.
    pub(crate) async fn start(role: Role, certs: &DevCerts) -> Result<NodeProcess> {
        certs.node(role.name())?;
        let log = certs.dir().join(format!("{}.log", role.name()));
        let certs = certs.dir().join(role.name());
        let (child, url) = launch(role, &certs, &log, "tls://127.0.0.1:0").await?;
        Ok(NodeProcess { role, certs, log, child, url })
    }

    /// Kills the process as `kill -9` does.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Starts it once more, on the same port.
    ///
    /// # Errors
    /// As [`start`](NodeProcess::start).
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        (self.child, self.url) = launch(self.role, &self.certs, &self.log, &self.url).await?;
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

    /// The URL of one of its agents.
    pub(crate) fn url(&self, agent: &str) -> String {
        format!("{}/{agent}", self.url)
    }
}

/// Starts the process and waits for the line with its URL.
async fn launch(role: Role, certs: &Path, log: &Path, listen: &str) -> Result<(Child, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    // Ctrl-C in the terminal is for this process, which then ends the others.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command
        .args(["node", role.name(), "--listen", listen, "--certs"])
        .arg(certs)
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

/// The URL that a node prints when it can be called; `None` where it ended before that.
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
