//! A node as a process: this same program, started anew in another role.
//!
//! Always true: a process is killed when its [`NodeProcess`] is dropped, and ends by itself when this one does, for it
//! reads from it. Neighbour: [`node`](crate::node) is what runs there.

use std::process::Stdio;

use folkmoot::prelude::*;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::node::READY;

/// One node in a process of its own.
pub(crate) struct NodeProcess {
    arguments: Vec<String>,
    child: Child,
    url: String,
}

impl NodeProcess {
    /// Starts a node that joins the `seeds`, and waits until it has.
    ///
    /// # Errors
    /// That it did not start; why, it has said on standard error.
    pub(crate) async fn start(name: &str, certs: &DevCerts, seeds: &[&str]) -> Result<NodeProcess> {
        certs.node(name)?;
        let dir = certs.dir().join(name).to_string_lossy().into_owned();
        let mut arguments = ["node", name, "--certs", &dir].map(str::to_owned).to_vec();
        for seed in seeds {
            arguments.extend(["--join".to_owned(), (*seed).to_owned()]);
        }
        let (child, url) = launch(&arguments, "tls://127.0.0.1:0").await?;
        Ok(NodeProcess { arguments, child, url })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Kills it as `kill -9` does.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Starts it once more, on whatever port is free: those who look its agents up find it all the same.
    ///
    /// # Errors
    /// As [`start`](NodeProcess::start).
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        (self.child, self.url) = launch(&self.arguments, "tls://127.0.0.1:0").await?;
        Ok(())
    }

    /// Lets it leave: its standard input ends.
    ///
    /// # Errors
    /// Where it ended otherwise than well.
    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("a node ended with {status}").into()) }
    }
}

async fn launch(arguments: &[String], listen: &str) -> Result<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .args(["--listen", listen])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let Some(output) = child.stdout.take() else { return Err("a process without its output".into()) };
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix(READY) {
            return Ok((child, url.trim().to_owned()));
        }
    }
    Err("a node did not start".into())
}
