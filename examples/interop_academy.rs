//! A peer of Python's Academy: a container whose exchange its agents use, with a handle that calls them and an agent that
//! they call.
//!
//! ```text
//! cargo run --release --example interop_academy
//! ```
//! It prints `READY <url>` first, the URL as `HttpExchangeFactory` takes it in Python. Then it reads lines, and prints one for
//! each, `PASSED <checks>` or `FAILED <why>`: `call <uuid>` makes calls to the agent of that id, `old <uuid>` those to an agent
//! of academy-py up to 0.4, `spawn` gives an agent of its own another life, if it has ended. That one is found by the type
//! `interop.Peer`. It ends with its input. Neighbours: [`checks`] has the calls, [`peer`] is what is called;
//! `platform/interop/tests/academy/bridge.py` is the other side.

#[path = "interop_academy/checks.rs"]
mod checks;
#[path = "interop_academy/peer.rs"]
mod peer;

use std::process::ExitCode;

use folkmoot::Durable;
use folkmoot::exchange::{MailboxId, Uuid};
use folkmoot::prelude::*;
use folkmoot_interop::Academy;
use folkmoot_interop::academy::{AGENT_TYPE, EVERYONE};
use peer::Peer;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

#[folkmoot::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let node = Container::builder("tcp://127.0.0.1:0")
        .exchange("memory:")
        .interpreter(Academy::interpreter())
        .start()
        .await?;
    spawn(&node).await?;
    let mailroom = node.mailroom()?;
    let server = Academy::new(mailroom.clone()).start("127.0.0.1:0").await?;
    let client = Academy::client(mailroom).named("interop").await?;
    say(&format!("READY {}", server.url())).await?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let outcome = match line.split_once(' ') {
            None if line == "spawn" => spawn(&node).await.map(|()| 1).map_err(|error| error.to_string()),
            Some(("call", id)) => checks::run(&client, agent(id)?).await,
            Some(("old", id)) => checks::old(&client, agent(id)?).await,
            _ => Err(format!("{line:?} is neither call, old nor spawn")),
        };
        let line = match outcome {
            Ok(checks) => format!("PASSED {checks}"),
            Err(why) => format!("FAILED {}", why.replace('\n', " | ")),
        };
        say(&line).await?;
    }
    client.close().await?;
    server.shutdown().await;
    node.shutdown().await;
    Ok(())
}

fn agent(id: &str) -> Result<MailboxId> {
    let Uuid(id) = id.parse().map_err(|_| format!("no id of an agent: {id:?}"))?;
    Ok(MailboxId::agent(id))
}

/// Gives the agent that others call a life, unless it lives.
async fn spawn(node: &Container) -> Result<()> {
    if node.find::<Peer>("peer").is_err() {
        let durable = Durable::new().agent_types(["interop.Peer", AGENT_TYPE]).shared_with([EVERYONE]);
        node.spawn("peer", Peer::default).durable_with(durable).await?;
    }
    Ok(())
}

async fn say(line: &str) -> Result<()> {
    let mut out = tokio::io::stdout();
    let said = async {
        out.write_all(format!("{line}\n").as_bytes()).await?;
        out.flush().await
    };
    Ok(said.await.map_err(|error: std::io::Error| error.to_string())?)
}
