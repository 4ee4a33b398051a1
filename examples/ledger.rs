//! An agent that survives `kill -9` and goes on as another node: its fields are kept in its mailbox.
//!
//! Each node is a process of its own that uses the same directory for its exchange. It is killed while entries are being
//! posted; the next node finds every entry that was answered, and at most one more: the one under way.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::Parser;
use folkmoot::Durable;
use folkmoot::prelude::*;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

const READY: &str = "READY ";

/// So long a lost node's agent is nobody's: its mailbox might still be in its hands.
const LEASE: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    number: u32,
    pence: i64,
}

#[derive(Agent, Default)]
struct Ledger {
    #[persist]
    entries: Vec<Entry>,
    #[persist]
    balance: i64,
}

#[agent]
impl Ledger {
    /// Enters `pence`, and returns the entry's number once it is kept.
    #[expose]
    fn post(&mut self, pence: i64) -> u32 {
        let number = self.entries.len() as u32 + 1;
        self.entries.push(Entry { number, pence });
        self.balance += pence;
        number
    }

    /// How many entries there are, and what they come to.
    #[expose]
    fn look(&self) -> (u32, i64) {
        let sum: i64 = self.entries.iter().map(|entry| entry.pence).sum();
        assert_eq!(sum, self.balance, "both were kept at once");
        (self.entries.len() as u32, self.balance)
    }
}

/// Kills the node of an agent again and again, and looks at what is left of the agent.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many nodes are killed
    #[arg(long, default_value_t = 3)]
    nodes: u32,
    /// Be a node of that name
    #[arg(long, hide = true)]
    node: Option<String>,
    /// Where its exchange is
    #[arg(long, hide = true)]
    dir: Option<PathBuf>,
}

#[folkmoot::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match (&arguments.node, &arguments.dir) {
        (Some(name), Some(dir)) => be_a_node(name, dir).await,
        _ => kill_nodes(arguments.nodes).await,
    }
}

/// Has the agent, until its standard input ends.
async fn be_a_node(name: &str, dir: &Path) -> Result<()> {
    let exchange = format!("sqlite://{}", dir.display());
    let node = Container::builder("tcp://127.0.0.1:0").name(name).exchange(&exchange).start().await?;
    node.spawn("ledger", Ledger::default).durable_with(Durable::new().lease(LEASE)).await?;
    println!("{READY}{}", node.url("ledger"));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    node.shutdown().await;
    Ok(())
}

async fn kill_nodes(count: u32) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let auditor = Container::builder("tcp://127.0.0.1:0").start().await?;
    let mut answered = 0;
    for number in 1..=count {
        let (mut process, url) = start(&format!("node-{number}"), dir.path()).await?;
        let ledger: Proxy<Ledger> = auditor.connect(url).await?;
        let (entries, balance) = ledger.look().await?;
        assert!(
            entries == answered || entries == answered + 1,
            "{answered} were answered, {entries} are there"
        );
        println!("node-{number} finds {entries} entries, {balance} pence");
        answered = entries;
        let mut killing = std::pin::pin!(async {
            auditor.clock().sleep(Duration::from_millis(fastrand::u64(50..250))).await;
            process.kill().await
        });
        loop {
            tokio::select! {
                killed = &mut killing => break killed?,
                posted = ledger.post(fastrand::i64(1..100)) => match posted {
                    Ok(number) => answered = number,
                    Err(_) => break (&mut killing).await?,
                },
            }
        }
        println!("node-{number} is killed after entry {answered}");
    }
    let (mut process, url) = start("the-last-node", dir.path()).await?;
    let ledger: Proxy<Ledger> = auditor.connect(url).await?;
    let (entries, balance) = ledger.look().await?;
    assert!(entries == answered || entries == answered + 1, "{answered} were answered, {entries} are there");
    println!("the last node finds {entries} entries, {balance} pence: every one that was answered");
    drop(process.stdin.take());
    process.wait().await?;
    auditor.shutdown().await;
    Ok(())
}

/// Starts a node, and waits until it has the agent.
async fn start(name: &str, dir: &Path) -> Result<(Child, String)> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["--node", name, "--dir"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let Some(output) = process.stdout.take() else { return Err("a process without its output".into()) };
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix(READY) {
            return Ok((process, url.to_owned()));
        }
    }
    Err(format!("{name} has not started; it says why above").into())
}
