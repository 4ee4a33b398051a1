//! A cluster: three nodes in processes of their own, a fourth that joins later, and one that is killed.
//!
//! The fourth node is this program: it looks agents up by name, calls them wherever they live, and shows what every
//! caller sees when a node dies and when it comes back. From here read [`node`], which is what runs in each of the
//! other processes, and [`process`], which starts them.

mod node;
mod process;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use folkmoot::prelude::*;
use folkmoot::{Clock, RealClock, Timestamp};
use futures_util::future::join3;

use crate::node::{Clerk, PRINCIPALS};
use crate::process::NodeProcess;

/// How long anything may take that should come soon.
const PATIENCE: Duration = Duration::from_secs(20);

/// Three nodes and a fourth that joins them, over mutual TLS; one is killed and comes back.
#[derive(Parser)]
#[command(name = "cluster", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Be one node with a clerk, until standard input ends
    Node {
        /// Its name, and the end of its clerk's
        name: String,
        /// Its certificates, a folder as `folkmoot certs issue` makes it; tls:// needs them
        #[arg(long, value_name = "DIR")]
        certs: Option<PathBuf>,
        /// Where it listens
        #[arg(long, value_name = "URL")]
        listen: String,
        /// A node to join
        #[arg(long, value_name = "URL")]
        join: Vec<String>,
    },
}

fn main() -> ExitCode {
    let ended = folkmoot::block_on(async {
        match Arguments::parse().command {
            None => watch().await,
            Some(Command::Node { name, certs, listen, join }) => {
                node::serve(&name, certs.as_deref(), &listen, &join).await
            }
        }
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "cluster: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn watch() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let certs = DevCerts::in_dir(dir.path())?;
    let first = NodeProcess::start("a", &certs, &[]).await?;
    let second = NodeProcess::start("b", &certs, &[first.url()]).await?;
    let mut third = NodeProcess::start("c", &certs, &[second.url()]).await?;
    say("three nodes: a; b joined a; c joined b, and met a")?;

    let here = Container::builder("tls://127.0.0.1:0").certs(certs.node("d")?).allow_host(PRINCIPALS, "*");
    let here = here.start().await?;
    let joined = here.join(first.url()).await?;
    say(&format!("a fourth node joined {}, and finds by name:", short(&joined.name)))?;
    let mut clerks = Vec::new();
    for name in ["clerk-a", "clerk-b", "clerk-c"] {
        let clerk: Proxy<Clerk> = here.lookup(name).retry_for(PATIENCE).await?;
        say(&format!("  {name} says: {}", clerk.greet("newcomer".to_owned()).await?))?;
        clerks.push(clerk);
    }

    kill(&here, &mut third, &clerks).await?;
    come_back(&mut third, &clerks[2]).await?;

    here.shutdown().await;
    for node in [third, second, first] {
        node.end().await?;
    }
    say("all have left")
}

/// Whoever waits for the third node learns of its end at once: here, and on the first, whose clerk asks it for us.
async fn kill(here: &Container, third: &mut NodeProcess, clerks: &[Proxy<Clerk>]) -> Result<()> {
    let (near, far, seconds) = (&clerks[0], &clerks[2], PATIENCE.as_secs());
    let killing = async {
        far.await_dozers(2).await?;
        let killed = RealClock.now();
        third.kill().await?;
        Ok::<_, folkmoot::Error>(killed)
    };
    let waiting = join3(far.doze(seconds), near.wait_for("clerk-c".to_owned(), seconds), killing);
    let (direct, through_a, killed) = waiting.await;
    let heard = since(killed?);
    say(&format!("c is killed (kill -9); {heard:.0} ms later those who waited for it had heard:"))?;
    say(&format!("  here:       {}", told(direct)?))?;
    say(&format!("  through a:  {}", told(through_a)?))?;
    say(&format!("  a new call: {}", told(far.greet("anybody".to_owned()).await)?))?;
    let nodes: Vec<_> =
        here.nodes().iter().map(|node| format!("{} {}", short(&node.name), node.state)).collect();
    say(&format!("  the nodes:  {}", nodes.join(", ")))
}

/// The third node starts anew, on another port; the proxy that was looked up before finds its agent there.
async fn come_back(third: &mut NodeProcess, clerk: &Proxy<Clerk>) -> Result<()> {
    let restarted = RealClock.now();
    third.start_again().await?;
    let greeting = loop {
        match clerk.greet("old friend".to_owned()).await {
            Ok(greeting) => break greeting,
            Err(CallError::Disconnected { .. }) if since(restarted) < PATIENCE.as_secs_f64() * 1_000.0 => {
                RealClock.sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    say(&format!("c is started again; {:.0} ms later the same proxy says: {greeting}", since(restarted)))
}

/// The error that was to come.
fn told<T, E: std::fmt::Display>(outcome: Result<T, CallError<E>>) -> Result<String> {
    match outcome {
        Err(error) => Ok(error.to_string()),
        Ok(_) => Err("a call to a dead node was answered".into()),
    }
}

/// Milliseconds since that moment.
fn since(moment: Timestamp) -> f64 {
    (RealClock.now().as_secs_f64() - moment.as_secs_f64()) * 1_000.0
}

/// The last part of a node's name.
fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
